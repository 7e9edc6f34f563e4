//! Accounts that no other test needs, as their programs lay them out.

use vitrine_ingest::decode::{agent_identity, inscription, spl_token};
use vitrine_model::Pubkey;
use vitrine_tests::accounts::{Mint, TokenAccount, text};

pub(crate) const TOKEN_2022: &str = spl_token::Program::Token2022.id();
pub(crate) const INSCRIPTION: &str = inscription::PROGRAM_ID;
pub(crate) const AGENT_IDENTITY: &str = agent_identity::PROGRAM_ID;

/// Where the extensions of Token-2022 begin, behind the byte that says what an account is.
const TOKEN_ACCOUNT_BYTES: usize = 165;

/// A mint of Token-2022 that says itself what it is called.
#[derive(Clone)]
pub(crate) struct Extended {
    pub(crate) authority: Pubkey,
    pub(crate) name: String,
    pub(crate) uri: String,
    pub(crate) supply: u64,
    /// It is a group with so many members.
    pub(crate) group: Option<u64>,
    /// The group that it is in, and its number there.
    pub(crate) member: Option<(Pubkey, u64)>,
    /// It cannot be transferred.
    pub(crate) bound: bool,
}

impl Extended {
    pub(crate) fn data(&self, address: Pubkey) -> Vec<u8> {
        let (authority, address) = (*self.authority.as_bytes(), *address.as_bytes());
        let mint = Mint { supply: self.supply, decimals: 0, authority: None, freeze_authority: None };
        let mut out = mint.data();
        out.resize(TOKEN_ACCOUNT_BYTES, 0);
        // A mint.
        out.push(1);
        if self.bound {
            extension(&mut out, 9, &[]);
        }
        extension(&mut out, 18, &[authority, address].concat());
        if let Some(size) = self.group {
            extension(&mut out, 20, &[authority, address].concat());
            let sizes = [size.to_le_bytes(), 100_u64.to_le_bytes()].concat();
            extension(&mut out, 21, &[[authority, address].concat(), sizes].concat());
        }
        if let Some((group, number)) = self.member {
            extension(&mut out, 22, &[authority, address].concat());
            let number = number.to_le_bytes().to_vec();
            extension(&mut out, 23, &[[address, *group.as_bytes()].concat(), number].concat());
        }
        let mut metadata = [authority, address].concat();
        for part in [self.name.as_str(), "EXT", &self.uri] {
            text(&mut metadata, part);
        }
        // One more key with its value.
        metadata.extend_from_slice(&1_u32.to_le_bytes());
        text(&mut metadata, "of");
        text(&mut metadata, &self.name);
        extension(&mut out, 19, &metadata);
        out
    }
}

/// A token account of Token-2022, whose owner cannot change.
pub(crate) fn extended_token(account: &TokenAccount) -> Vec<u8> {
    let mut out = account.data();
    out.push(2);
    extension(&mut out, 7, &[]);
    out
}

fn extension(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
    out.extend_from_slice(value);
}

/// A print of Token Metadata, of the master edition at `parent`.
pub(crate) fn print(parent: Pubkey, number: u64) -> Vec<u8> {
    [vec![1], parent.as_bytes().to_vec(), number.to_le_bytes().to_vec()].concat()
}

/// An inscription of the newer layout.
pub(crate) fn inscription(root: Pubkey, order: u64, content_type: &str) -> Vec<u8> {
    let mut out = vec![0xe8, 0x78, 0xcd, 0x2f, 0x99, 0xef, 0xe5, 0xe0];
    // Who may change it, and where the bytes are, are as good as any.
    for key in [root, root, root] {
        out.extend_from_slice(key.as_bytes());
    }
    out.extend_from_slice(&order.to_le_bytes());
    out.extend_from_slice(&7_u32.to_le_bytes());
    text(&mut out, content_type);
    text(&mut out, "base64");
    out.push(0);
    out
}

/// What makes an asset of MPL Core an agent.
pub(crate) fn agent(asset: Pubkey, token: Option<Pubkey>) -> Vec<u8> {
    let mut out = vec![2, 255, 0, 0, 0, 0, 0, 0];
    out.extend_from_slice(asset.as_bytes());
    out.extend_from_slice(token.map_or([0; 32], |token| *token.as_bytes()).as_slice());
    out.extend_from_slice(&[0; 32]);
    out
}

/// A plugin of MPL Core.
#[derive(Clone)]
pub(crate) enum Plugin {
    /// Fee in hundredths of a percent, and who gets all of it.
    Royalties(u16, Pubkey),
    /// Whether it is frozen.
    Freeze(bool),
    /// Who may transfer for the owner; none: the update authority.
    Transfer(Option<Pubkey>),
    /// One name with its value.
    Attribute(String),
    /// The groups that it is in.
    Groups(Vec<Pubkey>),
}

impl Plugin {
    /// The number of its type, its authority, and its bytes behind the number.
    fn parts(&self) -> (u8, Vec<u8>, Vec<u8>) {
        let authority = vec![2];
        let keys = |keys: &[Pubkey]| {
            let mut out = u32::try_from(keys.len()).unwrap().to_le_bytes().to_vec();
            for key in keys {
                out.extend_from_slice(key.as_bytes());
            }
            out
        };
        match self {
            Self::Royalties(fee, creator) => {
                let all = [fee.to_le_bytes().to_vec(), keys(&[*creator]), vec![100, 0]].concat();
                (0, authority, all)
            }
            Self::Freeze(frozen) => (1, vec![1], vec![u8::from(*frozen)]),
            Self::Transfer(None) => (3, authority, Vec::new()),
            Self::Transfer(Some(key)) => (3, [vec![3], key.as_bytes().to_vec()].concat(), Vec::new()),
            Self::Attribute(value) => {
                let mut out = 1_u32.to_le_bytes().to_vec();
                text(&mut out, "Fur");
                text(&mut out, value);
                (6, authority, out)
            }
            Self::Groups(groups) => (18, authority, keys(groups)),
        }
    }
}

/// An account of MPL Core with its plugins behind it.
pub(crate) fn with_plugins(mut base: Vec<u8>, plugins: &[Plugin]) -> Vec<u8> {
    if plugins.is_empty() {
        return base;
    }
    let parts: Vec<_> = plugins.iter().map(Plugin::parts).collect();
    let bytes: usize = parts.iter().map(|(_, _, data)| 1 + data.len()).sum();
    let first = base.len() + 9;
    base.push(3);
    base.extend_from_slice(&((first + bytes) as u64).to_le_bytes());
    let mut registry = vec![4];
    registry.extend_from_slice(&u32::try_from(parts.len()).unwrap().to_le_bytes());
    for (kind, authority, data) in parts {
        registry.push(kind);
        registry.extend_from_slice(&authority);
        registry.extend_from_slice(&(base.len() as u64).to_le_bytes());
        base.push(kind);
        base.extend_from_slice(&data);
    }
    // No plugins of other programs.
    registry.extend_from_slice(&[0; 4]);
    base.extend_from_slice(&registry);
    base
}
