//! The task of one WebSocket: pumps bytes between its transport and its conversation.

use crate::{
    CloseCode, Disconnect,
    alarm::Alarm,
    conversation::Conversation,
    end::{By, End},
    frame,
    limits::FOREVER,
    peer::Peer,
    session::Heard,
    transport::{Batch, Transport},
    watchdog::Watched,
};
use std::{
    future::{Future, poll_fn},
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
    conversation: Conversation,
    /// Bytes that came with the handshake.
    unread: Box<[u8]>,
    /// The peer sends too fast: it is not read before this.
    paused: Option<Instant>,
    cleanup: Cleanup,
}

/// However a connection ended, by a panic or with its runtime perhaps: nobody waits for it, and
/// whoever keeps a handle keeps no socket open.
struct Cleanup(Arc<Peer>);

impl Drop for Cleanup {
    fn drop(&mut self) {
        self.0.queue().fail();
        self.0.lose_calls();
        self.0.end_tasks();
    }
}

impl Connection {
    pub(crate) fn new(transport: Transport, conversation: Conversation, unread: Box<[u8]>) -> Self {
        let cleanup = Cleanup(conversation.peer.clone());
        Self { transport, conversation, unread, paused: None, cleanup }
    }

    /// Serves the connection until it has ended and everything that has to run then has run.
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would keep room for `self` twice")]
    pub(crate) fn run(mut self) -> impl Future<Output = Disconnect> {
        async move {
            let end = {
                let sleep = pin!(sleep_until(self.deadline()));
                let mut alarm = Alarm::new(sleep);
                poll_fn(|cx| self.poll(&mut alarm, cx)).await
            };
            Box::pin(self.end(end)).await
        }
    }

    /// When the session asks for something, if nothing happens before.
    fn deadline(&self) -> Instant {
        let Conversation { peer, session, .. } = &self.conversation;
        session.deadline(peer.queue().spoke().into_std()).into()
    }

