//! A page: where it goes, what it says, what a visitor does to it.

use std::path::Path;
use std::time::Instant;

use base64::Engine;
use serde_json::{Value, json};

use super::devtools::{DevTools, thrown};
use super::{DEADLINE, Error, POLL, Result};

/// A page in a window or tab; it stays open when this is dropped, until [`Page::close`].
#[derive(Debug, Clone)]
pub struct Page {
    devtools: DevTools,
    target: String,
    session: String,
}

impl Page {
    pub(super) async fn attach(devtools: DevTools, target: &Value) -> Result<Self> {
        let attached = devtools
            .call(None, "Target.attachToTarget", json!({ "targetId": target, "flatten": true }))
            .await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let page = Self { devtools, target: text(target), session: text(&attached["sessionId"]) };
        for domain in ["Page", "Runtime", "Network", "Log"] {
            page.devtool(&format!("{domain}.enable"), json!({})).await?;
        }
        Ok(page)
    }

    /// Any command of the DevTools protocol, sent to this page.
    pub async fn devtool(&self, method: &str, params: Value) -> Result<Value> {
        self.devtools.call(Some(&self.session), method, params).await
    }

    /// Opens a URL and waits until it is loaded.
    pub async fn goto(&self, url: &str) -> Result {
        self.navigate("Page.navigate", json!({ "url": url })).await
    }

    /// Loads the page again and waits until it is loaded.
    pub async fn reload(&self) -> Result {
        self.navigate("Page.reload", json!({})).await
    }

    /// Goes back, into the back/forward cache where the browser kept the page there.
    pub async fn back(&self) -> Result {
        self.travel(-1).await
    }

    /// Goes forward again.
    pub async fn forward(&self) -> Result {
        self.travel(1).await
    }

    async fn travel(&self, by: i64) -> Result {
        let history = self.devtool("Page.getNavigationHistory", json!({})).await?;
        let at = history["currentIndex"].as_i64().unwrap_or_default() + by;
        let entry = usize::try_from(at).ok().and_then(|at| history["entries"].get(at));
        let Some(entry) = entry else {
            return Err(Error::new("no such page in the history", at));
        };
        self.navigate("Page.navigateToHistoryEntry", json!({ "entryId": entry["id"] })).await
    }

    async fn navigate(&self, method: &str, params: Value) -> Result {
        let mut events = self.devtools.events();
        let answer = self.devtool(method, params).await?;
        if let Some(error) = answer["errorText"].as_str() {
            return Err(Error::new(method, error));
        }
        let arrived = async {
            while let Ok(event) = events.recv().await {
                let frame = &event["params"]["frame"];
                let ours = event["sessionId"] == *self.session && frame["parentId"].is_null();
                if ours && event["method"] == "Page.frameNavigated" {
                    break;
                }
            }
        };
        tokio::time::timeout(DEADLINE, arrived)
            .await
            .map_err(|_| Error::new(method, "the page did not arrive in time"))?;
        self.wait_until("document.readyState == 'complete'").await
    }

