//! `#[derive(Events)]`: the module of structs, and the impls beside the enum.

use crate::errors::Errors;
use crate::input::{Event, Input, Payload};
use crate::path::{self, Inside};
use crate::slots::Slots;
use crate::{doc, methods, schema, serde, stub};
use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Field, Fields, Member, Result};

/// The expansion, and before it each mistake as a `compile_error!`.
pub(crate) fn derive(input: TokenStream) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let mut input = Input::parse(syn::parse2::<DeriveInput>(input)?, &mut errors);
    let errors = errors.finish().err().map(syn::Error::into_compile_error);
    if errors.is_none() && !input.is_doubled {
        return Ok(expand(&input, Bodies::Real));
    }
    stub::own_data(&mut input);
    let stub = expand(&input, Bodies::Stub);
    Ok(quote!(#errors #stub))
}

/// Whether the impls do anything.
///
/// Beside errors they are stubs: handlers elsewhere find every name, so that the error that counts
/// is not lost among others.
#[derive(Clone, Copy, PartialEq)]
enum Bodies {
    Real,
    Stub,
}

fn expand(input: &Input, bodies: Bodies) -> TokenStream {
    let slots = Slots::new(input);
    let made = input.events.iter().filter(|event| matches!(event.payload, Payload::Made(_)));
    let mut inside = Inside::new(&input.ident, made.map(|event| &event.ident));
    let module = module(input, bodies, &slots, &mut inside);
    let aliases = inside.aliases();
    let events = match bodies {
        Bodies::Real => events_impl(input, &slots),
        Bodies::Stub => stub::events_impl(input, &slots),
    };
    let each =
        input.events.iter().enumerate().map(|(index, event)| event_impls(input, index, event));
    let slots = slots.impls();
    quote! {
        #aliases
        #module
        #[doc(hidden)]
        #[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
        const _: () = {
            #events
            #(#each)*
            #slots
        };
    }
}

fn module(
    input: &Input,
    bodies: Bodies,
    slots: &Slots<'_>,
    inside: &mut Inside<'_>,
) -> TokenStream {
    let Input { ident, vis, krate, module, .. } = input;
    let doc = format!(" The events of [`{ident}`], one struct for each.");
    let inner_vis = path::visibility(vis);
    let mut structs = TokenStream::new();
    for event in &input.events {
        if let Payload::Made(fields) = &event.payload {
            structs.extend(event_struct(input, bodies, event, fields, &inner_vis, inside));
        }
    }
    let slots = slots.types(&inner_vis);
    // What these lints have to say of a struct, they have said of its variant.
    quote! {
        #[doc = #doc]
        #[allow(
            deprecated,
            missing_copy_implementations,
            missing_debug_implementations,
            nonstandard_style,
            private_interfaces,
            unreachable_pub,
            unused_imports,
            unused_qualifications,
            clippy::all,
            clippy::pedantic
        )]
        #vis mod #module {
            use super::*;
            use #krate::__private::serde as __serde;

            #structs
            #slots
        }
    }
}

