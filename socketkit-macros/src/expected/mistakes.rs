::core::compile_error! {
    "`#[event(..)]` has no key `volatle`; it takes `rename`, `alias`, `reply`, `progress`, `volatile`, `latest`, `max`, `rate`, `burst`, `transparent`"
}
/// The events of [`ClientEvent`], one struct for each.
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
pub mod client_event {
    use super::*;
    use ::socketkit::__private::serde as __serde;
    /// On the wire: `typing`.
    #[derive()]
    pub struct Typing;
    impl __serde::Serialize for Typing {
        fn serialize<__S: __serde::Serializer>(
            &self,
            _: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            ::core::unreachable!()
        }
    }
    impl<'__de> __serde::Deserialize<'__de> for Typing {
        fn deserialize<__D: __serde::Deserializer<'__de>>(
            _: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            ::core::unreachable!()
        }
    }
    /// On the wire: `watch`.
    #[derive()]
    pub struct Watch(pub u64);
    impl __serde::Serialize for Watch {
        fn serialize<__S: __serde::Serializer>(
            &self,
            _: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            ::core::unreachable!()
        }
    }
    impl<'__de> __serde::Deserialize<'__de> for Watch {
        fn deserialize<__D: __serde::Deserializer<'__de>>(
            _: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            ::core::unreachable!()
        }
    }
    #[doc(hidden)]
    pub struct __ClientEventSlots<__S0, __S1>(
        ::core::marker::PhantomData<fn() -> (__S0, __S1)>,
    );
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    impl ::socketkit::Events for ClientEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &["typing", "watch"];
        type Slots = client_event::__ClientEventSlots<
            ::socketkit::__private::No,
            ::socketkit::__private::No,
        >;
        fn index_of(
            _: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            ::core::unreachable!()
        }
        fn index(&self) -> ::core::primitive::usize {
            ::core::unreachable!()
        }
        fn encode(
            self,
            _: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            ::core::unreachable!()
        }
        fn decode(
            _: ::core::primitive::usize,
            _: &::core::primitive::str,
        ) -> ::socketkit::__private::serde_json::Result<Self> {
            ::core::unreachable!()
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Typing {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Typing> for ClientEvent {
        fn from(__event: client_event::Typing) -> Self {
            ClientEvent::Typing {}
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Watch {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 1;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Watch> for ClientEvent {
        fn from(__event: client_event::Watch) -> Self {
            ClientEvent::Watch { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<client_event::Typing>
    for client_event::__ClientEventSlots<__S0, __S1> {
        type Slot = __S0;
        type Filled = client_event::__ClientEventSlots<
            ::socketkit::__private::Yes,
            __S1,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<client_event::Watch>
    for client_event::__ClientEventSlots<__S0, __S1> {
        type Slot = __S1;
        type Filled = client_event::__ClientEventSlots<
            __S0,
            ::socketkit::__private::Yes,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Open
    for client_event::__ClientEventSlots<__S0, __S1> {}
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Exhaustive
    for client_event::__ClientEventSlots<__S0, __S1>
    where
        __S0: ::socketkit::__private::HandlerFor<client_event::Typing>,
        __S1: ::socketkit::__private::HandlerFor<client_event::Watch>,
    {}
};
