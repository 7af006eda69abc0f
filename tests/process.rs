//! An example as a user runs it: built, started as a process of its own, killed or interrupted.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Mutex,
};

/// A running example; it is killed when it is dropped.
#[derive(Debug)]
pub struct Example {
    child: Child,
    address: String,
}

impl Example {
    /// Builds an example, starts it with `--listen` and `--data`, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it cannot be built or started.
    pub fn start(name: &str, listen: &str, data: &Path) -> Self {
        let mut program = Command::new(build(name));
        program.args(["--listen", listen, "--data"]).arg(data);
        Self::run(program)
    }

    /// Starts a program that says where it listens as an example does, and waits until it does.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn run(mut program: Command) -> Self {
        let mut child = program
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map_while(Result::ok);
        let address =
            lines.find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned));
        let Some(address) = address else {
            panic!("{program:?} ended before it listened: {:?}", child.wait());
        };
        // Whatever else it prints is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The page at a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends it as Ctrl-C does, and waits for its end.
    ///
    /// # Panics
    ///
    /// When there is no `kill` on this machine.
    pub fn interrupt(mut self) -> ExitStatus {
        signal(&self.child, "-INT");
        self.child.wait().expect("it ends")
    }
}

/// Sends a signal to a process that was started here.
///
/// # Panics
///
/// When there is no `kill` on this machine, or no such process any more.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
    assert!(sent.success());
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program of an example, in the profile of the tests.
///
/// # Panics
///
/// When it cannot be built.
pub fn build(name: &str) -> PathBuf {
    build_with(name, "")
}

/// The same, with features of the package of the examples.
///
/// # Panics
///
/// When it cannot be built.
pub fn build_with(name: &str, features: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let test = env::current_exe().expect("the test's own path");
    let folder = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "-p", "examples", "--example", name]);
    cargo.args(["--features", features]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status();
    assert!(built.expect("cargo runs").success(), "{name} does not build");
    folder.join("examples").join(name)
}
