//! What happens to tokens of SPL Token and Token-2022.

use rand::Rng as _;
use vitrine_ingest::decode::pda;
use vitrine_ingest::decode::transaction::{Instruction, Signature, Transaction};
use vitrine_model::{Pubkey, Slot};
use vitrine_tests::accounts::{Metadata, Mint, TokenAccount, master_edition};

use crate::history::Maker;
use crate::layouts::{Extended, INSCRIPTION, TOKEN_2022, extended_token, inscription, print};

/// A token of which there is one.
pub(crate) struct Nft {
    pub(crate) mint: Pubkey,
    metadata: Metadata,
    holder: (Pubkey, TokenAccount),
    /// Token accounts that were left.
    left: Vec<Pubkey>,
    edition: Edition,
    /// What is inscribed in it.
    inscription: Option<Pubkey>,
}

#[derive(Clone, Copy)]
enum Edition {
    /// With so many prints, of so many.
    Master(u64, Option<u64>),
    /// Of the master edition at this address.
    Print(Pubkey, u64),
}

/// A token of Token-2022 that says itself what it is called.
pub(crate) struct Extension {
    pub(crate) address: Pubkey,
    mint: Extended,
    holder: (Pubkey, TokenAccount),
}

impl Maker {
    pub(crate) fn nft(&mut self) {
        if self.nfts.is_empty() || self.random.random_ratio(1, 4) {
            let (mint, owner, authority, uri) = (self.key(), self.person(), self.person(), self.uri());
            let name = format!("Token {}", self.nfts.len());
            return self.mint(mint, owner, authority, name, uri);
        }
        let at = self.random.random_range(0..self.nfts.len());
        match self.random.random_range(0..10) {
            0..4 => self.transfer(at),
            4..6 => self.rename(at),
            6 => self.delegate(at),
            7..9 => self.print(at),
            _ => self.burn(at),
        }
    }

    pub(crate) fn mint(&mut self, mint: Pubkey, owner: Pubkey, authority: Pubkey, name: String, uri: String) {
        let metadata = Metadata {
            authority,
            mint,
            name,
            symbol: "SIM".to_owned(),
            uri,
            fee: self.random.random_range(0..1_000),
            creators: vec![(authority, self.random.random(), 100)],
            mutable: true,
            standard: 0,
            collection: self.random.random_bool(0.5).then(|| (self.collections[0], false)),
        };
        let holder = (self.key(), TokenAccount { mint, owner, amount: 1, delegate: None, frozen: false });
        let max = [Some(0), Some(3), None][self.random.random_range(0..3)];
        self.begin(Nft {
            mint,
            metadata,
            holder,
            left: Vec::new(),
            edition: Edition::Master(0, max),
            inscription: None,
        });
    }

    fn begin(&mut self, nft: Nft) {
        self.nfts.push(nft);
        let at = self.nfts.len() - 1;
        self.tell_mint(at, 1);
        self.tell_holder(at);
        self.tell_metadata(at);
        self.tell_edition(at);
    }

    /// A print of a master edition, or a metadata account's new kind where it is none.
    fn print(&mut self, at: usize) {
        let Edition::Master(supply, max) = self.nfts[at].edition else { return self.rename(at) };
        if max.is_some_and(|max| supply >= max) {
            return self.rename(at);
        }
        self.nfts[at].edition = Edition::Master(supply + 1, max);
        self.tell_edition(at);
        let (mint, owner, address) = (self.key(), self.person(), self.key());
        let metadata = Metadata { mint, standard: 3, ..self.nfts[at].metadata.clone() };
        let holder = (address, TokenAccount { mint, owner, amount: 1, delegate: None, frozen: false });
        let edition = Edition::Print(edition_of(self.nfts[at].mint), supply + 1);
        self.begin(Nft { mint, metadata, holder, left: Vec::new(), edition, inscription: None });
    }

    fn tell_edition(&mut self, at: usize) {
        let data = match self.nfts[at].edition {
            Edition::Master(supply, max) => master_edition(supply, max),
            Edition::Print(parent, number) => print(parent, number),
        };
        self.account(edition_of(self.nfts[at].mint), Metadata::PROGRAM, Some(data));
    }

