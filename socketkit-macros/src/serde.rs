//! The part of `#[serde(..)]` that is read: what is copied, and what is refused.

use crate::case::RenameRule;
use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, MetaNameValue, Result, Token};

type Metas = Punctuated<Meta, Token![,]>;

fn metas(attr: &Attribute) -> Result<Metas> {
    attr.parse_args_with(Metas::parse_terminated)
}

/// Those that can be read of all attributes.
fn all_metas(attrs: &[Attribute]) -> impl Iterator<Item = Meta> {
    let attrs = attrs.iter().filter(|attr| attr.path().is_ident("serde"));
    attrs.filter_map(|attr| metas(attr).ok()).flatten()
}

fn each_meta(attrs: &[Attribute], errors: &mut Errors, mut read: impl FnMut(&Meta, &mut Errors)) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        if let Some(metas) = errors.ok(metas(attr)) {
            metas.iter().for_each(|meta| read(meta, errors));
        }
    }
}

/// What every struct with named fields takes over from the enum.
///
/// Keys such as `tag` and `untagged` serve the enum's own `Serialize`.
pub(crate) fn on_enum(attrs: &[Attribute], errors: &mut Errors) -> Vec<TokenStream> {
    let mut copied = Vec::new();
    each_meta(attrs, errors, |meta, errors| {
        if meta.path().is_ident("rename_all") {
            errors.at(meta, "names on the wire come from `#[events(rename_all = ..)]`");
        } else if meta.path().is_ident("deny_unknown_fields") {
            copied.push(meta.to_token_stream());
        } else if meta.path().is_ident("rename_all_fields") {
            copied.push(match meta {
                Meta::Path(_) => quote!(rename_all),
                Meta::List(list) => {
                    let rules = &list.tokens;
                    quote!(rename_all(#rules))
                }
                Meta::NameValue(pair) => {
                    let rule = &pair.value;
                    quote!(rename_all = #rule)
                }
            });
        }
    });
    copied
}

/// Refuses all of it: names are told by `#[event]`, and payloads by the attributes of fields.
pub(crate) fn on_variant(attrs: &[Attribute], errors: &mut Errors) {
    each_meta(attrs, errors, |meta, errors| {
        let key = meta.path().to_token_stream().to_string();
        match key.as_str() {
            "rename" => errors.at(meta, "names on the wire come from `#[event(rename = ..)]`"),
            "alias" => errors.at(meta, "names on the wire come from `#[event(alias = ..)]`"),
            "rename_all" => errors.at(
                meta,
                "fields are renamed by `#[serde(rename_all_fields = ..)]` on the enum, \
                 or one by one by `#[serde(rename = ..)]`",
            ),
            _ => errors.at(
                meta,
                format!(
                    "`{key}` has no meaning on an event; serde's attributes belong to its fields"
                ),
            ),
        }
    });
}

/// How fields are renamed where they are read.
pub(crate) fn rule_of_fields(attrs: &[Attribute]) -> Option<RenameRule> {
    let rule = deserialized(attrs, "rename_all_fields")?;
    RenameRule::find(&rule).ok()
}

/// The name of a field on the wire.
pub(crate) fn name_of(attrs: &[Attribute], field: &str, rule: Option<RenameRule>) -> String {
    let ruled = || rule.map_or_else(|| field.to_owned(), |rule| rule.apply_to_field(field));
    deserialized(attrs, "rename").unwrap_or_else(ruled)
}

/// The string of `key = ".."` or `key(deserialize = "..")`.
fn deserialized(attrs: &[Attribute], key: &str) -> Option<String> {
    match all_metas(attrs).find(|meta| meta.path().is_ident(key))? {
        Meta::List(list) => {
            let inner = list.parse_args_with(Metas::parse_terminated).ok()?;
            string(inner.iter().find(|meta| meta.path().is_ident("deserialize"))?)
        }
        meta => string(&meta),
    }
}

fn string(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(MetaNameValue {
            value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Whether a field with these attributes need not implement `Deserialize`.
pub(crate) fn replaces_deserialize(attrs: &[Attribute]) -> bool {
    one_of(attrs, &["skip", "skip_deserializing", "with", "deserialize_with"]).is_some()
}

/// What of these attributes keeps a field from being a member of its own in JSON.
pub(crate) fn hides(attrs: &[Attribute]) -> Option<&'static str> {
    one_of(attrs, &["skip", "skip_serializing", "flatten"])
}

/// What writes or reads a field in place of its type, if anything does.
pub(crate) fn written_by(attrs: &[Attribute]) -> Option<String> {
    let found = all_metas(attrs).find(|meta| {
        ["with", "serialize_with", "deserialize_with"].iter().any(|key| meta.path().is_ident(key))
    });
    found.map(|meta| string(&meta).unwrap_or_default())
}

/// What of an attribute says how a field stands in JSON. Functions of it are for the type of the field, which
/// another stands for.
pub(crate) fn shaping(attr: &Attribute, krate: &TokenStream) -> TokenStream {
    const KEYS: [&str; 6] =
        ["alias", "flatten", "rename", "skip", "skip_deserializing", "skip_serializing"];
    let never = quote!(#krate::__private::never).to_string().replace(' ', "");
    let metas = metas(attr).ok().into_iter().flatten();
    let kept = metas.filter_map(|meta| {
        if meta.path().is_ident("default") {
            Some(quote!(default))
        } else if meta.path().is_ident("skip_serializing_if") {
            Some(quote!(skip_serializing_if = #never))
        } else {
            let is_name = ["alias", "rename"].iter().any(|key| meta.path().is_ident(key));
            // Of one that is no name, serde alone speaks.
            let is_wrong = is_name && !matches!(meta, Meta::List(_)) && string(&meta).is_none();
            let is_kept = KEYS.iter().any(|key| meta.path().is_ident(key)) && !is_wrong;
            is_kept.then(|| meta.to_token_stream())
        }
    });
    let kept: Vec<_> = kept.collect();
    if kept.is_empty() { TokenStream::new() } else { quote!(#[serde(#(#kept),*)]) }
}

fn one_of(attrs: &[Attribute], keys: &[&'static str]) -> Option<&'static str> {
    let metas: Vec<_> = all_metas(attrs).collect();
    keys.iter().find(|key| metas.iter().any(|meta| meta.path().is_ident(key))).copied()
}

/// The attribute of a field with `rewrite` applied to the paths in its strings.
pub(crate) fn on_field(
    attr: &Attribute,
    mut rewrite: impl FnMut(TokenStream) -> TokenStream,
) -> TokenStream {
    let Ok(mut metas) = metas(attr) else {
        // serde reports it.
        return attr.to_token_stream();
    };
    metas.iter_mut().for_each(|meta| on_meta(meta, &mut rewrite));
    quote!(#[serde(#metas)])
}

fn on_meta(meta: &mut Meta, rewrite: &mut impl FnMut(TokenStream) -> TokenStream) {
    const STRINGS: [&str; 8] = [
        "bound",
        "default",
        "deserialize",
        "deserialize_with",
        "serialize",
        "serialize_with",
        "skip_serializing_if",
        "with",
    ];
    match meta {
        Meta::NameValue(pair) if STRINGS.iter().any(|key| pair.path.is_ident(key)) => {
            if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &mut pair.value
                && let Ok(tokens) = text.parse::<TokenStream>()
            {
                let seen = rewrite(tokens.clone()).to_string();
                if seen != tokens.to_string() {
                    *text = LitStr::new(&seen, text.span());
                }
            }
        }
        // `bound(serialize = "..", deserialize = "..")`; in `rename(..)` the strings are no paths.
        Meta::List(list) if list.path.is_ident("bound") => {
            if let Ok(mut inner) = list.parse_args_with(Metas::parse_terminated) {
                inner.iter_mut().for_each(|meta| on_meta(meta, rewrite));
                list.tokens = inner.into_token_stream();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn what_is_wrong_or_for_another_type_shapes_nothing() {
        let kept = |attr: Attribute| shaping(&attr, &quote!(::socketkit)).to_string();
        for attr in [
            parse_quote!(#[serde(rename)]),
            parse_quote!(#[serde(rename = 1, alias)]),
            parse_quote!(#[serde(defualt, with = "nowhere", getter = "x")]),
            parse_quote!(#[serde(=)]),
        ] {
            assert_eq!(kept(attr), "");
        }
        let names = parse_quote!(#[serde(rename(serialize = "a"), alias = "b", default = "c")]);
        let expected = quote!(#[serde(rename(serialize = "a"), alias = "b", default)]);
        assert_eq!(kept(names), expected.to_string());
    }
}
