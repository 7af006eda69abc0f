//! The forum from a terminal: prints the history, follows live, posts the lines that are typed.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, unreachable_pub)]

#[path = "forum/events.rs"]
#[allow(dead_code)]
mod events;

use clap::Parser;
use events::client_event::SubmitPost;
use events::{Forum, Post, Room, ServerEvent};
use examples::{Failure, about, stopped};
use socketkit::{CallError, Client, Status};
use std::{io::stdin, pin::pin, thread};
use tokio::sync::mpsc;

/// The forum from a terminal
#[derive(Parser)]
struct Args {
    /// Where the forum is
    #[arg(long, env = "FORUM_URL", default_value = "ws://127.0.0.1:3000/ws")]
    url: String,
    /// Name to post under
    #[arg(long, env = "USER", default_value = "anonymous")]
    author: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    examples::log();
    let mut forum = about(&args.url, Client::<Forum>::connect(&args.url).await)?;
    let mut status = forum.status();
    status.mark_unchanged();
    let mut readers = forum.remote().presence(Room::Forum);
    let (mut lines, mut stopped) = (lines(), pin!(stopped()));
    let mut newest = 0;
    loop {
        tokio::select! {
            event = forum.recv() => match event {
                // After a reconnection only what is new.
                Some(ServerEvent::History(posts)) => {
                    posts.iter().filter(|post| post.id > newest).for_each(print);
                    newest = posts.last().map_or(newest, |post| post.id);
                }
                Some(ServerEvent::PostUpdate(post)) => {
                    print(&post);
                    newest = newest.max(post.id);
                }
                Some(ServerEvent::ThreadUpdate { .. } | ServerEvent::SomeoneTyping { .. }) => {}
                None => return Ok(()),
            },
            line = lines.recv() => match line {
                Some(line) => tokio::select! {
                    submitted = submit(&forum, &args.author, line) => submitted?,
                    () = &mut stopped => break,
                },
                None => break,
            },
            _ = readers.changed() => eprintln!("-- {} here", readers.borrow_and_update().len()),
            _ = status.changed() => match &*status.borrow_and_update() {
                Status::Waiting { retry_in } => eprintln!("-- connection lost, trying again in {retry_in:.1?}"),
                Status::Closed { code, reason } => eprintln!("-- closed: {reason} ({code})"),
                status => eprintln!("-- {status:?}"),
            },
            () = &mut stopped => break,
        }
    }
    forum.close().await;
    Ok(())
}

/// The lines that are typed, read by a thread of their own: nobody waits for it at the end.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}

async fn submit(forum: &Client<Forum>, author: &str, body: String) -> Result<(), CallError> {
    match forum.call(SubmitPost { author: author.to_owned(), body }).await {
        Err(CallError::Closed) => Err(CallError::Closed),
        Err(error) => {
            eprintln!("-- {error}");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn print(post: &Post) {
    println!("{}: {}", plain(&post.author), plain(&post.body));
}

/// A text on one line that does nothing to the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
