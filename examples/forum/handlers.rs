//! What the forum does about each event.

use crate::{
    events::{Forum, Post, PostId, Reader, Room, ServerEvent, client_event::*},
    store::Store,
};
use socketkit::{Io, Reject, Socket, State};

pub(crate) async fn connected(socket: Socket<Forum>, store: State<Store>) -> Result<(), Reject> {
    socket.emit(ServerEvent::History(store.newest(100).await?));
    show(&socket, String::new());
    Ok(())
}

/// Shows somebody to all who are here.
fn show(socket: &Socket<Forum>, name: String) {
    let key = examples::visitor(socket.handshake(), socket.id());
    socket.present(Room::Forum, Reader { key, name });
}

pub(crate) async fn introduce(event: Introduce, socket: Socket<Forum>) -> Result<(), Reject> {
    // Who takes the name away is here without one.
    let name =
        if event.name.trim().is_empty() { String::new() } else { check("name", event.name, 100)? };
    show(&socket, name);
    Ok(())
}

pub(crate) async fn submit_post(
    post: SubmitPost,
    io: Io<Forum>,
    store: State<Store>,
) -> Result<PostId, Reject> {
    let author = check("author", post.author, 100)?;
    let post = store.add(author, check("body", post.body, 2_000)?).await?;
    io.broadcast(ServerEvent::PostUpdate(post.clone()));
    Ok(post.id)
}

pub(crate) async fn watch(
    Watch(post): Watch,
    socket: Socket<Forum>,
    store: State<Store>,
) -> Result<Vec<Post>, Reject> {
    // Before the replies are read: one that comes meanwhile arrives as an update.
    socket.join(Room::Thread(post));
    store.replies(post).await.inspect_err(|_| socket.leave(Room::Thread(post)))
}

pub(crate) async fn unwatch(Unwatch(post): Unwatch, socket: Socket<Forum>) {
    socket.leave(Room::Thread(post));
}

pub(crate) async fn reply_to(
    reply: ReplyTo,
    io: Io<Forum>,
    store: State<Store>,
) -> Result<PostId, Reject> {
    let (post, author) = (reply.post, check("author", reply.author, 100)?);
    let reply = store.reply(post, author, check("body", reply.body, 2_000)?).await?;
    io.to(Room::Thread(post)).emit(ServerEvent::ThreadUpdate { post, reply: reply.clone() });
    Ok(reply.id)
}

pub(crate) async fn typing(Typing { author }: Typing, socket: Socket<Forum>) -> Result<(), Reject> {
    let author = check("author", author, 100)?;
    socket.broadcast(ServerEvent::SomeoneTyping { author });
    Ok(())
}

/// The text without white space around it, or why it is refused, with the field at fault.
fn check(field: &str, text: String, longest: usize) -> Result<String, Reject> {
    let (code, message) = match text.trim() {
        "" => ("empty", format!("{field} is missing")),
        text if text.chars().count() <= longest => return Ok(text.to_owned()),
        _ => ("too_long", format!("{field} is longer than {longest} characters")),
    };
    Err(Reject::new(code, message).with_data(serde_json::json!({ "field": field })))
}
