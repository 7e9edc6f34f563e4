//! What is stored of an asset and cannot be read: of a newer version, or damaged. An asset is made without it.

use vitrine_model::Pubkey;
use vitrine_store::{AccountKind, AssetSources, SourceAccount};

use super::leaf;
use super::program::token_program;
use crate::decode::{agent_identity, inscription, mpl_core, spl_token, token_metadata};

/// Names the sources of an asset that this version cannot read, one text each.
pub fn unread(sources: &AssetSources) -> Vec<String> {
    let accounts = sources.accounts.iter().filter_map(|account| {
        let (program, data) = account.data.as_ref()?;
        (!decodes(account, *program, data)).then(|| format!("account {}", account.address))
    });
    let changes = sources.leaf.iter().filter(|change| !leaf::is_readable(&change.event));
    let events = sources.events.iter().filter(|event| !leaf::is_readable(&event.event));
    accounts
        .chain(changes.map(|change| format!("change {} of the tree {}", change.seq, change.tree)))
        .chain(events.map(|event| format!("event {} of slot {}", event.instruction, event.slot)))
        .collect()
}

/// Whether the bytes of an account are what they were stored as.
fn decodes(account: &SourceAccount, program: Pubkey, data: &[u8]) -> bool {
    match account.kind {
        AccountKind::Mint | AccountKind::Token => {
            token_program(program).is_some_and(|program| spl_token::decode(program, data).is_ok())
        }
        AccountKind::Metadata | AccountKind::Edition => token_metadata::decode(data).is_ok(),
        AccountKind::CoreAsset | AccountKind::CoreCollection | AccountKind::CoreGroup => {
            mpl_core::decode(data).is_ok()
        }
        AccountKind::Inscription => inscription::decode(data).is_ok(),
        AccountKind::AgentIdentity => agent_identity::decode(data).is_ok(),
        AccountKind::Unknown => true,
    }
}
