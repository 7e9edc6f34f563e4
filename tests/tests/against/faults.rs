//! Faults of the other server, as statements on its database, and where each must be found.

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// What is done to the other server's database.
    pub(crate) sql: &'static str,
    /// Where answers differ, as rules of tolerances: with these, nothing else may. Each must be met, unless `# or not`
    /// stands behind it. The methods that they name are asked.
    pub(crate) rules: &'static str,
}

const fn fault(name: &'static str, sql: &'static str, rules: &'static str) -> Fault {
    Fault { name, sql, rules }
}

/// One asset of the sample has another name.
pub(crate) const BODY: &str = "UPDATE asset SET body = convert_to(replace(convert_from(body, 'UTF8'), 'Vitrine Sample #1\"', 'Vitrine Sample #X\"'), 'UTF8')
    WHERE convert_from(body, 'UTF8') LIKE '%Vitrine Sample #1\"%'";

/// All of them.
pub(crate) const FAULTS: [Fault; 19] = [
    fault("a field of a body", BODY, "getAsset /result/content/metadata/name\ngetAssets /result/*/content/metadata/name\n"),
    fault(
        "a field of a body, in lists",
        BODY,
        "getAssetsByOwner /result/items/*/content/metadata/name
         getAssetsByGroup /result/items/*/content/metadata/name
         searchAssets /result/items/*/content/metadata/name",
    ),
    fault(
        "a field of a body, in changes",
        BODY,
        "getAssetChanges /result/items/*/asset/content/metadata/name",
    ),
    fault(
        "an asset that changes do not tell",
        "UPDATE asset SET change_order = -1 WHERE asset_id = (SELECT asset_id FROM asset ORDER BY asset_id DESC LIMIT 1)",
        "getAssetChanges /result/items",
    ),
    fault(
        "the slot of a change",
        "UPDATE asset SET slot_updated = slot_updated + 1, slot_seen = slot_seen + 1",
        "getAssetChanges /result/items/*/slot
         getAssetChanges /result/items # or not",
    ),
    fault(
        "a member too few of groups",
        "DELETE FROM list_member USING asset_list AS list WHERE list.list_id = list_member.list_id AND list.kind = 1
         AND asset_id = (SELECT member.asset_id FROM list_member AS member WHERE member.list_id = list.list_id
                         ORDER BY member.asset_id LIMIT 1)",
        "getAssetsByGroup /result/items
         getAssetsByGroup /result/total
         getAssetsByGroup /result/cursor # or not",
    ),
    fault(
        "the end of every list of an owner",
        "DELETE FROM list_member USING asset_list AS list WHERE list.list_id = list_member.list_id AND list.kind = 4
         AND asset_id IN (SELECT member.asset_id FROM list_member AS member WHERE member.list_id = list.list_id
                          ORDER BY member.asset_id LIMIT 2)",
        "getAssetsByOwner /result/items
         getAssetsByOwner /result/total
         getAssetsByOwner /result/grand_total # or not
         getAssetsByOwner /result/cursor # or not",
    ),
    fault(
        "grand totals",
        "UPDATE asset_list SET total = total + 1 WHERE kind IN (1, 2, 3)",
        "getAssetsByGroup /result/grand_total
         getAssetsByCreator /result/grand_total
         getAssetsByAuthority /result/grand_total
         getGrouping /result/group_size",
    ),
    fault(
        "the order by creation",
        "UPDATE list_member SET slot_created = 1000000000 - slot_created
         WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 2)",
        "getAssetsByAuthority /result/items",
    ),
    fault(
        "the order by change",
        "UPDATE list_member SET slot_updated = 1000000000 - slot_updated
         WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 3)",
        "getAssetsByCreator /result/items",
    ),
    fault(
        "unverified creators",
        "UPDATE asset_list SET verified = NOT verified WHERE kind = 3
         AND NOT EXISTS (SELECT FROM asset_list AS other WHERE (other.kind, other.key, other.value) = (asset_list.kind, asset_list.key, asset_list.value) AND other.verified <> asset_list.verified)",
        "getAssetsByCreator /result/items
         getAssetsByCreator /result/total
         getAssetsByCreator /result/grand_total # or not
         getAssetsByCreator /result/cursor # or not",
    ),
    fault(
        "what a token account holds",
        "UPDATE account SET token_amount = token_amount + 1 WHERE kind = 1 AND token_amount > 0",
        "getTokenAccounts /result/token_accounts/*/amount",
    ),
    fault(
        "a token account too few",
        "DELETE FROM account WHERE kind = 1 AND token_amount > 1",
        "getTokenAccounts /result/token_accounts
         getTokenAccounts /result/total
         getTokenAccounts /result/cursor # or not",
    ),
    fault(
        "empty token accounts",
        "DELETE FROM account WHERE kind = 1 AND token_amount = 0",
        "getTokenAccounts /result/token_accounts
         getTokenAccounts /result/total
         getTokenAccounts /result/cursor # or not",
    ),
    fault(
        "a node of a proof",
        "UPDATE tree_node SET hash = decode(repeat('ab', 32), 'hex') WHERE node_index = 4",
        "getAssetProof /error
         getAssetProofs /result/*
         getAssetProofs /error # or not",
    ),
    fault(
        "a whole tree",
        "DELETE FROM tree_change",
        "getAssetProof /error
         getAssetProofs /result/*
         getAssetSignatures /result/items/**
         getAssetSignatures /result/total
         getAssetSignatures /result/cursor # or not",
    ),
    fault(
        "a signature",
        "UPDATE tree_change SET signature = decode(repeat('ab', 64), 'hex') WHERE seq = 3",
        "getAssetSignatures /result/items/*/0
         getAssetSignaturesV2 /result/items/*/signature",
    ),
    fault(
        "the number of an edition",
        "UPDATE account SET edition_number = edition_number + 1 WHERE edition_number IS NOT NULL",
        "getNftEditions /result/editions/*/edition
         getNftEditions /result/editions/*/edition_number",
    ),
    fault(
        "what kind of token it is",
        "UPDATE asset SET token_class = 5 - token_class WHERE token_class IN (2, 3)",
        "searchAssets /result/items
         searchAssets /result/total
         searchAssets /result/grand_total # or not
         searchAssets /result/cursor # or not",
    ),
];

/// Filters of a search, and a statement each after which the other server answers them differently, and nothing else.
pub(crate) const FACTS: [(&str, &str); 18] = [
    ("frozen", "UPDATE asset SET frozen = NOT frozen"),
    ("compressed", "UPDATE asset SET compressed = NOT compressed"),
    ("compressible", "UPDATE asset SET compressible = NOT compressible"),
    ("burnt", "UPDATE asset SET burnt = NOT burnt"),
    ("isAgent", "UPDATE asset SET is_agent = NOT is_agent"),
    ("supply", "UPDATE asset SET supply = supply + 1"),
    ("royaltyTargetType", "UPDATE asset SET royalty_model = 2"),
    ("royaltyAmount", "UPDATE asset SET royalty_basis_points = royalty_basis_points + 1"),
    ("jsonUri", "UPDATE asset SET json_uri_digest = NULL"),
    ("name", "UPDATE asset SET name = 'another'"),
    ("assetSigner", "UPDATE asset SET asset_signer = NULL"),
    ("createdAt", "UPDATE asset SET slot_created = slot_created + 100000000"),
    ("interface", "UPDATE asset SET interface = 'Executable'"),
    ("creatorVerified", "UPDATE asset SET creators_signed = 0"),
    ("tree", "DELETE FROM list_member WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 5)"),
    ("delegate", "DELETE FROM list_member WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 6)"),
    (
        "royaltyTarget",
        "DELETE FROM list_member WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 7)",
    ),
    (
        "agentToken",
        "DELETE FROM list_member WHERE list_id IN (SELECT list_id FROM asset_list WHERE kind = 8)",
    ),
];

/// Filters that ask for the same columns as some of [`FACTS`].
pub(crate) const ALIKE: [&str; 2] = ["supplyMint", "collectionNft"];