    /// The value of a script, awaited if it is a promise; its exception as the error.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        let params = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let mut answer = self.devtool("Runtime.evaluate", params).await?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            details => Err(Error(thrown(details))),
        }
    }

    /// Waits until a JavaScript condition, which may `await`, holds; across navigations too.
    pub async fn wait_until(&self, condition: &str) -> Result {
        let started = Instant::now();
        let truth = format!("(async () => Boolean({condition}))()");
        loop {
            let value = self.eval(&truth).await;
            if matches!(value, Ok(Value::Bool(true))) {
                return Ok(());
            }
            if started.elapsed() > DEADLINE {
                let why = value.err().map_or_else(|| "false".to_owned(), |error| error.to_string());
                let console = self.console().join("\n  ");
                return Err(Error(format!("not in time: {condition}: {why}\n  {console}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Clicks into the middle of the first element that matches, as a mouse does.
    pub async fn click(&self, selector: &str) -> Result {
        let quoted = Value::from(selector);
        self.wait_until(&format!("document.querySelector({quoted})?.getClientRects().length"))
            .await?;
        let at = self
            .eval(&format!(
                "{{ const element = document.querySelector({quoted});
                    element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                    const {{ x, y, width, height }} = element.getBoundingClientRect();
                    ({{ x: x + width / 2, y: y + height / 2 }}) }}"
            ))
            .await?;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let params = json!({ "type": kind, "x": at["x"], "y": at["y"], "button": button, "clickCount": 1 });
            self.devtool("Input.dispatchMouseEvent", params).await?;
        }
        Ok(())
    }

    /// Clicks into a field, empties it and types into it.
    pub async fn fill(&self, selector: &str, text: &str) -> Result {
        self.click(selector).await?;
        self.eval("document.activeElement.select?.()").await?;
        self.type_text(text).await
    }

    /// Types where the focus is; an empty text deletes what is selected.
    pub async fn type_text(&self, text: &str) -> Result {
        if text.is_empty() {
            return self.press("Delete").await;
        }
        self.devtool("Input.insertText", json!({ "text": text })).await.map(drop)
    }

    /// Presses a key by its name in `KeyboardEvent.key`: `Enter`, `Tab`, `Escape`, `Delete`, `ArrowDown`, …
    pub async fn press(&self, key: &str) -> Result {
        let code = match key {
            "Backspace" => 8,
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "ArrowUp" => 38,
            "ArrowDown" => 40,
            "Delete" => 46,
            other => return Err(Error::new("a key that is not known here", other)),
        };
        let mut params =
            json!({ "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code });
        if key == "Enter" {
            params["text"] = "\r".into();
        }
        self.devtool("Input.dispatchKeyEvent", params.clone()).await?;
        params["type"] = "keyUp".into();
        self.devtool("Input.dispatchKeyEvent", params).await.map(drop)
    }

    /// Cuts the page off from the network, or puts it back.
    ///
    /// Offline, `navigator.onLine` is false, what connects fails, and a WebSocket that is open
    /// stays open but carries nothing, in either direction, until the network is back.
    pub async fn offline(&self, offline: bool) -> Result {
        let params = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtool("Network.emulateNetworkConditions", params).await.map(drop)
    }

    /// Freezes the page as a browser does with one that was hidden for long, or thaws it.
    pub async fn frozen(&self, frozen: bool) -> Result {
        let state = if frozen { "frozen" } else { "active" };
        self.devtool("Page.setWebLifecycleState", json!({ "state": state })).await.map(drop)
    }

    /// Brings the page to the front of its window: it is visible then, the other tabs are hidden.
    pub async fn show(&self) -> Result {
        self.devtool("Page.bringToFront", json!({})).await.map(drop)
    }

    /// Makes the page think that its window is this large, in CSS pixels.
    pub async fn viewport(&self, width: u32, height: u32) -> Result {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtool("Emulation.setDeviceMetricsOverride", params).await.map(drop)
    }

    /// Asks for the dark colour scheme, or for the light one.
    pub async fn dark(&self, dark: bool) -> Result {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtool("Emulation.setEmulatedMedia", json!({ "features": features })).await.map(drop)
    }

    /// Writes what is to be seen into a PNG file, as bytes of it.
    pub async fn screenshot(&self, file: impl AsRef<Path>) -> Result {
        let shot = self.devtool("Page.captureScreenshot", json!({ "format": "png" })).await?;
        let file = file.as_ref();
        base64::prelude::BASE64_STANDARD
            .decode(shot["data"].as_str().unwrap_or_default())
            .map_err(|e| Error::new("screenshot", e))
            .and_then(|png| std::fs::write(file, png).map_err(|e| Error::new(file.display(), e)))
    }

    /// Everything on the console until now, each line as `level: text`.
    ///
    /// Levels are those of `console` (`log`, `warning`, `error`, …) and of the browser's own
    /// messages, and `exception` for what no handler caught.
    pub fn console(&self) -> Vec<String> {
        let reports = self.devtools.reports(&self.session);
        reports.into_iter().map(|report| format!("{}: {}", report.level, report.text)).collect()
    }

    /// The lines of the console that a good page does not have: warnings, errors and exceptions.
    pub fn complaints(&self) -> Vec<String> {
        let mut lines = self.console();
        lines.retain(|line| {
            ["warning: ", "error: ", "exception: ", "assert: "]
                .iter()
                .any(|level| line.starts_with(level))
        });
        lines
    }

    /// Waits until there are this many complaints, as the page reports some a moment later.
    pub async fn complained(&self, count: usize) -> Result<Vec<String>> {
        let started = Instant::now();
        loop {
            let complaints = self.complaints();
            if complaints.len() >= count {
                return Ok(complaints);
            }
            if started.elapsed() > DEADLINE {
                return Err(Error::new(format!("not {count} complaints"), complaints.join("\n  ")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until `console.log` has said this, also while the page is busy.
    pub async fn said(&self, text: &str) -> Result {
        let started = Instant::now();
        let line = format!("log: {text}");
        while !self.console().contains(&line) {
            if started.elapsed() > DEADLINE {
                return Err(Error::new("not said", text));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends the process of the page, as a crash does; nothing can be asked of it any more.
    pub async fn crash(&self) -> Result {
        // There is no answer.
        let crash = self.devtool("Page.crash", json!({}));
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), crash).await;
        Ok(())
    }

    /// Closes the page as its visitor does.
    pub async fn close(self) -> Result {
        self.devtools
            .call(None, "Target.closeTarget", json!({ "targetId": self.target }))
            .await
            .map(drop)
    }
}
