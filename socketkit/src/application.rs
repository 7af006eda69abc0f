//! A built server as its connections see it: the table of handlers, one context for each socket.

use crate::{
    CloseCode, Context, Disconnect, EventRate, Events, Handshake, Inspected, Io, Opening, Protocol,
    Reject, Socket,
    admission::Permit,
    context::{Ended, Resumed},
    handler::{Application, Erased, Handling, Listening, caught},
    hub::Hub,
    listener::Listeners,
    peer::Peer,
    reply::guarded,
    seat::Identity,
    server::{Authorize, Identify},
    wire,
};
use std::{
    any::Any,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};
use tokio::time::Instant;

/// What the builder made, with all its types.
pub(crate) struct App<P: Protocol, St, Se> {
    pub(crate) table: Vec<Box<dyn Erased<Context<P, St, Se>>>>,
    pub(crate) on_connect: Listeners<Context<P, St, Se>>,
    pub(crate) on_disconnect: Listeners<Context<P, St, Se, Ended>>,
    pub(crate) on_suspend: Listeners<Context<P, St, Se, Ended>>,
    pub(crate) on_resume: Listeners<Context<P, St, Se, Resumed>>,
    pub(crate) identify: Option<Identify<Se>>,
    pub(crate) state: Arc<St>,
    pub(crate) authorize: Authorize<St, Se>,
    pub(crate) hub: Arc<Hub<P>>,
}

/// What `authorize` made of somebody who is let in.
pub(crate) struct Admitted {
    pub(crate) session: Arc<dyn Any + Send + Sync>,
    /// Who it is, if the server can tell.
    pub(crate) identity: Option<Box<dyn Identity>>,
}

/// What it made of one who comes back, and a place that may be another.
pub(crate) struct Renewed {
    pub(crate) session: Arc<dyn Any + Send + Sync>,
    pub(crate) permit: Option<Permit>,
    /// It has not heard of the secret by which it comes from now on.
    pub(crate) is_unheard: bool,
}

/// A built server without its types.
pub(crate) trait Authorizer: Send + Sync {
    /// Decides whether a socket may open.
    fn authorize(
        self: Arc<Self>,
        handshake: Handshake,
    ) -> Pin<Box<dyn Future<Output = Result<Admitted, Reject>> + Send>>;

    /// The application of a socket that was let in.
    fn open(
        self: Arc<Self>,
        session: Arc<dyn Any + Send + Sync>,
        peer: Arc<Peer>,
        permit: Option<Permit>,
    ) -> Box<dyn Application>;
}

impl<P, St, Se> Authorizer for App<P, St, Se>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    fn authorize(
        self: Arc<Self>,
        handshake: Handshake,
    ) -> Pin<Box<dyn Future<Output = Result<Admitted, Reject>> + Send>> {
        Box::pin(async move {
            let opening = Opening { state: self.state.clone() };
            let session = caught(guarded(|| Ok((self.authorize)(handshake, &opening)))?).await?;
            let identify = || Ok(self.identify.as_ref().map(|identify| identify(&session)));
            let identity = guarded(identify)?;
            Ok(Admitted { session, identity })
        })
    }

    fn open(
        self: Arc<Self>,
        session: Arc<dyn Any + Send + Sync>,
        peer: Arc<Peer>,
        permit: Option<Permit>,
    ) -> Box<dyn Application> {
        let Ok(session) = session.downcast::<Se>() else {
            // It is what this server's own `authorize` made.
            return Box::new(Refused { _permit: permit });
        };
        let socket = Socket::new(peer, Io::new(self.hub.clone()));
        let context = Context::new(socket, self.state.clone(), session);
        Box::new(Member { app: self, context, permit })
    }
}

impl<P, St, Se> App<P, St, Se>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    /// Runs listeners one after the other, whatever became of those before; nothing if there are none.
    fn listen<C: Send + Sync + 'static>(
        self: Arc<Self>,
        listeners: impl Fn(&Self) -> &Listeners<C> + Send + 'static,
        context: C,
    ) -> Option<Listening> {
        if listeners(&self).is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            let mut result = Ok(());
            for listener in listeners(&self) {
                let ended = match guarded(|| listener.call(&context)) {
                    Ok(listening) => listening.await,
                    Err(reject) => Err(reject),
                };
                result = result.and(ended);
            }
            result
        }))
    }
}

/// One socket of the server.
struct Member<P: Protocol, St, Se> {
    app: Arc<App<P, St, Se>>,
    context: Context<P, St, Se>,
    permit: Option<Permit>,
}

