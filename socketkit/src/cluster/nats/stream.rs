//! A stream of JetStream, as it has to be.

use crate::cluster::engine::EngineError;
use async_nats::jetstream::{Context, ErrorCode, context::RequestErrorKind, response::Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How often it is looked at: others may make or change it meanwhile.
const ATTEMPTS: usize = 8;

/// The shortest that the server has.
const DUPLICATES: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) subjects: Vec<String>,
    pub(super) time: Duration,
    /// Without, as many as there come.
    pub(super) bytes: Option<usize>,
    /// Of each subject the last message alone.
    pub(super) is_last: bool,
}

/// What the server knows of it. As it is sent: what this does not know of is left as it is.
#[derive(Deserialize)]
struct Known {
    config: Value,
}

impl Wanted {
    /// Makes the stream, or lets it keep more if it keeps less. Never less, as other nodes may want that. Whether there
    /// is a JetStream at all.
    pub(super) async fn ensure(&self, jetstream: &Context) -> Result<bool, EngineError> {
        for _ in 0..ATTEMPTS {
            let name = &self.name;
            let info = jetstream.request(format!("STREAM.INFO.{name}"), &json!({})).await;
            let (action, config) = match info {
                Ok(Response::Ok(Known { config })) => match self.grown(&config) {
                    Some(config) => ("UPDATE", config),
                    None => return Ok(true),
                },
                Ok(Response::Err { error }) => match error.error_code() {
                    ErrorCode::STREAM_NOT_FOUND => ("CREATE", self.config()),
                    ErrorCode::JETSTREAM_NOT_ENABLED
                    | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => return Ok(false),
                    _ => return Err(error.into()),
                },
                Err(error) if error.kind() == RequestErrorKind::NoResponders => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            match jetstream.request(format!("STREAM.{action}.{name}"), &config).await? {
                // It is looked at again: another node may have wanted something else at the same time.
                Response::Ok(Known { .. }) => {}
                Response::Err { error } if is_race(error.error_code()) => {}
                Response::Err { error } => {
                    return Err(format!("the stream {name}: {error}").into());
                }
            }
        }
        Err(format!("the stream {} changes again and again", self.name).into())
    }

    fn config(&self) -> Value {
        json!({
            "name": self.name,
            "subjects": self.subjects,
            "retention": "limits",
            "max_consumers": -1,
            "max_msgs": -1,
            "max_msgs_per_subject": if self.is_last { 1 } else { -1 },
            "max_bytes": self.bytes(),
            "max_age": nanos(self.time),
            "discard": "old",
            "storage": "file",
            "num_replicas": 1,
            "duplicate_window": nanos(DUPLICATES),
        })
    }

    /// What a stream that is not enough is to become.
    fn grown(&self, known: &Value) -> Option<Value> {
        let mut config = known.clone();
        // What is not above zero is no limit.
        for (limit, wanted) in [("max_age", nanos(self.time)), ("max_bytes", self.bytes())] {
            let known = config[limit].as_i64().unwrap_or_default();
            if known > 0 && (wanted <= 0 || wanted > known) {
                config[limit] = wanted.into();
            }
        }
        for subject in &self.subjects {
            if let Some(subjects) = config["subjects"].as_array_mut() {
                let wanted = Value::from(subject.as_str());
                if !subjects.contains(&wanted) {
                    subjects.push(wanted);
                }
            }
        }
        (config != *known).then_some(config)
    }

    fn bytes(&self) -> i64 {
        self.bytes.map_or(-1, |bytes| bytes.try_into().unwrap_or(i64::MAX))
    }
}

/// Another node makes it at this moment.
fn is_race(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::STREAM_NAME_EXIST | ErrorCode::STREAM_SUBJECT_OVERLAP)
}

fn nanos(time: Duration) -> i64 {
    time.as_nanos().try_into().unwrap_or(i64::MAX)
}
