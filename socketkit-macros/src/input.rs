//! The enum, parsed and checked.

use crate::attr::{EventAttr, EventsAttr};
use crate::case::{RenameRule, check_name};
use crate::errors::Errors;
use crate::policy::{self, Policies};
use crate::{path, serde};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use std::collections::{HashMap, HashSet};
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Fields, GenericParam, Generics, Path, Type, Variant, Visibility,
};

/// A set of events.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    /// The enum as a type.
    pub(crate) ty: TokenStream,
    /// The path of socketkit.
    pub(crate) krate: TokenStream,
    pub(crate) module: Ident,
    /// What the structs derive besides `Serialize` and `Deserialize`.
    pub(crate) derives: Vec<Path>,
    /// What `#[serde(..)]` says on every struct with named fields.
    pub(crate) serde: Vec<TokenStream>,
    pub(crate) events: Vec<Event>,
    /// A variant is there twice, which rustc reports.
    pub(crate) is_doubled: bool,
}

/// One event of a set.
pub(crate) struct Event {
    pub(crate) ident: Ident,
    /// `#[doc]` and `#[deprecated]`, for the struct.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) reply: Option<Type>,
    pub(crate) progress: Option<Type>,
    pub(crate) policies: Policies,
    pub(crate) payload: Payload,
    /// The variant has one field, without a name: it is the payload.
    pub(crate) is_newtype: bool,
}

/// Where the struct of an event comes from.
pub(crate) enum Payload {
    /// It is made in the module, with these fields.
    Made(Fields),
    /// `transparent`: it is the user's own type.
    Own(Type),
}

impl Input {
    /// Checks the whole of `input`. The result is complete even where `errors` were found.
    pub(crate) fn parse(input: DeriveInput, errors: &mut Errors) -> Self {
        let attr = EventsAttr::read(&input.attrs, errors);
        let serde = serde::on_enum(&input.attrs, errors);
        check_generics(&input.generics, errors);
        let borrows = input.generics.lifetimes().next().is_some();
        let mut variants: Vec<Variant> = match input.data {
            Data::Enum(data) => data.variants.into_iter().collect(),
            Data::Struct(data) => {
                errors.at(
                    data.struct_token,
                    "a set of events is an enum, with one variant for each event",
                );
                Vec::new()
            }
            Data::Union(data) => {
                errors.at(
                    data.union_token,
                    "a set of events is an enum, with one variant for each event",
                );
                Vec::new()
            }
        };
        let (mut seen, count) = (HashSet::new(), variants.len());
        variants.retain(|variant| seen.insert(variant.ident.clone()));

        let is_doubled = variants.len() < count;
        let rule = serde::rule_of_fields(&input.attrs);
        let mut names = Names::new(attr.rename_all.unwrap_or_default());
        let events = variants
            .into_iter()
            .map(|variant| Event::parse(variant, &input.ident, &mut names, rule, borrows, errors))
            .collect();
        let ident = &input.ident;
        let arguments = input.generics.split_for_impl().1;
        Self {
            ty: quote!(#ident #arguments),
            module: module(attr.module, &input.ident, errors),
            ident: input.ident,
            vis: input.vis,
            generics: input.generics,
            krate: attr.krate.map_or_else(|| quote!(::socketkit), ToTokens::into_token_stream),
            derives: attr.derives,
            serde,
            events,
            is_doubled,
        }
    }
}

impl Event {
    fn parse(
        variant: Variant,
        owner: &Ident,
        names: &mut Names,
        rule: Option<RenameRule>,
        borrows: bool,
        errors: &mut Errors,
    ) -> Self {
        let attr = EventAttr::read(&variant.attrs, errors);
        serde::on_variant(&variant.attrs, errors);
        for field in &variant.fields {
            check_field_attrs(&field.attrs, errors);
            if !borrows
                && !serde::replaces_deserialize(&field.attrs)
                && has_reference(field.ty.to_token_stream())
            {
                errors.at(&field.ty, OWN_THE_DATA);
            }
        }
        for ty in attr.reply.iter().chain(&attr.progress) {
            if !borrows && has_reference(ty.to_token_stream()) {
                errors.at(ty, OWN_THE_DATA);
            }
        }
        let without_self =
            |ty: Type| Type::Verbatim(path::without_self(ty.into_token_stream(), owner));
        let (name, aliases) = names.of(&variant.ident, &attr, errors);
        Self {
            policies: Policies::of(&attr, &variant.fields, rule, errors),
            is_newtype: policy::is_newtype(&variant.fields),
            payload: match payload(variant.fields, &attr, errors) {
                Payload::Own(ty) => Payload::Own(without_self(ty)),
                made @ Payload::Made(_) => made,
            },
            attrs: variant.attrs.into_iter().filter(is_copied).collect(),
            ident: variant.ident,
            name,
            aliases,
            reply: attr.reply.map(without_self),
            progress: attr.progress.map(without_self),
        }
    }

