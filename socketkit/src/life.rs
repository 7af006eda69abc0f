//! The life of a session of the server: one connection after another, and the time between them.

use crate::{
    CloseCode, Disconnect, Gap,
    application::Renewed,
    connection::{Connection, Over},
    conversation::Conversation,
    end::{By, End},
    ending,
    entry::{Entry, Successor, Told, hello},
    outbox::{Gate, Summons},
};
#[cfg(feature = "cluster")]
use crate::{
    cluster::{Mover, NoSession, Places},
    entry::redirect,
    peer::Peer,
};
use std::{
    future::{Future, poll_fn, ready},
    mem,
    pin::Pin,
    task::{Context, Poll},
};
#[cfg(feature = "cluster")]
use std::{sync::Arc, time::Duration};
#[cfg(feature = "cluster")]
use tokio::time::timeout;
use tokio::time::{Instant, sleep_until, timeout_at};

/// What a handler has for its work when another node is to have the session; its reply is late otherwise.
#[cfg(feature = "cluster")]
const AT_WORK: Duration = Duration::from_millis(500);

/// See the module.
pub(crate) struct Life {
    line: Line,
    conversation: Conversation,
    told: Told,
}

/// What there is of a connection.
enum Line {
    Up(Connection),
    /// None, since it was lost so.
    Down(Box<Lost>),
}

struct Lost {
    why: Disconnect,
    /// When the session ends without another.
    until: Instant,
}

/// How a session goes on.
enum Next {
    /// Over another connection, or without one.
    Goes,
    Ends(End),
    /// On another node.
    #[cfg(feature = "cluster")]
    Departs(Box<Mover>),
}

impl Life {
    pub(crate) fn new(connection: Connection, conversation: Conversation, told: Told) -> Self {
        Self { line: Line::Up(connection), conversation, told }
    }

    /// Serves the session that comes of an arrival, if one does, until it has ended and everything that has
    /// to run then has run. The box of the arrival is gone when the session is there, and there is no other
    /// future around this one: nothing is kept twice for an idle socket.
    /// How it ended, if nobody was told.
    pub(crate) async fn run<A>(arrival: Pin<Box<A>>) -> Option<Disconnect>
    where
        A: Future<Output = Option<Self>>,
    {
        let mut life = arrival.await?;
        let end = loop {
            let over = match &mut life.line {
                Line::Up(connection) => connection.serve(&mut life.conversation).await,
                Line::Down(lost) => Box::pin(without(&mut life.conversation, lost)).await,
            };
            match life.after(over) {
                Next::Goes => {}
                Next::Ends(end) => break end,
                #[cfg(feature = "cluster")]
                Next::Departs(mover) => match Box::pin(life.depart(*mover)).await {
                    Some(end) => break end,
                    None => {
                        life.leave_work();
                        return None;
                    }
                },
            }
        };
        Box::pin(life.end(end)).await
    }

    /// What comes after a connection, or after the time without one.
    fn after(&mut self, over: Over) -> Next {
        #[cfg(feature = "cluster")]
        if let (Over::Superseded, Some(mover)) = (&over, self.mover()) {
            return Next::Departs(Box::new(mover));
        }
        match over {
            Over::Superseded => self.take_over().map_or_else(Next::Ends, |()| Next::Goes),
            Over::Ended(end) if self.is_left_by(&end) => {
                self.suspend(end);
                Next::Goes
            }
            // It has just been closed for good.
            Over::Ended(End { disconnect, by: By::Drain }) => Next::Ends(disconnect.into()),
            Over::Ended(end) => {
                #[cfg(feature = "cluster")]
                if matches!(self.line, Line::Down(_)) && end.disconnect.code == CloseCode::TOO_SLOW
                {
                    // What is kept elsewhere need not wait here.
                    self.conversation.app.leave_to_others();
                }
                Next::Ends(end)
            }
        }
    }

    /// Serves the session by a task of its own.
    pub(crate) fn start(self) {
        tokio::spawn(Self::run(Box::pin(ready(Some(self)))));
    }

    /// Whether the session goes on without the connection that ended so.
    fn is_left_by(&self, end: &End) -> bool {
        let peer = &self.conversation.peer;
        let was_connected = matches!(self.line, Line::Up(_));
        was_connected && end.leaves_session() && !peer.is_dismissed() && peer.seat().is_open()
    }

    fn suspend(&mut self, End { disconnect: why, by }: End) {
        let (now, peer) = (Instant::now(), self.conversation.peer.clone());
        let lost = Lost { why: why.clone(), until: now + peer.limits.resume };
        let last = peer.queue().lose(now);
        peer.limits.count(|counters| &counters.suspended);
        let line = mem::replace(&mut self.line, Line::Down(Box::new(lost)));
        if let Line::Up(connection) = line
            && by != By::Nobody
        {
            tokio::spawn(connection.leave(last, why.clone(), peer));
        }
        self.tell(why.clone());
        self.conversation.app.connected(false);
        self.conversation.suspend(why);
    }

