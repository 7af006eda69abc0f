//! Where and when it was measured.

use serde::Serialize;
use std::{fs, io, process::Command, thread};

/// What the figures depend on.
#[derive(Serialize)]
pub(crate) struct Machine {
    cpu: String,
    pub(crate) cores: usize,
    kernel: String,
}

impl Machine {
    /// The one that this runs on.
    pub(crate) fn this() -> io::Result<Self> {
        let info = fs::read_to_string("/proc/cpuinfo")?;
        let model = info.lines().find(|line| line.starts_with("model name"));
        let cpu = model.and_then(|line| line.split(':').nth(1)).unwrap_or("unknown").trim().into();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().into();
        Ok(Self { cpu, cores: thread::available_parallelism()?.get(), kernel })
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {} cores, Linux {}", self.cpu, self.cores, self.kernel)
    }
}

/// The day, in UTC.
pub(crate) fn date() -> io::Result<String> {
    let date = Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8_lossy(&date.stdout).trim().into())
}
