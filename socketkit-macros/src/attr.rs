//! `#[events]`, `#[event]`, `#[protocol]`, and the part of `#[serde]` that is read.

use crate::case::RenameRule;
use crate::errors::Errors;
use proc_macro2::{Spacing, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Ident, Lit, LitInt, LitStr, Path, Result, Token, Type, parenthesized, token,
};

const ALIAS: &str = "alias";
const BURST: &str = "burst";
const CLIENT: &str = "client";
const CRATE: &str = "crate";
const DERIVE: &str = "derive";
const LATEST: &str = "latest";
const MAX: &str = "max";
const MODULE: &str = "module";
const PRESENCE: &str = "presence";
const PROGRESS: &str = "progress";
const RATE: &str = "rate";
const RENAME: &str = "rename";
const RENAME_ALL: &str = "rename_all";
const REPLY: &str = "reply";
const ROOM: &str = "room";
const SERVER: &str = "server";
const TRANSPARENT: &str = "transparent";
const VOLATILE: &str = "volatile";

/// `#[events(..)]` on an enum.
#[derive(Default)]
pub(crate) struct EventsAttr {
    pub(crate) rename_all: Option<RenameRule>,
    pub(crate) module: Option<Ident>,
    pub(crate) derives: Vec<Path>,
    pub(crate) krate: Option<Path>,
}

impl EventsAttr {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for attr in attrs {
            if attr.path().is_ident("event") {
                errors.at(
                    attr,
                    "`#[event(..)]` belongs to a variant; the enum takes `#[events(..)]`",
                );
            } else if attr.path().is_ident("events") {
                each_key(attr, errors, |key, name, input| match name {
                    RENAME_ALL => {
                        let rule: LitStr =
                            value(key, input, "a string", "rename_all = \"kebab-case\"")?;
                        let rule = RenameRule::find(&rule.value())
                            .map_err(|reason| Error::new(rule.span(), reason))?;
                        once(&mut this.rename_all, key, rule)
                    }
                    MODULE => {
                        let module = value(key, input, "a name", "module = client_event");
                        meant(&mut this.module, key, input, module)
                    }
                    DERIVE => derives(&mut this.derives, key, input),
                    CRATE => krate(&mut this.krate, key, input),
                    _ => Err(unknown(key, "events", &[RENAME_ALL, MODULE, DERIVE, CRATE])),
                });
            }
        }
        this
    }
}

/// `#[event(..)]` on a variant.
#[derive(Default)]
pub(crate) struct EventAttr {
    pub(crate) rename: Option<LitStr>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) reply: Option<Type>,
    pub(crate) progress: Option<Type>,
    pub(crate) volatile: Option<Ident>,
    pub(crate) latest: Option<Latest>,
    pub(crate) max: Option<Lit>,
    pub(crate) rate: Option<LitStr>,
    /// With its key.
    pub(crate) burst: Option<(Ident, LitInt)>,
    pub(crate) transparent: Option<Ident>,
}

/// `latest`, or `latest = "id"`.
pub(crate) struct Latest {
    pub(crate) flag: Ident,
    pub(crate) key: Option<LitStr>,
}

impl EventAttr {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for attr in attrs {
            if attr.path().is_ident("events") {
                errors.at(
                    attr,
                    "`#[events(..)]` belongs to the enum; a variant takes `#[event(..)]`",
                );
            } else if attr.path().is_ident("event") {
                each_key(attr, errors, |key, name, input| match name {
                    RENAME => once(
                        &mut this.rename,
                        key,
                        value(key, input, "a string", "rename = \"post.submit\"")?,
                    ),
                    ALIAS => {
                        this.aliases.push(value(key, input, "a string", "alias = \"submitPost\"")?);
                        Ok(())
                    }
                    REPLY => {
                        let reply = value(key, input, "a type", "reply = PostId");
                        meant(&mut this.reply, key, input, reply)
                    }
                    PROGRESS => {
                        let progress = value(key, input, "a type", "progress = u8");
                        meant(&mut this.progress, key, input, progress)
                    }
                    VOLATILE => once(&mut this.volatile, key, flag(key, input)?),
                    LATEST => once(&mut this.latest, key, latest(key, input)?),
                    MAX => once(&mut this.max, key, value(key, input, "a size", "max = \"4KiB\"")?),
                    RATE => {
                        once(&mut this.rate, key, value(key, input, "a string", "rate = \"5/s\"")?)
                    }
                    BURST => {
                        let burst = value(key, input, "a number of events", "burst = 10")?;
                        once(&mut this.burst, key, (key.clone(), burst))
                    }
                    TRANSPARENT => once(&mut this.transparent, key, flag(key, input)?),
                    _ => Err(unknown(
                        key,
                        "event",
                        &[
                            RENAME,
                            ALIAS,
                            REPLY,
                            PROGRESS,
                            VOLATILE,
                            LATEST,
                            MAX,
                            RATE,
                            BURST,
                            TRANSPARENT,
                        ],
                    )),
                });
            }
        }
        this
    }
}

/// `#[protocol(..)]`.
#[derive(Default)]
pub(crate) struct ProtocolAttr {
    pub(crate) client: Option<Type>,
    pub(crate) server: Option<Type>,
    pub(crate) room: Option<Type>,
    pub(crate) presence: Option<Type>,
    pub(crate) krate: Option<Path>,
}

