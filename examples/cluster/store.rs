//! Posts and replies, which another process keeps: what `forum/store.rs` is to one node.

use crate::{
    events::{Post, PostId},
    posts::{Ask, Posts, ask},
};
use socketkit::{Client, ConnectError, Event, Reject, Remote};

/// The connection to it: a cheap clone. While there is none, what asks for posts is refused.
#[derive(Debug, Clone)]
pub(crate) struct Store(Remote<Posts>);

impl Store {
    /// Connects, and connects again whenever that is lost.
    pub(crate) async fn open(url: &str) -> Result<Self, ConnectError> {
        let mut client = Client::<Posts>::connect(url).await?;
        let store = Self(client.remote().clone());
        // It says nothing by itself; its connection ends with the client.
        tokio::spawn(async move { while client.recv().await.is_some() {} });
        Ok(store)
    }

    /// The newest posts, oldest first.
    pub(crate) async fn newest(&self, count: usize) -> Result<Vec<Post>, Reject> {
        self.ask(ask::Newest(count)).await
    }

    /// The replies to a post, oldest first; refused as `not_found` if there is no such post.
    pub(crate) async fn replies(&self, post: PostId) -> Result<Vec<Post>, Reject> {
        self.ask(ask::Replies(post)).await
    }

    /// Adds a post.
    pub(crate) async fn add(&self, author: String, body: String) -> Result<Post, Reject> {
        self.ask(ask::Add { author, body }).await
    }

    /// Adds a reply; refused as `not_found` if there is no such post.
    pub(crate) async fn reply(
        &self,
        to: PostId,
        author: String,
        body: String,
    ) -> Result<Post, Reject> {
        self.ask(ask::Reply { to, author, body }).await
    }

    async fn ask<E: Event<Enum = Ask>>(&self, event: E) -> Result<E::Reply, Reject> {
        self.0.call(event).or_reject().await?
    }
}
