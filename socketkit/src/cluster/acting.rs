//! Whose handler is at work: what it is answered waits until what it emitted is with the engine, so that whoever hears
//! that something is done can count on it.

use crate::{Reject, frame::Draft, handler::Handling, peer::Peer};
use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

thread_local! {
    static ACTING: RefCell<Option<Arc<Peer>>> = const { RefCell::new(None) };
}

/// The peer whose handler runs on this thread.
pub(crate) fn acting() -> Option<Arc<Peer>> {
    ACTING.with_borrow(Clone::clone)
}

/// A handler of a peer.
pub(crate) struct Acting {
    pub(crate) peer: Arc<Peer>,
    pub(crate) handling: Handling,
}

impl Future for Acting {
    type Output = Result<Option<Draft>, Reject>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // One may run within another: a client of the same process is told by hand.
        let before = ACTING.replace(Some(self.peer.clone()));
        let _guard = Before(before);
        self.handling.as_mut().poll(cx)
    }
}

/// Whose handler ran before; it panics perhaps.
struct Before(Option<Arc<Peer>>);

impl Drop for Before {
    fn drop(&mut self) {
        ACTING.replace(self.0.take());
    }
}
