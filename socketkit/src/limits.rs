//! Every limit, its default, and what happens when it is hit.

use std::time::Duration;

macro_rules! limits {
    ($($(#[$doc:meta])+ $name:ident: $type:ty = $default:expr,)+) => {
        /// Every limit of a server or client, with its default.
        ///
        /// ```
        /// use socketkit::Limits;
        /// use std::time::Duration;
        ///
        /// let limits = Limits::default().frame(256 * 1024).call(Duration::from_secs(3));
        /// assert_eq!(limits.frame, 256 * 1024);
        /// ```
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[$doc])+ pub $name: $type,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            $($(#[$doc])+ #[must_use] pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })+

            /// The same with no time so long that a clock could not hold twice of it.
            pub(crate) fn bounded(mut self) -> Self {
                $(self.$name = self.$name.bounded();)+
                self
            }
        }
    };
}

impl Limits {
    /// Whether so much of an outgoing queue fills it. An empty one has room, whatever the limits:
    /// else nobody could ever send.
    pub(crate) fn fills(&self, count: usize, bytes: usize) -> bool {
        count > 0 && (count >= self.queue || bytes >= self.queue_bytes)
    }

    /// Bytes of the longest head of a request: an HTTP server needs room for a short one.
    #[cfg(feature = "http")]
    pub(crate) fn longest_head(&self) -> usize {
        self.head.max(8192)
    }

    /// Whether it fills a quarter.
    pub(crate) fn quarter_fills(&self, count: usize, bytes: usize) -> bool {
        count > 0 && (count >= self.queue.div_ceil(4) || bytes >= self.queue_bytes / 4)
    }
}

/// The longest time that anybody waits, as good as for ever: a hundred years.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What a limit is bounded to, so that no value of it overflows.
trait Bounded {
    fn bounded(self) -> Self;
}

impl Bounded for Duration {
    fn bounded(self) -> Self {
        self.min(FOREVER)
    }
}

impl Bounded for (Duration, Duration) {
    fn bounded(self) -> Self {
        (self.0.bounded(), self.1.bounded())
    }
}

impl Bounded for usize {
    fn bounded(self) -> Self {
        self
    }
}

impl Bounded for u32 {
    fn bounded(self) -> Self {
        self
    }
}

limits! {
    /// Bytes of one incoming message: 64 KiB.
    ///
    /// A larger one closes the socket with 1009, judged by its announced length, before the
    /// payload is read.
    frame: usize = 64 * 1024,
    /// Calls in flight, each way: 64.
    ///
    /// One more of the peer is answered `busy`; one more of ours fails with the same code.
    calls: usize = 64,
    /// Time for a call's reply: 10 s, from the call or from the last report of its progress.
    ///
    /// The call then ends with [`CallError::Timeout`](crate::CallError::Timeout); the other side is
    /// told nothing, unless the event has progress: then its handler is cancelled.
    call: Duration = Duration::from_secs(10),
    /// Reports of the progress of one call that wait to be read by its caller: 64; at least 1.
    ///
    /// One more takes the place of the oldest, and [`Call::missed`](crate::Call::missed) counts it. A call
    /// whose progress nobody reads keeps no more than these, and ends with its reply all the same.
    /// Each may have the length of a [`frame`](Self::frame).
    reports: usize = 64,
    /// Received events that wait for their handler: 64; at least 1.
    ///
    /// Reading then stops, and TCP holds the sender back. While a handler may be waiting for the
    /// reply to a call of its own, reading goes on up to [`backlog`](Self::backlog).
    waiting: usize = 64,
    /// Bytes of further events that wait for their handler while a call to their sender is in
    /// flight: 256 KiB.
    ///
    /// Beyond it the socket is closed with 4429.
    backlog: usize = 256 * 1024,
    /// Messages a second that one socket may send: 1,000. Zero means no limit.
    ///
    /// A socket that sends more, after its [`burst`](Self::burst), is read no faster than this. One event
    /// may have a rate of its own, beyond which it is refused: [`EventRate`](crate::EventRate).
    rate: u32 = 1_000,
    /// Messages that one socket may send at once before [`rate`](Self::rate) holds it back: 2,000.
    burst: u32 = 2_000,
    /// Messages that wait to be sent to one socket: 256; at least 1. The queue is full beyond it.
    ///
    /// From a quarter on a receiver that lags loses `volatile` events; when the queue is full a
    /// `latest` event replaces the unsent one of its name and key; and a receiver that took not one byte
    /// for [`stall`](Self::stall) is closed with 4429.
    queue: usize = 256,
    /// Bytes that wait to be sent to one socket: 1 MiB. The queue is full beyond it, as with
    /// [`queue`](Self::queue).
    ///
    /// The kernel keeps some more that it has not sent. On Linux `listen` bounds that to about 128 KiB for
    /// each socket, unless the listener or the system has a `TCP_NOTSENT_LOWAT` of its own; an HTTP server
    /// that hands its connections on may do the same.
    queue_bytes: usize = 1024 * 1024,
    /// Bytes to which the queue of a socket that still reads may grow: 4 MiB.
    ///
    /// Beyond it the socket is closed with 4429.
    queue_hard_bytes: usize = 4 * 1024 * 1024,
    /// Time in which a receiver with a full queue, or of a file, has to take at least one byte: 5 s.
    stall: Duration = Duration::from_secs(5),
    /// Time that a session lives without a connection: 60 s. Zero means that none outlives its connection.
    ///
    /// A client that comes back within it misses nothing and repeats nothing. Then the session ends with
    /// what it was lost with, and a client that comes back is told that there is a gap. Meanwhile a socket
    /// is in its rooms, `volatile` events for it are dropped, `latest` ones replaced, and others wait:
    /// the session ends when its [`queue`](Self::queue) is full, [`stall`](Self::stall) after it was lost at
    /// the earliest. A client that offers no subprotocol, as `new WebSocket(url)`, cannot come back.
    resume: Duration = Duration::from_secs(60),
    /// Messages that were sent and not seen yet, kept to be sent again: 1,024.
    ///
    /// A client sends no more until the server says that it has seen some. A server forgets the oldest: a
    /// client that would need it comes back to a new session, and is told so.
    window: usize = 1_024,
    /// Bytes of these: 256 KiB. There is always room for one.
    window_bytes: usize = 256 * 1024,
    /// Interval of heartbeats on a silent connection: 25 s; at least 1 ms.
    ///
    /// A peer of which nothing was heard for two intervals is closed with 4408; not one that is not
    /// read since its events wait for a handler.
    heartbeat: Duration = Duration::from_secs(25),
    /// Time for the head of a request, again for `authorize`, and for the farewell of a socket: 5 s
    /// each. A client's time for the whole of its handshake.
    ///
    /// An unfinished one is closed.
    handshake: Duration = Duration::from_secs(5),
    /// Time that the handlers of a socket that has ended have to finish, and `on_disconnect` after
    /// them: 10 s each. Of a server that stops, the handlers before their sockets are closed.
    ///
    /// A handler still at work, and events still waiting, are then dropped; and so is an
    /// `on_disconnect` that has not finished. On a client it begins with its
    /// [`close`](crate::Remote::close); a connection that is lost drops nothing.
    grace: Duration = Duration::from_secs(10),
    /// Clients of a server that stops which come back in any [`drain_interval`](Self::drain_interval), at
    /// most: 10,000; at least 1.
    ///
    /// Each is closed with 1012 and told when it may, `retry N`: N milliseconds from then on. These times
    /// are spread evenly, and over a little longer than the interval, so that what clients add to them
    /// does no harm.
    drain_batch: usize = 10_000,
    /// See [`drain_batch`](Self::drain_batch): 2 s. Zero lets all come back at once.
    drain_interval: Duration = Duration::from_secs(2),
    /// Bytes of a request's head: 16 KiB, at least 8 KiB. A longer one is answered 431.
    head: usize = 16 * 1024,
    /// Connections of a listener that are no sockets yet, those that fetch files included: 1,024. And
    /// sockets that are being told why they were refused.
    ///
    /// One more waits for one of these to end, for as long as [`handshake`](Self::handshake); those
    /// that come meanwhile wait in the kernel, up to 4,096, for their turn: behind connections that never
    /// send a request it comes after `handshake` for each 1,024 of these. If none has ended by then it is
    /// dropped, and so are others until one does. A refusal beyond it is the HTTP status alone.
    handshakes: usize = 1_024,
    /// The same for one address (one /64 in IPv6): 64. One more is dropped as soon as it was accepted.
    /// Loopback addresses are exempt, since they may be a proxy of this machine.
    handshakes_per_address: usize = 64,
    /// Sockets of a service: no limit. One more is refused with 503 and `Retry-After`, or closed
    /// with 1013 if it offered our subprotocol.
    sockets: usize = usize::MAX,
    /// The same for one address (one /64 in IPv6): 1,024. Loopback addresses are exempt.
    sockets_per_address: usize = 1_024,
    /// Events that wait for [`Client::recv`](crate::Client::recv): 64; at least 1.
    ///
    /// The client then stops reading, as with [`waiting`](Self::waiting).
    received: usize = 64,
    /// Messages that a client keeps while it is not connected: 256, and
    /// [`queue_bytes`](Self::queue_bytes).
    ///
    /// One more is dropped, and its [`Delivery`](crate::Delivery) says so; a call fails with
    /// [`CallError::Closed`](crate::CallError::Closed).
    unsent: usize = 256,
    /// Events that wait to be handed to the engine of a cluster, as they do while it is lost: 16,384.
    ///
    /// One more is not forwarded, and its [`Delivery`](crate::Delivery) says so; sockets of other nodes that should
    /// have had it learn that there is a gap.
    forwarded: usize = 16_384,
    /// Bytes of these: 16 MiB.
    forwarded_bytes: usize = 16 * 1024 * 1024,
    /// Messages that a node keeps after they were handed to the engine, to be sent again to a node that missed
    /// some: 16,384.
    ///
    /// What a node missed and is not kept any more is a gap for those of its sockets that it concerns.
    repeated: usize = 16_384,
    /// Bytes of these: 16 MiB.
    repeated_bytes: usize = 16 * 1024 * 1024,
    /// Bytes of the log that the engine of a durable cluster keeps, of all nodes together: 256 MiB. NATS alone
    /// minds it; Redis keeps the last 65,536 messages of each room, and has a `maxmemory` of its own.
    ///
    /// The oldest go first, and all that is older than [`resume`](Self::resume) and [`heartbeat`](Self::heartbeat) twice,
    /// and a minute: 230 s. A session whose node was lost, and that would need what is gone, is a gap.
    logged_bytes: usize = 256 * 1024 * 1024,
    /// Rooms that a node of a cluster listens to one by one: 16,384.
    ///
    /// With somebody in more it is sent the events of all rooms, and passes over those in which it has nobody.
    routed_rooms: usize = 16_384,
    /// Shortest and longest pause of a client before it connects again: 0.5 s and 20 s.
    ///
    /// Each pause is drawn between zero and a bound that doubles from the first to the second ("full
    /// jitter"), and begins anew after a connection that lasted longer than that. A server that closes
    /// with 1001, 1012 or 1013 may ask for a longer one, of up to an hour.
    backoff: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20)),
}
