//! One connected peer: what its connection and everybody who holds a handle of it share.

use crate::{
    Disconnect, Handshake, SocketId,
    calls::Calls,
    counters::Terms,
    delivery::{Kind, Pushed},
    failure::Failure,
    frame::FrameBytes,
    outbox::{Locked, Queue, Signals},
    reports::Reports,
    seat::Seat,
    treatment::Treatment,
    turn::Flush,
    turn::{self, Turn},
};
use std::{
    fmt,
    future::Future,
    hint, iter,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    net::tcp::OwnedWriteHalf, runtime::Handle, sync::oneshot, task::JoinSet, time::Instant,
};
use tokio_tungstenite::tungstenite::{Utf8Bytes, protocol::Role};

/// What a call is answered with: the payload of the reply, within its frame.
pub(crate) type Answer = Result<(Utf8Bytes, Range<usize>), Failure>;

/// Who waits for the answer of a call.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) answer: oneshot::Sender<Answer>,
    /// Where reports of its progress go, if it has any.
    pub(crate) reports: Option<Arc<Reports>>,
}

impl Caller {
    /// Ends the waiting. Whoever called may have stopped to wait.
    pub(crate) fn tell(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

/// Peers whose memory is fetched at once. Of many, each is far away: asked for together, they are
/// waited for together.
pub(crate) const GROUP: usize = 16;

/// See the module. What an emit needs stands together.
#[repr(C)]
pub(crate) struct Peer {
    pub(crate) id: SocketId,
    pub(crate) limits: Arc<Terms>,
    queue: Mutex<Queue>,
    seat: Mutex<Seat>,
    pub(crate) role: Role,
    dismissed: AtomicBool,
    is_elsewhere: AtomicBool,
    is_abandoned: AtomicBool,
    pub(crate) handshake: Handshake,
    pub(crate) runtime: Handle,
    calls: Mutex<Calls<Caller>>,
    tasks: Mutex<Tasks>,
}

/// What [`Socket::spawn`](crate::Socket::spawn) started.
#[derive(Debug)]
enum Tasks {
    None,
    Some(JoinSet<()>),
    /// The socket has ended: there are no more.
    Ended,
}

impl Peer {
    /// A peer on the present runtime, with the half of a TCP socket that emitters write to, and the seat of
    /// a session that can resume.
    pub(crate) fn new(
        id: SocketId,
        role: Role,
        limits: Arc<Terms>,
        handshake: Handshake,
        stream: Option<OwnedWriteHalf>,
        seat: Option<Seat>,
    ) -> Self {
        let now = Instant::now();
        let keeps = seat.as_ref().is_some_and(Seat::is_open);
        Self {
            id,
            role,
            handshake,
            runtime: Handle::current(),
            queue: Mutex::new(Queue::new(role, keeps, stream, now)),
            seat: Mutex::new(seat.unwrap_or_else(Seat::none)),
            calls: Mutex::new(Calls::new()),
            tasks: Mutex::new(Tasks::None),
            dismissed: AtomicBool::new(false),
            is_elsewhere: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            limits,
        }
    }

    /// What stands for a socket of another node: here it is as if it had ended.
    #[cfg(feature = "cluster")]
    pub(crate) fn elsewhere(id: SocketId, limits: Arc<Terms>, runtime: Handle) -> Self {
        let mut queue = Queue::new(Role::Server, false, None, Instant::now());
        queue.fail();
        Self {
            id,
            role: Role::Server,
            handshake: Handshake::default(),
            runtime,
            queue: Mutex::new(queue),
            seat: Mutex::new(Seat::none()),
            calls: Mutex::new(Calls::new()),
            tasks: Mutex::new(Tasks::Ended),
            dismissed: AtomicBool::new(true),
            is_elsewhere: AtomicBool::new(true),
            is_abandoned: AtomicBool::new(false),
            limits,
        }
    }

    /// One whose session comes from another node, with its queue.
    #[cfg(feature = "cluster")]
    pub(crate) fn moved(
        id: SocketId,
        limits: Arc<Terms>,
        handshake: Handshake,
        (queue, seat, calls): (Queue, Seat, Calls<Caller>),
    ) -> Self {
        let peer = Self::new(id, Role::Server, limits, handshake, None, Some(seat));
        *lock(&peer.queue) = queue;
        *lock(&peer.calls) = calls;
        peer
    }

    /// It goes on on another node.
    #[cfg(feature = "cluster")]
    pub(crate) fn goes_elsewhere(&self) {
        self.is_elsewhere.store(true, Ordering::Relaxed);
    }

    /// It is not this node's any more, without having gone to another.
    #[cfg(feature = "cluster")]
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Relaxed);
        self.goes_elsewhere();
    }

    /// Lets its connection go, if that would hear of a new secret, which another node may not know.
    #[cfg(feature = "cluster")]
    pub(crate) fn lose_unheard(&self) {
        if self.seat().has_former() {
            self.queue().lose_unheard();
        }
    }

