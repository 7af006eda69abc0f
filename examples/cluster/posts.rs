//! The posts of all nodes, kept by one process: in place of the database that a service has anyway.
//!
//! It is spoken to over sockets as well. Whoever reaches it may do everything: it is for the network of the nodes.

use crate::{
    database::Store,
    events::{Post, PostId},
};
use ask::*;
use examples::{Failure, about};
use socketkit::{Events, Limits, NoEvents, Protocol, Reject, Server, Service, State};
use std::path::Path;

/// What a node asks for.
#[derive(Debug, Events)]
pub enum Ask {
    #[event(reply = Vec<Post>)]
    Newest(usize),
    #[event(reply = Vec<Post>)]
    Replies(PostId),
    #[event(reply = Post)]
    Add { author: String, body: String },
    #[event(reply = Post)]
    Reply { to: PostId, author: String, body: String },
}

#[derive(Protocol)]
#[protocol(client = Ask, server = NoEvents)]
pub struct Posts;

async fn newest(Newest(count): Newest, store: State<Store>) -> Result<Vec<Post>, Reject> {
    store.newest(count).await
}

async fn replies(Replies(post): Replies, store: State<Store>) -> Result<Vec<Post>, Reject> {
    store.replies(post).await
}

async fn add(Add { author, body }: Add, store: State<Store>) -> Result<Post, Reject> {
    store.add(author, body).await
}

async fn reply(Reply { to, author, body }: Reply, store: State<Store>) -> Result<Post, Reject> {
    store.reply(to, author, body).await
}

/// Keeps the posts in a file.
pub(crate) fn service(data: &Path) -> Result<Service<Posts>, Failure> {
    let store = about(data.display(), Store::open(data))?;
    // A node asks for all of its sockets.
    let limits = Limits::default().rate(0);
    Ok(Server::new().limits(limits).state(store).on(newest).on(replies).on(add).on(reply).build())
}
