//! The contract that the handlers of these tests are written for, and its good handlers.
#![allow(dead_code)]

use serde::{Deserialize, Serialize};
use socketkit::{Events, Protocol, Reject, Socket};

pub type PostId = u64;

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
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = PostId)]
pub struct Forum;

pub async fn submit_post(_: client_event::SubmitPost) -> Result<PostId, Reject> {
    Ok(1)
}

pub async fn watch(client_event::Watch(_): client_event::Watch, _: Socket<Forum>) {}

pub async fn typing(_: client_event::Typing) {}
