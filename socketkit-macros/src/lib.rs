//! Derive macros of socketkit.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod attr;
mod case;
mod errors;
mod events;
mod input;
mod path;
mod protocol;
mod serde;
mod slots;
mod stub;

use proc_macro::TokenStream;
use syn::Result;

/// Placeholder until the derive lands.
#[proc_macro_derive(Events, attributes(events, event, serde))]
pub fn events(input: TokenStream) -> TokenStream {
    expansion("Events", events::derive(input.into()))
}

/// Placeholder until the derive lands.
#[proc_macro_derive(Protocol, attributes(protocol))]
pub fn protocol(input: TokenStream) -> TokenStream {
    expansion("Protocol", protocol::derive(input.into()))
}

/// What a derive hands to the compiler, and prints for whoever asked for it.
fn expansion(derive: &str, expansion: Result<proc_macro2::TokenStream>) -> TokenStream {
    let expansion = expansion.unwrap_or_else(syn::Error::into_compile_error);
    if std::env::var_os("SOCKETKIT_MACROS_DEBUG").is_some_and(|value| value == "1") {
        #[allow(clippy::print_stderr)]
        {
            eprintln!("// derive({derive})\n{expansion}\n");
        }
    }
    expansion.into()
}
