//! The task of one WebSocket: pumps bytes between its transport and its conversation.

use crate::{
    CloseCode, Disconnect,
    conversation::Conversation,
    end::{By, End},
    frame,
    limits::FOREVER,
    peer::Peer,
    session::Heard,
    transport::{Batch, Transport},
};
use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::Role;

/// Batches that are read before other tasks get their turn.
const BATCHES: usize = 4;

/// One WebSocket after its handshake.
pub(crate) struct Connection {
    transport: Transport,
    conversation: Conversation,
    /// Bytes that came with the handshake.
    unread: Vec<u8>,
    timer: Pin<Box<Sleep>>,
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
    pub(crate) fn new(transport: Transport, conversation: Conversation, unread: Vec<u8>) -> Self {
        let peer = conversation.peer.clone();
        let deadline = peer.session().deadline(peer.queue().spoke().into_std());
        Self {
            transport,
            conversation,
            unread,
            timer: Box::pin(sleep_until(deadline.into())),
            paused: None,
            cleanup: Cleanup(peer),
        }
    }

    /// Serves the connection until it has ended and everything that has to run then has run.
    pub(crate) async fn run(mut self) -> Disconnect {
        let end = poll_fn(|cx| self.poll(cx)).await;
        Box::pin(self.end(end)).await
    }

    /// One turn: work, read, look at the clock, write all that this emitted.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let ended = {
            let mut queue = self.conversation.peer.queue();
            queue.set_waker(cx.waker());
            queue.corked = true;
            queue.ended().cloned()
        };
        let result = match ended {
            Some(disconnect) => Err(disconnect.into()),
            None => self.turn(cx),
        };
        self.conversation.peer.queue().corked = false;
        match result.and_then(|()| self.flush(cx)) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if let Poll::Ready(Err(refused)) = self.conversation.poll_work(cx) {
            return Err(refused.into());
        }
        self.paused = self.paused.filter(|until| *until > Instant::now());
        if !self.unread.is_empty() {
            let unread = std::mem::take(&mut self.unread);
            self.paused =
                self.conversation.digest(&unread, cx)?.map(|pause| Instant::now() + pause);
        }
        for batch in 1.. {
            if self.paused.is_some() || !self.conversation.may_read() {
                break;
            }
            let conversation = &mut self.conversation;
            match self.transport.poll_read(cx, |bytes, cx| conversation.digest(bytes, cx)) {
                Poll::Pending => break,
                Poll::Ready(Ok(Batch::Read(digested))) => {
                    self.paused = digested?.map(|pause| Instant::now() + pause);
                    if batch >= BATCHES {
                        cx.waker().wake_by_ref();
                        break;
                    }
                }
                Poll::Ready(Ok(Batch::End) | Err(_)) => return Err(CloseCode::LOST.into()),
            }
        }
        // After the reading: whatever kept this task from its work, what came meanwhile counts.
        self.check_clock(cx)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let peer = &self.conversation.peer;
        self.transport.poll_flush(peer, cx).map_err(|_| CloseCode::LOST)?;
        let stalled = peer.queue().stalled(&peer.limits);
        // The server has just said how often it gives a sign of life.
        let heartbeat = std::mem::take(&mut self.conversation.is_retimed)
            .then(|| peer.session().deadline(peer.queue().spoke().into_std()).into());
        let early = stalled.into_iter().chain(self.paused).chain(heartbeat).min();
        if let Some(early) = early.filter(|early| *early < self.timer.deadline()) {
            self.timer.as_mut().reset(early);
            if self.timer.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Ok(())
    }

    /// Does what is due. The timer is only set anew when it has fired, not on all traffic.
    fn check_clock(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let peer = &self.conversation.peer;
            let (stalled, spoke) = {
                let queue = peer.queue();
                (queue.stalled(&peer.limits), queue.spoke().into_std())
            };
            if stalled.is_some_and(|deadline| deadline <= now) {
                peer.queue().give_up();
                return Err(CloseCode::TOO_SLOW.into());
            }
            let (tick, deadline) = {
                let mut session = peer.session();
                if self.paused.is_some() || self.conversation.is_full() {
                    // A peer that is not read is not silent.
                    session.hear(Heard::default(), now.into_std());
                }
                (session.tick(spoke, now.into_std()), session.deadline(spoke).into())
            };
            if tick.dead {
                return Err(CloseCode::TIMEOUT.into());
            }
            self.conversation.beat(tick.beat, tick.ping);
            if self.paused.is_some_and(|until| until <= now) {
                // The pause is over: the next turn reads again.
                cx.waker().wake_by_ref();
                self.paused = None;
            }
            let next = stalled.into_iter().chain(self.paused).fold(deadline, Instant::min);
            self.timer.as_mut().reset(next);
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
        let delivered = if peer.role == Role::Server {
            let (delivered, conversation) = tokio::join!(farewell, finish);
            conversation.app.left();
            delivered
        } else {
            // The next connection waits for no handler, who may call over it; its events do.
            tokio::spawn(finish);
            farewell.await
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
        match transport.poll_flush(peer, cx) {
            Ok(()) if !peer.queue().is_empty() => Poll::Pending,
            flushed => Poll::Ready(flushed),
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
