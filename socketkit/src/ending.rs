//! The end of a session: the farewell of its last connection, and what the application does then.

use crate::{
    CloseCode, Disconnect,
    connection::Connection,
    conversation::Conversation,
    end::{By, End},
    frame,
    limits::FOREVER,
};
use std::future::poll_fn;
use tokio::{task::JoinHandle, time::timeout};
use tokio_tungstenite::tungstenite::protocol::Role;

/// What of an application outlives its connection: a client's handlers may take their time, and nobody
/// hears that there is no more to receive before it is said how that came.
pub(crate) type Rest = Option<JoinHandle<Conversation>>;

/// Says farewell to the peer, if it is there, while the application finishes.
pub(crate) async fn end(
    connection: Option<Connection>,
    mut conversation: Conversation,
    End { disconnect, by }: End,
) -> (Disconnect, Rest) {
    if by == By::Us {
        conversation.conclude();
    }
    let peer = conversation.peer.clone();
    {
        let mut queue = peer.queue();
        let is_there = connection.is_some() && by != By::Nobody && queue.is_connected();
        if is_there {
            queue.push_close(frame::close(&disconnect, peer.role));
        } else {
            queue.fail();
        }
    }
    // Whoever waits for a reply learns that it will not come.
    peer.lose_calls();
    conversation.app.leaving(&disconnect);
    peer.end_tasks();
    let mut connection = connection.filter(|_| by != By::Nobody);
    let patience = peer.limits.handshake;
    let farewell = async {
        match &mut connection {
            Some(connection) => {
                matches!(timeout(patience, connection.farewell(&peer)).await, Ok(Ok(())))
            }
            None => false,
        }
    };
    let finish = finish(conversation, disconnect.clone());
    // A socket holds its place among all until its stream is closed.
    let (is_delivered, _place, rest) = if peer.role == Role::Server {
        let (is_delivered, conversation) = tokio::join!(farewell, finish);
        // Whoever waits for a server to stop waits for the rest of this farewell as well: it leaves when it
        // is dropped.
        if conversation.app.leaves_by().is_none() {
            conversation.app.left();
        }
        (is_delivered, Some(conversation), None)
    } else {
        let finish = tokio::spawn(finish);
        (farewell.await, None, Some(finish))
    };
    // A peer that has long been silent will not say farewell either.
    let is_there = by == By::Us && disconnect.code != CloseCode::TIMEOUT;
    if let Some(connection) = connection.as_mut().filter(|_| is_there && is_delivered) {
        // Were the stream dropped while the peer still sends, the kernel would reset it and the
        // close frame might be lost (RFC 6455 section 7.1.1).
        let _ = timeout(patience, connection.drain()).await;
    }
    (disconnect, rest)
}

/// Handles what came before the end, and runs what runs then.
async fn finish(mut conversation: Conversation, disconnect: Disconnect) -> Conversation {
    let (id, grace) = (conversation.peer.id, conversation.peer.limits.grace);
    let patience = if conversation.app.is_patient() { FOREVER } else { grace };
    if timeout(patience, poll_fn(|cx| conversation.poll_work(cx))).await.is_err() {
        tracing::warn!(socket = %id, "a handler did not finish after its socket ended");
        // Before `on_disconnect`, which may wait for what it holds.
        conversation.abandon();
    }
    match timeout(grace, conversation.app.ended(disconnect)).await {
        Ok(Ok(())) => {}
        Ok(Err(reject)) => conversation.log("on_disconnect", reject),
        Err(_) => tracing::warn!(socket = %id, "`on_disconnect` did not finish in time"),
    }
    conversation
}
