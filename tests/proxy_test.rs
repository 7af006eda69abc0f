//! The proxy on a plain echo: what passes, when, and how it ends.

use std::{
    io::{ErrorKind, Result},
    net::SocketAddr,
    time::{Duration, Instant},
};
use tests::{
    chat::soon,
    proxy::{Cut, Link, Proxy, Way},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// A server that sends back what it reads, and tells of each connection.
struct Echo {
    addr: SocketAddr,
    told: mpsc::UnboundedReceiver<Told>,
}

#[derive(Debug, PartialEq)]
enum Told {
    /// A read.
    Read(Vec<u8>),
    /// How it ended.
    End(Option<ErrorKind>),
}

impl Echo {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, (tell, told)) = (listener.local_addr().unwrap(), mpsc::unbounded_channel());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tokio::spawn(async move {
                    let end = echo(stream, &tell).await.err().map(|error| error.kind());
                    let _ = tell.send(Told::End(end));
                });
            }
        });
        Self { addr, told }
    }

    async fn told(&mut self) -> Told {
        soon(self.told.recv()).await.unwrap()
    }

    /// All that is read until the connection ends, and how it ends.
    async fn rest(&mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let mut all = Vec::new();
        loop {
            match self.told().await {
                Told::Read(bytes) => all.extend(bytes),
                Told::End(end) => return (all, end),
            }
        }
    }
}

async fn echo(mut stream: TcpStream, tell: &mpsc::UnboundedSender<Told>) -> Result<()> {
    let mut end = Ok(());
    loop {
        let mut bytes = vec![0; 4096];
        // Who takes no answer may still have said something.
        match stream.read(&mut bytes).await {
            Ok(0) => return end,
            Ok(length) => bytes.truncate(length),
            Err(error) => return end.and(Err(error)),
        }
        let _ = tell.send(Told::Read(bytes.clone()));
        if end.is_ok() {
            end = stream.write_all(&bytes).await;
        }
    }
}

/// A client of it through a proxy.
struct Client(TcpStream);

impl Client {
    async fn connect(proxy: &Proxy) -> (Self, Link) {
        let stream = soon(TcpStream::connect(proxy.addr())).await.unwrap();
        (Self(stream), proxy.accepted().await)
    }

    async fn send(&mut self, text: &str) {
        soon(self.0.write_all(text.as_bytes())).await.unwrap();
    }

    async fn gets(&mut self, text: &str) {
        let mut bytes = vec![0; text.len()];
        soon(self.0.read_exact(&mut bytes)).await.unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }

    async fn echoes(&mut self, text: &str) {
        self.send(text).await;
        self.gets(text).await;
    }

    /// All that comes until the end, and how it ends.
    async fn rest(&mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let mut all = Vec::new();
        let end = soon(self.0.read_to_end(&mut all)).await;
        (all, end.err().map(|error| error.kind()))
    }

    /// Nothing is there, and it has not ended.
    fn waits(&self) {
        assert_eq!(self.0.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// The error that a cut is seen as.
fn seen(cut: Cut) -> Option<ErrorKind> {
    (cut == Cut::Rst).then_some(ErrorKind::ConnectionReset)
}

fn told(text: &str) -> Told {
    Told::Read(text.into())
}

#[tokio::test]
async fn bytes_and_ends_pass() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    let (mut client, link) = Client::connect(&proxy).await;
    client.echoes("hello").await;
    assert_eq!(echo.told().await, told("hello"));
    client.send("last").await;
    soon(client.0.shutdown()).await.unwrap();
    assert_eq!(client.rest().await, (b"last".to_vec(), None));
    assert_eq!(echo.rest().await, (b"last".to_vec(), None));
    link.ended().await;
    assert_eq!((link.forwarded(Way::Up), link.forwarded(Way::Both)), (9, 18));

    let (mut client, link) = Client::connect(&proxy).await;
    client.echoes("hello").await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(echo.rest().await.1, Some(ErrorKind::ConnectionReset));
    link.ended().await;
    assert!(proxy.links().is_empty());
}

#[tokio::test]
async fn a_cut_ends_both_sides_as_told() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    for cut in [Cut::Fin, Cut::Rst] {
        let (mut client, link) = Client::connect(&proxy).await;
        client.echoes("a").await;
        link.freeze(Way::Both);
        client.send("lost").await;
        link.cut(cut);
        assert_eq!(client.rest().await, (vec![], seen(cut)));
        assert_eq!(echo.rest().await, (b"a".to_vec(), seen(cut)));
        link.ended().await;
    }
}

#[tokio::test]
async fn all_are_cut_and_later_ones_are_not() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    let (mut a, _) = Client::connect(&proxy).await;
    let (mut b, _) = Client::connect(&proxy).await;
    a.echoes("a").await;
    b.echoes("b").await;
    proxy.cut(Cut::Rst);
    assert_eq!(a.rest().await.1, seen(Cut::Rst));
    assert_eq!(b.rest().await.1, seen(Cut::Rst));
    assert_eq!((echo.rest().await.1, echo.rest().await.1), (seen(Cut::Rst), seen(Cut::Rst)));
    let (mut c, link) = Client::connect(&proxy).await;
    c.echoes("c").await;
    assert_eq!(link.number(), 2);
}

