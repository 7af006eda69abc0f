//! Protocols that want to break the page that is made of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socketkit::{Events, Protocol};

/// <script>alert("type")</script>
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Hostile {
    /// <img src="https://evil.example/" onerror="alert('field')">
    #[serde(rename = "\"><script>alert('name')</script>")]
    field: u8,
    #[schemars(example = &"</code></pre><script>alert('example')</script>")]
    example: String,
    #[serde(default = "hostile")]
    default: String,
    kind: Kind,
}

pub(crate) fn hostile() -> String {
    "<script>alert('default')</script>".into()
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Kind {
    /// <b onclick="alert('variant')">
    #[serde(rename = "</li><script>alert('variant')</script>")]
    One,
    /* no comment */
    #[serde(rename = "*/ \\\" <!-- ")]
    Two(u8),
}

#[derive(Debug, Events)]
pub(crate) enum HostileEvents {
    /// <script>alert("inline")</script> and <b onclick="alert(1)">bold</b> & more.
    ///
    /// <script>
    /// alert("block")
    /// </script>
    ///
    /// <style>* { display: none }</style>
    ///
    /// [run](javascript:alert%281%29) [run](JaVaScRiPt:alert(1)) [run](data:text/html,x) [run](//evil.example)
    /// [quoted](https://example.com/"onmouseover="alert(1)) <javascript:alert(1)>
    /// ![picture of it](https://evil.example/track.png)
    /// [fine](https://example.com/?a=1&b=2) and [`Hostile`] and [`Nothing`] and [title](https://example.com "\"><script>")
    ///
    /// ```"><script>
    /// </code><script>alert("code")</script>
    /// ```
    ///
    /// | a | b |
    /// | --- | --- |
    /// | <script>alert(1)</script> | `<script>` |
    ///
    /// # A heading
    /// {: onclick="alert(1)" }
    #[event(reply = Hostile)]
    Attack(Hostile),
    Plain {
        /** </dl><script> */
        field: Hostile,
    },
}

#[derive(Debug, Protocol)]
#[protocol(client = HostileEvents, server = HostileEvents)]
pub(crate) struct HostileProtocol;

pub(crate) const TITLE: &str = "</title><script>alert('title')</script>";

/// Types of which each has three of the next.
macro_rules! threefold {
    ($name:ident) => {
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        pub(crate) struct $name(u8);
    };
    ($name:ident $next:ident $($others:ident)*) => {
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        pub(crate) struct $name { one: Box<$next>, two: Box<$next>, three: Vec<$next> }
        threefold!($next $($others)*);
    };
}

threefold!(A B C D E F G H I J K L M N O P Q R S T U V W X Y Z);

#[derive(Debug, Events)]
pub(crate) enum ThreefoldEvents {
    Large(A),
    Small(X),
}

#[derive(Debug, Protocol)]
#[protocol(client = ThreefoldEvents)]
pub(crate) struct Threefold;
