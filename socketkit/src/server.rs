//! The builder of a server.

mod sessions;

use crate::{
    BrowserClient, Context, EmitError, Event, Events, FromContext, Handler, Handshake, Inspected,
    IntoReply, Io, Limits, Listener, Opening, Protocol, Reject, Service,
    application::App,
    arguments::Arguments,
    browser::Files,
    context::{Ended, Resumed},
    handler::{Ignored, Typed},
    hub::Hub,
    inspect::Hooks,
    listener::{self, Listeners, TypedListener},
    seat::Identity,
    slots::{Exhaustive, Fill, FreeFor, Open, Rest},
    table::{self, Fallback, Table},
};
use std::{fmt, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

/// Decides who may connect.
pub(crate) type Authorize<St, Se> =
    Box<dyn Fn(Handshake, &Opening<St>) -> Authorizing<Se> + Send + Sync>;
pub(crate) type Authorizing<Se> = Pin<Box<dyn Future<Output = Result<Arc<Se>, Reject>> + Send>>;

/// Tells who somebody is.
pub(crate) type Identify<Se> = Box<dyn Fn(&Se) -> Box<dyn Identity> + Send + Sync>;

/// A server of the protocol `P`: a builder that ends in [`build`](Self::build) or `listen`.
///
/// The parameters after `P` are inferred and never written: the types of the state and of the
/// session, and which events have a handler. `build` and `listen` compile only when every event of
/// `P::Client` has exactly one.
///
/// ```
/// use socketkit::{Events, Io, Protocol, Server, Socket};
///
/// #[derive(Events)]
/// pub enum ClientEvent {
///     Say { text: String },
/// }
///
/// #[derive(Events)]
/// pub enum ServerEvent {
///     Said { text: String },
/// }
///
/// #[derive(Protocol)]
/// #[protocol(client = ClientEvent, server = ServerEvent)]
/// pub struct Chat;
///
/// async fn say(client_event::Say { text }: client_event::Say, io: Io<Chat>) {
///     io.broadcast(ServerEvent::Said { text });
/// }
///
/// fn main() {
///     let service = Server::<Chat>::new().on(say).build();
///     assert!(service.io().is_empty());
/// }
/// ```
#[must_use = "a server does nothing until `.listen(..)` or `.build()`"]
pub struct Server<P: Protocol, St = (), Se = (), Slots = <<P as Protocol>::Client as Events>::Slots>
{
    table: Table<Context<P, St, Se>>,
    on_connect: Listeners<Context<P, St, Se>>,
    on_disconnect: Listeners<Context<P, St, Se, Ended>>,
    on_suspend: Listeners<Context<P, St, Se, Ended>>,
    on_resume: Listeners<Context<P, St, Se, Resumed>>,
    identify: Option<Identify<Se>>,
    /// The state. (A field called like a method turns up in errors about that.)
    shared: Arc<St>,
    authorize: Authorize<St, Se>,
    pub(crate) settings: Settings<P>,
    slots: PhantomData<fn() -> Slots>,
}

/// What does not depend on the types of state and session.
pub(crate) struct Settings<P: Protocol> {
    pub(crate) hub: Arc<Hub<P>>,
    pub(crate) limits: Limits,
    pub(crate) hooks: Hooks,
    pub(crate) origins: Option<Vec<String>>,
    #[cfg(feature = "cluster")]
    pub(crate) cluster: Option<crate::cluster::Joining<P::Room>>,
    #[cfg(feature = "http")]
    pub(crate) public: crate::public::Public,
}

impl<P: Protocol> Server<P> {
    /// A server without state, that lets everybody in.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        // One for all sockets.
        let unit = Arc::new(());
        let settings = Settings {
            hub: Arc::new(Hub::new()),
            limits: Limits::default(),
            hooks: Hooks::default(),
            origins: None,
            #[cfg(feature = "cluster")]
            cluster: None,
            #[cfg(feature = "http")]
            public: crate::public::Public::default(),
        };
        Self {
            table: P::Client::NAMES.iter().map(|_| None).collect(),
            on_connect: Vec::new(),
            on_disconnect: Vec::new(),
            on_suspend: Vec::new(),
            on_resume: Vec::new(),
            identify: None,
            shared: Arc::new(()),
            authorize: Box::new(move |_, _| Box::pin(std::future::ready(Ok(unit.clone())))),
            settings,
            slots: PhantomData,
        }
    }
}

