//! Peers that vanish, and peers that send too much.

use crate::scene::{ANSWER, ASK, Scene, TOLD_BEFORE};
use socketkit::{Handshake, Limits, Server, State};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tests::{
    chat::{Chat, ClientEvent, client_event::*, listen, soon, until},
    raw::{Bytes, Plain, TEXT, frame},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};

#[tokio::test]
async fn a_peer_that_vanishes_in_the_middle_of_a_frame_is_lost() {
    for how in ["drop", "half close", "reset"] {
        let mut scene = Scene::new(Limits::default().resume(Duration::ZERO)).await;
        let mut peer = Bytes::greeted(scene.addr).await;
        scene.before();
        assert_eq!(peer.line().await, TOLD_BEFORE);
        let whole = frame(TEXT, ASK);
        peer.write(&whole[..whole.len() / 2]).await;
        match how {
            "reset" => peer.reset(),
            "drop" => drop(peer),
            _ => {
                peer.half_close().await;
                assert_eq!(peer.closed().await, 1006);
            }
        }
        let disconnect = soon(scene.ended.recv()).await.unwrap();
        assert_eq!(disconnect.code.0, 1006, "{how}");
        scene.undisturbed().await;
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_without_reading_what_was_sent_is_lost() {
    let mut scene = Scene::new(Limits::default().resume(Duration::ZERO)).await;
    let peer = Bytes::upgraded(scene.addr).await;
    until(|| scene.service.io().len() == 2).await;
    scene.before();
    peer.reset();
    let disconnect = soon(scene.ended.recv()).await.unwrap();
    assert_eq!(disconnect.code.0, 1006);
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_mebibyte_of_heartbeats_harms_nobody() {
    let mut scene = Scene::new(Limits::default().rate(0)).await;
    let mut peer = Bytes::greeted(scene.addr).await;
    scene.before();
    peer.write(&frame(TEXT, "{}").repeat(1024 * 1024 / 2)).await;
    peer.write(&frame(TEXT, ASK)).await;
    assert_eq!(peer.line().await, TOLD_BEFORE);
    assert_eq!(peer.line().await, ANSWER);
    scene.undisturbed().await;
}

#[tokio::test]
async fn a_flood_is_held_back_and_loses_nothing() {
    const EVENTS: u32 = 400;
    let limits = Limits::default().rate(1_000).burst(100);
    let (sender, mut told) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(limits)
        .state(sender)
        .on(async |Tell(text): Tell, told: State<mpsc::UnboundedSender<String>>| {
            let _ = told.send(text);
        })
        .on(async |ask: Ask| ask.text)
        .fallback(async |_: ClientEvent| {})
        .build();
    let addr = listen(&service).await;
    let mut peer = Bytes::greeted(addr).await;
    let mut other = Plain::greeted(addr).await;
    let started = std::time::Instant::now();
    for number in 0..EVENTS {
        let text = format!(r#"{{"event":"tell","data":"{number}"}}"#);
        peer.write(&frame(TEXT, text)).await;
    }
    other.send(ASK).await;
    other.line().await;
    let undisturbed = started.elapsed();
    for number in 0..EVENTS {
        assert_eq!(soon(told.recv()).await.unwrap(), number.to_string());
    }
    peer.write(&frame(TEXT, ASK)).await;
    assert_eq!(peer.line().await, r#"{"reply":1,"data":"hi"}"#);
    // All but the burst came at the rate.
    let least = Duration::from_millis(u64::from(EVENTS) - 100);
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
    assert!(undisturbed < least, "{undisturbed:?}");
}

/// A stream that always has more to read, and takes everything.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buffer.put_slice(&frame(TEXT, "{}"));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_stream_that_always_has_more_lets_others_run_and_ends() {
    let limits = Limits::default().rate(0).handshake(Duration::from_millis(50));
    let mut scene = Scene::new(limits).await;
    scene.before();
    let service = scene.service.clone();
    let endless =
        tokio::spawn(async move { service.upgraded(Endless, Handshake::default()).await });
    until(|| scene.service.io().len() == 2).await;
    scene.undisturbed().await;
    let sockets = scene.service.io().sockets();
    sockets.iter().max_by_key(|socket| socket.id()).unwrap().close();
    assert_eq!(soon(endless).await.unwrap().code.0, 1000);
}

#[tokio::test]
async fn fragments_without_end_are_held_back_as_messages_are() {
    let (sender, mut told) = mpsc::unbounded_channel();
    let service = Server::<Chat>::new()
        .limits(Limits::default().rate(10_000).burst(1_000).frame(1_000))
        .on(async move |_: Tell| {
            let _ = sender.send(());
        })
        .fallback(async |_: ClientEvent| {})
        .build();
    let mut peer = Bytes::greeted(listen(&service).await).await;
    let empty = frame(0x00, "").repeat(20_000);
    let tell = frame(TEXT, r#"{"event":"tell","data":""}"#);
    let begin = frame(0x01, r#"{"event":"#);
    let end = frame(0x80, r#""tell"}"#);
    let before = std::time::Instant::now();
    peer.write(&[begin, empty, end, tell].concat()).await;
    soon(told.recv()).await.unwrap();
    // 20,000 frames at 10,000 a second, but for those of the last read.
    assert!(before.elapsed() > Duration::from_millis(500), "{:?}", before.elapsed());
}
