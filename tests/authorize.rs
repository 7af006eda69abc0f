//! Who may connect: `authorize`, origins, and what a refused client gets to see.

use socketkit::{
    Client, CloseCode, ConnectError, Handshake, Limits, PeerAddr, Reject, Server, Service, Session,
    Socket, Status,
};
use tests::chat::{Chat, ClientEvent, ServerEvent, client_event::*, listen, next, soon};
use tower::ServiceExt;

fn service() -> Service<Chat> {
    Server::<Chat>::new()
        .authorize(async |handshake: Handshake| -> Result<String, Reject> {
            match handshake.token() {
                Some("panic") => panic!("by request"),
                Some("broken") => Err("x".parse::<u8>().unwrap_err().into()),
                Some("banned") => Err(Reject::new("banned", "you were banned")),
                Some("busy") => Err(Reject::new("busy", "come back later")),
                Some("slow") => std::future::pending().await,
                Some(token) => Ok(token.to_owned()),
                None => Err(Reject::new("unauthorized", "who are you?")),
            }
        })
        .limits(Limits::default().handshake(std::time::Duration::from_millis(200)))
        .on(async |_: Ask, user: Session<String>| user.to_string())
        .on_connect(async |socket: Socket<Chat>| {
            socket.emit(ServerEvent::Told(socket.handshake().path().to_owned()))
        })
        .fallback(async |_: ClientEvent| {})
        .build()
}

#[tokio::test]
async fn several_checks_run_in_order_and_the_first_refusal_counts() {
    async fn not_banned(handshake: Handshake) -> Result<(), Reject> {
        match handshake.query("banned") {
            Some(_) => Err(Reject::new("banned", "you were banned")),
            None => Ok(()),
        }
    }
    async fn login(handshake: Handshake) -> Result<String, Reject> {
        let token = handshake.token().ok_or_else(|| Reject::new("unauthorized", "who are you?"))?;
        Ok(token.to_owned())
    }
    let service = Server::<Chat>::new()
        .authorize(not_banned)
        .state(7)
        .authorize(|handshake: Handshake| {
            assert!(handshake.query("banned").is_none(), "the first check has not agreed");
            std::future::ready(Ok::<_, Reject>(()))
        })
        .authorize(login)
        .on(async |_: Ask, user: Session<String>| user.to_string())
        .fallback(async |_: ClientEvent| {})
        .build();
    for (banned, token, code) in [(true, true, 4403), (true, false, 4403), (false, false, 4401)] {
        let mut client = Client::to(&service);
        if banned {
            client = client.query("banned", "");
        }
        if token {
            client = client.token("ada");
        }
        match soon(client.connect()).await {
            Err(ConnectError::Closed(why)) => assert_eq!(why.code, CloseCode(code)),
            other => panic!("{banned} {token}: {other:?}"),
        }
    }
    let client = soon(Client::to(&service).token("ada").connect()).await.unwrap();
    assert_eq!(soon(client.call(Ask { text: String::new() })).await.unwrap(), "ada");
}

#[tokio::test]
async fn what_authorize_returns_is_the_session() {
    let service = service();
    let client = soon(Client::to(&service).token("ada").connect()).await.unwrap();
    assert_eq!(soon(client.call(Ask { text: String::new() })).await.unwrap(), "ada");
    let url = format!("ws://{}/ws", listen(&service).await);
    let mut client = soon(Client::builder(url).query("token", "a b&c").connect()).await.unwrap();
    assert_eq!(soon(client.call(Ask { text: String::new() })).await.unwrap(), "a b&c");
    assert_eq!(next(&mut client).await, ServerEvent::Told("/ws".into()));
}

#[tokio::test]
async fn a_client_of_our_subprotocol_is_closed_with_a_code_and_the_reason() {
    let service = service();
    for (token, code, reason) in [
        (None, CloseCode::UNAUTHORIZED, "who are you?"),
        (Some("banned"), CloseCode::FORBIDDEN, "you were banned"),
        (Some("broken"), CloseCode::INTERNAL, "internal error"),
        (Some("panic"), CloseCode::INTERNAL, "internal error"),
        (Some("busy"), CloseCode::FULL, "come back later"),
        (Some("slow"), CloseCode::FULL, "the handshake took too long"),
    ] {
        let builder = Client::to(&service).limits(Limits::default());
        let builder = match token {
            Some(token) => builder.token(token),
            None => builder,
        };
        match soon(builder.connect()).await {
            Err(ConnectError::Closed(why)) => assert_eq!((why.code, &*why.reason), (code, reason)),
            other => panic!("{token:?}: {other:?}"),
        }
    }
    assert!(service.io().is_empty());
}

#[tokio::test]
async fn a_refused_client_does_not_try_again() {
    let client = soon(service().local()).await;
    let closed = Status::Closed { code: CloseCode::UNAUTHORIZED, reason: "who are you?".into() };
    assert_eq!(*client.status().borrow(), closed);
}

/// The status of the answer to a request to upgrade.
async fn status(service: &Service<Chat>, headers: &[(&str, &str)], peer: Option<&str>) -> u16 {
    let mut request = http::Request::builder()
        .uri("/ws")
        .header("host", "here.example")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "WebSocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(peer) = peer {
        request = request.extension(PeerAddr(peer.parse().unwrap()));
    }
    let Ok(reply) = soon(service.clone().oneshot(request.body(()).unwrap())).await;
    reply.status().as_u16()
}

#[tokio::test]
async fn others_get_the_status() {
    let service = service();
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(status(&service, &[], None).await, 426, "no connection to upgrade");
    for (token, expected) in [("banned", 403), ("broken", 500), ("busy", 503), ("slow", 503)] {
        let got = status_over_tcp(&service, &[("authorization", &bearer(token))]).await;
        assert_eq!(got, expected, "{token}");
    }
    assert_eq!(status_over_tcp(&service, &[]).await, 401);
    assert_eq!(status_over_tcp(&service, &[("authorization", "Bearer ada")]).await, 101);
}

/// The same over a real connection, which can be upgraded.
async fn status_over_tcp(service: &Service<Chat>, headers: &[(&str, &str)]) -> u16 {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let addr = listen(service).await;
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let mut head = format!(
        "GET /ws HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        head += &format!("{name}: {}\r\n", value.replace("{addr}", &addr.to_string()));
    }
    stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    soon(BufReader::new(stream).read_line(&mut line)).await.unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused_unless_they_are_named() {
    let anyone = || Server::<Chat>::new().fallback(async |_: ClientEvent| {});
    let here = anyone().build();
    for (origin, expected) in [("http://{addr}", 101), ("http://evil.example", 403), ("null", 403)]
    {
        assert_eq!(status_over_tcp(&here, &[("origin", origin)]).await, expected, "{origin}");
    }
    assert_eq!(status_over_tcp(&here, &[]).await, 101, "no browser");
    let named = anyone().origins(["https://app.example"]).build();
    for (origin, expected) in [
        ("https://app.example", 101),
        ("https://APP.example", 101),
        ("http://app.example", 403),
        ("http://{addr}", 403),
    ] {
        assert_eq!(status_over_tcp(&named, &[("origin", origin)]).await, expected, "{origin}");
    }
    let any = anyone().origins(["*"]).build();
    assert_eq!(status_over_tcp(&any, &[("origin", "http://evil.example")]).await, 101);
}