impl ProtocolAttr {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut this = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("protocol")) {
            each_key(attr, errors, |key, name, input| match name {
                CLIENT => once(
                    &mut this.client,
                    key,
                    value(key, input, "a type", "client = ClientEvent")?,
                ),
                SERVER => once(
                    &mut this.server,
                    key,
                    value(key, input, "a type", "server = ServerEvent")?,
                ),
                ROOM => once(&mut this.room, key, value(key, input, "a type", "room = PostId")?),
                PRESENCE => {
                    once(&mut this.presence, key, value(key, input, "a type", "presence = Member")?)
                }
                CRATE => krate(&mut this.krate, key, input),
                _ => Err(unknown(key, "protocol", &[CLIENT, SERVER, ROOM, PRESENCE, CRATE])),
            });
        }
        this
    }
}

/// Calls `read` at each key in the parentheses of `attr`, and goes on behind those that it refuses.
fn each_key(
    attr: &Attribute,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, &str, ParseStream<'_>) -> Result<()>,
) {
    let mut refused = Vec::new();
    let result = attr.parse_args_with(|input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            if let Err(error) = read(&key, &key.unraw().to_string(), input) {
                refused.push(error);
                skip_value(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    });
    refused.into_iter().chain(result.err()).for_each(|error| errors.push(error));
}

/// Skips what follows a refused key, up to the next comma that is not within angle brackets.
fn skip_value(input: ParseStream<'_>) -> Result<()> {
    let mut depth = 0_usize;
    let mut arrow = false;
    while !input.is_empty() && (depth > 0 || !input.peek(Token![,])) {
        let token: TokenTree = input.parse()?;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' if !arrow => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        arrow = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '-' && punct.spacing() == Spacing::Joint);
    }
    Ok(())
}

/// Parses `= value`; `what` and `form` tell the user what is expected.
fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, what: &str, form: &str) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{key}` needs a value: `{form}`")));
    }
    input.parse::<Token![=]>()?;
    let ahead = input.fork();
    ahead
        .parse::<T>()
        .map_err(|error| Error::new(error.span(), format!("expected {what}: `{form}`")))?;
    input.parse()
}

fn flag(key: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    if input.is_empty() || input.peek(Token![,]) {
        Ok(key.clone())
    } else {
        Err(Error::new(key.span(), format!("`{key}` takes no value")))
    }
}

fn latest(key: &Ident, input: ParseStream<'_>) -> Result<Latest> {
    let told = if input.peek(Token![=]) {
        Some(value(key, input, "the name of a field", "latest = \"id\"")?)
    } else if input.is_empty() || input.peek(Token![,]) {
        None
    } else {
        let reason = "`latest` takes no value, or the name of a field: `latest = \"id\"`";
        return Err(Error::new(key.span(), reason));
    };
    Ok(Latest { flag: key.clone(), key: told })
}

fn once<T>(slot: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given more than once")));
    }
    Ok(())
}

fn unknown(key: &Ident, attr: &str, known: &[&str]) -> Error {
    let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
    let known = known.join(", ");
    Error::new(key.span(), format!("`#[{attr}(..)]` has no key `{key}`; it takes {known}"))
}

/// A value in quotes is refused, and taken for the stub: so much is clear.
fn meant<T: Parse>(
    slot: &mut Option<T>,
    key: &Ident,
    input: ParseStream<'_>,
    value: Result<T>,
) -> Result<()> {
    let value = value.inspect_err(|_| {
        let quoted = input.fork().parse::<LitStr>();
        *slot = quoted.ok().and_then(|quoted| quoted.parse().ok());
    });
    once(slot, key, value?)
}

fn derives(derives: &mut Vec<Path>, key: &Ident, input: ParseStream<'_>) -> Result<()> {
    if !input.peek(token::Paren) {
        return Err(Error::new(key.span(), "`derive` needs a list: `derive(Debug, Clone)`"));
    }
    let list;
    parenthesized!(list in input);
    let paths = Punctuated::<Path, Token![,]>::parse_terminated_with(&list, Path::parse_mod_style)?;
    let mut refused = Errors::default();
    for path in paths {
        if let Some(name) = path.segments.last().map(|segment| &segment.ident)
            && (name == "Serialize" || name == "Deserialize")
        {
            let reason =
                format!("the structs have `{name}` already: it is the payload's form on the wire");
            refused.at(path, reason);
        } else {
            derives.push(path);
        }
    }
    refused.finish()
}

/// The path of this crate, which the generated module must understand as well.
fn krate(slot: &mut Option<Path>, key: &Ident, input: ParseStream<'_>) -> Result<()> {
    let path = value(key, input, "a path", "crate = ::my::socketkit");
    meant(slot, key, input, path)?;
    let Some(path) = slot else { return Ok(()) };
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    if path.leading_colon.is_none() && !matches!(first.as_deref(), Some("crate" | "$crate")) {
        let path = path_text(path);
        let reason = match first.as_deref() {
            Some("self" | "super") => {
                "this path must be absolute: begin at the root, with `crate::`".to_owned()
            }
            _ => format!(
                "this path must be absolute: `::{path}` for a crate, `crate::{path}` for a re-export in this one"
            ),
        };
        return Err(Error::new(key.span(), reason));
    }
    Ok(())
}

fn path_text(path: &impl ToTokens) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
