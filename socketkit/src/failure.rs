//! Why a call has no reply, with all that the other side said.

use crate::{
    CallError, Reject,
    wire::{self, Problem},
};

/// See the module.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The other side refused.
    Refused(Reject),
    /// There is no more to say of it.
    Plain(CallError),
}

impl Failure {
    /// What a `failure` frame tells of.
    pub(crate) fn read(error: &str) -> Self {
        match wire::object::<Problem<'_>>(error) {
            Ok(Problem { code, message, data, .. }) => {
                let reject = Reject::new(code.into_owned(), message.into_owned());
                Self::Refused(reject.with_raw_data(data))
            }
            Err(error) => Self::Plain(CallError::Decode(error)),
        }
    }

    /// The refusal, be it by the other side or by this one.
    pub(crate) fn into_reject(self) -> Result<Reject, CallError> {
        match self {
            Self::Refused(reject) => Ok(reject),
            Self::Plain(CallError::Rejected { code, message }) => Ok(Reject::new(code, message)),
            Self::Plain(error) => Err(error),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Plain(error)
    }
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(reject) => Self::rejected(reject),
            Failure::Plain(error) => error,
        }
    }
}
