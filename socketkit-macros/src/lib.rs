//! Derive macros of socketkit.
#![forbid(unsafe_code)]
use proc_macro::TokenStream;

/// Placeholder until the derive lands.
#[proc_macro_derive(Events, attributes(events, event))]
pub fn events(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Placeholder until the derive lands.
#[proc_macro_derive(Protocol, attributes(protocol))]
pub fn protocol(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
