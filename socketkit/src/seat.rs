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
use std::{any::Any, sync::Arc};

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

/// Whose a session is. It is told apart by code of the application, which does not run under the lock of the seat.
#[derive(Clone, Default)]
pub(crate) struct Owner(Option<Known>);

/// One that this node has made, or another.
#[derive(Clone)]
enum Known {
    Made(Arc<dyn Identity>),
    #[cfg(feature = "cluster")]
    Named(Arc<RawValue>),
}

impl Owner {
    fn made(identity: Option<Box<dyn Identity>>) -> Self {
        Self(identity.map(|identity| Known::Made(identity.into())))
    }

    /// Whether it is somebody; nobody is nobody's.
    pub(crate) fn is(&self, identity: Option<&dyn Identity>) -> bool {
        match (&self.0, identity) {
            (None, None) => true,
            (Some(known), Some(other)) => known.is(other),
            _ => false,
        }
    }

    /// The same of one whom another node names.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_named(&self, name: Option<&RawValue>) -> bool {
        match (&self.0, name) {
            (None, None) => true,
            (Some(known), Some(name)) => known.name().is_some_and(|own| own.get() == name.get()),
            _ => false,
        }
    }

    /// By which name that node is to know who it is.
    #[cfg(feature = "cluster")]
    pub(crate) fn name(&self) -> Option<Box<RawValue>> {
        self.0.as_ref().and_then(Known::name)
    }
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
            Self::Named(name) => Some((**name).to_owned()),
        }
    }
}

impl<T: Eq + Serialize + Send + Sync + 'static> Identity for T {
    fn is(&self, other: &dyn Any) -> bool {
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
    owner: Owner,
    newcomer: Option<Newcomer>,
    /// The secret of before its last node was lost, until its client has heard of another.
    former: Option<Box<(Secret, Claims)>>,
}

impl Seat {
    /// That of a session with this secret, for somebody of this identity alone.
    pub(crate) fn new(secret: Secret, identity: Option<Box<dyn Identity>>) -> Self {
        Self::of(secret, Owner::made(identity))
    }

    fn of(secret: Secret, owner: Owner) -> Self {
        let is_somebody = owner.0.is_some();
        let rare = is_somebody.then(|| Box::new(Rare { owner, ..Rare::default() }));
        Self { secret, claims: Claims::default(), is_open: true, rare }
    }

    /// That of a session which another node has had, for somebody whom that knew by this name.
    #[cfg(feature = "cluster")]
    pub(crate) fn moved(
        secret: Secret,
        former: Option<(Secret, u32)>,
        name: Option<Box<RawValue>>,
    ) -> Self {
        let mut seat = Self::of(secret, Owner(name.map(|name| Known::Named(name.into()))));
        if let Some((former, attempt)) = former {
            let former = Some(Box::new((former, Claims::of(attempt))));
            seat.rare.get_or_insert_default().former = former;
        }
        seat
    }

    /// What that node is to know: the secret, and the former one with the last attempt to come by it.
    #[cfg(feature = "cluster")]
    pub(crate) fn secrets(&self) -> (Secret, Option<(Secret, u32)>) {
        (self.secret, self.former().map(|(secret, claims)| (*secret, claims.last())))
    }

    fn former(&self) -> Option<&(Secret, Claims)> {
        self.rare.as_ref().and_then(|rare| rare.former.as_deref())
    }

    /// Whether its client may not have heard of its secret.
    #[cfg(feature = "cluster")]
    pub(crate) fn has_former(&self) -> bool {
        self.former().is_some()
    }

    /// Whether a ticket is that of a client which has not heard that its node was lost: for it, everything is new.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_former(&self, ticket: &Ticket) -> bool {
        self.former().is_some_and(|(secret, _)| ticket.proves(secret))
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> Owner {
        self.rare.as_ref().map(|rare| rare.owner.clone()).unwrap_or_default()
    }

    /// That of a session that does not resume.
    pub(crate) fn of_one_connection(identity: Option<Box<dyn Identity>>) -> Self {
        Self { is_open: false, ..Self::new(Secret::default(), identity) }
    }

    /// That of nobody.
    pub(crate) fn none() -> Self {
        Self::of_one_connection(None)
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
        let is_former = || self.former().is_some_and(|(secret, _)| ticket.proves(secret));
        self.is_open && (ticket.proves(&self.secret) || is_former())
    }

    /// Whether a later connection has taken over, or is about to.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_late(&self, ticket: &Ticket) -> bool {
        let former = self.former().filter(|(secret, _)| ticket.proves(secret));
        former.map_or(&self.claims, |(_, claims)| claims).is_late(ticket.attempt)
    }

    /// Lets a connection take over when the session's task comes to it, unless a later one does or has. The
    /// one that is not to is given back.
    pub(crate) fn claim(
        &mut self,
        ticket: &Ticket,
        newcomer: Newcomer,
    ) -> Result<Option<Newcomer>, Newcomer> {
        let former = self.rare.as_mut().and_then(|rare| rare.former.as_mut());
        let claims = match former.filter(|former| ticket.proves(&former.0)) {
            Some(former) => &mut former.1,
            None => &mut self.claims,
        };
        if claims.claim(ticket.attempt) {
            if ticket.proves(&self.secret)
                && let Some(rare) = &mut self.rare
            {
                // It has heard.
                rare.former = None;
            }
            Ok(self.rare.get_or_insert_default().newcomer.replace(newcomer))
        } else {
            Err(newcomer)
        }
    }

    /// The connection that takes over.
    pub(crate) fn take(&mut self) -> Option<Newcomer> {
        self.rare.as_mut().and_then(|rare| rare.newcomer.take())
    }

    /// Whether somebody is about to take over.
    #[cfg(feature = "cluster")]
    pub(crate) fn is_claimed(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.newcomer.is_some())
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
