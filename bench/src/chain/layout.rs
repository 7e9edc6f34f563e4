//! Accounts that [`vitrine_tests::accounts`] does not lay out: plugins of MPL Core, extensions of Token-2022.

use vitrine_model::Pubkey;

/// A plugin of MPL Core: its type, and what is behind the type.
pub(crate) struct Plugin {
    kind: u8,
    body: Vec<u8>,
}

impl Plugin {
    /// Royalties in hundredths of a percent, all of them for one creator.
    pub(crate) fn royalties(basis_points: u16, creator: Pubkey) -> Self {
        let mut body = basis_points.to_le_bytes().to_vec();
        body.extend(1_u32.to_le_bytes());
        body.extend(creator.as_bytes());
        // All of it, and no rules.
        body.extend([100, 0]);
        Self { kind: 0, body }
    }

    /// Somebody may freeze the asset, and has not.
    pub(crate) fn freeze_delegate() -> Self {
        Self { kind: 1, body: vec![0] }
    }

    /// Names and values.
    pub(crate) fn attributes(list: &[(String, String)]) -> Self {
        let mut body = Vec::new();
        count(&mut body, list.len());
        for (name, value) in list {
            text(&mut body, name);
            text(&mut body, value);
        }
        Self { kind: 6, body }
    }
}

/// An account of MPL Core with plugins, all under the update authority: header, plugins and registry behind the base.
pub(crate) fn with_plugins(mut base: Vec<u8>, plugins: &[Plugin]) -> Vec<u8> {
    let header = base.len();
    base.push(3);
    base.extend([0; 8]);
    let mut registry = vec![4];
    count(&mut registry, plugins.len());
    for Plugin { kind, body } in plugins {
        registry.extend([*kind, 2]);
        registry.extend(offset(&base));
        base.push(*kind);
        base.extend(body);
    }
    // No external ones.
    registry.extend([0; 4]);
    let registry_offset = offset(&base);
    base[header + 1..header + 9].copy_from_slice(&registry_offset);
    base.extend(registry);
    base
}

/// A mint of Token-2022 that is its own metadata. `base` is the mint as SPL Token lays it out.
pub(crate) fn mint_with_metadata(
    base: Vec<u8>,
    mint: Pubkey,
    authority: Pubkey,
    [name, symbol, uri]: [&str; 3],
) -> Vec<u8> {
    let mut account = extended(base, 1);
    extension(&mut account, 18, &[*authority.as_bytes(), *mint.as_bytes()].concat());
    let mut metadata = [*authority.as_bytes(), *mint.as_bytes()].concat();
    for part in [name, symbol, uri] {
        text(&mut metadata, part);
    }
    // Nothing additional.
    metadata.extend([0; 4]);
    extension(&mut account, 19, &metadata);
    account
}

/// A token account of Token-2022 whose owner cannot change. `base` is the account as SPL Token lays it out.
pub(crate) fn token_account_for_good(base: Vec<u8>) -> Vec<u8> {
    let mut account = extended(base, 2);
    extension(&mut account, 7, &[]);
    account
}

fn extended(mut base: Vec<u8>, account_type: u8) -> Vec<u8> {
    base.resize(165, 0);
    base.push(account_type);
    base
}

fn extension(account: &mut Vec<u8>, kind: u16, value: &[u8]) {
    account.extend(kind.to_le_bytes());
    account.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    account.extend(value);
}

fn text(out: &mut Vec<u8>, text: &str) {
    count(out, text.len());
    out.extend(text.as_bytes());
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn offset(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_le_bytes()
}
