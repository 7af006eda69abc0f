//! A proxy in front of several servers, as a load balancer is.

use std::net::SocketAddr;
use tests::{
    chat::soon,
    proxy::{Cut, Link, Proxy},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Servers that say their own address to each client, and then wait for its end.
async fn servers<const N: usize>() -> [SocketAddr; N] {
    let mut servers = Vec::new();
    for _ in 0..N {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        servers.push(addr);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let _ = stream.write_all(format!("{addr}\n").as_bytes()).await;
                    let _ = stream.read(&mut [0]).await;
                });
            }
        });
    }
    servers.try_into().unwrap()
}

/// A connection, and which server it has reached.
async fn connect(proxy: &Proxy) -> (TcpStream, Link, SocketAddr) {
    let mut stream = soon(TcpStream::connect(proxy.addr())).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\n") {
        said.push(soon(stream.read_u8()).await.unwrap());
    }
    let link = proxy.accepted().await;
    let server = std::str::from_utf8(&said).unwrap().trim().parse().unwrap();
    assert_eq!(link.server(), Some(server));
    (stream, link, server)
}

/// The servers that so many connections reach, one after the other.
async fn reached(proxy: &Proxy, connections: usize) -> Vec<SocketAddr> {
    let mut reached = Vec::new();
    for _ in 0..connections {
        reached.push(connect(proxy).await.2);
    }
    reached
}

#[tokio::test]
async fn connections_are_spread_and_a_seed_repeats_it() {
    let all = servers::<3>().await;
    let first = reached(&Proxy::among(&all, 7).await, 60).await;
    for server in all {
        let share = first.iter().filter(|reached| **reached == server).count();
        assert!((10..=30).contains(&share), "{first:?}");
    }
    assert!(first.windows(2).all(|pair| pair[0] != pair[1]), "who comes back lands elsewhere");
    assert_eq!(reached(&Proxy::among(&all, 7).await, 60).await, first);
    assert_ne!(reached(&Proxy::among(&all, 8).await, 60).await, first);
}

#[tokio::test]
async fn an_excluded_server_gets_no_connection_and_keeps_those_it_has() {
    let all = servers::<3>().await;
    let proxy = Proxy::among(&all, 1).await;
    let mut before = Vec::new();
    for _ in 0..9 {
        before.push(connect(&proxy).await);
    }
    proxy.exclude(all[0]);
    let mut now = reached(&proxy, 20).await;
    now.sort();
    now.dedup();
    let mut others = all[1..].to_vec();
    others.sort();
    assert_eq!(now, others);
    assert!(before.iter().all(|(_, link, _)| !link.is_over()));
    proxy.exclude(all[1]);
    assert_eq!(reached(&proxy, 3).await, [all[2]; 3]);
    proxy.include(all[0]);
    assert_eq!(reached(&proxy, 2).await, [all[0], all[2]]);
    proxy.exclude(all[0]);
    proxy.exclude(all[2]);
    let mut refused = soon(TcpStream::connect(proxy.addr())).await.unwrap();
    assert!(soon(refused.read_u8()).await.is_err(), "there is no server");
}

#[tokio::test]
async fn a_drained_server_loses_its_connections_and_no_other_does() {
    let all = servers::<3>().await;
    let proxy = Proxy::among(&all, 1).await;
    let mut clients = Vec::new();
    for _ in 0..12 {
        clients.push(connect(&proxy).await);
    }
    proxy.drain(all[1], Cut::Rst);
    for (stream, link, server) in &mut clients {
        if *server == all[1] {
            link.ended().await;
            assert!(soon(stream.read_u8()).await.is_err());
        }
        assert_eq!(link.is_over(), *server == all[1]);
    }
    let ended = clients.iter().filter(|(_, link, _)| link.is_over()).count();
    assert!((1..clients.len()).contains(&ended), "{ended}");
    // All that are left are moved.
    proxy.spread(&[all[1], all[2]]);
    proxy.include(all[1]);
    proxy.cut(Cut::Rst);
    for (_, link, _) in &clients {
        link.ended().await;
    }
    assert!(!reached(&proxy, 6).await.contains(&all[0]));
}
