//! `#[derive(Protocol)]`: names the two sets of events, the rooms, and who is present there.

use crate::attr::ProtocolAttr;
use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{DeriveInput, Result};

/// The expansion, and before it each mistake as a `compile_error!`.
pub(crate) fn derive(input: TokenStream) -> Result<TokenStream> {
    let mut errors = Errors::default();
    let input: DeriveInput = syn::parse2(input)?;
    let attr = ProtocolAttr::read(&input.attrs, &mut errors);
    if errors.is_empty() && attr.client.is_none() && attr.server.is_none() {
        errors.at(
            &input.ident,
            "say whose events this protocol carries: \
             `#[protocol(client = ClientEvent, server = ServerEvent)]`, or one of the two",
        );
    }
    let errors = errors.finish().err().map(syn::Error::into_compile_error);

    let ident = &input.ident;
    let (parameters, arguments, conditions) = input.generics.split_for_impl();
    let krate = attr.krate.map_or_else(|| quote!(::socketkit), ToTokens::into_token_stream);
    let client = attr.client.map_or_else(|| quote!(#krate::NoEvents), ToTokens::into_token_stream);
    let server = attr.server.map_or_else(|| quote!(#krate::NoEvents), ToTokens::into_token_stream);
    let room = attr.room.map_or_else(|| quote!(#krate::NoRoom), ToTokens::into_token_stream);
    let shapes = attr.presence.as_ref().map(|member| {
        quote! {
            #krate::__schema! {
                fn describe(__about: &mut #krate::__private::Shapes<'_>) {
                    #krate::__shape!(__Room, shape, #room);
                    __about.payload::<__Room>();
                    #krate::__shape!(__Member, shape, #member);
                    __about.member::<__Member>();
                }
            }
        }
    });
    let member =
        attr.presence.map_or_else(|| quote!(#krate::NoMember), ToTokens::into_token_stream);
    Ok(quote! {
        #errors
        #[automatically_derived]
        impl #parameters #krate::Protocol for #ident #arguments #conditions {
            type Client = #client;
            type Server = #server;
            type Room = #room;
            type Member = #member;

            #shapes
        }
    })
}
