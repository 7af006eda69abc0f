//! The type-level slots of a set: one for each event, `Yes` once the event has a handler.

use crate::input::Input;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::ops::Range;
use syn::ext::IdentExt;

/// From so many events on, slots are grouped: what a handler costs the compiler grows with the
/// number of parameters of the type that it changes.
const GROUPED_FROM: usize = 64;

/// Slots in a group.
const GROUP: usize = 16;

/// Writes `__ESlots<__S0, __S1, ..>` for an enum `E`, or
/// `__ESlots<__ESlots0<__S0, ..>, __ESlots1<__S16, ..>, ..>`.
pub(crate) struct Slots<'a> {
    input: &'a Input,
    groups: Vec<Range<usize>>,
}

impl<'a> Slots<'a> {
    pub(crate) fn new(input: &'a Input) -> Self {
        let count = input.events.len();
        let groups = match count {
            ..GROUPED_FROM => Vec::new(),
            _ => (0..count).step_by(GROUP).map(|first| first..count.min(first + GROUP)).collect(),
        };
        Self { input, groups }
    }

    /// The types themselves, which stand in the module.
    pub(crate) fn types(&self, vis: &TokenStream) -> TokenStream {
        let declare = |name: Ident, params: Vec<Ident>| {
            quote! {
                #[doc(hidden)]
                #vis struct #name<#(#params),*>(::core::marker::PhantomData<fn() -> (#(#params,)*)>);
            }
        };
        let groups = self
            .groups
            .iter()
            .enumerate()
            .map(|(at, slots)| declare(self.group(at), slots.clone().map(slot).collect()));
        let slots = declare(self.name(), self.params());
        quote!(#slots #(#groups)*)
    }

    /// No event has a handler yet.
    pub(crate) fn unfilled(&self) -> TokenStream {
        let krate = &self.input.krate;
        self.write(|_| true, |_| quote!(#krate::__private::No))
    }

    /// How each event fills its slot, and when all of them are filled.
    pub(crate) fn impls(&self) -> TokenStream {
        let Input { krate, module, events, .. } = self.input;
        let private = quote!(#krate::__private);
        let fill = events.iter().enumerate().map(|(at, event)| {
            let event = event.ty(module);
            let own = self.groups.iter().position(|slots| slots.contains(&at));
            let others = self.groups().filter(|other| Some(*other) != own).map(param);
            let slots = match own.and_then(|own| self.groups.get(own)) {
                Some(slots) => slots.clone(),
                None => self.every(),
            };
            let params = others.chain(slots.map(slot));
            let before = self.write(|group| Some(group) == own, |at| named(slot(at)));
            let after = self.write(
                |group| Some(group) == own,
                |slot_at| {
                    if slot_at == at { quote!(#private::Yes) } else { named(slot(slot_at)) }
                },
            );
            let slot = slot(at);
            quote! {
                #[automatically_derived]
                impl<#(#params),*> #private::Fill<#event> for #before {
                    type Slot = #slot;
                    type Filled = #after;
                }
            }
        });
        let params = self.every().map(slot);
        let bounds = events.iter().zip(self.every().map(slot)).map(|(event, slot)| {
            let event = event.ty(module);
            quote!(#slot: #private::HandlerFor<#event>)
        });
        let all = self.write(|_| true, |at| named(slot(at)));
        let any = self.params();
        let open = self.write(|_| false, |at| named(slot(at)));
        quote! {
            #(#fill)*
            #[automatically_derived]
            impl<#(#any),*> #private::Open for #open {}
            #[automatically_derived]
            impl<#(#params),*> #private::Exhaustive for #all
            where
                #(#bounds,)*
            {
            }
        }
    }

    /// Named after the enum, so that two modules can be imported as a whole.
    fn name(&self) -> Ident {
        format_ident!("__{}Slots", self.input.ident.unraw())
    }

    fn group(&self, at: usize) -> Ident {
        format_ident!("{}{at}", self.name())
    }

    fn every(&self) -> Range<usize> {
        0..self.input.events.len()
    }

    /// The parameters of the outer type.
    fn params(&self) -> Vec<Ident> {
        if self.groups.is_empty() {
            self.every().map(slot).collect()
        } else {
            self.groups().map(param).collect()
        }
    }

    fn groups(&self) -> Range<usize> {
        0..self.groups.len()
    }

    /// The type with `slot` in each slot. A group that is not `open` is a parameter as a whole.
    fn write(
        &self,
        open: impl Fn(usize) -> bool,
        slot: impl Fn(usize) -> TokenStream,
    ) -> TokenStream {
        let (module, name) = (&self.input.module, self.name());
        if self.groups.is_empty() {
            let slots = self.every().map(slot);
            return quote!(#module::#name<#(#slots),*>);
        }
        let groups = self.groups.iter().enumerate().map(|(at, slots)| {
            if open(at) {
                let (group, slots) = (self.group(at), slots.clone().map(&slot));
                quote!(#module::#group<#(#slots),*>)
            } else {
                named(param(at))
            }
        });
        quote!(#module::#name<#(#groups),*>)
    }
}

fn slot(at: usize) -> Ident {
    format_ident!("__S{at}")
}

fn param(group: usize) -> Ident {
    format_ident!("__G{group}")
}

fn named(ident: Ident) -> TokenStream {
    quote!(#ident)
}
