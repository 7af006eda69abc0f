//! The examples from a terminal: the forum's client, how they stop, and what they say of a bad start.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tests::process::{Example, build, signal};

/// Long enough for anything that happens at all, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn lines(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

fn ends(child: &mut Child) -> bool {
    let before = Instant::now();
    while before.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        thread::yield_now();
    }
    let _ = child.kill();
    false
}

fn forum() -> (Example, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Example::start("forum", "127.0.0.1:0", &folder.path().join("forum.redb")), folder)
}

fn client(forum: &Example) -> Child {
    Command::new(build("forum_client"))
        .args(["--author", "ada", "--url", &format!("ws://{}/ws", forum.address())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_client_posts_lines_shows_them_harmless_and_stops_while_it_waits_for_more() {
    let (forum, _folder) = forum();
    let mut client = client(&forum);
    let output = lines(client.stdout.take().unwrap());
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"hello\n\x1b[2Jcleared\n").unwrap();
    for expected in ["ada: hello", "ada:  [2Jcleared"] {
        assert_eq!(output.recv_timeout(PATIENCE).unwrap(), expected);
    }
    // The input stays open: nobody types any more.
    signal(&client, "-INT");
    assert!(ends(&mut client));
    drop(input);
}

#[test]
fn the_client_ends_with_its_input() {
    let (forum, _folder) = forum();
    let mut client = client(&forum);
    drop(client.stdin.take());
    assert!(ends(&mut client));
}

#[test]
fn an_example_stops_on_both_signals_though_a_request_is_not_complete() {
    for name in ["embed_axum", "embed_hyper"] {
        for stop in ["-INT", "-TERM"] {
            let mut child = Command::new(build(name))
                .args(["--listen", "127.0.0.1:0"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let output = lines(child.stdout.take().unwrap());
            let line = output.recv_timeout(PATIENCE).unwrap();
            let address = line.strip_prefix("listening on http://").unwrap();
            let mut half = std::net::TcpStream::connect(address).unwrap();
            half.write_all(b"GET / HTTP/1.1\r\nhost:").unwrap();
            signal(&child, stop);
            assert!(ends(&mut child), "{name} {stop}");
        }
    }
}

#[test]
fn a_bad_start_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let garbage = folder.path().join("garbage");
    std::fs::write(&garbage, "[").unwrap();
    let data = folder.path().join("data").display().to_string();
    for (name, args, words) in [
        ("forum", vec!["--listen", &taken, "--data", &data], "cannot listen on"),
        ("forum", vec!["--listen", "127.0.0.1:0", "--data", "/nowhere/x"], "/nowhere/x: "),
        ("visitor_counter", vec!["--data", garbage.to_str().unwrap()], "garbage: EOF"),
        ("embed_axum", vec!["--listen", &taken], ": Address already in use"),
        ("embed_hyper", vec!["--listen", &taken], ": Address already in use"),
        (
            "forum_client",
            vec!["--url", "ws://127.0.0.1:9/ws"],
            "ws://127.0.0.1:9/ws: the connection",
        ),
    ] {
        let output = Command::new(build(name)).args(&args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        assert!(text.contains(words) && !text.contains("Os {"), "{name}: {text}");
    }
}
