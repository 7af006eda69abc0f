//! Events reach their handlers, in order, and what handlers emit reaches sockets.

use socketkit::{Client, Direction, Io, Limits, Server, Socket, SocketId, State};
use std::sync::Mutex;
use tests::chat::{
    Chat, ClientEvent, ServerEvent, client_event::*, clients, next, server_event::Question, soon,
    until,
};
use tokio::sync::mpsc;

/// The service that does nothing with the events that have no handler.
macro_rules! quiet {
    ($server:expr $(,)?) => {
        $server.fallback(async |_: ClientEvent| {}).build()
    };
}

#[tokio::test]
async fn an_event_reaches_its_handler_with_what_it_asks_for() {
    async fn tell(
        Tell(text): Tell,
        socket: Socket<Chat>,
        id: SocketId,
        io: Io<Chat>,
        names: State<Vec<&str>>,
    ) {
        assert_eq!((socket.id(), io.len()), (id, 1));
        socket.emit(ServerEvent::Told(format!("{} {text}", names[0])));
    }
    let service = quiet!(Server::<Chat>::new().state(vec!["ada"]).on(tell));
    let [mut client] = clients(&service).await;
    client.emit(ClientEvent::Tell("hi".into()));
    assert_eq!(next(&mut client).await, ServerEvent::Told("ada hi".into()));
}

#[tokio::test]
async fn the_struct_of_an_event_is_emitted_as_well_as_the_enum() {
    let service =
        quiet!(Server::<Chat>::new().on(async |Tell(text): Tell, socket: Socket<Chat>| {
            socket.emit(tests::chat::server_event::Told(text));
        }));
    let [mut client] = clients(&service).await;
    client.emit(Tell("hi".into()));
    assert_eq!(next(&mut client).await, ServerEvent::Told("hi".into()));
}

