//! Writes what was emitted, once for all that a turn of the runtime emitted.

use crate::{
    pace::{Activity, Pace},
    peer::{GROUP, Peer, lock},
    turn::Flush,
    watchdog::{Watch, Watchdog},
};
use smallvec::SmallVec;
use std::{
    collections::VecDeque,
    mem, slice,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Notify, task, time::Instant};

/// Receivers that are written to before other tasks may get their turn: about a millisecond of
/// system calls.
const SLICE: usize = 256;

/// Receivers for each worker that writes. Fewer are written to by one: what is emitted meanwhile shares
/// their writes, and no two workers wait for one another.
const PIECE: usize = 2048;

/// Looks of the watchdog after which the task is not waited for any more: at least ten milliseconds, longer
/// than one slice takes where workers are busy and not stuck.
const PATIENCE: u32 = 5;

/// The receivers that somebody emitted to, and the task that writes to them.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    asked: Mutex<Asked>,
    wake: Notify,
    running: AtomicBool,
    stopped: AtomicBool,
    watched: AtomicBool,
    /// No other thread writes.
    alone: AtomicBool,
    /// Tasks beside the first that write to very many.
    others: AtomicUsize,
    pub(crate) activity: Activity,
}

/// Receivers that are still to be written to: here until that begins, whoever comes to it.
#[derive(Debug, Default)]
struct Asked {
    peers: VecDeque<Arc<Peer>>,
    /// How often tasks came for some.
    taken: u64,
}

impl Asked {
    /// Those that wait for longest.
    fn take(&mut self) -> VecDeque<Arc<Peer>> {
        if self.peers.len() <= SLICE {
            return mem::take(&mut self.peers);
        }
        self.peers.drain(..SLICE).collect()
    }
}

impl Flusher {
    /// Starts the task, unless it runs, for a receiver on this runtime.
    pub(crate) fn start(self: &Arc<Self>, runtime: &Handle) {
        if !self.running.swap(true, Ordering::AcqRel) {
            runtime.spawn(Running(self.clone()).run());
        }
        if !self.alone.load(Ordering::Relaxed) && !self.watched.swap(true, Ordering::Relaxed) {
            Watchdog::get().watch(Arc::downgrade(self));
        }
    }

    /// Has the task write alone, however late it is: who helps it goes by another clock than a test's.
    pub(crate) fn leave_alone(&self) {
        self.alone.store(true, Ordering::Relaxed);
    }

    /// Ends the task when it has written what it was asked for.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Whether the task is there. It goes with the runtime that it was started on; whoever emits
    /// then writes.
    fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Whether to write to so many at once: a thread that runs no task would wait for a worker to wake
    /// up, longer than for the write. There is nothing to share a write with either.
    fn is_direct(&self, receivers: usize) -> bool {
        !self.is_running() || (receivers <= SLICE && task::try_id().is_none())
    }

    /// Asks to write to `peer`.
    fn ask(&self, peer: Arc<Peer>) {
        if self.is_direct(1) {
            return write(&[peer]);
        }
        lock(&self.asked).peers.push_back(peer);
        self.wake();
    }

    /// Has written what was pushed to a peer.
    pub(crate) fn flush(&self, peer: &Arc<Peer>, flush: Flush) {
        match flush {
            Flush::Pending => {}
            Flush::Ask => self.ask(peer.clone()),
            Flush::Now => write(slice::from_ref(peer)),
        }
    }

    /// Asks to write to all of `peers`.
    pub(crate) fn ask_all(&self, peers: Vec<Arc<Peer>>) {
        if peers.is_empty() {
            return;
        }
        if self.is_direct(peers.len()) {
            return write(&peers);
        }
        let mut asked = lock(&self.asked);
        if asked.peers.is_empty() {
            asked.peers = peers.into();
        } else {
            asked.peers.extend(peers);
        }
        drop(asked);
        self.wake();
    }

    /// Has the task write, or writes in its place if it has just gone.
    fn wake(&self) {
        self.wake.notify_one();
        Watchdog::get().rouse();
        if !self.is_running() {
            self.write_all();
        }
    }

    /// Writes to some. How many are left.
    fn write_some(&self, count: u64) -> usize {
        let mut asked = lock(&self.asked);
        asked.taken += count;
        let mut some = asked.take();
        drop(asked);
        write(some.make_contiguous());
        lock(&self.asked).peers.len()
    }

    fn write_all(&self) {
        while self.write_some(1) > 0 {}
    }
}

impl Watch for Flusher {
    fn at(&self) -> Option<u64> {
        if self.alone.load(Ordering::Relaxed) {
            return None;
        }
        let asked = lock(&self.asked);
        (!asked.peers.is_empty()).then_some(asked.taken)
    }

    /// Writes in place of the task, which waits for a worker or a runtime that is at something else.
    fn help(&self, looks: u32) {
        if looks >= PATIENCE {
            // Some at each look, which others need as well, until the task comes for the rest.
            self.write_some(0);
        }
    }
}

