//! Posts and replies in an embedded database file.

use crate::events::{Post, PostId};
use redb::{Database, Error, ReadableDatabase, ReadableTable, TableDefinition};
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
    pub(crate) async fn newest(&self, count: usize) -> Result<Vec<Post>, Error> {
        self.run(move |database| {
            let posts = database.begin_read()?.open_table(POSTS)?;
            let newest = posts.iter()?.rev().take(count).map(|entry| Ok(decode(entry?.1.value())));
            let mut posts: Vec<_> = newest.filter_map(Result::transpose).collect::<Result<_, Error>>()?;
            posts.reverse();
            Ok(posts)
        })
        .await
    }

    /// The replies to a post, oldest first; `None` if there is no such post.
    pub(crate) async fn replies(&self, post: PostId) -> Result<Option<Vec<Post>>, Error> {
        self.run(move |database| {
            let read = database.begin_read()?;
            if read.open_table(POSTS)?.get(post)?.is_none() {
                return Ok(None);
            }
            let replies = read.open_table(REPLIES)?;
            let range = replies.range((post, 0)..=(post, PostId::MAX))?;
            let replies = range.map(|entry| Ok(decode(entry?.1.value())));
            replies.filter_map(Result::transpose).collect::<Result<_, Error>>().map(Some)
        })
        .await
    }

    /// Adds a post.
    pub(crate) async fn add(&self, author: String, body: String) -> Result<Post, Error> {
        self.run(move |database| {
            let write = database.begin_write()?;
            let post = {
                let mut posts = write.open_table(POSTS)?;
                let last = posts.last()?.map_or(0, |(id, _)| id.value());
                let post = Post { id: last + 1, author, body, at: now() };
                posts.insert(post.id, encode(&post).as_slice())?;
                post
            };
            write.commit()?;
            Ok(post)
        })
        .await
    }

    /// Adds a reply; `None` if there is no such post.
    pub(crate) async fn reply(&self, to: PostId, author: String, body: String) -> Result<Option<Post>, Error> {
        self.run(move |database| {
            let write = database.begin_write()?;
            let reply = {
                if write.open_table(POSTS)?.get(to)?.is_none() {
                    return Ok(None);
                }
                let mut replies = write.open_table(REPLIES)?;
                let last = replies.range((to, 0)..=(to, PostId::MAX))?.next_back().transpose()?;
                let last = last.map_or(0, |(key, _)| key.value().1);
                let reply = Post { id: last + 1, author, body, at: now() };
                replies.insert((to, reply.id), encode(&reply).as_slice())?;
                reply
            };
            write.commit()?;
            Ok(Some(reply))
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let database = self.0.clone();
        spawn_blocking(move || work(&database)).await.unwrap_or(Err(Error::DatabaseAlreadyOpen))
    }
}

fn encode(post: &Post) -> Vec<u8> {
    // Numbers and strings always serialise.
    serde_json::to_vec(post).unwrap_or_default()
}

/// A post, unless the file was written by something else.
fn decode(bytes: &[u8]) -> Option<Post> {
    serde_json::from_slice(bytes).ok()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
