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
    #[doc(hidden)]
    pub struct __ClientEventSlots<__S0>(::core::marker::PhantomData<fn() -> (__S0,)>);
}
#[doc(hidden)]
#[allow(deprecated, unused_qualifications, clippy::all, clippy::pedantic)]
const _: () = {
    #[automatically_derived]
    impl ::socketkit::Events for ClientEvent {
        const NAMES: &'static [&'static ::core::primitive::str] = &["submit"];
        type Slots = client_event::__ClientEventSlots<::socketkit::__private::No>;
        fn index_of(
            __name: &::core::primitive::str,
        ) -> ::core::option::Option<::core::primitive::usize> {
            match __name {
                "submit" => ::core::option::Option::Some(0),
                _ => ::core::option::Option::None,
            }
        }
        fn index(&self) -> ::core::primitive::usize {
            match *self {
                ClientEvent::Submit { .. } => 0,
            }
        }
        ::socketkit::__schema! {
            fn describe(__index : ::core::primitive::usize, __about : & mut
            ::socketkit::__private::Shapes < '_ >) { match __index { 0 => {
            ::socketkit::__shape!(__Payload, shape, Post); __about.payload:: < __Payload
            > (); } _ => {} } }
        }
        fn encode(
            self,
            __out: &mut ::socketkit::__private::Vec<::core::primitive::u8>,
        ) -> ::socketkit::__private::serde_json::Result<()> {
            match self {
                ClientEvent::Submit(__0) => {
                    ::socketkit::__private::serde_json::to_writer(__out, &__0)
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
                        ::socketkit::__private::serde_json::from_str::<Post>(__data),
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
    impl ::socketkit::Event for Post {
        type Enum = ClientEvent;
        type Reply = ();
        type Progress = ();
        const INDEX: ::core::primitive::usize = 0;
    }
    #[automatically_derived]
    impl ::core::convert::From<Post> for ClientEvent {
        fn from(__event: Post) -> Self {
            ClientEvent::Submit(__event)
        }
    }
    #[automatically_derived]
    impl<__S0> ::socketkit::__private::Fill<Post>
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
        __S0: ::socketkit::__private::HandlerFor<Post>,
    {}
};
