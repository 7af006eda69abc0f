//! The documentation of the module of structs.

use crate::input::Event;
use crate::policy::{Policies, Policy};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta};

/// An attribute of a variant or of its field, for the struct: links to other variants lead to the
/// enum, where they are.
pub(crate) fn copied(attr: &Attribute, owner: &Ident) -> TokenStream {
    let mut attr = attr.clone();
    if attr.path().is_ident("doc")
        && let Meta::NameValue(pair) = &mut attr.meta
        && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &mut pair.value
    {
        let mut linked = text.value();
        for open in ["[", "[`", "("] {
            let owner = format!("{open}{}::", owner.unraw());
            linked = linked.replace(&format!("{open}Self::"), &owner);
        }
        if linked != text.value() {
            *text = LitStr::new(&linked, text.span());
        }
    }
    attr.into_token_stream()
}

/// What an attribute says, if it is one of documentation.
pub(crate) fn text(attr: &Attribute) -> Option<&Expr> {
    match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(&pair.value),
        _ => None,
    }
}

/// A line of documentation on how the event travels.
pub(crate) fn about(event: &Event) -> TokenStream {
    let mut about = format!(" On the wire: `{}`.", event.name);
    if !event.aliases.is_empty() {
        about += &format!(" Also received as `{}`.", event.aliases.join("`, `"));
    }
    if let Some(reply) = &event.reply {
        about += &format!(" Answered with `{}`.", source_of(reply));
    }
    let Policies { policy, keys, max, rate } = &event.policies;
    about += match policy {
        Policy::Reliable => "",
        Policy::Volatile => " Dropped where its receiver is slow to read.",
        Policy::Latest if keys.is_empty() => {
            " Replaces an unsent one where its receiver is slow to read."
        }
        Policy::Latest => " Replaces an unsent one of the same ",
    };
    if !keys.is_empty() {
        let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
        about += &format!("{} where its receiver is slow to read.", names.join(" and "));
    }
    if let Some(max) = max {
        about += &format!(" At most {max} bytes.");
    }
    if let Some(rate) = rate {
        about += &format!(" At most {}{}, {} at once.", rate.count, rate.unit, rate.burst);
    }
    let gap =
        event.attrs.iter().any(|attr| attr.path().is_ident("doc")).then(|| quote!(#[doc = ""]));
    quote!(#gap #[doc = #about])
}

/// The tokens without the spaces that nobody would write.
fn source_of(tokens: &impl ToTokens) -> String {
    let tokens = tokens.to_token_stream().to_string();
    let word = |char: char| char.is_alphanumeric() || char == '_' || char == '\'';
    let mut source = String::new();
    let mut chars = tokens.chars().peekable();
    while let Some(char) = chars.next() {
        let before = source.chars().next_back();
        let kept = before.is_some_and(|char| matches!(char, ',' | ';'))
            || before.is_some_and(word) && chars.peek().is_some_and(|next| word(*next));
        if char != ' ' || kept {
            source.push(char);
        }
    }
    source
}
