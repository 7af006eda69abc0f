//! What a handler answers, and why a call may have no answer.

use crate::path::located;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// A refusal that the other side gets to see, as `{"code":..,"message":..,"data":..}`.
///
/// `?` on anything that implements [`Error`] refuses with the code `internal`; the text of the error
/// stays on this side, in the log. (So `Reject` itself is no [`Error`], as with `anyhow::Error`, for
/// which, as for boxed errors, there is [`Reject::internal`].)
///
/// ```
/// use socketkit::Reject;
///
/// fn check(body: &str) -> Result<usize, Reject> {
///     if body.is_empty() {
///         return Err(Reject::new("empty", "a post needs a body"));
///     }
///     Ok(body.parse::<usize>()?)
/// }
/// assert_eq!(check("").unwrap_err().code, "empty");
/// assert_eq!(check("x").unwrap_err().code, "internal");
/// ```
#[derive(Debug)]
pub struct Reject {
    /// What went wrong, for programs: `snake_case`. Codes of the framework: `bad_data`,
    /// `unknown_event`, `too_large`, `too_fast`, `unauthorized`, `internal`, `busy`, `timeout`.
    pub code: Cow<'static, str>,
    /// What went wrong, for people.
    pub message: Cow<'static, str>,
    data: Option<Box<RawValue>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Reject {
    /// A refusal with a code for programs and a message for people.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into(), data: None, source: None }
    }

    /// Adds a value for programs, such as the field at fault. Left out if it does not serialise.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.data = serde_json::value::to_raw_value(&data).ok();
        self
    }

    pub(crate) fn with_raw_data(self, data: Option<&RawValue>) -> Self {
        Self { data: data.map(ToOwned::to_owned), ..self }
    }

    /// Refuses as `internal` for an error that `?` does not take: `anyhow::Error`, a boxed error, a
    /// text.
    ///
    /// ```
    /// # use socketkit::Reject;
    /// fn load() -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    ///     Err("the disk is full".into())
    /// }
    ///
    /// fn newest() -> Result<u64, Reject> {
    ///     Ok(load().map_err(Reject::internal)?)
    /// }
    /// assert_eq!(newest().unwrap_err().message, "internal error");
    /// ```
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(error.into()), ..Self::fault() }
    }

    /// The error behind an `internal` refusal: for the log, never sent.
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.source.as_deref()
    }

    /// The value for programs, as a type of one's own; `None` if there is none of this type.
    ///
    /// ```
    /// # use socketkit::Reject;
    /// let reject = Reject::new("too_long", "a name has 64 bytes").with_data(64);
    /// assert_eq!(reject.data(), Some(64));
    /// assert_eq!(reject.data::<String>(), None);
    /// ```
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.raw_data()?.get()).ok()
    }

    pub(crate) fn raw_data(&self) -> Option<&RawValue> {
        self.data.as_deref()
    }

    /// What a panic is answered with; its text goes to the log alone.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::internal(format!("panicked: {}", text.unwrap_or("no text")))
    }

    /// What is answered as `internal` and has no text of its own.
    pub(crate) fn fault() -> Self {
        Self::new("internal", "internal error")
    }

    /// What one socket too many is refused with.
    #[cfg(feature = "server")]
    pub(crate) fn full() -> Self {
        Self::new("busy", "too many sockets")
    }

    /// What one call too many is answered, or fails with.
    pub(crate) fn busy() -> Self {
        Self::new("busy", "too many calls in flight")
    }

    pub(crate) fn bad_data(data: &str, error: &serde_json::Error) -> Self {
        Self::new("bad_data", located(data, error))
    }
}

/// What the other side gets to see, without its data.
impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Reject {
    fn from(error: E) -> Self {
        Self::internal(error)
    }
}

/// Calls code of users, and turns a panic into a refusal.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, Reject>) -> Result<T, Reject> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Reject::panicked(&*panic)))
}

/// What a handler may return for an event that is answered with `R`: `R`, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "a handler of this event must return `{R}`, not `{Self}`",
    label = "expected `{R}` or `Result<{R}, E>` with `E: Into<Reject>`",
    note = "the reply is `()` unless the variant says `#[event(reply = T)]`"
)]
pub trait IntoReply<R> {
    /// The reply, or the refusal.
    ///
    /// # Errors
    ///
    /// When the handler refused.
    fn into_reply(self) -> Result<R, Reject>;
}

impl<R> IntoReply<R> for R {
    fn into_reply(self) -> Result<R, Reject> {
        Ok(self)
    }
}

impl<R, E: Into<Reject>> IntoReply<R> for Result<R, E> {
    fn into_reply(self) -> Result<R, Reject> {
        self.map_err(Into::into)
    }
}

/// Why a call has no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The socket was closed before the call was sent: it has not run.
    Closed,
    /// The call was sent and the connection ended before its reply: it may or may not have run.
    Lost,
    /// No reply came in time. The other side was not told; it may still run.
    Timeout,
    /// The other side refused, with a code of its own or one of the framework's. The data of the refusal,
    /// if it has any, is what [`Call::or_reject`](crate::Call::or_reject) is for.
    Rejected {
        /// What went wrong, for programs.
        code: String,
        /// What went wrong, for people.
        message: String,
    },
    /// The reply came and is not of the expected type.
    Decode(serde_json::Error),
    /// The event's payload would not serialise: the call was not sent.
    Encode(serde_json::Error),
}

impl CallError {
    pub(crate) fn rejected(reject: Reject) -> Self {
        Self::Rejected { code: reject.code.into_owned(), message: reject.message.into_owned() }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the socket was closed before the call"),
            Self::Lost => f.write_str("the connection ended before the reply"),
            Self::Timeout => f.write_str("no reply in time"),
            Self::Rejected { code, message } => write!(f, "refused: {message} ({code})"),
            Self::Decode(_) => f.write_str("the reply is not of the expected type"),
            Self::Encode(_) => f.write_str("the event does not serialise"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Decode(error) | Self::Encode(error) => Some(error),
            _ => None,
        }
    }
}
