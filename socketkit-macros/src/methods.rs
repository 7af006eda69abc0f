//! The methods of `Events` that say how each event travels: those that differ from the default.

use crate::input::{Event, Input};
use crate::path;
use crate::policy::{Policies, Policy, Rate};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

pub(crate) fn policies(input: &Input) -> TokenStream {
    let krate = &input.krate;
    let [str, usize] = path::primitives(["str", "usize"]);
    let policy = |policies: &Policies| match policies.policy {
        Policy::Reliable => None,
        Policy::Volatile => Some(quote!(#krate::Policy::Volatile)),
        Policy::Latest => Some(quote!(#krate::Policy::Latest)),
    };
    let max = |policies: &Policies| {
        let max = Literal::u32_unsuffixed(policies.max?);
        Some(quote!(::core::option::Option::Some(#max)))
    };
    let rate = |policies: &Policies| {
        let Rate { count, seconds, burst, .. } = policies.rate?;
        let [count, burst] = [count, burst].map(Literal::u32_unsuffixed);
        let seconds = Literal::u64_unsuffixed(seconds);
        let per = quote!(::core::time::Duration::from_secs(#seconds));
        Some(quote!(::core::option::Option::Some(#krate::EventRate::new(#count, #per, #burst))))
    };
    let latest_by = |policies: &Policies| {
        let names = policies.keys.iter().map(|key| &key.name);
        (!policies.keys.is_empty()).then(|| quote!(&[#(#names),*]))
    };
    let none = quote!(::core::option::Option::None);
    let reliable = quote!(#krate::Policy::Reliable);
    [
        by_index(input, &policy, "policy", &quote!(#krate::Policy), &reliable),
        by_index(input, &max, "max_bytes", &quote!(::core::option::Option<#usize>), &none),
        by_index(input, &rate, "rate", &quote!(::core::option::Option<#krate::EventRate>), &none),
        by_index(input, &latest_by, "latest_by", &quote!(&'static [&'static #str]), &quote!(&[])),
        latest_key(input),
        has_progress(input),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A method that maps the indexes of events; `None` if all of them have the default.
fn by_index(
    input: &Input,
    value: &dyn Fn(&Policies) -> Option<TokenStream>,
    name: &str,
    ty: &TokenStream,
    default: &TokenStream,
) -> Option<TokenStream> {
    let mut arms: Vec<(String, TokenStream, Vec<Literal>)> = Vec::new();
    for (index, event) in input.events.iter().enumerate() {
        let Some(value) = value(&event.policies) else { continue };
        let (text, index) = (value.to_string(), Literal::usize_unsuffixed(index));
        match arms.iter_mut().find(|(known, ..)| *known == text) {
            Some((.., indexes)) => indexes.push(index),
            None => arms.push((text, value, vec![index])),
        }
    }
    let (name, [usize]) = (Ident::new(name, Span::call_site()), path::primitives(["usize"]));
    let each = arms.iter().map(|(_, value, indexes)| quote!(#(#indexes)|* => #value,));
    (!arms.is_empty()).then(|| {
        quote! {
            fn #name(__index: #usize) -> #ty {
                match __index {
                    #(#each)*
                    _ => #default,
                }
            }
        }
    })
}

fn has_progress(input: &Input) -> Option<TokenStream> {
    let [bool, usize] = path::primitives(["bool", "usize"]);
    let indexes = input.events.iter().enumerate();
    let indexes: Vec<_> = indexes
        .filter(|(_, event)| event.progress.is_some())
        .map(|(index, _)| Literal::usize_unsuffixed(index))
        .collect();
    (!indexes.is_empty()).then(|| {
        quote! {
            fn has_progress(__index: #usize) -> #bool {
                match __index {
                    #(#indexes)|* => true,
                    _ => false,
                }
            }
        }
    })
}

fn latest_key(input: &Input) -> Option<TokenStream> {
    let keyed: Vec<_> =
        input.events.iter().filter(|event| !event.policies.keys.is_empty()).collect();
    let others = (keyed.len() < input.events.len()).then(|| quote!(_ => {}));
    let arms = keyed.iter().map(|event| latest_key_arm(input, event));
    (!keyed.is_empty()).then(|| {
        quote! {
            fn latest_key(&self, __hasher: &mut dyn ::core::hash::Hasher) {
                match self {
                    #(#arms)*
                    #others
                }
            }
        }
    })
}

/// Adds the values of the fields that are named, with the span of where they are named: there rustc
/// says what is wrong with one of them.
fn latest_key_arm(input: &Input, event: &Event) -> TokenStream {
    let Input { ident, krate, .. } = input;
    let variant = &event.ident;
    let keys = &event.policies.keys;
    let add = |span: Span, value: TokenStream| quote_spanned!(span=> #krate::__private::add_to_key(#value, __hasher););
    if event.is_newtype {
        let add = keys.iter().map(|key| {
            let member = &key.member;
            add(key.span, quote_spanned!(key.span=> &__0.#member))
        });
        return quote!(#ident::#variant { 0: __0 } => { #(#add)* });
    }
    let members = keys.iter().map(|key| &key.member);
    // Names of their own: a constant in scope could have the name of a field.
    let values = keys.iter().enumerate().map(|(at, key)| format_ident!("__{at}", span = key.span));
    let values: Vec<_> = values.collect();
    let add = keys.iter().zip(&values).map(|(key, value)| add(key.span, quote!(#value)));
    quote!(#ident::#variant { #(#members: #values,)* .. } => { #(#add)* })
}