#[tokio::test]
async fn handlers_registered_before_the_state_still_run() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let (early, late) = (sender.clone(), sender);
    let server = Server::<Chat>::new()
        .on_connect({
            let early = early.clone();
            async move |_: Socket<Chat>| drop(early.send("connect".to_owned()))
        })
        .on(async move |Tell(text): Tell| drop(early.send(text)))
        .state(Mutex::new(7))
        .on(async move |Join(text): Join, state: State<Mutex<u32>>| {
            drop(late.send(format!("{text} {}", state.lock().unwrap())))
        });
    let service = quiet!(server);
    let [client] = clients(&service).await;
    client.emit(Tell("before".into()));
    client.emit(Join("after".into()));
    for expected in ["connect", "before", "after 7"] {
        assert_eq!(soon(seen.recv()).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn inspect_sees_every_event_in_and_out_and_a_broadcast_once() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let server = Server::<Chat>::new()
        .inspect(move |event| {
            let _ = sender.send((event.direction, event.socket.is_some(), event.frame.to_owned()));
        })
        .on(async |Tell(text): Tell, io: Io<Chat>| {
            io.broadcast(ServerEvent::Told(text));
        });
    let service = quiet!(server);
    let [client, _other] = clients(&service).await;
    client.emit(Tell("hi".into()));
    let received = (Direction::In, true, r#"{"event":"tell","data":"hi"}"#.to_owned());
    assert_eq!(soon(seen.recv()).await, Some(received));
    let sent = (Direction::Out, false, r#"{"event":"told","data":"hi"}"#.to_owned());
    assert_eq!(soon(seen.recv()).await, Some(sent));
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn inspect_sees_calls_of_the_server_and_may_panic() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let server = Server::<Chat>::new().inspect(move |event| {
        let _ = sender.send((event.direction, event.socket, event.event.to_owned()));
        panic!("by request");
    });
    let service = quiet!(server);
    let client = Client::to(&service).on(async |question: Question| question.text);
    let client = soon(client.connect()).await.unwrap();
    until(|| service.io().len() == 1).await;
    let socket = service.io().sockets().remove(0);
    let question = || Question { text: "?".into() };
    assert_eq!(soon(socket.call(question())).await.unwrap(), "?");
    let (_, reply) = soon(service.io().all().call(question()).next()).await.unwrap();
    assert_eq!(reply.unwrap(), "?");
    soon(client.call(Tell("hi".into()))).await.unwrap();
    let question = (Direction::Out, Some(socket.id()), "question".to_owned());
    let told = (Direction::In, Some(socket.id()), "tell".to_owned());
    for expected in [question.clone(), question, told] {
        assert_eq!(soon(seen.recv()).await, Some(expected));
    }
}

#[tokio::test]
async fn a_spawned_task_ends_with_its_socket() {
    struct Gone(mpsc::UnboundedSender<()>);
    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, mut gone) = mpsc::unbounded_channel();
    let service = quiet!(Server::<Chat>::new().on_connect(async move |socket: Socket<Chat>| {
        let guard = Gone(sender.clone());
        let other = socket.clone();
        socket.spawn(async move {
            other.emit(ServerEvent::Told("spawned".into()));
            let _guard = guard;
            std::future::pending::<()>().await;
        });
    }));
    let [mut client] = clients(&service).await;
    assert_eq!(next(&mut client).await, ServerEvent::Told("spawned".into()));
    assert!(gone.try_recv().is_err());
    drop(client);
    assert_eq!(soon(gone.recv()).await, Some(()));
}

#[tokio::test]
async fn an_event_that_does_not_serialise_goes_to_on_error_and_nowhere_else() {
    mod broken {
        use socketkit::{Events, NoEvents, Protocol};
        #[derive(Debug)]
        pub(super) struct Never;
        impl serde::Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("never"))
            }
        }
        impl<'de> serde::Deserialize<'de> for Never {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Ok(Self)
            }
        }
        #[derive(Events)]
        pub(super) enum Out {
            Never(Never),
        }
        #[derive(Protocol)]
        #[protocol(client = NoEvents, server = Out)]
        pub(super) struct Broken;
    }
    let (sender, mut errors) = mpsc::unbounded_channel();
    let service = Server::<broken::Broken>::new()
        .on_error(move |error| drop(sender.send(format!("{error}: {}", error.source))))
        .build();
    let _client = soon(service.local()).await;
    let delivery = service.io().broadcast(broken::Out::Never(broken::Never));
    assert_eq!(delivery, socketkit::Delivery::default());
    assert_eq!(
        soon(errors.recv()).await.as_deref(),
        Some("event `never` does not serialise: never")
    );
}

#[tokio::test]
async fn a_handler_that_panics_when_it_is_dropped_leaves_nothing_behind() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let limits = Limits::default().grace(std::time::Duration::from_millis(1));
    let service = quiet!(Server::<Chat>::new().limits(limits).on(
        async |Tell(room): Tell, socket: Socket<Chat>| {
            socket.join(room);
            let _grenade = Grenade;
            std::future::pending::<()>().await;
        },
    ));
    let [client] = clients(&service).await;
    client.emit(Tell("room".into()));
    until(|| service.io().room_count() == 1).await;
    drop(client);
    until(|| service.io().room_count() == 0 && service.io().is_empty()).await;
}

#[test]
fn sockets_end_with_their_runtime_and_handles_of_them_stay_harmless() {
    let service = quiet!(Server::<Chat>::new());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async {
        let [client] = clients(&service).await;
        client
    });
    let socket = service.io().sockets().remove(0);
    drop(runtime);
    assert!(service.io().is_empty());
    assert_eq!(socket.emit(ServerEvent::Told("late".into())).closed, 1);
    assert_eq!(service.io().broadcast(ServerEvent::Told("late".into())).queued, 0);
    assert_eq!(
        client.emit(Tell("late".into())).queued + client.emit(Tell("late".into())).closed,
        1
    );
    // Another runtime serves it as the first did.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let [mut client] = clients(&service).await;
        service.io().broadcast(ServerEvent::Told("again".into()));
        assert_eq!(next(&mut client).await, ServerEvent::Told("again".into()));
    });
}
