//! The shapes of payloads and replies, for the contract. They are there with the feature `schema` of
//! socketkit alone, which these macros do not know: a macro of its own drops them without it.

use crate::input::{Event, Input, Payload};
use crate::{doc, path, serde};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Field, Fields};

/// The method of `Events` that describes each event; `None` if there is nothing to say of any.
pub(crate) fn describe(input: &Input) -> Option<TokenStream> {
    let krate = &input.krate;
    let [usize] = path::primitives(["usize"]);
    let arms: Vec<_> = input
        .events
        .iter()
        .enumerate()
        .filter_map(|(index, event)| {
            let about = about(input, event);
            let index = Literal::usize_unsuffixed(index);
            (!about.is_empty()).then(|| quote!(#index => { #about }))
        })
        .collect();
    (!arms.is_empty()).then(|| {
        quote! {
            #krate::__schema! {
                fn describe(__index: #usize, __about: &mut #krate::__private::Shapes<'_>) {
                    match __index {
                        #(#arms)*
                        _ => {}
                    }
                }
            }
        }
    })
}

fn about(input: &Input, event: &Event) -> TokenStream {
    let krate = &input.krate;
    let docs: Vec<_> = event.attrs.iter().filter_map(doc::text).collect();
    let docs = (!docs.is_empty()).then(|| quote!(__about.doc(&[#(#docs),*]);));
    let payload = match &event.payload {
        Payload::Own(ty) => Some(quote! {
            #krate::__shape!(__Payload, shape, #ty);
            __about.payload::<__Payload>();
        }),
        Payload::Made(fields) if fields.is_empty() => None,
        Payload::Made(fields) => Some(mirror(input, fields)),
    };
    let reply = event.reply.as_ref().map(|reply| {
        quote! {
            #krate::__shape!(__Reply, shape, #reply);
            __about.reply::<__Reply>();
        }
    });
    let progress = event.progress.as_ref().map(|progress| {
        quote! {
            #krate::__shape!(__Progress, shape, #progress);
            __about.progress::<__Progress>();
        }
    });
    quote!(#docs #payload #reply #progress)
}

/// A struct like that of the event, whose fields all have a schema, known or not: `schemars` understands
/// what serde's attributes make of them. Its derive uses names that may be others beside the enum.
fn mirror(input: &Input, fields: &Fields) -> TokenStream {
    let krate = &input.krate;
    let names: Vec<_> = (0..fields.len()).map(|at| format_ident!("__Field{at}")).collect();
    let shapes = fields.iter().zip(&names).map(|(field, name)| shape(input, field, name));
    let body: Vec<_> =
        fields.iter().zip(&names).map(|(field, name)| field_of(input, field, name)).collect();
    let body = match fields {
        Fields::Named(_) => quote!({ #(#body),* }),
        Fields::Unnamed(_) | Fields::Unit => quote!((#(#body),*);),
    };
    let serde = input.serde.iter().filter(|_| matches!(fields, Fields::Named(_)));
    let schemars = quote!(#krate::__private::schemars);
    let path = schemars.to_string().replace(' ', "");
    quote! {
        #(#shapes)*
        {
            #[allow(unused_imports)]
            use ::core::{prelude::rust_2024::*, primitive::{bool, str}};
            #[derive(#schemars::JsonSchema)]
            #[schemars(crate = #path)]
            #(#[serde(#serde)])*
            #[allow(dead_code, deprecated)]
            struct __Payload #body
            __about.payload::<__Payload>();
        }
    }
}

/// The type that has the schema of a field.
fn shape(input: &Input, field: &Field, name: &Ident) -> TokenStream {
    let krate = &input.krate;
    let ty = path::without_self(field.ty.to_token_stream(), &input.ident);
    if let Some(with) = serde::written_by(&field.attrs) {
        // Only the module itself knows what it writes, and one is known here.
        let is_ours = with == "as_string" || with.ends_with("socketkit::as_string");
        let how = if is_ours { quote!(digits) } else { quote!(foreign) };
        return quote!(#krate::__shape!(#name, #how, #ty););
    }
    let how = if serde::hides(&field.attrs) == Some("flatten") { "inlined" } else { "shape" };
    let how = format_ident!("{how}");
    quote!(#krate::__shape!(#name, #how, #ty);)
}

fn field_of(input: &Input, field: &Field, shape: &Ident) -> TokenStream {
    let mut attrs = TokenStream::new();
    for attr in &field.attrs {
        if attr.path().is_ident("doc") || attr.path().is_ident("deprecated") {
            attrs.extend(doc::copied(attr, &input.ident));
        } else if attr.path().is_ident("serde") {
            attrs.extend(serde::shaping(attr, &input.krate));
        }
    }
    let name = field.ident.as_ref().map(|name| quote!(#name:));
    quote!(#attrs #name #shape)
}
