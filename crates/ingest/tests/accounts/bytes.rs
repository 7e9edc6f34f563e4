//! Bytes as borsh writes them, put together by hand.

use vitrine_model::Pubkey;

/// The address of 32 equal bytes.
pub(crate) fn key(byte: u8) -> Pubkey {
    Pubkey::from_bytes([byte; 32])
}

/// What is written so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn u8(self, number: u8) -> Self {
        self.raw(&[number])
    }

    pub(crate) fn u16(self, number: u16) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u32(self, number: u32) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn u64(self, number: u64) -> Self {
        self.raw(&number.to_le_bytes())
    }

    pub(crate) fn key(self, byte: u8) -> Self {
        self.raw(&[byte; 32])
    }

    pub(crate) fn keys(self, bytes: &[u8]) -> Self {
        let start = self.u32(u32::try_from(bytes.len()).unwrap());
        bytes.iter().fold(start, |written, &byte| written.key(byte))
    }

    /// A length and as many bytes: a string, or a vector of bytes.
    pub(crate) fn text(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.u32(u32::try_from(text.len()).unwrap()).raw(text)
    }

    /// A text with NULs up to `width` bytes.
    pub(crate) fn padded(self, text: &str, width: usize) -> Self {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(width, 0);
        self.text(padded)
    }
}