impl<P, Se, Slots> Server<P, (), Se, Slots>
where
    P: Protocol,
    Se: Send + Sync + 'static,
{
    /// Shares `state` with every handler from here on, as [`State<St>`](crate::State).
    pub fn state<St: Send + Sync + 'static>(self, state: St) -> Server<P, St, Se, Slots> {
        let (unit, authorize) = (self.shared, self.authorize);
        fn convert<P: Protocol, St, Se, Phase>(
            unit: Arc<()>,
        ) -> impl Fn(&Context<P, St, Se, Phase>) -> Context<P, (), Se, Phase> + Clone {
            move |context| context.with(unit.clone(), context.session().clone())
        }
        let ended = convert(unit.clone());
        Server {
            table: table::adapt(self.table, &convert(unit.clone())),
            on_connect: listener::adapt(self.on_connect, &convert(unit.clone())),
            on_disconnect: listener::adapt(self.on_disconnect, &ended),
            on_suspend: listener::adapt(self.on_suspend, &ended),
            on_resume: listener::adapt(self.on_resume, &convert(unit.clone())),
            identify: self.identify,
            shared: Arc::new(state),
            authorize: Box::new(move |handshake, _| {
                authorize(handshake, &Opening { state: unit.clone() })
            }),
            settings: self.settings,
            slots: PhantomData,
        }
    }
}

impl<P, St, Slots> Server<P, St, (), Slots>
where
    P: Protocol,
    St: Send + Sync + 'static,
{
    /// Decides who may connect; what it returns is the [`Session`](crate::Session) of the socket
    /// from here on.
    ///
    /// Checks that return `()` may come before it: all have to agree, in order.
    ///
    /// `check` is an async function of the [`Handshake`] and perhaps the [`State`](crate::State). It
    /// runs on every connection, within [`Limits::handshake`]: where a client comes back to its session, what
    /// it returns takes the place of the last, and a refusal as unauthorised or forbidden ends the session.
    /// A refusal with the code
    /// `unauthorized` is HTTP status 401 or close code 4401, `internal` is 500 or 4500, `busy` and
    /// `timeout` are 503 or 1013, and any other 403 or 4403: the close code with the reject's message
    /// as its reason for a client that offered our subprotocol (a page cannot see the status), the
    /// HTTP status for others.
    pub fn authorize<Args, H, Se, E>(self, check: H) -> Server<P, St, Se, Slots>
    where
        H: Handler<Handshake, Args>,
        Args: FromContext<Opening<St>>,
        H::Future: Future<Output = Result<Se, E>> + Send + 'static,
        E: Into<Reject>,
        Se: Send + Sync + 'static,
    {
        let before = self.authorize;
        Server {
            table: table::adapt(self.table, &Context::without_session),
            on_connect: listener::adapt(self.on_connect, &Context::without_session),
            on_disconnect: listener::adapt(self.on_disconnect, &Context::without_session),
            on_suspend: listener::adapt(self.on_suspend, &Context::without_session),
            on_resume: listener::adapt(self.on_resume, &Context::without_session),
            identify: None,
            shared: self.shared,
            authorize: Box::new(move |handshake, opening| {
                let before = before(handshake.clone(), opening);
                let (check, opening) = (check.clone(), opening.clone());
                Box::pin(async move {
                    before.await?;
                    let checked = check.invoke(handshake, Args::from_context(&opening)?);
                    checked.await.map(Arc::new).map_err(Into::into)
                })
            }),
            settings: self.settings,
            slots: PhantomData,
        }
    }
}

