//! A client as its session sees it: the table of handlers, and the queue of `recv`.

use crate::{
    EventRate, Events, FromContext, Protocol, Reject, Remote, State,
    conversation::Places,
    handler::{Application, Greeted, Handling},
    path::located,
    presence_store::PresenceStore,
    progress::{Handles, ReplyPath},
    table::Table,
    wire::Hello,
};
use std::{fmt, future::ready, sync::Arc};
use tokio::sync::mpsc::{self, error::TrySendError};

/// What a client's handlers can draw their arguments from: [`Remote`] and [`State`].
pub struct ClientContext<P: Protocol, St> {
    pub(crate) remote: Remote<P>,
    pub(crate) state: Arc<St>,
}

impl<P: Protocol, St> FromContext<ClientContext<P, St>> for Remote<P> {
    fn from_context(context: &ClientContext<P, St>) -> Result<Self, Reject> {
        Ok(context.remote.clone())
    }
}

impl<P: Protocol, St> FromContext<ClientContext<P, St>> for State<St> {
    fn from_context(context: &ClientContext<P, St>) -> Result<Self, Reject> {
        Ok(State(context.state.clone()))
    }
}

impl<P: Protocol, St> Handles for ClientContext<P, St> {
    fn reply_path(&self) -> ReplyPath {
        self.remote.shared.reply_path()
    }
}

impl<P: Protocol, St> fmt::Debug for ClientContext<P, St> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientContext").field("remote", &self.remote).finish_non_exhaustive()
    }
}

/// What the builder made, with all its types.
pub(crate) struct ClientApp<P: Protocol, St> {
    pub(crate) table: Table<ClientContext<P, St>>,
    pub(crate) context: ClientContext<P, St>,
    pub(crate) sender: mpsc::Sender<P::Server>,
    pub(crate) presence: Arc<PresenceStore<P::Member>>,
    pub(crate) places: Places,
    #[cfg(feature = "schema")]
    pub(crate) skew: crate::skew::Watch,
}

impl<P: Protocol, St: Send + Sync + 'static> Application for ClientApp<P, St> {
    fn index_of(&self, name: &str) -> Option<usize> {
        P::Server::index_of(name)
    }

    fn is_name(&self, _: &str) -> bool {
        // An old client meets new servers, whatever names those have.
        true
    }

    fn name(&self, index: usize) -> &'static str {
        P::Server::NAMES.get(index).copied().unwrap_or_default()
    }

    fn max_bytes(&self, index: usize) -> Option<usize> {
        P::Server::max_bytes(index)
    }

    fn is_cancellable(&self, index: usize) -> bool {
        P::Server::has_progress(index)
    }

    fn rate(&self, index: usize) -> Option<EventRate> {
        P::Server::rate(index)
    }

    fn handle(&self, index: usize, data: &str, reply: Option<u32>) -> Result<Handling, Reject> {
        if let Some(Some(handler)) = self.table.get(index) {
            return handler.call(data, reply, &self.context);
        }
        if reply.is_some() {
            return Err(Reject::new("unknown_event", "no handler answers this call"));
        }
        let event = P::Server::decode(index, data).map_err(|error| {
            let reject = Reject::bad_data(data, &error);
            // Nobody else in this program hears of it.
            tracing::error!(event = self.name(index), error = %reject.message, "an event does not fit");
            reject
        })?;
        Ok(match self.sender.try_send(event) {
            Err(TrySendError::Full(event)) => {
                let sender = self.sender.clone();
                Box::pin(async move {
                    // Nobody receives any more: the client is closing.
                    let _ = sender.send(event).await;
                    Ok(None)
                })
            }
            Ok(()) | Err(TrySendError::Closed(_)) => Box::pin(ready(Ok(None))),
        })
    }

    fn places(&mut self) -> Option<&mut Places> {
        Some(&mut self.places)
    }

    fn presence(&self, data: &str) -> bool {
        if let Err(error) = self.presence.take(data) {
            let error = located(data, &error);
            tracing::error!(error, "who is present does not fit");
        }
        true
    }

    fn skipped(&self, name: &str) {
        self.context.remote.shared.skip(name);
    }

    fn greeted(&self, hello: &Hello<'_>, how: Greeted) {
        if matches!(how, Greeted::Reset(..)) {
            self.presence.forget();
        }
        self.context.remote.shared.up(hello, how);
        #[cfg(feature = "schema")]
        if let Some(hash) = &hello.schema {
            self.skew.hear::<P>(hash, &self.context.remote.shared);
        }
    }

    fn is_patient(&self) -> bool {
        // What was received waits for whoever receives, as it does while there is a connection.
        !self.context.remote.shared.is_closing()
    }
}
