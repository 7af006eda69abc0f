//! One WebSocket: pumps bytes between its transport and the conversation, until it is lost or gives way.

use crate::{
    CloseCode, Disconnect,
    alarm::Alarm,
    conversation::Conversation,
    decoder::Decoder,
    end::End,
    frame,
    moment::Moment,
    outbox::{Gate, Last, Summons},
    peer::Peer,
    transport::{Batch, Transport},
    watchdog::Watched,
};
use std::{
    future::poll_fn,
    io, mem,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Batches that are read before other tasks get their turn.
const BATCHES: usize = 4;

/// One WebSocket after its handshake.
pub(crate) struct Connection {
    transport: Transport,
    decoder: Decoder,
    /// The peer sends too fast: it is not read before this.
    paused: Option<Moment>,
    start: Option<Box<Start>>,
}

/// What matters when a connection begins, and then no more.
#[derive(Debug, Default)]
struct Start {
    /// Bytes that came with the handshake.
    unread: Box<[u8]>,
    /// When the server has said `hello`, at the latest.
    greeted_by: Option<Instant>,
}

/// How a connection is over.
#[derive(Debug)]
pub(crate) enum Over {
    /// It has ended, and perhaps its session with it.
    Ended(End),
    /// Another connection takes over.
    Superseded,
}

impl From<End> for Over {
    fn from(end: End) -> Self {
        Self::Ended(end)
    }
}

impl From<CloseCode> for Over {
    fn from(code: CloseCode) -> Self {
        Self::Ended(code.into())
    }
}

impl Connection {
    pub(crate) fn new(transport: Transport, unread: Box<[u8]>) -> Self {
        let start = Start { unread, greeted_by: None };
        let start = (!start.unread.is_empty()).then(|| Box::new(start));
        Self { transport, decoder: Decoder::default(), paused: None, start }
    }

    /// The same to a server that has to say `hello` by a time.
    pub(crate) fn awaiting_hello_by(mut self, deadline: Instant) -> Self {
        self.start.get_or_insert_default().greeted_by = Some(deadline);
        self
    }

    /// When something is due, if nothing happens before.
    pub(crate) fn deadline(&self, conversation: &Conversation) -> Instant {
        let spoke = conversation.peer.queue().spoke();
        let deadline = conversation.pulse.deadline(spoke.into_std()).into();
        self.greeted_by(conversation).into_iter().fold(deadline, Instant::min)
    }

    /// When the server has said `hello` at the latest, if it has not.
    fn greeted_by(&self, conversation: &Conversation) -> Option<Instant> {
        let start = self.start.as_ref().filter(|_| conversation.is_strange());
        start.and_then(|start| start.greeted_by)
    }

    fn paused(&self) -> Option<Instant> {
        self.paused.map(Instant::from)
    }

    /// One turn: work, read, look at the clock, write all that this emitted.
    pub(crate) fn poll(
        &mut self,
        conversation: &mut Conversation,
        alarm: &mut Alarm<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Over> {
        let _watched = Watched::begin();
        let (is_known, summons) = conversation.peer.queue().cork(cx.waker());
        if !is_known {
            alarm.forget();
        }
        let result = match summons {
            Summons::Close(disconnect) => Err(End::from(disconnect).into()),
            Summons::Gate(Gate::Away) => Err(CloseCode::LOST.into()),
            Summons::Gate(Gate::Held) if conversation.peer.role == Role::Server => {
                Err(Over::Superseded)
            }
            Summons::Gate(_) | Summons::None => self
                .turn(conversation, alarm, cx)
                .and_then(|now| Ok((now, conversation.leave(now)?))),
        };
        let is_empty = conversation.peer.queue().uncork();
        let result = result.and_then(|(now, leaves)| {
            let is_done = is_empty && !self.transport.is_buffered();
            let stalled = if is_done { None } else { self.flush(conversation, now, cx)? };
            // The server may just have said how often it gives a sign of life.
            let retimed = mem::take(&mut conversation.is_retimed);
            let heartbeat = retimed.then(|| self.deadline(conversation));
            let report = conversation.tally.deadline().map(Instant::from);
            let soon = [stalled, self.paused(), heartbeat, report, leaves];
            let early = soon.into_iter().flatten().min();
            if early.is_some_and(|early| alarm.advance(early, now, cx)) {
                cx.waker().wake_by_ref();
            }
            Ok(())
        });
        match result {
            Ok(()) => Poll::Pending,
            Err(over) => Poll::Ready(over),
        }
    }

    /// Works, reads, and looks at the clock: what that showed.
    fn turn(
        &mut self,
        conversation: &mut Conversation,
        alarm: &mut Alarm<'_>,
        cx: &mut Context<'_>,
    ) -> Result<Instant, Over> {
        if let Poll::Ready(Err(refused)) = conversation.poll_work(cx) {
            return Err(End::from(refused).into());
        }
        let mut read = None;
        self.paused = self.paused.filter(|until| *until > Instant::now().into());
        if let Some(start) = &mut self.start {
            let mut unread = mem::take(&mut start.unread);
            if !unread.is_empty() {
                let (now, paused) = conversation.digest(&mut unread, &mut self.decoder, cx)?;
                (read, self.paused) = (Some(now), paused.map(Moment::from));
            }
            if !conversation.is_strange() {
                self.start = None;
            }
        }
        for batch in 1.. {
            if self.paused.is_some() || !conversation.may_read() {
                break;
            }
            let decoder = &mut self.decoder;
            let digest =
                |bytes: &mut [u8], cx: &mut Context<'_>| conversation.digest(bytes, decoder, cx);
            match self.transport.poll_read(cx, digest) {
                Poll::Pending => break,
                Poll::Ready(Ok(Batch::Read(digested))) => {
                    let (now, paused) = digested?;
                    (read, self.paused) = (Some(now), paused.map(Moment::from));
                    if batch >= BATCHES {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                Poll::Ready(Ok(Batch::End) | Err(_)) => return Err(CloseCode::LOST.into()),
            }
        }
        // After the reading: whatever kept this task from its work, what came meanwhile counts.
        let now = read.unwrap_or_else(Instant::now);
        self.check_clock(conversation, alarm, now, cx)?;
        Ok(now)
    }

    /// Writes what waits. When a receiver that takes nothing is given up.
    fn flush(
        &mut self,
        conversation: &Conversation,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<Option<Instant>, Over> {
        let peer = &conversation.peer;
        let flushed = self.transport.poll_flush(peer, now, cx);
        let is_blocked = flushed.map_err(|_| CloseCode::LOST)?;
        Ok(if is_blocked { peer.queue().stalled(&peer.limits) } else { None })
    }

    /// Does what is due. The alarm is only set anew when it has gone off, not on all traffic.
    fn check_clock(
        &mut self,
        conversation: &mut Conversation,
        alarm: &mut Alarm<'_>,
        mut now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), Over> {
        while alarm.is_due(now, cx) {
            now = Instant::now();
            let peer = conversation.peer.clone();
            let is_due = |stalled: &Option<Instant>| stalled.is_some_and(|due| due <= now);
            let mut stalled = peer.queue().stalled(&peer.limits);
            if is_due(&stalled) {
                // It may have read while this task did not come to write: whatever the runtime knows of
                // the socket, that is asked.
                peer.flush(true, now);
                stalled = self.flush(conversation, now, cx)?;
            }
            if is_due(&stalled) {
                if peer.role == Role::Server {
                    peer.queue().give_up();
                }
                return Err(CloseCode::TOO_SLOW.into());
            }
            if self.paused.is_some() || conversation.is_full() {
                // A peer that is not read is not silent.
                conversation.pulse.hear(now.into_std());
            }
            let spoke = peer.queue().spoke().into_std();
            let tick = conversation.pulse.tick(spoke, now.into_std());
            let is_late = self.greeted_by(conversation).is_some_and(|deadline| deadline <= now);
            if tick.dead || is_late {
                return Err(CloseCode::TIMEOUT.into());
            }
            conversation.report(now);
            conversation.beat(tick.beat, tick.ping);
            if self.paused().is_some_and(|until| until <= now) {
                // The pause is over: the next turn reads again.
                cx.waker().wake_by_ref();
                self.paused = None;
            }
            let report = conversation.tally.deadline().map(Instant::from);
            let early = stalled.into_iter().chain(self.paused()).chain(report);
            alarm.set(early.fold(self.deadline(conversation), Instant::min));
        }
        Ok(())
    }

    /// Serves it until it is over.
    pub(crate) async fn serve(&mut self, conversation: &mut Conversation) -> Over {
        let sleep = pin!(sleep_until(self.deadline(conversation)));
        let mut alarm = Alarm::new(sleep);
        // Moved: what it borrowed would be kept twice.
        poll_fn(move |cx| self.poll(conversation, &mut alarm, cx)).await
    }

    /// Writes what waits, the close frame last, and ends the direction to the peer.
    pub(crate) async fn farewell(&mut self, peer: &Peer) -> io::Result<()> {
        poll_fn(|cx| {
            peer.queue().set_waker(cx.waker());
            match self.transport.poll_flush(peer, Instant::now(), cx) {
                Ok(_) if !peer.queue().is_empty() => Poll::Pending,
                flushed => Poll::Ready(flushed.map(drop)),
            }
        })
        .await?;
        poll_fn(|cx| self.transport.poll_shutdown(peer, cx)).await
    }

    /// Reads until the peer has closed its direction as well.
    pub(crate) async fn drain(&mut self) {
        while let Ok(Batch::Read(())) = poll_fn(|cx| self.transport.poll_read(cx, |_, _| ())).await
        {
            // A stream that always has more gives nobody else a turn, the clock included.
            tokio::task::yield_now().await;
        }
    }

    /// Tells the peer why the connection is given up, whose session goes on without it. `last` is what the
    /// queue had of it.
    pub(crate) async fn leave(mut self, last: Last, why: Disconnect, peer: Arc<Peer>) {
        if !last.is_whole {
            return;
        }
        let close = frame::close(&why, peer.role);
        let told = async {
            self.transport.write(last.stream, &close).await?;
            self.drain().await;
            Ok::<_, io::Error>(())
        };
        let _ = timeout(peer.limits.handshake, told).await;
    }
}