/// The task; another may be started when it is gone, with its runtime perhaps.
struct Running(Arc<Flusher>);

impl Running {
    async fn run(self) {
        let workers = Handle::current().metrics().num_workers();
        let (flusher, mut pace) = (&self.0, Pace::new(workers));
        loop {
            if !flusher.stopped.load(Ordering::Acquire) {
                flusher.wake.notified().await;
            }
            // Every task that is ready runs first: what they emit to the same receivers shares a write.
            pace.begin(&flusher.activity).await;
            while let left @ 1.. = flusher.write_some(1) {
                self.share(left, workers, pace);
                pace.give_way(&flusher.activity).await;
            }
            if flusher.stopped.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// Has other workers write as well, if there are very many.
    fn share(&self, left: usize, workers: usize, mut pace: Pace) {
        let others = self.0.others.load(Ordering::Relaxed);
        if others + 1 < workers && left > PIECE * (others + 1) {
            let other = Other::new(self.0.clone());
            task::spawn(async move {
                while other.0.write_some(1) > 0 {
                    pace.give_way(&other.0.activity).await;
                }
            });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        // What it was asked for and did not come to: its runtime is not that of every socket.
        self.0.write_all();
    }
}

/// One more that writes, until it is dropped.
struct Other(Arc<Flusher>);

impl Other {
    fn new(flusher: Arc<Flusher>) -> Self {
        flusher.others.fetch_add(1, Ordering::Relaxed);
        Self(flusher)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.0.others.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Writes to every receiver, now.
pub(crate) fn write(peers: &[Arc<Peer>]) {
    for group in peers.chunks(GROUP) {
        group.iter().for_each(Peer::fetch);
        let now = Instant::now();
        let turns: SmallVec<[_; GROUP]> =
            group.iter().filter_map(|peer| Some((peer, peer.take(false).ok()?))).collect();
        turns.iter().for_each(|(_, turn)| turn.fetch());
        for (peer, turn) in turns {
            peer.write(turn, false, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Handshake, Limits, NodeId, SocketId, delivery::Kind, treatment::Treatment};
    use std::time::Duration;
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
        sync::oneshot,
        task::JoinHandle,
        time::timeout,
    };
    use tokio_tungstenite::tungstenite::protocol::Role;

    /// A receiver over TCP, and what it is sent to.
    async fn receiver() -> (Arc<Peer>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        let write = Some(near.unwrap().into_split().1);
        let limits = Arc::new(Limits::default().into());
        let id = SocketId::nowhere(NodeId::default(), 1);
        let peer = Peer::new(id, Role::Server, limits, Handshake::default(), write, None);
        (Arc::new(peer), far.unwrap().0)
    }

    /// Emits four bytes, as a task does: a thread that runs none would write itself.
    fn emit(flusher: &Arc<Flusher>, peer: &Arc<Peer>) -> JoinHandle<()> {
        let (flusher, peer) = (flusher.clone(), peer.clone());
        tokio::spawn(async move {
            let (_, flush) = peer.push((*b"text").into(), Treatment::default(), Kind::Emit);
            flusher.flush(&peer, flush);
        })
    }

    async fn read(far: &mut TcpStream) {
        let mut text = [0; 4];
        let read = timeout(Duration::from_secs(30), far.read_exact(&mut text)).await;
        assert_eq!(read.expect("nothing was written").unwrap(), 4);
    }

    #[tokio::test]
    async fn what_a_task_leaves_when_its_runtime_ends_is_written() {
        let (peer, mut far) = receiver().await;
        let flusher = Arc::new(Flusher::default());
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // The watchdog would write as well.
        flusher.watched.store(true, Ordering::Relaxed);
        flusher.start(other.handle());
        emit(&flusher, &peer).await.unwrap();
        assert!(!peer.queue().is_empty(), "the task has not run");
        other.shutdown_background();
        read(&mut far).await;
        assert!(!flusher.is_running());
    }

    #[tokio::test]
    async fn who_is_left_alone_is_not_helped() {
        for alone in [false, true] {
            let (peer, _far) = receiver().await;
            let flusher = Arc::new(Flusher::default());
            let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if alone {
                flusher.leave_alone();
            } else {
                // That of the process may be faster than this test.
                flusher.watched.store(true, Ordering::Relaxed);
            }
            flusher.start(other.handle());
            emit(&flusher, &peer).await.unwrap();
            assert_eq!(flusher.at().is_none(), alone);
            other.shutdown_background();
        }
    }

    #[tokio::test]
    async fn what_is_asked_for_while_it_is_stopped_is_written() {
        let (peer, mut far) = receiver().await;
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let runtime = other.handle().clone();
        let (_end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || other.block_on(ended));
        for _ in 0..1000 {
            let flusher = Arc::new(Flusher::default());
            flusher.start(&runtime);
            let emitted = emit(&flusher, &peer);
            flusher.stop();
            emitted.await.unwrap();
            read(&mut far).await;
        }
    }
}
