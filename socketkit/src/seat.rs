//! Whose a session is, and the connection that is about to take it over.

use crate::{
    SocketId,
    reply::guarded,
    session::Claims,
    ticket::{Secret, Ticket},
};
use std::any::Any;

/// A connection that wants to go on with a session, as the task of the session knows it.
pub(crate) type Newcomer = Box<dyn Any + Send>;

/// Who somebody is, by what `identify` made of the session: another may not take its place.
pub(crate) trait Identity: Send + Sync {
    fn is(&self, other: &dyn Any) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<T: Eq + Send + Sync + 'static> Identity for T {
    fn is(&self, other: &dyn Any) -> bool {
        // It is code of the application, and runs under the lock of the seat.
        guarded(|| Ok(other.downcast_ref() == Some(self))).unwrap_or(false)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// See the module.
pub(crate) struct Seat {
    secret: Secret,
    claims: Claims,
    /// The session can be taken over: it resumes, and has not ended.
    is_open: bool,
    /// What few have.
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    identity: Option<Box<dyn Identity>>,
    newcomer: Option<Newcomer>,
}

impl Seat {
    /// That of a session with this secret, for somebody of this identity alone.
    pub(crate) fn new(secret: Secret, identity: Option<Box<dyn Identity>>) -> Self {
        let rare = identity.map(|identity| Rare { identity: Some(identity), newcomer: None });
        let claims = Claims::default();
        Self { secret, claims, is_open: true, rare: rare.map(Box::new) }
    }

    /// That of a session that does not resume.
    pub(crate) fn none() -> Self {
        Self { is_open: false, ..Self::new(Secret::default(), None) }
    }

    /// The token of a session that can resume.
    pub(crate) fn token(&self, id: SocketId) -> Option<String> {
        self.is_open.then(|| self.secret.token(id))
    }

    /// Whether it can be taken over.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether a ticket is for this session.
    pub(crate) fn is_of(&self, ticket: &Ticket) -> bool {
        self.is_open && ticket.proves(&self.secret)
    }

    /// The same, and of the one whom it belongs to.
    pub(crate) fn fits(&self, ticket: &Ticket, identity: Option<&dyn Identity>) -> bool {
        let known = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        let is_same = match (known, identity) {
            (None, None) => true,
            (Some(known), Some(other)) => known.is(other.as_any()),
            _ => false,
        };
        is_same && self.is_of(ticket)
    }

    /// Lets a connection take over when the session's task comes to it, unless a later one does or has. The
    /// one that is not to is given back.
    pub(crate) fn claim(
        &mut self,
        ticket: &Ticket,
        newcomer: Newcomer,
    ) -> Result<Option<Newcomer>, Newcomer> {
        if self.claims.claim(ticket.attempt) {
            Ok(self.rare.get_or_insert_default().newcomer.replace(newcomer))
        } else {
            Err(newcomer)
        }
    }

    /// The connection that takes over.
    pub(crate) fn take(&mut self) -> Option<Newcomer> {
        self.rare.as_mut().and_then(|rare| rare.newcomer.take())
    }

    /// The session is over: who comes now finds none. Who was about to take it over.
    pub(crate) fn close(&mut self) -> Option<Newcomer> {
        self.is_open = false;
        self.take()
    }
}
