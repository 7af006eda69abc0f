//! What holds on one node and on several: each case runs on every fixture, its clients spread over the
//! nodes and moved to others meanwhile. What only one node can promise is in the files of its subject.
//!
//! `CONFORMANCE_SEED` says who is moved, and which node emits.

#[path = "conformance/calls.rs"]
mod calls;
#[path = "conformance/closing.rs"]
mod closing;
#[path = "conformance/events.rs"]
mod events;
#[path = "conformance/guest.rs"]
mod guest;
#[path = "conformance/order.rs"]
mod order;
#[path = "conformance/presence.rs"]
mod presence;
#[path = "conformance/resume.rs"]
mod resume;
#[path = "conformance/rooms.rs"]
mod rooms;
#[path = "presence/scene.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod scene;
#[path = "conformance/takeover.rs"]
mod takeover;
