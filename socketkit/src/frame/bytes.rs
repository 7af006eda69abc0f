//! The bytes of a frame, in a pointer of one word: very many windows hold very many of them.

use std::ops::Deref;
use triomphe::ThinArc;

/// One allocation, shared by all who send it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FrameBytes(ThinArc<(), u8>);

impl Deref for FrameBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.slice
    }
}

impl AsRef<[u8]> for FrameBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for FrameBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(ThinArc::from_header_and_slice((), bytes))
    }
}

impl From<Vec<u8>> for FrameBytes {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<[u8; N]> for FrameBytes {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}