impl<P, St, Se> Application for Member<P, St, Se>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    fn index_of(&self, name: &str) -> Option<usize> {
        P::Client::index_of(name)
    }

    fn is_name(&self, name: &str) -> bool {
        // By the rule of the contract: a newer client of it may know more.
        let has_capital = |name: &&str| name.bytes().any(|byte| byte.is_ascii_uppercase());
        wire::is_name(name, P::Client::NAMES.iter().any(has_capital))
    }

    fn name(&self, index: usize) -> &'static str {
        P::Client::NAMES.get(index).copied().unwrap_or_default()
    }

    fn max_bytes(&self, index: usize) -> Option<usize> {
        P::Client::max_bytes(index)
    }

    fn is_cancellable(&self, index: usize) -> bool {
        P::Client::has_progress(index)
    }

    fn rate(&self, index: usize) -> Option<EventRate> {
        P::Client::rate(index)
    }

    fn handle(&self, index: usize, data: &str, reply: Option<u32>) -> Result<Handling, Reject> {
        match self.app.table.get(index) {
            Some(handler) => {
                let handling = handler.call(data, reply, &self.context)?;
                Ok(self.app.hub.acts(self.context.socket().peer(), handling))
            }
            None => Err(Reject::fault()),
        }
    }

    fn received(&self, index: usize, frame: &str) {
        let socket = self.context.socket().id();
        self.app.hub.flusher.activity.note();
        self.app.hub.hooks().inspect(|| Inspected::received(socket, self.name(index), frame));
    }

    fn leaves_by(&self) -> Option<Instant> {
        self.app.hub.stopping.deadline()
    }

    fn kept_until(&self) -> Option<Instant> {
        let peer = self.context.socket().peer();
        let hub = &self.app.hub;
        let may_go_on =
            |_: &Instant| !peer.is_dismissed() && peer.seat().is_open() && hub.has_others();
        hub.stopping.kept_until().filter(may_go_on)
    }

    fn farewell(&self, is_kept: bool) -> Disconnect {
        let stopping = &self.app.hub.stopping;
        let farewell = if is_kept { stopping.parting() } else { stopping.farewell() };
        farewell.unwrap_or(CloseCode::RESTART.into())
    }

    fn opened(&self) -> Listening {
        let (app, context) = (self.app.clone(), self.context.clone());
        let peer = self.context.socket().peer().clone();
        Box::pin(async move {
            for listener in &app.on_connect {
                guarded(|| listener.call(&context))?.await?;
            }
            for listener in app.hub.listeners() {
                guarded(|| listener(app.hub.clone(), peer.clone()))?.await?;
            }
            Ok(())
        })
    }

    fn connected(&self, is_connected: bool) {
        let (hub, peer) = (&self.app.hub, self.context.socket().peer());
        hub.connected(peer.id, is_connected);
        hub.presence_connected(peer, is_connected);
    }

    fn renew(&mut self, renewed: Box<dyn Any + Send>) {
        let Ok(renewed) = renewed.downcast::<Renewed>() else { return };
        let Renewed { session, permit, is_unheard } = *renewed;
        if let Ok(session) = session.downcast() {
            self.context.set_session(session);
        }
        self.permit = permit.or(self.permit.take());
        self.app.hub.session_renewed(self.context.socket().peer(), is_unheard);
    }

    fn give_place(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    fn suspended(&self, why: Disconnect) -> Option<Listening> {
        let context = self.context.ended(why);
        self.app.clone().listen(|app| &app.on_suspend, context)
    }

    fn resumed(&self, replayed: u64) -> Option<Listening> {
        let context = self.context.resumed(replayed);
        self.app.clone().listen(|app| &app.on_resume, context)
    }

    fn leaving(&self, why: &Disconnect) {
        let (hub, peer) = (&self.app.hub, self.context.socket().peer());
        if !peer.is_elsewhere() {
            hub.leaving(peer.id);
            hub.presence_ended(peer, why);
        }
    }

    #[cfg(feature = "cluster")]
    fn follow(&self, reply: &crate::frame::FrameBytes) {
        self.app.hub.forward_reply(self.context.socket().id(), reply);
    }

    #[cfg(feature = "cluster")]
    fn ready(&self) {
        self.app.hub.keep(self.context.socket().peer());
    }

    #[cfg(feature = "cluster")]
    fn leave_to_others(&self) -> bool {
        self.app.hub.leave_to_others(self.context.socket().peer())
    }

    fn ended(&self, why: Disconnect) -> Listening {
        if self.context.socket().peer().is_abandoned() {
            return Box::pin(ready(Ok(())));
        }
        let context = self.context.ended(why);
        let listening = self.app.clone().listen(|app| &app.on_disconnect, context);
        listening.unwrap_or_else(|| Box::pin(ready(Ok(()))))
    }

    fn left(&self) {
        // A session that left may have come back meanwhile.
        let peer = self.context.socket().peer();
        if !peer.is_elsewhere() {
            self.app.hub.exit(peer.id);
        }
    }
}

impl<P: Protocol, St, Se> Drop for Member<P, St, Se> {
    /// Where a panic or the end of the runtime kept it from leaving.
    fn drop(&mut self) {
        let (hub, peer) = (&self.app.hub, self.context.socket().peer());
        if !peer.is_elsewhere() {
            hub.exit(peer.id);
            hub.presence_ended(peer, &CloseCode::LOST.into());
        }
    }
}

/// A socket that was refused: it is told why and hears nothing else.
pub(crate) struct Refused {
    pub(crate) _permit: Option<Permit>,
}

impl Application for Refused {
    fn index_of(&self, _: &str) -> Option<usize> {
        None
    }

    fn name(&self, _: usize) -> &'static str {
        ""
    }

    fn handle(&self, _: usize, _: &str, _: Option<u32>) -> Result<Handling, Reject> {
        Err(Reject::fault())
    }
}
