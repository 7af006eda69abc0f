//! Why a call is not answered, or an event was not taken.

use super::{write_int, write_json};
use crate::Reject;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// What a `failure` says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem<'a> {
    #[serde(borrow)]
    pub(crate) code: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<&'a RawValue>,
}

/// Appends a refusal: of the call `id`, or of an event that was sent without one.
pub(crate) fn write_failure(
    out: &mut Vec<u8>,
    id: Option<u32>,
    event: Option<&str>,
    reject: &Reject,
) {
    out.push(b'{');
    if let Some(id) = id {
        out.extend_from_slice(b"\"reply\":");
        write_int(out, id);
        out.push(b',');
    }
    out.extend_from_slice(b"\"error\":");
    let problem = Problem {
        code: Cow::Borrowed(&reject.code),
        message: Cow::Borrowed(&reject.message),
        event: event.filter(|_| id.is_none()).map(Cow::Borrowed),
        data: reject.raw_data(),
    };
    write_json(out, &problem);
    out.push(b'}');
}
