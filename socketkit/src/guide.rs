//! A guide by task, beside the reference: a page for each.

#[doc = include_str!("guide/browser.md")]
pub mod browser {}

#[cfg(feature = "cluster")]
#[doc = include_str!("guide/cluster.md")]
pub mod cluster {}

#[doc = include_str!("guide/presence.md")]
pub mod presence {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}