#[tokio::test]
async fn the_exact_number_of_bytes_passes_before_a_cut() {
    let text = "0123456789".repeat(2000);
    for cut in [Cut::Fin, Cut::Rst] {
        for bytes in [0, 1, 4095, 4096, 4097, 19_999] {
            let mut echo = Echo::listen().await;
            let proxy = Proxy::to(echo.addr).await;
            let (mut client, link) = Client::connect(&proxy).await;
            client.echoes("before").await;
            assert_eq!(echo.told().await, told("before"));
            link.cut_after(Way::Up, bytes, cut);
            // The rest of it may meet a connection that is cut already.
            let _ = soon(client.0.write_all(text.as_bytes())).await;
            let (read, end) = echo.rest().await;
            assert_eq!(read, text.as_bytes()[..bytes as usize], "{cut:?} after {bytes}");
            // What the server writes back into a connection that was cut is reset too.
            assert!(end == seen(cut) || end == seen(Cut::Rst), "{end:?}");
            link.ended().await;
            assert_eq!(link.forwarded(Way::Up), 6 + bytes);
        }
    }
}

#[tokio::test]
async fn what_comes_down_is_cut_where_told_for_every_connection() {
    let echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    for cut in [Cut::Fin, Cut::Rst] {
        proxy.cut_after(Way::Down, 3, cut);
        for _ in 0..2 {
            let (mut client, _) = Client::connect(&proxy).await;
            client.send("hello").await;
            let mut bytes = [0; 3];
            soon(client.0.read_exact(&mut bytes)).await.unwrap();
            assert_eq!(bytes, *b"hel");
            assert_eq!(client.rest().await, (vec![], seen(cut)));
        }
    }
    proxy.calm();
    Client::connect(&proxy).await.0.echoes("hello").await;
}

#[tokio::test]
async fn what_is_frozen_stays_open_and_silent_until_it_is_thawed() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    let (mut other, free) = Client::connect(&proxy).await;
    let (mut client, link) = Client::connect(&proxy).await;
    client.echoes("a").await;
    assert_eq!(echo.told().await, told("a"));

    // Down alone: the server hears the client, and not the other way round.
    link.freeze(Way::Down);
    client.send("b").await;
    assert_eq!(echo.told().await, told("b"));
    other.echoes("time passes").await;
    assert_eq!(echo.told().await, told("time passes"));
    client.waits();
    assert_eq!(link.forwarded(Way::Down), 1);
    link.thaw(Way::Down);
    client.gets("b").await;

    // All of them: not even an end passes.
    proxy.freeze(Way::Both);
    free.thaw(Way::Both);
    client.send("c").await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    other.echoes("time passes").await;
    assert_eq!(echo.told().await, told("time passes"));
    assert!(!link.is_over());
    assert_eq!(link.forwarded(Way::Up), 2);
    proxy.thaw(Way::Both);
    assert_eq!(echo.told().await, told("c"));
    assert_eq!(echo.told().await, Told::End(Some(ErrorKind::ConnectionReset)));
    link.ended().await;
}

#[tokio::test]
async fn a_connection_after_a_freeze_is_frozen_too() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    proxy.freeze(Way::Up);
    let (mut client, link) = Client::connect(&proxy).await;
    client.send("a").await;
    proxy.thaw(Way::Up);
    client.gets("a").await;
    assert_eq!(echo.told().await, told("a"));
    assert_eq!(link.forwarded(Way::Both), 2);
}

