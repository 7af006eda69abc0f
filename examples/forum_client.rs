//! The forum from a terminal: prints the history, follows live, posts the lines that are typed.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, unreachable_pub)]

#[path = "forum/events.rs"]
#[allow(dead_code)]
mod events;

use clap::Parser;
use events::client_event::SubmitPost;
use events::{Forum, Post, ServerEvent};
use socketkit::{CallError, Client, Status};
use std::error::Error;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

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
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    examples::log();
    let mut forum = Client::<Forum>::connect(&args.url).await?;
    let mut status = forum.status();
    status.mark_unchanged();
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            event = forum.recv() => match event {
                Some(ServerEvent::History(posts)) => posts.iter().for_each(print),
                Some(ServerEvent::PostUpdate(post)) => print(&post),
                Some(ServerEvent::Online(count)) => eprintln!("-- {count} online"),
                Some(ServerEvent::ThreadUpdate { .. } | ServerEvent::SomeoneTyping { .. }) => {}
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => submit(&forum, &args.author, line).await?,
                None => {
                    forum.close().await;
                    return Ok(());
                }
            },
            _ = status.changed() => match &*status.borrow_and_update() {
                Status::Waiting { retry_in } => eprintln!("-- connection lost, trying again in {retry_in:.1?}"),
                Status::Closed { code, reason } => eprintln!("-- closed: {reason} ({code})"),
                status => eprintln!("-- {status:?}"),
            },
            _ = tokio::signal::ctrl_c() => {
                forum.close().await;
                return Ok(());
            }
        }
    }
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
    println!("{}: {}", post.author, post.body);
}
