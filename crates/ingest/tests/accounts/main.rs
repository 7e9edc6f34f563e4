//! Decoders of accounts against handmade bytes, against the programs' own clients, and against real accounts.
//!
//! The real accounts lie outside of this repository, in the folder that `VITRINE_PEER_CASES` names; without it the tests
//! that need them say so and pass.

#![expect(clippy::unwrap_used, reason = "tests")]

mod agent_identity;
mod bytes;
mod extensions;
mod inscription;
mod mpl_core;
mod mpl_core_oracle;
mod mpl_core_samples;
mod mutation;
mod peer;
mod samples;
mod token;
mod token_metadata;
mod token_metadata_oracle;
mod token_oracle;
