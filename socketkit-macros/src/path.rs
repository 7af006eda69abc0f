//! What is written beside the enum, as seen from the module inside.

use proc_macro2::{Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, format_ident, quote, quote_spanned};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Path, Visibility};

/// The visibility of an item beside the module, for one inside that is to reach as far.
///
/// | beside | inside |
/// | --- | --- |
/// | `pub`, `pub(crate)`, `pub(in crate::a)` | the same |
/// | nothing, `pub(self)` | `pub(super)` |
/// | `pub(super)`, `pub(in super::super)` | `pub(in super::super)`, `pub(in super::super::super)` |
pub(crate) fn visibility(beside: &Visibility) -> TokenStream {
    let restricted = match beside {
        Visibility::Public(_) => return beside.to_token_stream(),
        Visibility::Inherited => return quote!(pub(super)),
        Visibility::Restricted(restricted) => restricted,
    };
    let path: &Path = &restricted.path;
    match path.segments.first() {
        Some(first) if first.ident == "self" => quote!(pub(super)),
        Some(first) if first.ident == "super" => quote!(pub(in super::#path)),
        _ => beside.to_token_stream(),
    }
}

/// Primitive types by paths that nothing hides.
pub(crate) fn primitives<const N: usize>(names: [&str; N]) -> [TokenStream; N] {
    names.map(|name| {
        let name = Ident::new(name, Span::call_site());
        quote!(::core::primitive::#name)
    })
}

/// A type of the enum, which is its `Self`, for an impl of another type.
pub(crate) fn without_self(tokens: TokenStream, owner: &Ident) -> TokenStream {
    let name = |token| match token {
        TokenTree::Ident(name) if name == "Self" => {
            let mut owner = owner.clone();
            owner.set_span(name.span());
            owner.into()
        }
        TokenTree::Group(group) => {
            let inner = without_self(group.stream(), owner);
            let mut named = Group::new(group.delimiter(), inner);
            named.set_span(group.span());
            named.into()
        }
        token => token,
    };
    tokens.into_iter().map(name).collect()
}

/// Rewrites paths for the module inside, where generated structs hide names of the outside.
///
/// Works on tokens, so that types, array lengths, and the strings of `#[serde(with = "..")]` are
/// one case. `use super::*` does the rest.
pub(crate) struct Inside<'a> {
    owner: &'a Ident,
    hidden: BTreeSet<String>,
    aliases: BTreeMap<String, Ident>,
}

impl<'a> Inside<'a> {
    /// `owner` is the enum, `generated` are the structs of the module.
    pub(crate) fn new(owner: &'a Ident, generated: impl Iterator<Item = &'a Ident>) -> Self {
        let hidden = generated.map(Ident::to_string).collect();
        Self { owner, hidden, aliases: BTreeMap::new() }
    }

    /// Imports that have to stand beside the enum, for names that `super::` would not find.
    pub(crate) fn aliases(&self) -> TokenStream {
        self.aliases
            .values()
            .map(|name| {
                let alias = self.alias(name);
                quote! {
                    #[doc(hidden)]
                    use #name as #alias;
                }
            })
            .collect()
    }

    fn alias(&self, name: &Ident) -> Ident {
        format_ident!("__{}{}", self.owner, name, span = name.span())
    }

    pub(crate) fn tokens(&mut self, tokens: TokenStream) -> TokenStream {
        let mut inside = TokenStream::new();
        let mut tokens = tokens.into_iter().peekable();
        let mut before = Before::Nothing;
        while let Some(token) = tokens.next() {
            let next = tokens.peek();
            match token {
                TokenTree::Ident(ident) if before != Before::Bound && starts_path(next) => {
                    let alone = !is(next, ':', Spacing::Joint);
                    self.start_of_path(ident, alone, &mut inside);
                    before = Before::Nothing;
                }
                TokenTree::Group(group) => {
                    let mut rewritten = Group::new(group.delimiter(), self.tokens(group.stream()));
                    rewritten.set_span(group.span());
                    inside.append(rewritten);
                    before = Before::Nothing;
                }
                token => {
                    before = before.then(&token);
                    inside.append(token);
                }
            }
        }
        inside
    }

    fn start_of_path(&mut self, name: Ident, alone: bool, inside: &mut TokenStream) {
        let span = name.span();
        let text = name.to_string();
        match text.as_str() {
            "self" if !alone => inside.append(Ident::new("super", span)),
            "super" => inside.extend(quote_spanned!(span=> super::super)),
            "Self" => {
                let owner = self.owner;
                inside.extend(quote_spanned!(span=> super::#owner));
            }
            _ if !self.hidden.contains(&text) => inside.append(name),
            text if alone && PRIMITIVE.contains(&text) => {
                inside.extend(quote_spanned!(span=> ::core::primitive::#name));
            }
            text if PRELUDE.contains(&text) || !text.starts_with(char::is_uppercase) => {
                let alias = self.alias(&name);
                self.aliases.insert(text.to_owned(), name);
                inside.extend(quote_spanned!(span=> super::#alias));
            }
            _ => inside.extend(quote_spanned!(span=> super::#name)),
        }
    }
}

/// What stands before a token.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// The first colon of `::`.
    Colon,
    /// `::`, `.` or `'`: an identifier here does not start a path.
    Bound,
}

impl Before {
    fn then(self, token: &TokenTree) -> Self {
        let TokenTree::Punct(punct) = token else {
            return Self::Nothing;
        };
        match (self, punct.as_char(), punct.spacing()) {
            (Self::Colon, ':', _) | (_, '\'' | '.', _) => Self::Bound,
            (_, ':', Spacing::Joint) => Self::Colon,
            _ => Self::Nothing,
        }
    }
}

/// Whether an identifier before `next` can start a path: it is not the `Item` of `Item = T` or
/// `Item: Bound`, nor the name of a macro.
fn starts_path(next: Option<&TokenTree>) -> bool {
    !is(next, '=', Spacing::Alone)
        && !is(next, ':', Spacing::Alone)
        && !is(next, '!', Spacing::Alone)
}

fn is(token: Option<&TokenTree>, char: char, spacing: Spacing) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if is_punct(punct, char, spacing))
}

fn is_punct(punct: &Punct, char: char, spacing: Spacing) -> bool {
    punct.as_char() == char && punct.spacing() == spacing
}

const PRIMITIVE: &[&str] = &[
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "str", "u8", "u16",
    "u32", "u64", "u128", "usize",
];

/// The types, variants and traits of the standard prelude: none of them is found by `super::`.
const PRELUDE: &[&str] = &[
    "AsMut",
    "AsRef",
    "AsyncFn",
    "AsyncFnMut",
    "AsyncFnOnce",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Send",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];
