//! One instruction of the program: what it is, its accounts by name, its arguments.

use vitrine_model::Pubkey;

use super::super::bytes::Cursor;
use super::super::{Reason, transaction};
use super::BUBBLEGUM;
use super::args::{Args, LeafArgs};
use super::kind::{Account, Kind};
use super::layout::Layout;
use super::metadata::{Collection, Metadata};

/// An instruction of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// Which one.
    pub kind: Kind,
    /// Its accounts.
    pub accounts: Accounts<'a>,
    /// Its arguments.
    pub args: Args<'a>,
}

/// The accounts of an instruction by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts<'a> {
    names: &'static [Account],
    keys: &'a [Pubkey],
}

impl<'a> Instruction<'a> {
    /// Reads an instruction that was for [`BUBBLEGUM`]; its program is not looked at. Bytes behind the arguments and
    /// accounts behind those with a name are let be, as the program does.
    ///
    /// [`Reason::BadTag`] with the discriminator for an instruction without a known one; [`Reason::Truncated`] of
    /// `accounts`, counted in accounts, for one with too few.
    pub fn decode(instruction: &'a transaction::Instruction) -> Result<Self, Reason> {
        Self::read(instruction).map(|(instruction, _)| instruction)
    }

    /// As [`Instruction::decode`], with the layout it was read by.
    pub(super) fn read(instruction: &'a transaction::Instruction) -> Result<(Self, &'static Layout), Reason> {
        let mut cursor = Cursor::new(&instruction.data);
        let discriminator: [u8; 8] = cursor.array("discriminator")?;
        let value = u64::from_le_bytes(discriminator);
        let layout = Layout::of(discriminator).ok_or(Reason::BadTag { field: "discriminator", value })?;
        let keys = instruction.accounts.as_slice();
        if keys.len() < layout.accounts.len() {
            return Err(Reason::Truncated { field: "accounts", at: keys.len() });
        }
        let accounts = Accounts { names: layout.accounts, keys };
        Ok((Self { kind: layout.kind, accounts, args: (layout.args)(&mut cursor)? }, layout))
    }

    /// The leaf as it was handed in, for instructions that change one.
    pub fn leaf(&self) -> Option<&LeafArgs> {
        match &self.args {
            Args::Leaf(leaf)
            | Args::Metadata { leaf, .. }
            | Args::Update { leaf, .. }
            | Args::AssetData { leaf, .. } => Some(leaf),
            _ => None,
        }
    }

    /// The metadata that the leaf has behind the instruction: as handed in, with the change that the instruction makes.
    /// `None` for instructions that take no metadata, and for `decompress_v1`, behind which there is no leaf.
    pub fn metadata(&self) -> Option<Metadata<'a>> {
        match &self.args {
            Args::Mint { metadata, .. } | Args::Metadata { metadata, .. } => {
                Some(self.change(metadata.clone()))
            }
            Args::Update { current, update, .. } => {
                let mut metadata = current.clone();
                metadata.update(update);
                Some(metadata)
            }
            _ => None,
        }
    }

    fn change(&self, mut metadata: Metadata<'a>) -> Metadata<'a> {
        match self.kind {
            Kind::MintToCollectionV1 | Kind::VerifyCollection => verify_collection(&mut metadata, true),
            Kind::UnverifyCollection => verify_collection(&mut metadata, false),
            Kind::VerifyCreator | Kind::VerifyCreatorV2 => self.verify_creator(&mut metadata, true),
            Kind::UnverifyCreator | Kind::UnverifyCreatorV2 => self.verify_creator(&mut metadata, false),
            Kind::SetAndVerifyCollection => metadata.collection = self.new_collection(),
            Kind::SetCollectionV2 => {
                let key = self.accounts.get(Account::NewCoreCollection);
                metadata.collection = key.map(|key| Collection { verified: true, key });
            }
            _ => {}
        }
        metadata
    }

    fn verify_creator(&self, metadata: &mut Metadata<'a>, verified: bool) {
        let creator = self.accounts.get(Account::Creator).or_else(|| self.accounts.get(Account::Payer));
        for listed in &mut metadata.creators {
            if Some(listed.address) == creator {
                listed.verified = verified;
            }
        }
    }

    fn new_collection(&self) -> Option<Collection> {
        match self.args {
            Args::Metadata { collection, .. } => collection.map(|key| Collection { verified: true, key }),
            _ => None,
        }
    }
}

impl Accounts<'_> {
    /// The account of this name. `None` where the instruction has none of the name, and where it is an optional one that
    /// was left out: then the program's own address stands in its place.
    pub fn get(&self, name: Account) -> Option<Pubkey> {
        let at = self.names.iter().position(|&listed| listed == name)?;
        self.keys.get(at).copied().filter(|&key| key != BUBBLEGUM)
    }

    /// The accounts that have a name, in their order, with those left out.
    pub fn iter(&self) -> impl Iterator<Item = (Account, Option<Pubkey>)> {
        self.names.iter().map(|&name| (name, self.get(name)))
    }
}

fn verify_collection(metadata: &mut Metadata<'_>, verified: bool) {
    if let Some(collection) = &mut metadata.collection {
        collection.verified = verified;
    }
}