    fn transfer(&mut self, at: usize) {
        let (owner, other) = (self.person(), self.key());
        // It may come back to an account that was emptied, or closed.
        let back = self.random.random_ratio(1, 3).then(|| self.nfts[at].left.pop()).flatten();
        let address = back.unwrap_or(other);
        let (old, mut account) = (self.nfts[at].holder.0, self.nfts[at].holder.1);
        account.owner = owner;
        account.delegate = None;
        account.frozen = false;
        self.nfts[at].holder = (address, account);
        self.nfts[at].left.push(old);
        let empty = TokenAccount { amount: 0, ..account };
        let data = self.random.random::<bool>().then(|| empty.data());
        if data.is_none() && self.random.random_ratio(1, 4) {
            // Somebody else's program had the address for a while. (If that came last, it would count only where something
            // of the account came before: decision 15.)
            self.tell_holder(at);
            let other = self.people[0].to_string();
            self.account(old, &other, Some(vec![3; 40]));
            return self.account(old, Mint::PROGRAM, None);
        }
        // Both are written in the transaction, in either order; the old one may be closed with it.
        if self.random.random() {
            self.account(old, Mint::PROGRAM, data);
            self.tell_holder(at);
        } else {
            self.tell_holder(at);
            self.account(old, Mint::PROGRAM, data);
        }
    }

    fn rename(&mut self, at: usize) {
        let (uri, authority) = (self.uri(), self.person());
        let verified = self.random.random();
        let collection = self.collections[self.random.random_range(0..self.collections.len())];
        let metadata = &mut self.nfts[at].metadata;
        metadata.name = format!("{}'", metadata.name.chars().take(20).collect::<String>());
        metadata.uri = uri;
        metadata.authority = authority;
        metadata.collection = (!metadata.fee.is_multiple_of(3)).then_some((collection, verified));
        self.tell_metadata(at);
    }

    fn delegate(&mut self, at: usize) {
        let delegate = self.person();
        let frozen = self.random.random();
        let account = &mut self.nfts[at].holder.1;
        account.delegate = if account.delegate.is_some() { None } else { Some(delegate) };
        account.frozen = frozen && account.delegate.is_some();
        self.tell_holder(at);
    }

    fn burn(&mut self, at: usize) {
        let holder = self.nfts[at].holder.0;
        self.account(holder, Mint::PROGRAM, None);
        self.tell_mint(at, 0);
        let metadata = metadata_of(self.nfts[at].mint);
        self.account(metadata, Metadata::PROGRAM, None);
        self.account(edition_of(self.nfts[at].mint), Metadata::PROGRAM, None);
        self.nfts.swap_remove(at);
    }

    /// Something is inscribed in a token, inscribed anew, or taken out.
    pub(crate) fn inscribe(&mut self) {
        if self.nfts.is_empty() {
            return self.nft();
        }
        let at = self.random.random_range(0..self.nfts.len());
        let (root, order, new) = (self.nfts[at].mint, self.random.random_range(0..100), self.key());
        let address = *self.nfts[at].inscription.get_or_insert(new);
        let kind = ["image/png", "text/plain"][self.random.random_range(0..2)];
        // The address is one that the program would take again.
        let data = (!self.random.random_ratio(1, 4)).then(|| inscription(root, order, kind));
        self.account(address, INSCRIPTION, data);
    }

    /// Something happens to a token of Token-2022 that says itself what it is called.
    pub(crate) fn extension(&mut self) {
        if self.extensions.len() < 2 || self.random.random_ratio(1, 4) {
            return self.new_extension();
        }
        let at = self.random.random_range(0..self.extensions.len());
        match self.random.random_range(0..6) {
            0..2 => {
                self.extensions[at].mint.name.push('\'');
                self.extensions[at].mint.uri = self.uri();
            }
            2 => self.extensions[at].mint.authority = self.person(),
            3 => return self.burn_extension(at),
            _ => {
                let (address, owner) = (self.key(), self.person());
                let (old, account) = self.extensions[at].holder;
                self.extensions[at].holder = (address, TokenAccount { owner, ..account });
                self.account(old, TOKEN_2022, None);
                return self.tell_extension_holder(at);
            }
        }
        self.tell_extension(at);
    }

    fn new_extension(&mut self) {
        let (address, authority, owner, held) = (self.key(), self.person(), self.person(), self.key());
        let group = self.extensions.iter().position(|extension| extension.mint.group.is_some());
        let member = group.map(|group| {
            let Extension { address, mint, .. } = &mut self.extensions[group];
            let size = mint.group.get_or_insert_default();
            *size += 1;
            (*address, *size)
        });
        let mint = Extended {
            authority,
            name: format!("Extension {}", self.extensions.len()),
            uri: self.uri(),
            supply: 1,
            group: group.is_none().then_some(0),
            member,
            bound: self.random.random(),
        };
        let holder = TokenAccount { mint: address, owner, amount: 1, delegate: None, frozen: false };
        self.extensions.push(Extension { address, mint, holder: (held, holder) });
        self.tell_extension(self.extensions.len() - 1);
        self.tell_extension_holder(self.extensions.len() - 1);
        if let Some(group) = group {
            self.tell_extension(group);
        }
    }