    /// One turn: work, read, look at the clock, write all that this emitted.
    fn poll(&mut self, alarm: &mut Alarm<'_>, cx: &mut Context<'_>) -> Poll<End> {
        let _watched = Watched::begin();
        let (is_known, ended) = self.conversation.peer.queue().cork(cx.waker());
        if !is_known {
            alarm.forget();
        }
        let result = match ended {
            Some(disconnect) => Err(disconnect.into()),
            None => self.turn(alarm, cx),
        };
        let is_empty = self.conversation.peer.queue().uncork();
        let result = result.and_then(|now| {
            let is_done = is_empty && !self.transport.is_buffered();
            let stalled = if is_done { None } else { self.flush(now, cx)? };
            // The server may just have said how often it gives a sign of life.
            let retimed = mem::take(&mut self.conversation.is_retimed);
            let heartbeat = retimed.then(|| self.deadline());
            let early = stalled.into_iter().chain(self.paused).chain(heartbeat).min();
            if early.is_some_and(|early| alarm.advance(early, now, cx)) {
                cx.waker().wake_by_ref();
            }
            Ok(())
        });
        match result {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Works, reads, and looks at the clock: what that showed.
    fn turn(&mut self, alarm: &mut Alarm<'_>, cx: &mut Context<'_>) -> Result<Instant, End> {
        if let Poll::Ready(Err(refused)) = self.conversation.poll_work(cx) {
            return Err(refused.into());
        }
        let mut read = None;
        self.paused = self.paused.filter(|until| *until > Instant::now());
        if !self.unread.is_empty() {
            let mut unread = mem::take(&mut self.unread);
            let (now, paused) = self.conversation.digest(&mut unread, cx)?;
            (read, self.paused) = (Some(now), paused);
        }
        for batch in 1.. {
            if self.paused.is_some() || !self.conversation.may_read() {
                break;
            }
            let conversation = &mut self.conversation;
            match self.transport.poll_read(cx, |bytes, cx| conversation.digest(bytes, cx)) {
                Poll::Pending => break,
                Poll::Ready(Ok(Batch::Read(digested))) => {
                    let (now, paused) = digested?;
                    (read, self.paused) = (Some(now), paused);
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
        self.check_clock(alarm, now, cx)?;
        Ok(now)
    }

    /// Writes what waits. When a receiver that takes nothing is given up.
    fn flush(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<Option<Instant>, CloseCode> {
        let peer = &self.conversation.peer;
        let flushed = self.transport.poll_flush(peer, now, cx);
        let is_blocked = flushed.map_err(|_| CloseCode::LOST)?;
        Ok(if is_blocked { peer.queue().stalled(&peer.limits) } else { None })
    }

    /// Does what is due. The alarm is only set anew when it has gone off, not on all traffic.
    fn check_clock(
        &mut self,
        alarm: &mut Alarm<'_>,
        mut now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), End> {
        while alarm.is_due(now, cx) {
            now = Instant::now();
            let peer = &self.conversation.peer;
            let (stalled, spoke) = {
                let queue = peer.queue();
                (queue.stalled(&peer.limits), queue.spoke().into_std())
            };
            if stalled.is_some_and(|deadline| deadline <= now) {
                peer.queue().give_up();
                return Err(CloseCode::TOO_SLOW.into());
            }
            if self.paused.is_some() || self.conversation.is_full() {
                // A peer that is not read is not silent.
                let Conversation { peer, session, .. } = &mut self.conversation;
                session.hear(Heard::default(), &peer.limits, now.into_std());
            }
            let session = &mut self.conversation.session;
            let tick = session.tick(spoke, now.into_std());
            let deadline = session.deadline(spoke).into();
            if tick.dead {
                return Err(CloseCode::TIMEOUT.into());
            }
            self.conversation.beat(tick.beat, tick.ping);
            if self.paused.is_some_and(|until| until <= now) {
                // The pause is over: the next turn reads again.
                cx.waker().wake_by_ref();
                self.paused = None;
            }
            alarm.set(stalled.into_iter().chain(self.paused).fold(deadline, Instant::min));
        }
        Ok(())
    }

    /// Says farewell to the peer while the application finishes.
    async fn end(self, End { disconnect, by }: End) -> Disconnect {
        let Self { mut transport, conversation, cleanup, .. } = self;
        let peer = &cleanup.0;
        match by {
            By::Nobody => peer.queue().fail(),
            By::Us | By::Peer => peer.queue().push_close(frame::close(&disconnect, peer.role)),
        }
        // Whoever waits for a reply learns that it will not come.
        peer.lose_calls();
        conversation.app.leaving();
        peer.end_tasks();
        let patience = peer.limits.handshake;
        let farewell = timeout(patience, farewell(&mut transport, peer, &by));
        let finish = finish(conversation, disconnect.clone());
        // A socket holds its place among all until its stream is closed.
        let (delivered, _place) = if peer.role == Role::Server {
            let (delivered, conversation) = tokio::join!(farewell, finish);
            conversation.app.left();
            (delivered, Some(conversation))
        } else {
            // The next connection waits for no handler, who may call over it; its events do.
            tokio::spawn(finish);
            (farewell.await, None)
        };
        // A peer that has long been silent will not say farewell either.
        let is_there = by == By::Us && disconnect.code != CloseCode::TIMEOUT;
        if is_there && matches!(delivered, Ok(Ok(()))) {
            // Were the stream dropped while the peer still sends, the kernel would reset it and the
            // close frame might be lost (RFC 6455 section 7.1.1).
            let _ = timeout(patience, drain(&mut transport)).await;
        }
        disconnect
    }
}

/// Handles what came before the end, and runs what runs then.
async fn finish(mut conversation: Conversation, disconnect: Disconnect) -> Conversation {
    let (id, grace) = (conversation.peer.id, conversation.peer.limits.grace);
    let patience = if conversation.app.is_patient() { FOREVER } else { grace };
    if timeout(patience, poll_fn(|cx| conversation.poll_work(cx))).await.is_err() {
        tracing::warn!(socket = %id, "a handler did not finish after its socket ended");
        // Before `on_disconnect`, which may wait for what it holds.
        conversation.abandon();
    }
    match timeout(grace, conversation.app.ended(disconnect)).await {
        Ok(Ok(())) => {}
        Ok(Err(reject)) => conversation.log("on_disconnect", reject),
        Err(_) => tracing::warn!(socket = %id, "`on_disconnect` did not finish in time"),
    }
    conversation
}

/// Writes what waits, the close frame last, and ends the direction to the peer.
async fn farewell(transport: &mut Transport, peer: &Peer, by: &By) -> io::Result<()> {
    if *by == By::Nobody {
        return Ok(());
    }
    poll_fn(|cx| {
        peer.queue().set_waker(cx.waker());
        match transport.poll_flush(peer, Instant::now(), cx) {
            Ok(_) if !peer.queue().is_empty() => Poll::Pending,
            flushed => Poll::Ready(flushed.map(drop)),
        }
    })
    .await?;
    poll_fn(|cx| transport.poll_shutdown(peer, cx)).await
}

/// Reads until the peer has closed its direction as well.
async fn drain(transport: &mut Transport) {
    while let Ok(Batch::Read(())) = poll_fn(|cx| transport.poll_read(cx, |_, _| ())).await {
        // A stream that always has more gives nobody else a turn, the clock included.
        tokio::task::yield_now().await;
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    fn size_of_future<F>(_: fn(Connection) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_socket_does_not_grow() {
        // With its header and its links a task of more than 512 bytes takes 640. Where a number grows,
        // the memory of an idle socket does: `cargo run --release -p benches --bin memory`. Features of
        // dependencies that only tests turn on make them a little larger.
        let sizes =
            [size_of_future(Connection::run), size_of::<Peer>(), size_of::<crate::outbox::Queue>()];
        assert!(sizes.iter().zip([392, 312, 184]).all(|(size, most)| *size <= most), "{sizes:?}");
    }
}
