//! Chromium, driven over its DevTools protocol.
//!
//! ```ignore
//! let browser = Browser::launch().await?;
//! let page = browser.window().await?;
//! page.goto("http://127.0.0.1:3000/").await?;
//! page.fill("#body", "hello").await?;
//! page.press("Enter").await?;
//! page.wait_until("document.querySelector('article')?.textContent.includes('hello')").await?;
//! assert_eq!(page.complaints(), [] as [String; 0]);
//! ```

mod devtools;
mod page;

use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use devtools::DevTools;
pub use page::Page;
use serde_json::json;
use tempfile::TempDir;

/// How long a page may take for anything that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How often a condition is looked at while a test waits for it.
const POLL: Duration = Duration::from_millis(15);

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// What went wrong between the test, the browser and the page.
pub struct Error(String);

/// The result of everything that is asked of the browser.
pub type Result<T = ()> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A test that fails shows what its error is in this form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Error {
    fn new(what: impl fmt::Display, source: impl fmt::Display) -> Self {
        Self(format!("{what}: {source}"))
    }
}

/// A browser of its own, with a fresh profile; it ends when this is dropped.
#[derive(Debug)]
pub struct Browser {
    devtools: DevTools,
    process: Child,
    profile: TempDir,
}

impl Browser {
    /// Starts `$CHROMIUM`, `chromium` or `google-chrome`, whichever is found first.
    pub async fn launch() -> Result<Self> {
        let profile = TempDir::new().map_err(|e| Error::new("no folder for a profile", e))?;
        let program = program()?;
        let mut process = Command::new(&program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| Error::new(program.display(), e))?;
        let connected = match endpoint(&mut process, profile.path()).await {
            Ok(url) => DevTools::connect(&url).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(devtools) => Ok(Self { devtools, process, profile }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }

    /// A page in a window of its own, visible as every window is.
    pub async fn window(&self) -> Result<Page> {
        self.open(json!({ "url": "about:blank", "newWindow": true })).await
    }

    /// A page in a new tab of the last window, whose other tabs are hidden by it.
    pub async fn tab(&self) -> Result<Page> {
        self.open(json!({ "url": "about:blank" })).await
    }

    /// A window that shares no cookies, storage or cache with the others.
    pub async fn stranger(&self) -> Result<Page> {
        let context = self.devtools.call(None, "Target.createBrowserContext", json!({})).await?;
        self.open(json!({
            "url": "about:blank",
            "newWindow": true,
            "browserContextId": context["browserContextId"],
        }))
        .await
    }

    async fn open(&self, target: serde_json::Value) -> Result<Page> {
        let created = self.devtools.call(None, "Target.createTarget", target).await?;
        Page::attach(self.devtools.clone(), &created["targetId"]).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        end(&mut self.process);
        // Its processes may be ending still, and write until then.
        let ended = Instant::now();
        while std::fs::remove_dir_all(self.profile.path()).is_err() && ended.elapsed() < DEADLINE {
            std::thread::sleep(POLL);
        }
    }
}

/// Ends the browser with the processes that it has started, which are a group of their own.
fn end(process: &mut Child) {
    let group = format!("-{}", process.id());
    // Each fails only if the processes are gone already.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = process.kill();
    let _ = process.wait();
}

fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromium", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Error("no browser: install `chromium`, or name one in $CHROMIUM".into()))
}

/// The address that the browser writes into its profile once it listens.
async fn endpoint(process: &mut Child, profile: &Path) -> Result<String> {
    let file = profile.join("DevToolsActivePort");
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n')
            && !path.is_empty()
        {
            return Ok(format!("ws://127.0.0.1:{port}{}", path.trim_end()));
        }
        if let Ok(Some(status)) = process.try_wait() {
            return Err(Error::new("the browser ended before it listened", status));
        }
        if started.elapsed() > DEADLINE {
            return Err(Error("the browser did not listen in time".into()));
        }
        tokio::time::sleep(POLL).await;
    }
}
