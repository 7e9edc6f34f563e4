//! Decoders of tokens, inscriptions and agents against handmade bytes, against other implementations, and against real
//! accounts.
//!
//! The real accounts lie outside of this repository, in the folder that `VITRINE_PEER_CASES` names; without it the tests
//! that need them say so and pass.

#![expect(clippy::unwrap_used, reason = "tests")]

mod agent_identity;
mod extensions;
mod inscription;
mod mutation;
mod peer;
mod samples;
mod token;
mod token_oracle;
