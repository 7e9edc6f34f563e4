//! Updates of accounts by hand, and all orders in which some may arrive.

use vitrine_ingest::decode::{mpl_core, spl_token, token_metadata};
use vitrine_ingest::normalise::AccountUpdate;
use vitrine_model::{Pubkey, Slot};

use crate::bytes::{Bytes, key};
use crate::chain::Chain;

/// The mint of all accounts here.
pub(crate) const MINT: u8 = 1;
/// Its metadata account.
pub(crate) const METADATA: u8 = 2;
/// A token account.
pub(crate) const WALLET: u8 = 3;

/// An update that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) address: Pubkey,
    pub(crate) program: Pubkey,
    pub(crate) lamports: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) slot: u64,
}

impl Update {
    pub(crate) fn new(address: u8, program: &str, data: Bytes, slot: u64) -> Self {
        Self::at(key(address), program, data.0, slot)
    }

    pub(crate) fn at(address: Pubkey, program: &str, data: Vec<u8>, slot: u64) -> Self {
        Self { address, program: program.parse().unwrap(), lamports: 1, data, slot }
    }

    /// The account without lamports.
    pub(crate) fn closed(address: Pubkey, slot: u64) -> Self {
        Self { address, program: Pubkey::from_bytes([0; 32]), lamports: 0, data: Vec::new(), slot }
    }

    pub(crate) fn borrowed(&self) -> AccountUpdate<'_> {
        AccountUpdate {
            address: self.address,
            owner: self.program,
            lamports: self.lamports,
            data: &self.data,
            slot: Slot::new(self.slot).unwrap(),
            write_version: 0,
        }
    }
}

/// The chain after these updates, in this order.
pub(crate) fn chain(updates: &[Update]) -> Chain {
    let mut chain = Chain::default();
    for update in updates {
        chain.update(&update.borrowed());
    }
    chain
}

/// All orders of so many things.
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![vec![]], |orders: Vec<Vec<usize>>, at| {
        let places = |order: Vec<usize>| {
            (0..=order.len()).rev().map(move |place| {
                let mut order = order.clone();
                order.insert(place, at);
                order
            })
        };
        orders.into_iter().flat_map(places).collect()
    })
}

pub(crate) fn coption(bytes: Bytes, key: Option<u8>) -> Bytes {
    bytes.u32(key.is_some().into()).key(key.unwrap_or(0))
}

/// A mint that this address may mint more of, and nobody freeze.
pub(crate) fn mint(supply: u64, decimals: u8, authority: Option<Pubkey>) -> Bytes {
    let start = Bytes::new().u32(authority.is_some().into());
    let start = start.raw(authority.unwrap_or(key(0)).as_bytes());
    coption(start.u64(supply).u8(decimals).u8(1), None)
}

pub(crate) fn mint_update(supply: u64, decimals: u8, authority: Option<u8>, slot: u64) -> Update {
    let data = mint(supply, decimals, authority.map(key));
    Update::new(MINT, spl_token::Program::Token.id(), data, slot)
}

/// A token account of the mint.
pub(crate) fn wallet(
    address: u8,
    owner: u8,
    amount: u64,
    delegate: Option<u8>,
    frozen: bool,
    slot: u64,
) -> Update {
    let start = Bytes::new().key(MINT).key(owner).u64(amount);
    let start = coption(start, delegate).u8(if frozen { 2 } else { 1 }).u32(0).u64(0).u64(amount);
    Update::new(address, spl_token::Program::Token.id(), coption(start, None), slot)
}

/// Metadata of the mint: authority 7, creators 8 and 9, collection 10. `standard` is the number of the token standard.
pub(crate) fn metadata(name: &str, standard: Option<u8>, collection_verified: bool, slot: u64) -> Update {
    let start = Bytes::new().u8(4).key(7).key(MINT).padded(name, 32).padded("SYM", 10);
    let start = start.padded("https://x.example/1.json", 200).u16(555);
    let start = start.u8(1).u32(2).key(8).u8(1).u8(0).key(9).u8(0).u8(100);
    // Sold, immutable, edition nonce 254.
    let start = start.u8(1).u8(0).u8(1).u8(254);
    let start = standard.map_or(start.clone().u8(0), |standard| start.u8(1).u8(standard));
    let start = start.u8(1).u8(collection_verified.into()).key(10);
    // To be used up to 3 times, 2 are left.
    let data = start.u8(1).u8(1).u64(2).u64(3).u8(0).u8(0);
    Update::new(METADATA, token_metadata::PROGRAM_ID, data, slot)
}

/// The edition of the mint, at the address that its program derives.
pub(crate) fn edition(data: Bytes, slot: u64) -> Update {
    Update::at(edition_address(), token_metadata::PROGRAM_ID, data.0, slot)
}

pub(crate) fn edition_address() -> Pubkey {
    let program: Pubkey = token_metadata::PROGRAM_ID.parse().unwrap();
    let seeds: [&[u8]; 4] = [b"metadata", program.as_bytes(), &[MINT; 32], b"edition"];
    vitrine_ingest::decode::pda(&seeds, &program).unwrap()
}

/// An account of MPL Core.
pub(crate) fn core(address: u8, data: Vec<u8>, slot: u64) -> Update {
    Update::at(key(address), mpl_core::PROGRAM_ID, data, slot)
}
