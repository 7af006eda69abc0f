//! What a peer may send of each event: how long its payload may be, and how often it may come.

use crate::{
    Reject,
    handler::Application,
    wire::{self, Frame},
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// What one peer has used of its rates. One that sent no event with a rate owns no memory for it.
#[derive(Debug, Default)]
pub(crate) struct Allowance(Option<Box<Due>>);

/// See [`EventRate::take`], by the indexes of events.
#[derive(Debug, Default)]
struct Due(BTreeMap<usize, Instant>);

impl Allowance {
    /// Takes the event of a frame, or says why not. `data` is its payload, and whatever stands behind
    /// that.
    pub(crate) fn take(
        &mut self,
        app: &dyn Application,
        index: usize,
        data: &str,
        text: &str,
    ) -> Result<(), Reject> {
        if let Some(max) = app.max_bytes(index)
            && is_longer(max, data, text)
        {
            return Err(too_large(app.name(index), max));
        }
        let Some(rate) = app.rate(index) else { return Ok(()) };
        let Due(due) = &mut **self.0.get_or_insert_default();
        let now = Instant::now();
        rate.take(due.entry(index).or_insert(now), now)
            .map_err(|wait| too_fast(app.name(index), wait))
    }
}

/// Whether the payload itself is too long: other members and white space around it do not count.
fn is_longer(max: usize, data: &str, text: &str) -> bool {
    exceeds(max, data.as_bytes())
        && match wire::read_any(text) {
            Ok(Frame::Event { data, .. }) => exceeds(max, data.as_bytes()),
            // It is no payload at all, and too long to be looked at.
            _ => true,
        }
}

/// Whether a payload is too long. `null` is as good as none.
pub(crate) fn exceeds(max: usize, data: &[u8]) -> bool {
    data.len() > max && data != b"null"
}

/// What a payload over `max` bytes is refused with.
pub(crate) fn too_large(event: &str, max: usize) -> Reject {
    Reject::new("too_large", format!("the data of `{event}` is over {max} bytes"))
}

fn too_fast(event: &str, wait: Duration) -> Reject {
    // Rounded up: whoever waits as long is not refused again.
    let wait = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    let message = format!("`{event}` comes too fast: wait {wait} ms");
    Reject::new("too_fast", message).with_data(json!({ "retry_in": wait }))
}
