//! Why bytes are not what their program is known to write.

/// Why bytes were not decoded. `field` names the member at fault in the words of the program's layout; positions are
/// counted in bytes from the start of the data that the decoder was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The data ends in front of the field or within it.
    #[error("{field}: the data ends before it does, and it starts at byte {at}")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Where it starts.
        at: usize,
    },
    /// A discriminant, a flag or a key byte with a value that this version does not know.
    #[error("{field}: {value} is none of its values")]
    BadTag {
        /// What was being read.
        field: &'static str,
        /// What stands there.
        value: u64,
    },
    /// A stated length that what is left cannot hold.
    #[error("{field}: has {len} elements or bytes by its own account, and there is room for {max}")]
    TooLong {
        /// What was being read.
        field: &'static str,
        /// The length it states: elements of a vector, bytes of a string or of a range.
        len: u64,
        /// The most that fits, in the same unit.
        max: u64,
    },
    /// A string that is not UTF-8.
    #[error("{field}: not UTF-8")]
    NotUtf8 {
        /// What was being read.
        field: &'static str,
    },
}
