//! What the chain said, in the words of DAS. Pure.
//!
//! [`leaf`] is what transactions tell of compressed assets.

pub mod leaf;
