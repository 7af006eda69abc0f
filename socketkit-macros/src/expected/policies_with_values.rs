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
    /// On the wire: `post`. At most 4096 bytes. At most 5/s, 5 at once.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Post(pub super::Post);
    /// On the wire: `moved`. Replaces an unsent one of the same `id` and `type` where its receiver is slow to read. At most 1/min, 3 at once.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Moved {
        ///
        pub id: u32,
        ///
        pub r#type: u8,
        ///
        pub at: f32,
    }
    /// On the wire: `seen`. Replaces an unsent one of the same `id` where its receiver is slow to read.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Seen(pub super::Seen);
    /// On the wire: `pair`. Replaces an unsent one of the same `1` where its receiver is slow to read.
    #[derive(__serde::Serialize, __serde::Deserialize)]
    #[serde(crate = "self::__serde")]
    pub struct Pair(pub f32, pub u8);
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
    pub struct __ServerEventSlots<__S0, __S1, __S2, __S3, __S4>(
        ::core::marker::PhantomData<fn() -> (__S0, __S1, __S2, __S3, __S4)>,
    );
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    #[automatically_derived]
    impl ::socketkit::Events for ServerEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &[
            "post",
            "moved",
            "seen",
            "pair",
            "typing",
        ];
        type Slots = server_event::__ServerEventSlots<
            ::socketkit::__private::No,
            ::socketkit::__private::No,
            ::socketkit::__private::No,
            ::socketkit::__private::No,
            ::socketkit::__private::No,
        >;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "post" => ::core::option::Option::Some(0),
                "moved" => ::core::option::Option::Some(1),
                "seen" => ::core::option::Option::Some(2),
                "pair" => ::core::option::Option::Some(3),
                "typing" => ::core::option::Option::Some(4),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ServerEvent::Post { .. } => 0,
                ServerEvent::Moved { .. } => 1,
                ServerEvent::Seen { .. } => 2,
                ServerEvent::Pair { .. } => 3,
                ServerEvent::Typing { .. } => 4,
            }
        }
        fn policy(__index: ::core::primitive::usize) -> ::socketkit::Policy {
            match __index {
                1 | 2 | 3 => ::socketkit::Policy::Latest,
                _ => ::socketkit::Policy::Reliable,
            }
        }
        fn max_bytes(
            __index: ::core::primitive::usize,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __index {
                0 => ::core::option::Option::Some(4096),
                _ => ::core::option::Option::None,
            }
        }
        fn rate(
            __index: ::core::primitive::usize,
        ) -> ::core::option::Option<::socketkit::EventRate> {
            match __index {
                0 => {
                    ::core::option::Option::Some(
                        ::socketkit::EventRate::new(
                            5,
                            ::core::time::Duration::from_secs(1),
                            5,
                        ),
                    )
                }
                1 => {
                    ::core::option::Option::Some(
                        ::socketkit::EventRate::new(
                            1,
                            ::core::time::Duration::from_secs(60),
                            3,
                        ),
                    )
                }
                _ => ::core::option::Option::None,
            }
        }
        fn latest_by(
            __index: ::core::primitive::usize,
        ) -> &'static [&'static ::core::primitive::str] {
            match __index {
                1 => &["id", "type"],
                2 => &["id"],
                3 => &["1"],
                _ => &[],
            }
        }
        fn latest_key(&self, __hasher: &mut dyn ::core::hash::Hasher) {
            match self {
                ServerEvent::Moved { id: __0, r#type: __1, .. } => {
                    ::socketkit::__private::add_to_key(__0, __hasher);
                    ::socketkit::__private::add_to_key(__1, __hasher);
                }
                ServerEvent::Seen { 0: __0 } => {
                    ::socketkit::__private::add_to_key(&__0.id, __hasher);
                }
                ServerEvent::Pair { 1: __0, .. } => {
                    ::socketkit::__private::add_to_key(__0, __hasher);
                }
                _ => {}
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 0 => {
            ::socketkit::__shape!(__Field0, shape, Post); { #[allow(unused_imports)] use
            ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } 1 => {
            ::socketkit::__shape!(__Field0, shape, u32); ::socketkit::__shape!(__Field1,
            shape, u8); ::socketkit::__shape!(__Field2, shape, f32); {
            #[allow(unused_imports)] use ::core:: { prelude::rust_2024:: *, primitive:: {
            bool, str } }; #[derive(::socketkit::__private::schemars::JsonSchema)]
            #[schemars(crate = "::socketkit::__private::schemars")] #[allow(dead_code,
            deprecated)] struct __Payload { id : __Field0, r#type : __Field1, at :
            __Field2 } __about.payload:: < __Payload > (); } } 2 => {
            ::socketkit::__shape!(__Field0, shape, Seen); { #[allow(unused_imports)] use
            ::core:: { prelude::rust_2024:: *, primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0); __about.payload:: < __Payload > (); } } 3 => {
            ::socketkit::__shape!(__Field0, shape, f32); ::socketkit::__shape!(__Field1,
            shape, u8); { #[allow(unused_imports)] use ::core:: { prelude::rust_2024:: *,
            primitive:: { bool, str } };
            #[derive(::socketkit::__private::schemars::JsonSchema)] #[schemars(crate =
            "::socketkit::__private::schemars")] #[allow(dead_code, deprecated)] struct
            __Payload(__Field0, __Field1); __about.payload:: < __Payload > (); } } _ =>
            {} } }
        }
        fn encode(
            self,
            __out: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            match self {
                ServerEvent::Post { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &server_event::Post { 0: __0 },
                    )
                }
                ServerEvent::Moved { id: __0, r#type: __1, at: __2 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &server_event::Moved {
                            id: __0,
                            r#type: __1,
                            at: __2,
                        },
                    )
                }
                ServerEvent::Seen { 0: __0 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &server_event::Seen { 0: __0 },
                    )
                }
                ServerEvent::Pair { 0: __0, 1: __1 } => {
                    ::socketkit::__private::serde_json::to_writer(
                        __out,
                        &server_event::Pair {
                            0: __0,
                            1: __1,
                        },
                    )
                }
                ServerEvent::Typing { .. } => ::core::result::Result::Ok(()),
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
                            server_event::Post,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                1 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            server_event::Moved,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                2 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            server_event::Seen,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                3 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            server_event::Pair,
                        >(__data),
                        ::core::convert::From::from,
                    )
                }
                4 => {
                    ::core::result::Result::map(
                        ::socketkit::__private::serde_json::from_str::<
                            server_event::Typing,
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
    impl ::socketkit::Event for server_event::Post {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Post> for ServerEvent {
        fn from(__event: server_event::Post) -> Self {
            ServerEvent::Post { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for server_event::Moved {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 1;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Moved> for ServerEvent {
        fn from(__event: server_event::Moved) -> Self {
            ServerEvent::Moved {
                id: __event.id,
                r#type: __event.r#type,
                at: __event.at,
            }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for server_event::Seen {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 2;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Seen> for ServerEvent {
        fn from(__event: server_event::Seen) -> Self {
            ServerEvent::Seen { 0: __event.0 }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for server_event::Pair {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 3;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Pair> for ServerEvent {
        fn from(__event: server_event::Pair) -> Self {
            ServerEvent::Pair {
                0: __event.0,
                1: __event.1,
            }
        }
    }
    #[automatically_derived]
    impl ::socketkit::Event for server_event::Typing {
        type Enum = ServerEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 4;
    }
    #[automatically_derived]
    impl ::core::convert::From<server_event::Typing> for ServerEvent {
        fn from(__event: server_event::Typing) -> Self {
            ServerEvent::Typing {}
        }
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Fill<server_event::Post>
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {
        type Slot = __S0;
        type Filled = server_event::__ServerEventSlots<
            ::socketkit::__private::Yes,
            __S1,
            __S2,
            __S3,
            __S4,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Fill<server_event::Moved>
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {
        type Slot = __S1;
        type Filled = server_event::__ServerEventSlots<
            __S0,
            ::socketkit::__private::Yes,
            __S2,
            __S3,
            __S4,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Fill<server_event::Seen>
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {
        type Slot = __S2;
        type Filled = server_event::__ServerEventSlots<
            __S0,
            __S1,
            ::socketkit::__private::Yes,
            __S3,
            __S4,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Fill<server_event::Pair>
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {
        type Slot = __S3;
        type Filled = server_event::__ServerEventSlots<
            __S0,
            __S1,
            __S2,
            ::socketkit::__private::Yes,
            __S4,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Fill<server_event::Typing>
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {
        type Slot = __S4;
        type Filled = server_event::__ServerEventSlots<
            __S0,
            __S1,
            __S2,
            __S3,
            ::socketkit::__private::Yes,
        >;
    }
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Open
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4> {}
    #[automatically_derived]
    impl<__S0, __S1, __S2, __S3, __S4> ::socketkit::__private::Exhaustive
    for server_event::__ServerEventSlots<__S0, __S1, __S2, __S3, __S4>
    where
        __S0: ::socketkit::__private::HandlerFor<server_event::Post>,
        __S1: ::socketkit::__private::HandlerFor<server_event::Moved>,
        __S2: ::socketkit::__private::HandlerFor<server_event::Seen>,
        __S3: ::socketkit::__private::HandlerFor<server_event::Pair>,
        __S4: ::socketkit::__private::HandlerFor<server_event::Typing>,
    {}
};
