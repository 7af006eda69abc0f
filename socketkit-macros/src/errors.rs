//! Collects errors, so that one run shows every mistake.

use quote::ToTokens;
use std::fmt::Display;
use syn::Result;

/// The mistakes found so far.
#[derive(Default)]
#[must_use]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    /// Notes a mistake in the code that `place` was parsed from.
    pub(crate) fn at(&mut self, place: impl ToTokens, reason: impl Display) {
        self.push(syn::Error::new_spanned(place, reason));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value, or `None` and one more mistake.
    pub(crate) fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All of them as one error, which becomes one `compile_error!` for each.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
