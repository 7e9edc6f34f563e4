//! Rows of the chain's tables, as `vitrine ingest` leaves them, out of a description: `worlds/<name>.chain.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sqlx::postgres::PgConnection;
use vitrine_model::Pubkey;
use vitrine_model::merkle::{self, Hash};

/// What the chain is like.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    #[serde(default)]
    pub token_accounts: Vec<TokenAccount>,
    #[serde(default)]
    pub master_editions: Vec<MasterEdition>,
    #[serde(default)]
    pub editions: Vec<Edition>,
    #[serde(default)]
    pub trees: Vec<Tree>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAccount {
    pub address: String,
    pub mint: String,
    /// Absent: closed.
    pub owner: Option<String>,
    #[serde(default)]
    pub amount: u64,
    pub delegate: Option<String>,
    #[serde(default)]
    pub delegated_amount: u64,
    #[serde(default)]
    pub frozen: bool,
    pub close_authority: Option<String>,
    pub extensions: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MasterEdition {
    pub address: String,
    pub mint: String,
    pub supply: u64,
    pub max_supply: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    pub address: String,
    pub parent: String,
    pub number: u64,
    /// Absent: nobody told of it yet.
    pub mint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    pub tree: String,
    pub depth: u8,
    pub changes: Vec<Change>,
    /// A root that is not that of the nodes, as while changes are missing.
    #[serde(default)]
    pub broken: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub seq: u64,
    pub leaf_index: u64,
    pub asset: Option<String>,
    pub instruction: Option<String>,
    /// The first byte of the signature, which the others repeat.
    pub signature: u8,
    /// In base58; absent: the leaf is emptied.
    pub leaf: Option<String>,
}

/// The program of all accounts here; which one it is changes no answer.
const PROGRAM: [u8; 32] = [6; 32];

/// The slot of a change is this and its number.
const SLOT_BEFORE: u64 = 1000;

/// Reads a description.
pub fn read(file: &Path) -> Chain {
    let text = std::fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Writes the rows.
pub async fn write(connection: &mut PgConnection, chain: &Chain) {
    for account in &chain.token_accounts {
        write_token_account(connection, account).await;
    }
    for master in &chain.master_editions {
        let supply = (Some(master.supply), master.max_supply);
        write_edition(connection, &master.address, Some(&master.mint), (None, None), supply).await;
    }
    for edition in &chain.editions {
        let place = (Some(edition.parent.as_str()), Some(edition.number));
        write_edition(connection, &edition.address, edition.mint.as_deref(), place, (None, None)).await;
    }
    for tree in &chain.trees {
        write_tree(connection, tree).await;
    }
}

async fn write_token_account(connection: &mut PgConnection, account: &TokenAccount) {
    let open = account.owner.is_some();
    sqlx::query(
        "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, program, token_owner, token_amount,
                              token_delegate, token_delegated_amount, token_frozen, token_close_authority, token_extensions)
         VALUES ($1, 1, $2, 1, 0, $3, $4, $5, $6::text::numeric, $7, $8::text::numeric, $9, $10, $11)",
    )
    .bind(bytes(&account.address))
    .bind(bytes(&account.mint))
    .bind(!open)
    .bind(open.then_some(PROGRAM))
    .bind(account.owner.as_deref().map(bytes))
    .bind(open.then(|| account.amount.to_string()))
    .bind(account.delegate.as_deref().map(bytes))
    .bind(open.then(|| account.delegated_amount.to_string()))
    .bind(open.then_some(account.frozen))
    .bind(account.close_authority.as_deref().map(bytes))
    .bind(account.extensions.as_ref().map(serde_json::Value::to_string))
    .execute(connection)
    .await
    .unwrap();
}

async fn write_edition(
    connection: &mut PgConnection,
    address: &str,
    mint: Option<&str>,
    (parent, number): (Option<&str>, Option<u64>),
    (supply, max_supply): (Option<u64>, Option<u64>),
) {
    let digits = |number: Option<u64>| number.map(|number| number.to_string());
    sqlx::query(
        "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, program, edition_parent,
                              edition_number, edition_supply, edition_max_supply)
         VALUES ($1, 4, $2, 1, 0, false, $3, $4, $5::text::numeric, $6::text::numeric, $7::text::numeric)",
    )
    .bind(bytes(address))
    .bind(mint.map(bytes))
    .bind(PROGRAM)
    .bind(parent.map(bytes))
    .bind(digits(number))
    .bind(digits(supply))
    .bind(digits(max_supply))
    .execute(connection)
    .await
    .unwrap();
}

async fn write_tree(connection: &mut PgConnection, tree: &Tree) {
    let id = bytes(&tree.tree);
    sqlx::query("INSERT INTO tree (tree, program, depth, slot, seq) VALUES ($1, $2, $3, 1, $4)")
        .bind(id)
        .bind(PROGRAM)
        .bind(i16::from(tree.depth))
        .bind(whole(tree.changes.iter().map(|change| change.seq).max().unwrap_or(0)))
        .execute(&mut *connection)
        .await
        .unwrap();
    // Node to the change that it is of, and its hash.
    let mut nodes: BTreeMap<u64, (u64, Hash)> = BTreeMap::new();
    for change in &tree.changes {
        write_change(connection, id, change).await;
        let mut hash = change.leaf.as_deref().map_or([0; 32], bytes);
        let mut node = (1 << tree.depth) + change.leaf_index;
        nodes.insert(node, (change.seq, hash));
        for level in 0..tree.depth {
            let sibling =
                nodes.get(&(node ^ 1)).map_or_else(|| merkle::empty(level).unwrap(), |known| known.1);
            hash = if node.is_multiple_of(2) {
                merkle::parent(&hash, &sibling)
            } else {
                merkle::parent(&sibling, &hash)
            };
            node /= 2;
            nodes.insert(node, (change.seq, hash));
        }
    }
    if tree.broken {
        nodes.get_mut(&1).unwrap().1[0] ^= 1;
    }
    for (node, (seq, hash)) in nodes {
        sqlx::query(
            "INSERT INTO tree_node (tree, depth, node_index, slot, seq, hash) VALUES ($1, $2, $3, 1, $4, $5)",
        )
        .bind(id)
        .bind(i16::from(tree.depth))
        .bind(whole(node))
        .bind(whole(seq))
        .bind(hash)
        .execute(&mut *connection)
        .await
        .unwrap();
    }
}

async fn write_change(connection: &mut PgConnection, tree: [u8; 32], change: &Change) {
    sqlx::query(
        "INSERT INTO tree_change (tree, seq, leaf_index, slot, signature, asset_id, instruction, event)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tree)
    .bind(whole(change.seq))
    .bind(whole(change.leaf_index))
    .bind(whole(SLOT_BEFORE + change.seq))
    .bind([change.signature; 64])
    .bind(change.asset.as_deref().map(bytes))
    .bind(change.instruction.as_deref())
    .bind(change.asset.as_ref().map(|_| "{}"))
    .execute(connection)
    .await
    .unwrap();
}

fn bytes(address: &str) -> [u8; 32] {
    *address.parse::<Pubkey>().unwrap().as_bytes()
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}
