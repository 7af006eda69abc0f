//! The programs of the design, as they are written there: they compile, and they run.
#![allow(missing_docs, unreachable_pub)]

mod events {
    use serde::{Deserialize, Serialize};
    use socketkit::{Events, Protocol};

    pub type PostId = u64;
    pub type Posts = std::sync::Mutex<Vec<Post>>;

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub struct Post {
        pub id: PostId,
        pub author: String,
        pub body: String,
    }

    #[derive(Debug, Events)]
    pub enum ClientEvent {
        /// Publish a post; answered with its id.
        #[event(reply = PostId)]
        SubmitPost { author: String, body: String },
        /// Watch one post.
        Watch(PostId),
        /// The user is typing.
        #[event(volatile)]
        Typing,
    }

    #[derive(Debug, Events)]
    pub enum ServerEvent {
        /// Every post so far, on connection.
        History(Vec<Post>),
        PostUpdate(Post),
        #[event(volatile)]
        SomeoneTyping,
        /// Whether the reader agrees.
        #[event(reply = bool)]
        Confirm {
            id: PostId,
        },
    }

    #[derive(Protocol)]
    #[protocol(client = ClientEvent, server = ServerEvent, room = PostId)]
    pub struct Forum;
}

/// Section 3: the forum server, and section 5: its client.
mod forum {
    use super::events::client_event::{SubmitPost, Typing, Watch};
    use super::events::{ClientEvent, Forum, Post, PostId, Posts, ServerEvent};
    use socketkit::{CallError, Client, Io, Reject, Server, Socket, State};

    async fn connected(socket: Socket<Forum>, posts: State<Posts>) {
        socket.emit(ServerEvent::History(posts.lock().unwrap().clone()));
    }

    async fn submit_post(
        post: SubmitPost,
        io: Io<Forum>,
        posts: State<Posts>,
    ) -> Result<PostId, Reject> {
        if post.body.is_empty() {
            return Err(Reject::new("empty", "a post needs a body"));
        }
        let mut posts = posts.lock().unwrap();
        let id = posts.len() as PostId;
        posts.push(Post { id, author: post.author, body: post.body });
        io.broadcast(ServerEvent::PostUpdate(posts.last().unwrap().clone()));
        Ok(id)
    }

    async fn watch(Watch(post): Watch, socket: Socket<Forum>) {
        socket.join(post);
    }

    async fn typing(_: Typing, socket: Socket<Forum>) {
        socket.broadcast(ServerEvent::SomeoneTyping);
    }

    async fn follow(url: String) -> Result<Vec<String>, Box<dyn std::error::Error>> {
        let mut lines = Vec::new();
        let mut forum = Client::<Forum>::connect(url).await?;
        let post = SubmitPost { author: "ada".into(), body: "hello".into() };
        match forum.call(post).await {
            Ok(id) => drop(forum.emit(ClientEvent::Watch(id))),
            Err(CallError::Rejected { code, message }) => lines.push(format!("{code}: {message}")),
            Err(error) => return Err(error.into()),
        }
        while let Some(event) = forum.recv().await {
            match event {
                ServerEvent::History(posts) => lines.push(format!("{} posts so far", posts.len())),
                ServerEvent::PostUpdate(post) => {
                    lines.push(format!("{}: {}", post.author, post.body));
                    break;
                }
                ServerEvent::SomeoneTyping | ServerEvent::Confirm { .. } => {}
            }
        }
        Ok(lines)
    }

    #[tokio::test]
    async fn the_forum_and_its_client_run() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<title>forum</title>").unwrap();
        let (ready, bound) = tokio::sync::oneshot::channel();
        let serve = Server::<Forum>::new()
            .state(Posts::default())
            .on_connect(connected)
            .on(submit_post)
            .on(watch)
            .on(typing)
            .public(folder.path())
            .listen("127.0.0.1:0")
            .ready(|addr| ready.send(addr).unwrap());
        tokio::spawn(async { serve.await.unwrap() });
        let addr = bound.await.unwrap();
        let lines = tests::chat::soon(follow(format!("ws://{addr}/ws"))).await.unwrap();
        assert_eq!(lines, ["0 posts so far", "ada: hello"]);
    }
}

/// Section 4: the visitor counter.
mod counter {
    use socketkit::{Events, Io, Protocol, Server};

    #[derive(Debug, PartialEq, Events)]
    pub(super) enum ServerEvent {
        /// How many visitors are online.
        #[event(latest)]
        Visitors { online: usize },
    }

