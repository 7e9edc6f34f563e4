//! Parameters: named or positional, made typed, with errors that name the field.

pub(crate) mod args;
pub(crate) mod list;
pub(crate) mod mode;
