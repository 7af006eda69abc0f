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
    /// The user is typing.
    ///
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
    pub struct __ClientEventSlots<__S0>(::core::marker::PhantomData<fn() -> (__S0,)>);
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    #[automatically_derived]
    impl ::socketkit::Events for ClientEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &["typing"];
        type Slots = client_event::__ClientEventSlots<::socketkit::__private::No>;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "typing" => ::core::option::Option::Some(0),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ClientEvent::Typing { .. } => 0,
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 0 => { __about.doc(&
            [" The user is typing."]); } _ => {} } }
        }
        fn encode(
            self,
            __out: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            match self {
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
    impl<__S0> ::socketkit::__private::Fill<client_event::Typing>
    for client_event::__ClientEventSlots<__S0> {
        type Slot = __S0;
        type Filled = client_event::__ClientEventSlots<::socketkit::__private::Yes>;
    }
    #[automatically_derived]
    impl<__S0> ::socketkit::__private::Open for client_event::__ClientEventSlots<__S0> {}
    #[automatically_derived]
    impl<__S0> ::socketkit::__private::Exhaustive
    for client_event::__ClientEventSlots<__S0>
    where
        __S0: ::socketkit::__private::HandlerFor<client_event::Typing>,
    {}
};