    #[derive(Protocol)]
    #[protocol(server = ServerEvent)]
    pub(super) struct Counter;

    async fn announce(io: Io<Counter>) {
        io.broadcast(ServerEvent::Visitors { online: io.len() });
    }

    #[tokio::test]
    async fn the_visitor_counter_counts() {
        let service = Server::<Counter>::new().on_connect(announce).on_disconnect(announce).build();
        let mut first = service.local().await;
        assert_eq!(first.recv().await, Some(ServerEvent::Visitors { online: 1 }));
        let second = service.local().await;
        assert_eq!(first.recv().await, Some(ServerEvent::Visitors { online: 2 }));
        drop(second);
        assert_eq!(first.recv().await, Some(ServerEvent::Visitors { online: 1 }));
    }
}

/// Section 6: login, typed session, rooms, acks both ways, embedding.
mod login {
    use super::events::client_event::{SubmitPost, Typing};
    use super::events::{ClientEvent, Forum, Post, PostId, ServerEvent, server_event};
    use socketkit::{Client, Handshake, Reject, Server, Session, Socket, State, Status};
    use std::collections::HashMap;
    use std::io;
    use tests::chat::soon;

    #[derive(Clone)]
    struct User {
        name: String,
    }

    struct Users(HashMap<&'static str, User>);
    impl Users {
        fn open() -> io::Result<Self> {
            Ok(Self([("secret", User { name: "ada".into() })].into()))
        }
        async fn find(&self, token: &str) -> io::Result<Option<User>> {
            Ok(self.0.get(token).cloned())
        }
    }
    async fn store(_: &str, _: SubmitPost) -> io::Result<PostId> {
        Ok(7)
    }
    fn load(id: PostId) -> Post {
        Post { id, author: "ada".into(), body: "hello".into() }
    }

    async fn login(handshake: Handshake, users: State<Users>) -> Result<User, Reject> {
        let token = handshake.query("token").ok_or(Reject::new("unauthorized", "no token"))?;
        users.find(token).await?.ok_or(Reject::new("unauthorized", "unknown token"))
    }
    async fn submit_post(
        post: SubmitPost,
        socket: Socket<Forum>,
        user: Session<User>,
    ) -> Result<PostId, Reject> {
        let id = store(&user.name, post).await?;
        socket.io().to(id).except(socket.id()).emit(ServerEvent::PostUpdate(load(id)));
        let seen: bool = socket.call(server_event::Confirm { id }).await?;
        assert!(seen);
        Ok(id)
    }
    async fn rest(event: ClientEvent, socket: Socket<Forum>) {
        match event {
            ClientEvent::SubmitPost { body, .. } => println!("{body}"),
            ClientEvent::Watch(post) => socket.join(post),
            ClientEvent::Typing => {}
        }
    }
    async fn greet(socket: Socket<Forum>, user: Session<User>) {
        socket.emit(ServerEvent::PostUpdate(Post {
            id: 0,
            author: user.name.clone(),
            body: "welcome".into(),
        }));
    }
    async fn count() {}

    #[tokio::test]
    async fn a_login_a_typed_session_and_calls_both_ways_run() -> io::Result<()> {
        let server = Server::<Forum>::new()
            .state(Users::open()?)
            .authorize(login)
            .on_connect(greet)
            .on_connect(count)
            .on(submit_post)
            .ignore::<Typing>()
            .fallback(rest);
        let io = server.io();
        let service = server.build();

        let (near, stream) = tokio::io::duplex(64 * 1024);
        let handshake = http::Request::get("/?token=wrong").body(()).unwrap();
        let embedded = service.clone();
        let refused = tokio::spawn(async move { embedded.upgraded(stream, handshake).await });
        drop(near);
        assert_eq!(soon(refused).await.unwrap().code.0, 4401);

        let client = service.local().await;
        let status = client.status().borrow().clone();
        assert!(matches!(status, Status::Closed { code, .. } if code.0 == 4401), "{status:?}");

        async fn confirm(ask: server_event::Confirm) -> bool {
            ask.id == 7
        }
        let mut client = soon(Client::to(&service).query("token", "secret").on(confirm).connect())
            .await
            .unwrap();
        let welcome = soon(client.recv()).await;
        assert!(matches!(welcome, Some(ServerEvent::PostUpdate(post)) if post.author == "ada"));
        assert_eq!(io.len(), 1);
        let id = soon(client.call(SubmitPost { author: "ada".into(), body: "hello".into() }))
            .await
            .unwrap();
        assert_eq!(id, 7);
        Ok(())
    }
}
