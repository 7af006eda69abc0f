//! Posts and replies in an embedded database file.

use crate::events::{Post, PostId};
use redb::{Database, Error, ReadableDatabase, ReadableTable, TableDefinition};
use socketkit::Reject;
use std::{path::Path, sync::Arc, time::SystemTime};
use tokio::task::spawn_blocking;

const POSTS: TableDefinition<'_, PostId, &[u8]> = TableDefinition::new("posts");
/// By post and reply.
const REPLIES: TableDefinition<'_, (PostId, PostId), &[u8]> = TableDefinition::new("replies");

/// The database: a cheap clone. Each method runs beside the sockets, on a thread that may block.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Database>);

impl Store {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(POSTS)?;
        write.open_table(REPLIES)?;
        write.commit()?;
        Ok(Self(Arc::new(database)))
    }

    /// The newest posts, oldest first.
    pub(crate) async fn newest(&self, count: usize) -> Result<Vec<Post>, Reject> {
        self.run(move |database| {
            let posts = database.begin_read()?.open_table(POSTS)?;
            let newest = posts.iter()?.rev().take(count).map(|entry| decode(entry?.1.value()));
            let mut posts = newest.collect::<Result<Vec<_>, Reject>>()?;
            posts.reverse();
            Ok(posts)
        })
        .await
    }

    /// The replies to a post, oldest first; refused as `not_found` if there is no such post.
    pub(crate) async fn replies(&self, post: PostId) -> Result<Vec<Post>, Reject> {
        self.run(move |database| {
            let read = database.begin_read()?;
            read.open_table(POSTS)?.get(post)?.ok_or_else(not_found)?;
            let replies = read.open_table(REPLIES)?;
            let range = replies.range((post, 0)..=(post, PostId::MAX))?;
            range.map(|entry| decode(entry?.1.value())).collect()
        })
        .await
    }

    /// Adds a post.
    pub(crate) async fn add(&self, author: String, body: String) -> Result<Post, Reject> {
        self.run(move |database| {
            let write = database.begin_write()?;
            let post = {
                let mut posts = write.open_table(POSTS)?;
                let last = posts.last()?.map_or(0, |(id, _)| id.value());
                let post = Post { id: last + 1, author, body, at: now() };
                posts.insert(post.id, encode(&post)?.as_slice())?;
                post
            };
            write.commit()?;
            Ok(post)
        })
        .await
    }

    /// Adds a reply; refused as `not_found` if there is no such post.
    pub(crate) async fn reply(
        &self,
        to: PostId,
        author: String,
        body: String,
    ) -> Result<Post, Reject> {
        self.run(move |database| {
            let write = database.begin_write()?;
            let reply = {
                write.open_table(POSTS)?.get(to)?.ok_or_else(not_found)?;
                let mut replies = write.open_table(REPLIES)?;
                let last = replies.range((to, 0)..=(to, PostId::MAX))?.next_back().transpose()?;
                let last = last.map_or(0, |(key, _)| key.value().1);
                let reply = Post { id: last + 1, author, body, at: now() };
                replies.insert((to, reply.id), encode(&reply)?.as_slice())?;
                reply
            };
            write.commit()?;
            Ok(reply)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Reject> + Send + 'static,
    ) -> Result<T, Reject> {
        let database = self.0.clone();
        spawn_blocking(move || work(&database)).await?
    }
}

fn encode(post: &Post) -> Result<Vec<u8>, Reject> {
    Ok(serde_json::to_vec(post)?)
}

fn decode(bytes: &[u8]) -> Result<Post, Reject> {
    Ok(serde_json::from_slice(bytes)?)
}

fn not_found() -> Reject {
    Reject::new("not_found", "there is no such post")
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
