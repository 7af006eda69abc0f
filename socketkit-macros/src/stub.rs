//! What is emitted beside errors: every name and type, and nothing that does anything.

use crate::input::{Event, Input, Payload};
use crate::path;
use crate::slots::Slots;
use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use std::collections::HashMap;
use syn::{GenericParam, Type};

/// Rids `input` of lifetimes, parameters and references: that they are refused has been said.
pub(crate) fn own_data(input: &mut Input) {
    let params: HashMap<_, _> = input
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(param) => Some((param.ident.to_string(), quote!(()))),
            GenericParam::Const(param) => Some((param.ident.to_string(), quote!(0))),
        })
        .collect();
    let own = |ty: &mut Type| *ty = Type::Verbatim(owned(ty.to_token_stream(), &params));
    input.ty = owned(input.ty.clone(), &params);
    for event in &mut input.events {
        event.reply.iter_mut().chain(&mut event.progress).for_each(own);
        match &mut event.payload {
            Payload::Own(ty) => own(ty),
            Payload::Made(fields) => fields.iter_mut().for_each(|field| own(&mut field.ty)),
        }
    }
}

/// Puts arguments in the place of parameters, and `'static` in that of every lifetime.
fn owned(tokens: TokenStream, params: &HashMap<String, TokenStream>) -> TokenStream {
    let mut owned = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let inner = self::owned(group.stream(), params);
                owned.append(Group::new(group.delimiter(), inner));
            }
            TokenTree::Ident(ident) => match params.get(&ident.to_string()) {
                Some(argument) => owned.extend(argument.clone()),
                None => owned.append(ident),
            },
            TokenTree::Punct(tick) if tick.as_char() == '\'' => {
                tokens.next();
                owned.extend(quote!('static));
            }
            TokenTree::Punct(and) if and.as_char() == '&' => {
                owned.append(and);
                if !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '\'')
                {
                    owned.extend(quote!('static));
                }
            }
            token => owned.append(token),
        }
    }
    owned
}

pub(crate) fn serde_impls(event: &Event) -> TokenStream {
    let Event { ident, .. } = event;
    quote! {
        impl __serde::Serialize for #ident {
            fn serialize<__S: __serde::Serializer>(
                &self,
                _: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                ::core::unreachable!()
            }
        }
        impl<'__de> __serde::Deserialize<'__de> for #ident {
            fn deserialize<__D: __serde::Deserializer<'__de>>(
                _: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                ::core::unreachable!()
            }
        }
    }
}

pub(crate) fn events_impl(input: &Input, slots: &Slots<'_>) -> TokenStream {
    let Input { ty, krate, events, .. } = input;
    let [str, u8, usize] = path::primitives(["str", "u8", "usize"]);
    let names = events.iter().map(|event| &event.name);
    let slots = slots.unfilled();
    quote! {
        impl #krate::Events for #ty {
            const NAMES: &'static [&'static #str] = &[#(#names),*];
            type Slots = #slots;

            fn index_of(_: &#str) -> ::core::option::Option<#usize> {
                ::core::unreachable!()
            }

            fn index(&self) -> #usize {
                ::core::unreachable!()
            }

            fn encode(self, _: &mut #krate::__private::Vec<#u8>) -> #krate::__private::serde_json::Result<()> {
                ::core::unreachable!()
            }

            fn decode(_: #usize, _: &#str) -> #krate::__private::serde_json::Result<Self> {
                ::core::unreachable!()
            }
        }
    }
}
