//! The contract of the forum: everything that its pages and its server say to each other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Member, Protocol};

pub type PostId = u64;

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Post {
    pub id: PostId,
    pub author: String,
    pub body: String,
    /// Unix milliseconds.
    pub at: u64,
}

/// Where people are: all of them, and those who follow a thread.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    Forum,
    Thread(PostId),
}

/// Somebody who is here; without a name until there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reader {
    #[serde(skip)]
    pub key: String,
    pub name: String,
}

impl Member for Reader {
    fn key(&self) -> String {
        self.key.clone()
    }
}

#[derive(Debug, Events)]
pub enum ClientEvent {
    /// Be called so by all who see who is here.
    #[event(rate = "2/s", burst = 10)]
    Introduce { name: String },
    /// Publish a post; answered with its id.
    #[event(reply = PostId)]
    SubmitPost { author: String, body: String },
    /// Follow the thread of a post; answered with its replies so far.
    #[event(reply = Vec<Post>)]
    Watch(PostId),
    /// Follow it no more.
    Unwatch(PostId),
    /// Reply to a post; answered with the reply's id.
    #[event(reply = PostId)]
    ReplyTo { post: PostId, author: String, body: String },
    /// Somebody is typing.
    #[event(volatile)]
    Typing { author: String },
}

#[derive(Debug, Events)]
pub enum ServerEvent {
    /// The newest posts, oldest first, on connection.
    History(Vec<Post>),
    /// A new post.
    PostUpdate(Post),
    /// A new reply, for those who follow the thread.
    ThreadUpdate { post: PostId, reply: Post },
    /// Somebody else is typing.
    #[event(volatile)]
    SomeoneTyping { author: String },
}

#[derive(Protocol)]
#[protocol(client = ClientEvent, server = ServerEvent, room = Room, presence = Reader)]
pub struct Forum;