    /// It is burnt, and its accounts are closed. Of its mint's end the transaction tells, which knows no write version, and
    /// its account may tell as well.
    fn burn_extension(&mut self, at: usize) {
        let (held, _) = self.extensions[at].holder;
        self.account(held, TOKEN_2022, None);
        self.extensions[at].mint.supply = 0;
        self.tell_extension(at);
        self.slot += 2;
        let Extension { address, mint, .. } = self.extensions.swap_remove(at);
        let close = Instruction {
            program: TOKEN_2022.parse().unwrap(),
            accounts: vec![address, mint.authority, mint.authority],
            data: vec![9],
            outer: 0,
            height: Some(1),
        };
        let mut signature = [9; 64];
        signature[..32].copy_from_slice(address.as_bytes());
        self.transaction(Transaction {
            slot: Slot::new(self.slot).unwrap(),
            signature: Signature::from_bytes(signature),
            block_time: None,
            succeeded: true,
            instructions: vec![close],
        });
        if self.random.random_ratio(1, 3) {
            // Who tells no write versions tells how it was in that slot: there.
            self.account_unversioned(address, TOKEN_2022, mint.data(address));
        } else if self.random.random() {
            self.account(address, TOKEN_2022, None);
        }
        if self.random.random_ratio(1, 3) {
            // A mint that was closed may be made anew.
            let mint = Extended { supply: 1, group: None, member: None, ..mint };
            let owner = self.person();
            let holder = TokenAccount { mint: address, owner, amount: 1, delegate: None, frozen: false };
            self.slot += 2;
            self.extensions.push(Extension { address, mint, holder: (held, holder) });
            self.tell_extension_holder(self.extensions.len() - 1);
            self.tell_extension(self.extensions.len() - 1);
        }
    }

    fn tell_extension(&mut self, at: usize) {
        let Some(Extension { address, mint, .. }) = self.extensions.get(at) else { return };
        let (address, data) = (*address, mint.data(*address));
        self.account(address, TOKEN_2022, Some(data));
    }

    fn tell_extension_holder(&mut self, at: usize) {
        let (address, account) = self.extensions[at].holder;
        self.account(address, TOKEN_2022, Some(extended_token(&account)));
    }

    fn tell_mint(&mut self, at: usize, supply: u64) {
        let edition = Some(edition_of(self.nfts[at].mint));
        let mint = Mint { supply, decimals: 0, authority: edition, freeze_authority: edition };
        self.account(self.nfts[at].mint, Mint::PROGRAM, Some(mint.data()));
    }

    fn tell_holder(&mut self, at: usize) {
        let (address, account) = self.nfts[at].holder;
        self.account(address, Mint::PROGRAM, Some(account.data()));
    }

    fn tell_metadata(&mut self, at: usize) {
        if self.random.random_ratio(1, 4) {
            // It was called something else earlier in the slot.
            let between = Metadata { name: "Between".to_owned(), ..self.nfts[at].metadata.clone() };
            self.account(metadata_of(between.mint), Metadata::PROGRAM, Some(between.data()));
        }
        let data = self.nfts[at].metadata.data();
        self.account(metadata_of(self.nfts[at].mint), Metadata::PROGRAM, Some(data));
    }

    pub(crate) fn fungible(&mut self) {
        let (mint, mut holders) = if let Some(fungible) = self.fungible.take() {
            fungible
        } else {
            let (mint, authority) = (self.key(), self.person());
            let metadata = Metadata {
                authority,
                mint,
                name: "Coin".to_owned(),
                symbol: "COIN".to_owned(),
                uri: self.uri(),
                fee: 0,
                creators: Vec::new(),
                mutable: false,
                standard: 2,
                collection: None,
            };
            self.account(metadata_of(mint), Metadata::PROGRAM, Some(metadata.data()));
            (mint, Vec::new())
        };
        if holders.len() < 3 {
            let account = TokenAccount {
                mint,
                owner: self.person(),
                amount: self.random.random_range(0..1_000),
                delegate: None,
                frozen: false,
            };
            holders.push((self.key(), account));
        } else {
            let at = self.random.random_range(0..holders.len());
            holders[at].1.amount = self.random.random_range(0..1_000);
        }
        let supply = holders.iter().map(|(_, account)| account.amount).sum();
        let minted = Mint { supply, decimals: 6, authority: Some(self.people[0]), freeze_authority: None };
        self.account(mint, Mint::PROGRAM, Some(minted.data()));
        for (address, account) in &holders {
            self.account(*address, Mint::PROGRAM, Some(account.data()));
        }
        self.fungible = Some((mint, holders));
    }
}

fn metadata_of(mint: Pubkey) -> Pubkey {
    let program: Pubkey = Metadata::PROGRAM.parse().unwrap();
    pda(&[b"metadata", program.as_bytes(), mint.as_bytes()], &program).unwrap()
}

fn edition_of(mint: Pubkey) -> Pubkey {
    let program: Pubkey = Metadata::PROGRAM.parse().unwrap();
    pda(&[b"metadata", program.as_bytes(), mint.as_bytes(), b"edition"], &program).unwrap()
}
