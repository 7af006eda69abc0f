#[doc(hidden)]
use String as __ClientEventString;
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
    /// On the wire: `submit`.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Submit(pub super::Submit);
    /// On the wire: `string`.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct String(pub super::__ClientEventString);
    /// On the wire: `own`.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Own(pub super::Own);
    /// On the wire: `up`.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Up(pub super::super::Up);
    #[doc(hidden)]
    pub struct __ClientEventSlots<__S0, __S1, __S2, __S3>(
        ::core::marker::PhantomData<fn() -> (__S0, __S1, __S2, __S3)>,
    );
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    #[automatically_derived]
    impl ::socketkit::Events for ClientEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &[
            "submit",
            "string",
            "own",
            "up",
        ];
        type Slots = client_event::__ClientEventSlots<
            ::socketkit::__private::No,
            ::socketkit::__private::No,
            ::socketkit::__private::No,
            ::socketkit::__private::No,
        >;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "submit" => ::core::option::Option::Some(0),
                "string" => ::core::option::Option::Some(1),
                "own" => ::core::option::Option::Some(2),
                "up" => ::core::option::Option::Some(3),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ClientEvent::Submit { .. } => 0,
                ClientEvent::String { .. } => 1,
                ClientEvent::Own { .. } => 2,
                ClientEvent::Up { .. } => 3,
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 0 => {
            ::socketkit::__shape!(__Field0, shape, Submit); { #[allow(unused_imports)]
            use ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } 1 => {
            ::socketkit::__shape!(__Field0, shape, String); { #[allow(unused_imports)]
            use ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } 2 => {
            ::socketkit::__shape!(__Field0, shape, self::Own); { #[allow(unused_imports)]
            use ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } 3 => {
            ::socketkit::__shape!(__Field0, shape, super::Up); { #[allow(unused_imports)]
            use ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } _ => {} } }
        }
        fn encode(
            self,
            __out: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            match self {
                ClientEvent::Submit { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &client_event::Submit { 0: __0 },
                    )
                }
                ClientEvent::String { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &client_event::String { 0: __0 },
                    )
                }
                ClientEvent::Own { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &client_event::Own { 0: __0 },
                    )
                }
                ClientEvent::Up { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &client_event::Up { 0: __0 },
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
                            client_event::Submit,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                1 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            client_event::String,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                2 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            client_event::Own,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                3 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            client_event::Up,
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
    impl ::socketkit::Event for client_event::Submit {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Submit> for ClientEvent {
        fn from(__event: client_event::Submit) -> Self {
            ClientEvent::Submit {
                0: __event.0,
            }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::String {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 1;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::String> for ClientEvent {
        fn from(__event: client_event::String) -> Self {
            ClientEvent::String {
                0: __event.0,
            }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Own {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 2;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Own> for ClientEvent {
        fn from(__event: client_event::Own) -> Self {
            ClientEvent::Own { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for client_event::Up {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 3;
    }
    #[automatically_derived]
    impl ::core::convert::From<client_event::Up> for ClientEvent {
        fn from(__event: client_event::Up) -> Self {
            ClientEvent::Up { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Fill<client_event::Submit>
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3> {
        type Slot = __S0;
        type Filled = client_event::__ClientEventSlots<
            ::socketkit::__private::Yes,
            __S1,
            __S2,
            __S3,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Fill<client_event::String>
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3> {
        type Slot = __S1;
        type Filled = client_event::__ClientEventSlots<
            __S0,
            ::socketkit::__private::Yes,
            __S2,
            __S3,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Fill<client_event::Own>
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3> {
        type Slot = __S2;
        type Filled = client_event::__ClientEventSlots<
            __S0,
            __S1,
            ::socketkit::__private::Yes,
            __S3,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Fill<client_event::Up>
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3> {
        type Slot = __S3;
        type Filled = client_event::__ClientEventSlots<
            __S0,
            __S1,
            __S2,
            ::socketkit::__private::Yes,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Open
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3> {}
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3> ::socketkit::__private::Exhaustive
    for client_event::__ClientEventSlots<__S0, __S1, __S2, __S3>
    where
        __S0: ::socketkit::__private::HandlerFor<client_event::Submit>,
        __S1: ::socketkit::__private::HandlerFor<client_event::String>,
        __S2: ::socketkit::__private::HandlerFor<client_event::Own>,
        __S3: ::socketkit::__private::HandlerFor<client_event::Up>,
    {}
};