    /// Whether it is such a one.
    #[cfg(feature = "server")]
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Relaxed)
    }

    /// Whether its socket is, or went on, on another node.
    #[cfg(feature = "server")]
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere.load(Ordering::Relaxed)
    }

    /// Has the processor fetch what an emit and a flush need.
    pub(crate) fn fetch(self: &Arc<Self>) {
        hint::black_box((Arc::strong_count(self), self.role));
    }

    pub(crate) fn queue(&self) -> Locked<'_> {
        Locked::new(&self.queue, &self.limits)
    }

    /// Who may sit here. Its lock is taken before that of the queue.
    pub(crate) fn seat(&self) -> MutexGuard<'_, Seat> {
        lock(&self.seat)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls<Caller>> {
        lock(&self.calls)
    }

    /// Queues a frame.
    pub(crate) fn push(
        &self,
        bytes: FrameBytes,
        treatment: Treatment,
        kind: Kind,
    ) -> (Pushed, Flush) {
        self.queue().push(bytes, treatment, kind, &self.limits)
    }

    /// The same for one who holds a lock, and wakes when that is free.
    pub(crate) fn push_quietly(
        &self,
        bytes: FrameBytes,
        treatment: Treatment,
        kind: Kind,
    ) -> (Pushed, Flush, Signals) {
        let mut queue = self.queue();
        let (pushed, flush) = queue.push(bytes, treatment, kind, &self.limits);
        (pushed, flush, queue.unlock())
    }

    /// Writes what waits, as far as the transport takes it at once; any other stream than a TCP
    /// socket is left to its connection. Whether it takes no more.
    pub(crate) fn flush(&self, writable: bool, now: Instant) -> bool {
        match self.take(writable) {
            Ok(turn) => self.write(turn, writable, now),
            Err(blocked) => blocked,
        }
    }

    /// Begins a turn of writing, unless there is nothing to write: whether the transport takes no more.
    pub(crate) fn take(&self, writable: bool) -> Result<Turn, bool> {
        let mut queue = self.queue();
        if queue.is_written_by_connection() {
            queue.wake();
            return Err(false);
        }
        queue.take(writable, &self.limits).ok_or_else(|| queue.is_blocked())
    }

    /// Goes on with a turn, and with what comes meanwhile. Whether the transport takes no more.
    pub(crate) fn write(&self, mut turn: Turn, writable: bool, now: Instant) -> bool {
        loop {
            let Turn { frames, sent, stream: Some(stream) } = turn else { return false };
            let written = turn::write(frames, sent, |slices| turn::send(&stream, slices));
            let blocked = written.blocked;
            if !self.queue().put_back(Some(stream), written, &self.limits, now) {
                return blocked;
            }
            turn = match self.take(writable) {
                Ok(turn) => turn,
                Err(blocked) => return blocked,
            };
        }
    }

    /// Asks the connection to close, after what was emitted before.
    pub(crate) fn close(&self, disconnect: Disconnect) {
        self.queue().end(disconnect);
    }

    /// The same by the application, which wants to hear no more of this peer: events of its that
    /// wait are dropped.
    pub(crate) fn dismiss(&self, disconnect: Disconnect) {
        self.dismissed.store(true, Ordering::Release);
        self.close(disconnect);
    }

    pub(crate) fn is_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::Acquire)
    }

    /// Runs a future until it is done or the socket has ended; drops it if it has already.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        // A runtime that ends drops what it is given, and what that holds may spawn: not under the lock.
        let future = Arc::new(Mutex::new(Some(future)));
        let (given, mut ended) = (future.clone(), Vec::new());
        let mut tasks = lock(&self.tasks);
        if matches!(*tasks, Tasks::None) {
            *tasks = Tasks::Some(JoinSet::new());
        }
        if let Tasks::Some(tasks) = &mut *tasks {
            ended.extend(iter::from_fn(|| tasks.try_join_next()));
            let task = async move {
                let future = lock(&given).take();
                if let Some(future) = future {
                    future.await;
                }
            };
            tasks.spawn_on(task, &self.runtime);
        }
        drop(tasks);
        ended.into_iter().for_each(|done| log_panic(self.id, done));
    }

    /// Tells everybody who waits for a reply that it will not come.
    pub(crate) fn lose_calls(&self) {
        // Not under the lock: wakers are told, and they may be anybody's.
        let waiting: Vec<_> = self.calls().settle_all().collect();
        drop(waiting);
    }

    /// Ends a call of ours: who waits for it, unless it is not in flight.
    pub(crate) fn settle(&self, id: u32) -> Option<Caller> {
        self.calls().settle(id)
    }

    /// Ends what [`spawn`](Self::spawn) started.
    pub(crate) fn end_tasks(&self) {
        let tasks = std::mem::replace(&mut *lock(&self.tasks), Tasks::Ended);
        drop(tasks);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("id", &self.id).finish_non_exhaustive()
    }
}

fn log_panic(id: SocketId, done: Result<(), tokio::task::JoinError>) {
    if done.is_err_and(|error| error.is_panic()) {
        tracing::error!(socket = %id, "a task of this socket panicked");
    }
}

/// Locks, whatever became of an earlier holder: no code of users runs under these locks but `Eq`,
/// `Hash` and `Clone` of rooms.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
