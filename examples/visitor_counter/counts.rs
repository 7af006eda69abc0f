//! The numbers behind the counter: in memory, and in a file that survives a restart.

use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    fs, io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, task::spawn_blocking};

/// Seconds that are remembered: ten minutes.
pub(crate) const SAMPLES: usize = 600;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Counts {
    file: PathBuf,
    kept: Mutex<Kept>,
    samples: Mutex<VecDeque<usize>>,
    length: usize,
    changed: Notify,
}

/// What is in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Kept {
    total: u64,
    peak: usize,
}

impl Counts {
    /// Reads the file, or begins at zero if there is none. Remembers `length` samples.
    pub(crate) fn open(file: PathBuf, length: usize) -> io::Result<Self> {
        let kept = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(error),
        };
        let (kept, samples) = (Mutex::new(kept), Mutex::default());
        Ok(Self { file, kept, samples, length, changed: Notify::new() })
    }

    /// Somebody came, and now so many are here.
    pub(crate) fn arrived(&self, online: usize) {
        let mut kept = lock(&self.kept);
        kept.total += 1;
        kept.peak = kept.peak.max(online);
        self.changed.notify_one();
    }

    /// Somebody left.
    pub(crate) fn left(&self) {
        self.changed.notify_one();
    }

    /// Waits for a change, and writes it to the file: the total and the peak.
    pub(crate) async fn changed(&self) -> (u64, usize) {
        self.changed.notified().await;
        let kept = *lock(&self.kept);
        let file = self.file.clone();
        let saved = spawn_blocking(move || {
            // Renamed into place, so that a crash leaves the old numbers or the new.
            let new = file.with_extension("new");
            fs::write(&new, serde_json::to_vec(&kept)?)?;
            fs::rename(new, file)
        });
        if let Ok(Err(error)) = saved.await {
            tracing::error!(%error, "the numbers cannot be saved");
        }
        (kept.total, kept.peak)
    }

    /// Remembers how many are here in this second.
    pub(crate) fn sample(&self, online: usize) {
        let mut samples = lock(&self.samples);
        samples.push_back(online);
        while samples.len() > self.length {
            samples.pop_front();
        }
    }

    /// The last seconds, oldest first.
    pub(crate) fn samples(&self) -> Vec<usize> {
        lock(&self.samples).iter().copied().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