impl<P, St, Se, Slots> Server<P, St, Se, Slots>
where
    P: Protocol,
    St: Send + Sync + 'static,
    Se: Send + Sync + 'static,
{
    /// Runs when a socket has opened, before its first event is handled. Several run in order.
    ///
    /// An async function of up to six [arguments](FromContext). What it emits to its socket comes
    /// before everything that is broadcast meanwhile, so that a snapshot is followed by all that
    /// changed since. A refusal closes the socket, as with [`authorize`](Server::authorize).
    pub fn on_connect<Args, L>(mut self, listener: L) -> Self
    where
        L: Listener<Args>,
        Args: FromContext<Context<P, St, Se>> + 'static,
        L::Future: Future<Output: IntoReply<()>> + Send + 'static,
    {
        self.on_connect.push(Box::new(TypedListener(listener, PhantomData)));
        self
    }

    /// Runs once when a socket has ended, after its last event was handled. Several run in order.
    ///
    /// A socket that loses its connection has not ended: it is waited for, [`Limits::resume`] long, and
    /// [`on_suspend`](Self::on_suspend) runs. A client that closes or leaves its page ends it at once.
    ///
    /// The socket is not counted any more but still in its rooms. Besides the usual
    /// [arguments](FromContext) it can ask for the [`Disconnect`](crate::Disconnect): why it ended.
    /// What has not finished after [`Limits::grace`] is dropped, and nothing runs any more when the
    /// runtime itself has ended.
    pub fn on_disconnect<Args, L>(mut self, listener: L) -> Self
    where
        L: Listener<Args>,
        Args: FromContext<Context<P, St, Se, Ended>> + 'static,
        L::Future: Future<Output: IntoReply<()>> + Send + 'static,
    {
        self.on_disconnect.push(Box::new(TypedListener(listener, PhantomData)));
        self
    }

    /// Handles the event that is the first argument of `handler`.
    ///
    /// An async function (or closure, with its arguments annotated) of the event and up to six
    /// [arguments](FromContext), which returns the event's reply or a `Result` of it. The events of
    /// one socket are handled one after the other, sockets in parallel. A panic is answered
    /// `internal`, logged, and the socket lives. One that computes holds its thread: leave what takes
    /// longer than some milliseconds to [`spawn_blocking`](tokio::task::spawn_blocking). On a runtime
    /// with several threads a watchdog, a thread that sleeps while nothing happens, has the others
    /// serve the other sockets meanwhile.
    ///
    /// # Cancel safety
    ///
    /// A handler runs to its end, also when its socket ends meanwhile; only if it then needs more
    /// than [`Limits::grace`] it is dropped.
    pub fn on<E, Args, Via, H>(mut self, handler: H) -> Server<P, St, Se, Slots::Filled>
    where
        H: Handler<E, Args>,
        E: Event,
        Args: Arguments<Context<P, St, Se>, E, Via> + 'static,
        Via: 'static,
        H::Future: Future<Output: IntoReply<E::Reply>> + Send + 'static,
        Slots: Fill<E, Slot: FreeFor<E>>,
    {
        if let Some(slot) = self.table.get_mut(E::INDEX) {
            *slot = Some(Box::new(Typed::<_, E, (Args, Via)>(handler, PhantomData)));
        }
        self.refill()
    }

    /// Receives the event `E`, whose reply is `()`, and does nothing; a call of it is answered.
    pub fn ignore<E>(mut self) -> Server<P, St, Se, Slots::Filled>
    where
        E: Event,
        (): IntoReply<E::Reply>,
        Slots: Fill<E, Slot: FreeFor<E>>,
    {
        if let Some(slot) = self.table.get_mut(E::INDEX) {
            *slot = Some(Box::new(Ignored));
        }
        self.refill()
    }

    /// Handles every event that has no handler of its own, as the enum.
    ///
    /// A call of such an event is answered without a value, whatever its reply should be.
    pub fn fallback<Args, H>(mut self, handler: H) -> Server<P, St, Se, Rest<Slots>>
    where
        H: Handler<P::Client, Args>,
        Args: FromContext<Context<P, St, Se>> + 'static,
        H::Future: Future<Output: IntoReply<()>> + Send + 'static,
        Slots: Open,
    {
        for (index, slot) in self.table.iter_mut().enumerate() {
            slot.get_or_insert_with(|| {
                Box::new(Fallback { handler: handler.clone(), index, types: PhantomData })
            });
        }
        self.refill()
    }

    /// Sees every event and call in and out, before it is handled or queued; a broadcast once.
    ///
    /// Events of the contract: not replies, heartbeats, or what is refused as `unknown_event`. A hook
    /// runs where the event is handled or emitted, so it must not block; its panics are logged.
    pub fn inspect(mut self, hook: impl Fn(Inspected<'_>) + Send + Sync + 'static) -> Self {
        self.settings.hooks.inspect.push(Box::new(hook));
        self
    }

    /// Is told of every event that was not emitted, since it does not serialise or is longer than its
    /// `max`.
    pub fn on_error(mut self, hook: impl Fn(&EmitError) + Send + Sync + 'static) -> Self {
        self.settings.hooks.on_error.push(Box::new(hook));
        self
    }

    /// Lets pages of these origins connect, such as `https://example.org`, and no others; `*` is any.
    ///
    /// Without it a page must be of the same host. Requests without `Origin`, which come from no
    /// browser, always pass.
    pub fn origins<O: Into<String>>(mut self, origins: impl IntoIterator<Item = O>) -> Self {
        self.settings.origins = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// All sockets: for HTTP handlers, timers, other tasks.
    pub fn io(&self) -> Io<P> {
        Io::new(self.settings.hub.clone())
    }

    /// The server as a [`Service`], without the further type parameters: to embed or to mount.
    pub fn build(self) -> Service<P>
    where
        Slots: Exhaustive,
    {
        let app = App {
            // Exhaustive slots leave no gap: every event has its handler.
            table: self
                .table
                .into_iter()
                .map(|slot| slot.unwrap_or_else(|| Box::new(Ignored)))
                .collect(),
            on_connect: self.on_connect,
            on_disconnect: self.on_disconnect,
            on_suspend: self.on_suspend,
            on_resume: self.on_resume,
            identify: self.identify,
            state: self.shared,
            authorize: self.authorize,
            hub: self.settings.hub.clone(),
        };
        let limits = Arc::new(self.settings.limits.bounded());
        self.settings.hub.set_hooks(self.settings.hooks);
        #[cfg(feature = "cluster")]
        if let Some(joining) = self.settings.cluster {
            joining.join(&self.settings.hub, &limits);
        }
        Service::new(Arc::new(app), self.settings.hub, limits, self.settings.origins)
    }

    /// The client that it will serve to pages, as files; by the [`limits`](Self::limits) set so far.
    pub fn browser_client(&self) -> BrowserClient {
        BrowserClient::new(Files::new::<P>(&self.settings.limits.clone().bounded()))
    }

    #[cfg(feature = "http")]
    pub(crate) fn settings(&mut self) -> &mut Settings<P> {
        &mut self.settings
    }

    fn refill<Filled>(self) -> Server<P, St, Se, Filled> {
        Server {
            table: self.table,
            on_connect: self.on_connect,
            on_disconnect: self.on_disconnect,
            on_suspend: self.on_suspend,
            on_resume: self.on_resume,
            identify: self.identify,
            shared: self.shared,
            authorize: self.authorize,
            settings: self.settings,
            slots: PhantomData,
        }
    }
}

impl<P: Protocol, St, Se, Slots> fmt::Debug for Server<P, St, Se, Slots> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("events", &P::Client::NAMES).finish_non_exhaustive()
    }
}