    /// The type that is the event, as seen from beside the enum.
    pub(crate) fn ty(&self, module: &Ident) -> TokenStream {
        match &self.payload {
            Payload::Own(ty) => ty.to_token_stream(),
            Payload::Made(_) => {
                let ident = &self.ident;
                let mut module = module.clone();
                module.set_span(ident.span());
                quote_spanned!(ident.span()=> #module::#ident)
            }
        }
    }
}

const OWN_THE_DATA: &str = "an event outlives the frame it was read from; \
    own the data: `String`, `Arc<T>`, `Cow<'static, str>`";

fn check_generics(generics: &Generics, errors: &mut Errors) {
    for param in &generics.params {
        match param {
            GenericParam::Lifetime(_) => errors.at(param, OWN_THE_DATA),
            GenericParam::Type(_) | GenericParam::Const(_) => errors.at(
                param,
                "a set of events has no parameters: each event has one form on the wire",
            ),
        }
    }
}

fn has_reference(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => punct.as_char() == '&',
        TokenTree::Group(group) => has_reference(group.stream()),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    })
}

fn check_field_attrs(attrs: &[Attribute], errors: &mut Errors) {
    for attr in
        attrs.iter().filter(|attr| attr.path().is_ident("event") || attr.path().is_ident("events"))
    {
        errors.at(attr, "a field takes `#[serde(..)]` only");
    }
}

/// Attributes of a variant that hold for its struct as well. Others speak of the enum.
fn is_copied(attr: &Attribute) -> bool {
    attr.path().is_ident("doc") || attr.path().is_ident("deprecated")
}

fn payload(fields: Fields, attr: &EventAttr, errors: &mut Errors) -> Payload {
    let Some(transparent) = &attr.transparent else {
        return Payload::Made(fields);
    };
    if let Fields::Unnamed(unnamed) = &fields
        && unnamed.unnamed.len() == 1
        && let Some(field) = unnamed.unnamed.first()
    {
        for attr in field.attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            errors.at(
                attr,
                "a `transparent` event has the form of its own type, where `#[serde(..)]` belongs",
            );
        }
        return Payload::Own(field.ty.clone());
    }
    errors.at(
        transparent,
        "`transparent` is for a variant with one unnamed field, whose type is the event: \
         `SubmitPost(SubmitPost)`",
    );
    Payload::Made(fields)
}

/// The module that the structs stand in: as told, or named after the enum.
fn module(told: Option<Ident>, owner: &Ident, errors: &mut Errors) -> Ident {
    let derived = told.is_none();
    let module = told.unwrap_or_else(|| {
        let name = RenameRule::Snake.apply(&owner.unraw().to_string());
        match syn::parse_str::<Ident>(&name) {
            // syn knows no keyword of edition 2024.
            Ok(_) if name != "gen" => Ident::new(&name, owner.span()),
            // A keyword; `crate`, `self` and `super` cannot be raw.
            _ if !matches!(name.as_str(), "crate" | "self" | "super") => {
                Ident::new_raw(&name, owner.span())
            }
            _ => owner.clone(),
        }
    });
    if module != *owner {
        return module;
    }
    let reason = if derived {
        "no module can be named after this enum; name one: `#[events(module = client_event)]`"
    } else {
        "the module cannot have the name of the enum, which it stands beside"
    };
    errors.at(&module, reason);
    format_ident!("__{}", owner.unraw(), span = Span::call_site())
}

/// The names on the wire that are given away.
struct Names {
    rule: RenameRule,
    taken: HashMap<String, Ident>,
}

impl Names {
    fn new(rule: RenameRule) -> Self {
        Self { rule, taken: HashMap::new() }
    }

    /// The name and the aliases of the event `ident`.
    fn of(
        &mut self,
        ident: &Ident,
        attr: &EventAttr,
        errors: &mut Errors,
    ) -> (String, Vec<String>) {
        // The rule decides on capitals for all names, so that `rename` fits to the others.
        let capitals = self.rule.has_capitals();
        let name = match &attr.rename {
            Some(rename) => {
                let name = rename.value();
                self.take(&name, capitals, ident, rename, errors);
                name
            }
            None => {
                let name = self.rule.apply(&ident.unraw().to_string());
                self.take(&name, capitals, ident, ident, errors);
                name
            }
        };
        let aliases = attr.aliases.iter().map(|alias| {
            let name = alias.value();
            // An alias is what others send, who may have chosen capitals.
            self.take(&name, true, ident, alias, errors);
            name
        });
        (name, aliases.collect())
    }

    fn take(
        &mut self,
        name: &str,
        capitals: bool,
        event: &Ident,
        place: impl ToTokens,
        errors: &mut Errors,
    ) {
        if let Err(reason) = check_name(name, capitals) {
            errors.at(place, reason);
        } else if let Some(owner) = self.taken.insert(name.to_owned(), event.clone()) {
            if owner == *event {
                errors.at(place, format!("`{name}` is a name of this event already"));
            } else {
                errors.at(place, format!("`{name}` is the name of `{owner}` already"));
            }
        }
    }
}
