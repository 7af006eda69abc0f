//! A bound on time that holds for a runtime which stands still.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// Waits for a future, and for no longer than `time`: `None` if that was too short.
///
/// The clock is a thread's, since that of a runtime stands still with its workers, and since whoever waits
/// may be in no runtime. There is none if the future is ready at once, and it ends with the waiting.
pub(crate) async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    if let Some(value) = futures_util::FutureExt::now_or_never(future.as_mut()) {
        return Some(value);
    }
    let (_waiting, ended) = mpsc::channel::<()>();
    let (late, is_late) = oneshot::channel();
    let clock = thread::Builder::new().name("socketkit-deadline".into());
    let started = clock.spawn(move || {
        if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            let _ = late.send(());
        }
    });
    if let Err(error) = started {
        tracing::warn!(%error, "nothing bounds the time that this takes");
    }
    let is_late = async {
        if is_late.await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        value = future => Some(value),
        () = is_late => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{future::ready, time::Instant};

    #[test]
    fn it_needs_no_runtime_and_ends_in_time() {
        let (waits, value) = (Duration::from_millis(50), Duration::from_secs(600));
        assert_eq!(within(value, ready(7)).now_or_never(), Some(Some(7)));
        let begun = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(within(waits, pending::<()>())), None);
        assert!(begun.elapsed() >= waits);
        let (sender, receiver) = oneshot::channel();
        let sending = thread::spawn(move || sender.send(7));
        assert_eq!(runtime.block_on(within(value, receiver)), Some(Ok(7)));
        sending.join().unwrap().unwrap();
    }
}