#[tokio::test]
async fn who_is_refused_is_reset_at_once_until_the_proxy_is_restored() {
    let echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    let (mut before, _) = Client::connect(&proxy).await;
    proxy.refuse();
    let mut refused = Client(soon(TcpStream::connect(proxy.addr())).await.unwrap());
    proxy.refused().await;
    assert_eq!(refused.rest().await, (vec![], seen(Cut::Rst)));
    before.echoes("still here").await;
    proxy.restore();
    Client::connect(&proxy).await.0.echoes("hello").await;
}

#[tokio::test]
async fn what_is_delayed_comes_later_in_order_or_at_once_when_it_is_taken_back() {
    let echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    proxy.delay(Duration::from_millis(30));
    let (mut client, link) = Client::connect(&proxy).await;
    let start = Instant::now();
    client.send("a").await;
    client.send("b").await;
    client.gets("ab").await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    link.delay(Duration::from_secs(3600));
    client.send("c").await;
    soon(client.0.shutdown()).await.unwrap();
    link.delay(Duration::ZERO);
    assert_eq!(client.rest().await, (b"c".to_vec(), None));
}

#[tokio::test]
async fn what_is_throttled_takes_its_time() {
    let echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    let (mut client, link) = Client::connect(&proxy).await;
    link.throttle(1000);
    let start = Instant::now();
    client.echoes(&"x".repeat(100)).await;
    // The last piece is ten bytes, after which nothing waits.
    assert!(start.elapsed() >= Duration::from_millis(90));
    link.throttle(1);
    client.send("xx").await;
    client.gets("x").await;
    proxy.calm();
    client.gets("x").await;
}

#[tokio::test]
async fn what_is_split_comes_in_many_reads() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::seeded(echo.addr, 7).await;
    proxy.split(3);
    let (mut client, _) = Client::connect(&proxy).await;
    let text = "0123456789".repeat(10);
    client.echoes(&text).await;
    soon(client.0.shutdown()).await.unwrap();
    let mut reads = 0;
    while let Told::Read(_) = echo.told().await {
        reads += 1;
    }
    // In pieces of two bytes on average, of which the receiver may find several.
    assert!(reads >= 10, "{reads}");
}

#[tokio::test]
async fn a_later_connection_overtakes_one_that_is_held() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    proxy.hold();
    let (mut first, held) = Client::connect(&proxy).await;
    first.send("first").await;
    let (mut second, link) = Client::connect(&proxy).await;
    second.send("second").await;
    link.release();
    second.gets("second").await;
    assert_eq!(echo.told().await, told("second"));
    first.waits();
    held.release();
    first.gets("first").await;
    assert_eq!(echo.told().await, told("first"));

    // Given up by its client meanwhile, it still reaches the server.
    let (mut late, link) = Client::connect(&proxy).await;
    late.send("late").await;
    drop(late);
    proxy.release();
    assert_eq!(echo.rest().await, (b"late".to_vec(), None));
    link.ended().await;
    Client::connect(&proxy).await.0.echoes("free").await;
}

#[tokio::test]
async fn what_is_held_can_be_cut() {
    let echo = Echo::listen().await;
    let proxy = Proxy::to(echo.addr).await;
    proxy.hold();
    for cut in [Cut::Fin, Cut::Rst] {
        let (mut client, link) = Client::connect(&proxy).await;
        link.cut(cut);
        assert_eq!(client.rest().await, (vec![], seen(cut)));
        link.ended().await;
    }
}

#[tokio::test]
async fn connections_go_where_the_server_is_now() {
    let mut echo = Echo::listen().await;
    let proxy = Proxy::to("127.0.0.1:1".parse().unwrap()).await;
    let (mut client, link) = Client::connect(&proxy).await;
    assert_eq!(client.rest().await.1, seen(Cut::Rst));
    link.ended().await;
    proxy.redirect(echo.addr);
    Client::connect(&proxy).await.0.echoes("hello").await;
    assert_eq!(echo.told().await, told("hello"));
    drop(proxy);
    assert_eq!(echo.told().await, Told::End(None));
}
