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
    /// Not [`ClientEvent::Typing`], see [there](ClientEvent::Typing).
    ///
    /// On the wire: `watch`.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Watch(pub u64);
    /// On the wire: `typing`.
    #[derive()]
    pub struct Typing;
    #[automatically_derived]
    impl __serde::Serialize for Typing {
        fn serialize<__S: __serde::Serializer>(
            &self,
            __serializer: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            __serde::Serializer::serialize_unit(__serializer)
        }
    }
    #[automatically_derived]
    impl<'__de> __serde::Deserialize<'__de> for Typing {
        fn deserialize<__D: __serde::Deserializer<'__de>>(
            __deserializer: __D,
        ) -> ::core::result::Result<Self, __D::Error> {
            ::core::result::Result::map(
                <__serde::de::IgnoredAny as __serde::Deserialize>::deserialize(
                    __deserializer,
                ),
                |_| Self {},
            )
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
    #[automatically_derived]
    impl ::socketkit::Events for ClientEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &["watch", "typing"];
        type Slots = client_event::__ClientEventSlots<
            ::socketkit::__private::No,
            ::socketkit::__private::No,
        >;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "watch" => ::core::option::Option::Some(0),
                "typing" => ::core::option::Option::Some(1),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ClientEvent::Watch { .. } => 0,
                ClientEvent::Typing { .. } => 1,
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 0 => { __about.doc(&
            [" Not [`Self::Typing`], see [there](Self::Typing)."]);
            ::socketkit::__shape!(__Field0, shape, u64); { #[allow(unused_imports)] use
            ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } _ => {} } }
        }
        fn encode(
            self,
            __out: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            match self {
                ClientEvent::Watch { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &client_event::Watch { 0: __0 },
                    )
                }
                ClientEvent::Typing { .. } => ::core::result::Result::Ok(()),
            }
        }
        fn decode(
            __index: ::core::primitive::usize,
            __data: &::core::primitive::str,
        ) -> ::socketkit::__private::serde_json::Result<Self> {
            match __index {
                0 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            client_event::Watch,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                1 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            client_event::Typing,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                _ => {
                    ::core::result::Result::Err(
                        <::socketkit::__private::serde_json::Error as ::socketkit::__private::serde::de::Error>::custom(
                            "no such event",
                        ),
                    )
                }
            }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Watch {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Watch> for ClientEvent {
        fn from(__event: client_event::Watch) -> Self {
            ClientEvent::Watch { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Typing {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 1;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Typing> for ClientEvent {
        fn from(__event: client_event::Typing) -> Self {
            ClientEvent::Typing {}
        }
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<client_event::Watch>
    for client_event::__ClientEventSlots<__S0, __S1> {
        type Slot = __S0;
        type Filled = client_event::__ClientEventSlots<
            ::socketkit::__private::Yes,
            __S1,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<client_event::Typing>
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
        __S0: ::socketkit::__private::HandlerFor<client_event::Watch>,
        __S1: ::socketkit::__private::HandlerFor<client_event::Typing>,
    {}
};
