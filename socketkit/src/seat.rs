//! Whose a session is, and the connection that is about to take it over.

use crate::{
    NodeId, SocketId,
    reply::guarded,
    session::Claims,
    ticket::{Secret, Ticket},
};
use serde::Serialize;
#[cfg(feature = "cluster")]
use serde_json::value::{RawValue, to_raw_value};
use std::any::Any;

/// A connection that wants to go on with a session, as the task of the session knows it.
pub(crate) type Newcomer = Box<dyn Any + Send>;

/// Who somebody is, by what `identify` made of the session: another may not take its place.
pub(crate) trait Identity: Send + Sync {
    fn is(&self, other: &dyn Any) -> bool;
    fn as_any(&self) -> &dyn Any;
    /// As other nodes know it.
    #[cfg(feature = "cluster")]
    fn name(&self) -> Option<Box<RawValue>>;
}

/// One that this node has made, or another.
enum Known {
    Made(Box<dyn Identity>),
    #[cfg(feature = "cluster")]
    Named(Box<RawValue>),
}

impl Known {
    fn is(&self, other: &dyn Identity) -> bool {
        match self {
            Self::Made(known) => known.is(other.as_any()),
            #[cfg(feature = "cluster")]
            Self::Named(name) => other.name().is_some_and(|other| other.get() == name.get()),
        }
    }

    #[cfg(feature = "cluster")]
    fn name(&self) -> Option<Box<RawValue>> {
        match self {
            Self::Made(known) => known.name(),
            Self::Named(name) => Some(name.clone()),
        }
    }
}

impl<T: Eq + Serialize + Send + Sync + 'static> Identity for T {
    fn is(&self, other: &dyn Any) -> bool {
        // It is code of the application, and runs under the lock of the seat.
        guarded(|| Ok(other.downcast_ref() == Some(self))).unwrap_or(false)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    #[cfg(feature = "cluster")]
    fn name(&self) -> Option<Box<RawValue>> {
        guarded(|| Ok(to_raw_value(self)?)).ok()
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
    identity: Option<Known>,
    newcomer: Option<Newcomer>,
}

impl Seat {
    /// That of a session with this secret, for somebody of this identity alone.
    pub(crate) fn new(secret: Secret, identity: Option<Box<dyn Identity>>) -> Self {
        Self::of(secret, Claims::default(), identity.map(Known::Made))
    }

    fn of(secret: Secret, claims: Claims, identity: Option<Known>) -> Self {
        let rare = identity.map(|identity| Rare { identity: Some(identity), newcomer: None });
        Self { secret, claims, is_open: true, rare: rare.map(Box::new) }
    }

    /// That of a session which another node has had, for somebody whom that knew by this name.
    #[cfg(feature = "cluster")]
    pub(crate) fn moved(secret: Secret, name: Option<Box<RawValue>>) -> Self {
        Self::of(secret, Claims::default(), name.map(Known::Named))
    }

    /// What that node is to know: the secret, and by which name it knows whose it is.
    #[cfg(feature = "cluster")]
    pub(crate) fn passport(&self) -> (Secret, Option<Box<RawValue>>) {
        let known = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        (self.secret, known.and_then(Known::name))
    }

    /// Whether a ticket that came to another node fits, for somebody whom that knows by this name.
    #[cfg(feature = "cluster")]
    pub(crate) fn fits_name(&self, ticket: &Ticket, name: Option<&RawValue>) -> bool {
        let known = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        let is_same = match (known, name) {
            (None, None) => true,
            (Some(known), Some(name)) => known.name().is_some_and(|own| own.get() == name.get()),
            _ => false,
        };
        is_same && self.is_of(ticket)
    }

    /// That of a session that does not resume.
    pub(crate) fn of_one_connection(identity: Option<Box<dyn Identity>>) -> Self {
        Self { is_open: false, ..Self::new(Secret::default(), identity) }
    }

    /// That of nobody.
    pub(crate) fn none() -> Self {
        Self::of_one_connection(None)
    }

    /// Whether it is somebody's.
    #[cfg(feature = "server")]
    pub(crate) fn is_identity(&self, identity: &dyn Identity) -> bool {
        let known = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        known.is_some_and(|known| known.is(identity))
    }

    /// The same of one whom another node names.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_named(&self, name: &RawValue) -> bool {
        let known = self.rare.as_ref().and_then(|rare| rare.identity.as_ref());
        known.and_then(Known::name).is_some_and(|own| own.get() == name.get())
    }

    /// The token of a session that can resume.
    pub(crate) fn token(&self, id: SocketId, owner: NodeId) -> Option<String> {
        self.is_open.then(|| self.secret.token(id, owner))
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
            (Some(known), Some(other)) => known.is(other),
            _ => false,
        };
        is_same && self.is_of(ticket)
    }

    /// Whether a later connection has taken over, or is about to.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_late(&self, ticket: &Ticket) -> bool {
        self.claims.is_late(ticket.attempt)
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

    /// Whoever takes over, if it is of this kind.
    #[cfg(feature = "cluster")]
    pub(crate) fn take_if<T: 'static>(&mut self) -> Option<T> {
        let rare = self.rare.as_mut()?;
        let newcomer = rare.newcomer.take_if(|newcomer| newcomer.is::<T>())?;
        newcomer.downcast().ok().map(|newcomer| *newcomer)
    }

    /// The session is over: who comes now finds none. Who was about to take it over.
    pub(crate) fn close(&mut self) -> Option<Newcomer> {
        self.is_open = false;
        self.take()
    }
}
