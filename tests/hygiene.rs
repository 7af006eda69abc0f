//! The expansions of the derives stand on nothing that a user may have changed.
#![no_implicit_prelude]
#![allow(dead_code, non_camel_case_types)]
#![deny(missing_docs, unreachable_pub, unsafe_code)]

extern crate socketkit as renamed;

/// Types with the names of everybody else's.
pub mod nasty {
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::std::hash::Hash, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Result;
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Option;
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
    pub struct String;
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Vec;
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Some;
    /// Not what it says.
    #[derive(::std::fmt::Debug, ::std::hash::Hash, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Into;
    /// Not the crate.
    pub mod core {}
    /// Not the crate.
    pub mod std {}
    /// Not the crate.
    pub mod serde {}
    /// Not the crate.
    pub mod serde_json {}
    /// Not the crate.
    pub mod socketkit {}

    /// Everything at once.
    #[derive(::std::fmt::Debug, crate::renamed::Events)]
    #[events(crate = ::socketkit)]
    pub enum Nasty {
        /// A field of each.
        All {
            /// One.
            a: Result,
            /// Two.
            b: Option,
            /// Three.
            c: String,
            /// Four.
            d: Vec,
        },
        /// Named like its payload.
        Some(Some),
        /// A name of a trait that the expansion uses.
        #[event(reply = ::std::string::String, latest = "0, 1", max = 64, rate = "5/s", burst = 9)]
        Into(Into, Result),
        /// Without payload.
        Ok,
        /// Named like a keyword, almost.
        r#type,
    }

    /// A pair of it.
    #[derive(::std::fmt::Debug, crate::renamed::Protocol)]
    #[protocol(client = Nasty, server = Nasty, crate = ::socketkit)]
    pub struct Both;
}

/// Reached under another name than its own.
pub mod reexported {
    /// As another crate would show it.
    pub mod kit {
        pub use ::socketkit::*;
    }

    /// Something.
    #[derive(::std::fmt::Debug, kit::Events)]
    #[events(crate = crate::reexported::kit)]
    pub enum Few {
        /// One.
        One(u8),
        /// Two.
        Two,
    }
}

#[test]
fn nasty_names_make_a_round_trip() {
    use ::socketkit::Events;
    let mut out = ::std::vec::Vec::new();
    let event = nasty::Nasty::Into(nasty::Into, nasty::Result);
    ::std::assert_eq!(event.name(), "into");
    event.latest_key(&mut ::std::hash::DefaultHasher::new());
    ::std::assert_eq!(<nasty::Nasty as Events>::latest_by(2), ["0", "1"]);
    ::std::assert_eq!(<nasty::Nasty as Events>::max_bytes(2).unwrap(), 64);
    ::std::assert_eq!(<nasty::Nasty as Events>::rate(2).unwrap().burst, 9);
    event.encode(&mut out).unwrap();
    ::std::assert_eq!(out, b"[null,null]");
    let names = <nasty::Nasty as Events>::NAMES;
    ::std::assert_eq!(names, ["all", "some", "into", "ok", "type"]);
    ::std::assert_eq!(<reexported::Few as Events>::NAMES, ["one", "two"]);
}