fn event_struct(
    input: &Input,
    bodies: Bodies,
    event: &Event,
    fields: &Fields,
    vis: &TokenStream,
    inside: &mut Inside<'_>,
) -> TokenStream {
    let Event { ident, attrs, .. } = event;
    let attrs = attrs.iter().map(|attr| doc::copied(attr, &input.ident));
    let about = doc::about(event);
    // A struct hides no derive of its name: `Debug` is one beside a variant `Debug`, too.
    let derives: Vec<_> = input
        .derives
        .iter()
        .map(|path| match path.get_ident() {
            Some(name) => name.to_token_stream(),
            None => inside.tokens(path.to_token_stream()),
        })
        .collect();
    let own_impls = bodies == Bodies::Stub || fields.is_empty();
    let serde = if own_impls {
        quote!(#[derive(#(#derives),*)])
    } else {
        let copied = input.serde.iter().filter(|_| matches!(fields, Fields::Named(_)));
        quote! {
            #[derive(__serde::Serialize, __serde::Deserialize #(, #derives)*)]
            #[serde(crate = "self::__serde" #(, #copied)*)]
        }
    };
    let impls = own_impls.then(|| match bodies {
        Bodies::Real => no_payload(event),
        Bodies::Stub => stub::serde_impls(event),
    });
    let body: Vec<_> =
        fields.iter().map(|field| event_field(input, field, own_impls, vis, inside)).collect();
    let body = match fields {
        Fields::Named(_) => quote!({ #(#body),* }),
        Fields::Unnamed(_) => quote!((#(#body),*);),
        Fields::Unit => quote!(;),
    };
    quote! {
        #(#attrs)*
        #about
        #serde
        #vis struct #ident #body
        #impls
    }
}

fn event_field(
    input: &Input,
    field: &Field,
    plain: bool,
    vis: &TokenStream,
    inside: &mut Inside<'_>,
) -> TokenStream {
    let mut attrs = TokenStream::new();
    let mut documented = field.ident.is_none();
    for attr in &field.attrs {
        if attr.path().is_ident("doc") || attr.path().is_ident("deprecated") {
            documented |= attr.path().is_ident("doc");
            attrs.extend(doc::copied(attr, &input.ident));
        } else if attr.path().is_ident("serde") && !plain {
            attrs.extend(serde::on_field(attr, |path| inside.tokens(path)));
        }
    }
    // `missing_docs` has been said of the variant, and cannot be allowed where it is forbidden.
    let empty = (!documented).then(|| quote!(#[doc = ""]));
    let name = field.ident.as_ref().map(|name| quote!(#name:));
    let ty = inside.tokens(field.ty.to_token_stream());
    quote!(#empty #attrs #vis #name #ty)
}

/// An event without payload reads any, so that fields can be added later.
fn no_payload(event: &Event) -> TokenStream {
    let Event { ident, .. } = event;
    quote! {
        #[automatically_derived]
        impl __serde::Serialize for #ident {
            fn serialize<__S: __serde::Serializer>(
                &self,
                __serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                __serde::Serializer::serialize_unit(__serializer)
            }
        }
        #[automatically_derived]
        impl<'__de> __serde::Deserialize<'__de> for #ident {
            fn deserialize<__D: __serde::Deserializer<'__de>>(
                __deserializer: __D,
            ) -> ::core::result::Result<Self, __D::Error> {
                ::core::result::Result::map(
                    <__serde::de::IgnoredAny as __serde::Deserialize>::deserialize(__deserializer),
                    |_| Self {},
                )
            }
        }
    }
}

fn events_impl(input: &Input, slots: &Slots<'_>) -> TokenStream {
    let Input { ident, ty, krate, module, events, .. } = input;
    let private = quote!(#krate::__private);
    // Types beside the enum may have their names.
    let [str, u8, usize] = path::primitives(["str", "u8", "usize"]);
    let names = events.iter().map(|event| &event.name);
    let slots = slots.unfilled();
    let indexes: Vec<_> = (0..events.len()).map(Literal::usize_unsuffixed).collect();
    let known_as = events.iter().map(|Event { name, aliases, .. }| quote!(#name #(| #aliases)*));
    let variants = events.iter().map(|event| &event.ident);
    let policies = methods::policies(input);
    let describe = schema::describe(input);
    let encode = events.iter().map(|event| encode_arm(input, event));
    let tys = events.iter().map(|event| event.ty(module));
    quote! {
        #[automatically_derived]
        impl #krate::Events for #ty {
            const NAMES: &'static [&'static #str] = &[#(#names),*];
            type Slots = #slots;

            fn index_of(__name: &#str) -> ::core::option::Option<#usize> {
                match __name {
                    #(#known_as => ::core::option::Option::Some(#indexes),)*
                    _ => ::core::option::Option::None,
                }
            }

            fn index(&self) -> #usize {
                match *self {
                    #(#ident::#variants { .. } => #indexes,)*
                }
            }

            #policies

            #describe

            fn encode(self, __out: &mut #private::Vec<#u8>) -> #private::serde_json::Result<()> {
                match self {
                    #(#encode)*
                }
            }

            fn decode(__index: #usize, __data: &#str) -> #private::serde_json::Result<Self> {
                match __index {
                    #(#indexes => ::core::result::Result::map(
                        #private::serde_json::from_str::<#tys>(__data),
                        ::core::convert::From::from,
                    ),)*
                    _ => ::core::result::Result::Err(
                        <#private::serde_json::Error as #private::serde::de::Error>::custom("no such event"),
                    ),
                }
            }
        }
    }
}

fn encode_arm(input: &Input, event: &Event) -> TokenStream {
    let Input { ident, krate, module, .. } = input;
    let variant = &event.ident;
    let to_writer = quote!(#krate::__private::serde_json::to_writer);
    match &event.payload {
        Payload::Own(_) => quote!(#ident::#variant(__0) => #to_writer(__out, &__0),),
        Payload::Made(fields) if fields.is_empty() => {
            quote!(#ident::#variant { .. } => ::core::result::Result::Ok(()),)
        }
        Payload::Made(fields) => {
            let event = event.ty(module);
            let members: Vec<_> = fields.members().collect();
            // Names of their own: a constant in scope could have the name of a field.
            let values: Vec<_> = (0..members.len()).map(|at| format_ident!("__{at}")).collect();
            quote! {
                #ident::#variant { #(#members: #values),* } => {
                    #to_writer(__out, &#event { #(#members: #values),* })
                }
            }
        }
    }
}

fn event_impls(input: &Input, index: usize, event: &Event) -> TokenStream {
    let Input { ident, ty, krate, module, .. } = input;
    let variant = &event.ident;
    let event_ty = event.ty(module);
    // With the span of the type, where rustc has something to say of it.
    let reply = match &event.reply {
        Some(reply) => quote_spanned!(reply.span()=> type Reply = #reply;),
        None => quote!(
            type Reply = ();
        ),
    };
    let progress = match &event.progress {
        Some(progress) => quote_spanned!(progress.span()=> type Progress = #progress;),
        None => quote!(
            type Progress = ();
        ),
    };
    let index = Literal::usize_unsuffixed(index);
    let fields = match &event.payload {
        Payload::Own(_) => quote!((__event)),
        Payload::Made(fields) => {
            let members: Vec<Member> = fields.members().collect();
            quote!({ #(#members: __event.#members),* })
        }
    };
    quote! {
        #[automatically_derived]
        impl #krate::Event for #event_ty {
            type Enum = #ty;
            #reply
            #progress
            const INDEX: ::core::primitive::usize = #index;
        }
        #[automatically_derived]
        impl ::core::convert::From<#event_ty> for #ty {
            fn from(__event: #event_ty) -> Self {
                #ident::#variant #fields
            }
        }
    }
}
