/// The events of [`ServerEvent`], one struct for each.
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
pub mod server_event {
    use super::*;
    use ::socketkit::__private::serde as __serde;
    /// On the wire: `blink`. Dropped where its receiver is slow to read.
    #[derive()]
    pub struct Blink;
    #[automatically_derived]
    impl __serde::Serialize for Blink {
        fn serialize<__S: __serde::Serializer>(
            &self,
            __serializer: __S,
        ) -> ::core::result::Result<__S::Ok, __S::Error> {
            __serde::Serializer::serialize_unit(__serializer)
        }
    }
    #[automatically_derived]
    impl<'__de> __serde::Deserialize<'__de> for Blink {
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
    /// On the wire: `count`. Replaces an unsent one where its receiver is slow to read.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Count(pub usize);
    #[doc(hidden)]
    pub struct __ServerEventSlots<__S0, __S1>(
        ::core::marker::PhantomData<fn() -> (__S0, __S1)>,
    );
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    #[automatically_derived]
    impl ::socketkit::Events for ServerEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &["blink", "count"];
        type Slots = server_event::__ServerEventSlots<
            ::socketkit::__private::No,
            ::socketkit::__private::No,
        >;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "blink" => ::core::option::Option::Some(0),
                "count" => ::core::option::Option::Some(1),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ServerEvent::Blink { .. } => 0,
                ServerEvent::Count { .. } => 1,
            }
        }
        fn policy(__index: ::core::primitive::usize) -> ::socketkit::Policy {
            match __index {
                0 => ::socketkit::Policy::Volatile,
                1 => ::socketkit::Policy::Latest,
                _ => ::socketkit::Policy::Reliable,
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 1 => {
            ::socketkit::__shape!(__Field0, shape, usize); { #[allow(unused_imports)] use
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
                ServerEvent::Blink { .. } => ::core::result::Result::Ok(()),
                ServerEvent::Count { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &server_event::Count { 0: __0 },
                    )
                }
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
                            server_event::Blink,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                1 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            server_event::Count,
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
    impl ::socketkit::Event for server_event::Blink {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Blink> for ServerEvent {
        fn from(__event: server_event::Blink) -> Self {
            ServerEvent::Blink {}
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for server_event::Count {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 1;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Count> for ServerEvent {
        fn from(__event: server_event::Count) -> Self {
            ServerEvent::Count { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<server_event::Blink>
    for server_event::__ServerEventSlots<__S0, __S1> {
        type Slot = __S0;
        type Filled = server_event::__ServerEventSlots<
            ::socketkit::__private::Yes,
            __S1,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Fill<server_event::Count>
    for server_event::__ServerEventSlots<__S0, __S1> {
        type Slot = __S1;
        type Filled = server_event::__ServerEventSlots<
            __S0,
            ::socketkit::__private::Yes,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Open
    for server_event::__ServerEventSlots<__S0, __S1> {}
    #[automatically_derived]
    impl<__S0, __S1> ::socketkit::__private::Exhaustive
    for server_event::__ServerEventSlots<__S0, __S1>
    where
        __S0: ::socketkit::__private::HandlerFor<server_event::Blink>,
        __S1: ::socketkit::__private::HandlerFor<server_event::Count>,
    {}
};