    /// Goes on over the connection that claimed the session. How it ends if it cannot.
    fn take_over(&mut self) -> Result<(), End> {
        let peer = self.conversation.peer.clone();
        let mut seat = peer.seat();
        let newcomer = seat.take().and_then(|newcomer| newcomer.downcast().ok());
        let Some(mut successor) = newcomer.map(|successor: Box<Successor>| *successor) else {
            return Err(CloseCode::LOST.into());
        };
        #[cfg(feature = "cluster")]
        let is_new = seat.is_former(&successor.ticket);
        #[cfg(not(feature = "cluster"))]
        let is_new = false;
        // Its client has not heard yet that its node was lost.
        successor.seen = if is_new { 0 } else { successor.seen };
        let mut queue = peer.queue();
        if !queue.reaches(successor.seen) {
            drop(queue);
            drop(seat);
            #[cfg(feature = "cluster")]
            if self.conversation.app.leave_to_others() {
                // What is not kept here may be in the log.
                redirect(Box::new(successor), peer.limits.node);
                return Err(CloseCode::LOST.into());
            }
            // It comes in the place of this one.
            successor.permit = successor.permit.or_else(|| self.conversation.app.give_place());
            successor.begin(Gap::Overflow);
            return Err(Disconnect::new(CloseCode::LOST, "more was missed than is kept").into());
        }
        let Successor { entry, seen, admitted, permit, .. } = successor;
        #[cfg(feature = "cluster")]
        if is_new {
            // It hears of its new secret when all know that it has come: else another node might still go on with
            // the session by the former one.
            queue.hold_back();
        }
        #[cfg(feature = "cluster")]
        let places = is_new.then(|| Places::of(&entry.handshake));
        let Entry { transport, write, unread, reply, told, .. } = entry;
        let last = queue.detach();
        queue.attach(write, Instant::now());
        queue.resume(seen);
        #[cfg(feature = "cluster")]
        if let Some(places) = places {
            // It may have heard some of it where it was meanwhile.
            queue.drop_seen(|frame| places.has(frame));
        }
        let replayed = queue.waiting();
        // Everything that came over the old connection is counted, and nothing more will.
        let numbers = (self.conversation.tally.resume(), replayed);
        let (numbers, gap) = match is_new {
            true => (None, Some(Gap::Recovered)),
            false => (Some(numbers), None),
        };
        let hello = hello(&peer, seat.token(peer.id, peer.limits.node), numbers, gap);
        if let Some(first) = Entry::first(reply, Some(hello)) {
            queue.push_first(first);
        }
        drop(queue);
        drop(seat);
        let new = Line::Up(Connection::new(transport, unread));
        match mem::replace(&mut self.line, new) {
            Line::Up(old) => {
                tokio::spawn(old.leave(last, CloseCode::SUPERSEDED.into(), peer));
                self.tell(CloseCode::SUPERSEDED.into());
            }
            Line::Down(_) => self.conversation.app.connected(true),
        }
        self.told = told;
        self.conversation.peer.limits.count(|counters| &counters.resumed);
        self.conversation.begin_connection();
        let renewed = Renewed { session: admitted.session, permit, is_unheard: is_new };
        self.conversation.app.renew(Box::new(renewed));
        #[cfg(feature = "cluster")]
        if is_new {
            self.conversation.peer.queue().go_on();
        }
        self.conversation.resume(replayed);
        Ok(())
    }

    /// One that waits for whoever comes for it, since it has come from another node.
    #[cfg(feature = "cluster")]
    pub(crate) fn waiting(conversation: Conversation) -> Self {
        let until = Instant::now() + conversation.peer.limits.resume;
        let lost = Lost { why: CloseCode::LOST.into(), until };
        Self { line: Line::Down(Box::new(lost)), conversation, told: None }
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.conversation.peer
    }

    /// Another node that is to have the session.
    #[cfg(feature = "cluster")]
    fn mover(&self) -> Option<Mover> {
        self.conversation.peer.seat().take_if::<Mover>()
    }

    /// Lets another node have the session, when what is at work is done. How it ends if it does not go; it ends here
    /// as well when nobody says that it has arrived.
    #[cfg(feature = "cluster")]
    async fn depart(&mut self, mover: Mover) -> Option<End> {
        let peer = self.conversation.peer.clone();
        let last = peer.queue().detach();
        let lost = Lost { why: CloseCode::LOST.into(), until: Instant::now() };
        if let Line::Up(old) = mem::replace(&mut self.line, Line::Down(Box::new(lost))) {
            tokio::spawn(old.leave(last, CloseCode::SUPERSEDED.into(), peer.clone()));
            self.tell(CloseCode::SUPERSEDED.into());
        }
        let is_open = self.conversation.let_go();
        let conversation = &mut self.conversation;
        let work = poll_fn(|cx| conversation.poll_work(cx));
        let is_done = timeout(AT_WORK, work).await.is_ok();
        if !is_open && !is_done {
            mover.refuse(NoSession::Unknown);
            return Some(CloseCode::LOST.into());
        }
        let received = self.conversation.tally.received();
        match mover.take(peer.clone(), received).await {
            Ok(arrival) => arrival.err().map(|_| CloseCode::LOST.into()),
            Err(NoSession::Overflow) => {
                self.conversation.app.leave_to_others();
                let why = "more was missed than is kept";
                Some(Disconnect::new(CloseCode::LOST, why).into())
            }
            Err(_) => {
                let summons = peer.queue().summons();
                if let Summons::Close(disconnect) = summons {
                    return Some(disconnect.into());
                }
                self.conversation.app.leave_to_others();
                Some(CloseCode::LOST.into())
            }
        }
    }

    /// A handler that is still at work goes on to its end; its reply follows the session.
    #[cfg(feature = "cluster")]
    fn leave_work(self) {
        let Self { mut conversation, .. } = self;
        tokio::spawn(async move {
            // Nothing else is left to do.
            let _ = poll_fn(|cx| conversation.poll_work(cx)).await;
        });
    }

    fn tell(&mut self, disconnect: Disconnect) {
        if let Some(told) = self.told.take() {
            // Whoever wanted to know may be gone.
            let _ = told.send(disconnect);
        }
    }

    async fn end(self, end: End) -> Option<Disconnect> {
        let Self { line, conversation, told } = self;
        let newcomer = conversation.peer.seat().close();
        match newcomer.map(<Box<dyn std::any::Any + Send>>::downcast::<Successor>) {
            Some(Ok(successor)) => match end.by {
                By::Us | By::Drain => successor.refuse(end.disconnect.clone()),
                By::Peer | By::Nobody => successor.begin(Gap::Unknown),
            },
            #[cfg(feature = "cluster")]
            Some(Err(newcomer)) => {
                let mover = newcomer.downcast::<Mover>();
                mover.into_iter().for_each(|mover| mover.refuse(NoSession::Unknown));
            }
            _ => {}
        }
        let connection = match line {
            Line::Up(connection) => Some(connection),
            Line::Down(_) => None,
        };
        let (disconnect, _) = ending::end(connection, conversation, end).await;
        match told {
            Some(told) => told.send(disconnect).err(),
            None => Some(disconnect),
        }
    }
}

/// The time without a connection: how it is over.
async fn without(conversation: &mut Conversation, lost: &Lost) -> Over {
    let nobody = |disconnect| Over::Ended(End { disconnect, by: By::Nobody });
    let mut leaves: Option<Pin<Box<tokio::time::Sleep>>> = None;
    let wait = poll_fn(|cx: &mut Context<'_>| {
        let summons = {
            let mut queue = conversation.peer.queue();
            queue.set_waker(cx.waker());
            queue.summons()
        };
        match summons {
            Summons::Close(disconnect) => return Poll::Ready(nobody(disconnect)),
            Summons::Gate(Gate::Held) => return Poll::Ready(Over::Superseded),
            Summons::Gate(Gate::Open | Gate::Away) | Summons::None => {}
        }
        if let Poll::Ready(Err(refused)) = conversation.poll_work(cx) {
            return Poll::Ready(nobody(refused));
        }
        match conversation.leave(Instant::now()) {
            Err(end) => Poll::Ready(nobody(end.disconnect)),
            Ok(None) => Poll::Pending,
            Ok(Some(deadline)) => {
                let alarm = leaves.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if alarm.as_mut().poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    });
    match timeout_at(lost.until, wait).await {
        Ok(over) => over,
        Err(_) => {
            conversation.peer.limits.count(|counters| &counters.expired);
            nobody(lost.why.clone())
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::peer::Peer;

    fn size_of_future<F>(_: fn(Pin<Box<Arrival>>) -> F) -> usize {
        size_of::<F>()
    }

    type Arrival = std::future::Ready<Option<Life>>;

    #[test]
    fn an_idle_socket_does_not_grow() {
        // With its header and its links a task of more than 512 bytes takes 640. Where a number grows,
        // the memory of an idle socket does: `cargo run --release -p benches --bin memory`. Features of
        // dependencies that only tests turn on make them a little larger.
        let sizes =
            [size_of_future(Life::run), size_of::<Peer>(), size_of::<crate::outbox::Queue>()];
        assert!(sizes.iter().zip([408, 400, 232]).all(|(size, most)| *size <= most), "{sizes:?}");
    }
}
