//! What `searchAssets` is asked for, as a filter. Pure.

use vitrine_model::{ListKind, Pubkey, RoyaltyModel, Slot, TokenClass};
use vitrine_store::{Conditions, Filter, Holdings, ListRef, SlotRange};

use super::get_assets_by_group::list_of;
use crate::door::Dialect;
use crate::error::InvalidParams;
use crate::params::args::{Args, Field, field, pubkey};
use crate::params::list::Options;

/// The most addresses of a filter that takes several.
const ADDRESSES_MAX: usize = 100;

const NOT: [Field; 4] = [field("collections"), field("owners"), field("creators"), field("authorities")];

const CREATED_AT: [Field; 2] = [field("before"), field("after")];

/// The interfaces that there are (metaplex-das-api.json).
const INTERFACES: [&str; 14] = [
    "V1_NFT",
    "V1_PRINT",
    "V2_NFT",
    "LEGACY_NFT",
    "FungibleAsset",
    "FungibleToken",
    "Identity",
    "Executable",
    "ProgrammableNFT",
    "MplCoreAsset",
    "MplCoreCollection",
    "MplCoreGroup",
    "MplBubblegumV2",
    "Custom",
];

/// What is one of its kind.
const NON_FUNGIBLE: [TokenClass; 2] = [TokenClass::RegularNft, TokenClass::CompressedNft];

const NAME_NEEDS_OWNER: &str =
    "Validation Error: Owner address must be provided in order to search assets by name";
const TOKEN_TYPE_NEEDS_OWNER: &str = "Must provide `ownerAddress` when using `tokenType` field";
const NO_OWNER_TYPE: &str = "`ownerType` is not supported when using `tokenType` field";
const NO_INTERFACE: &str = "`interface` is not supported when using `tokenType` field";
const HELD_AND_MORE: &str =
    "`negate` and `conditionType` `any` are not supported when `tokenType` is `fungible` or `all`";

/// From here on a number is a time and no slot: in slots that is years from now.
const TIMES_FROM: u64 = 1_000_000_000;
const NO_TIMES: &str = "createdAt takes slots, as slot_created has them, and no times";

/// Reads the filters of the arguments.
pub(super) fn parse(
    args: &Args<'_>,
    dialect: Dialect,
    options: Options,
    strict: bool,
) -> Result<Filter, InvalidParams> {
    let conditions = conditions(args, dialect, strict)?;
    let any = args.one_of("conditionType", &["all", "any"])? == Some("any");
    let negate = args.flag("negate")?;
    let (not, not_collections) = not(args, strict)?;
    let mut filter =
        Filter { classes: Vec::new(), not, not_collections, holdings: None, any, negate, conditions };
    let conditions = &filter.conditions;
    if conditions.name.is_some() && conditions.owner.is_none() {
        return Err(InvalidParams::rule("name", NAME_NEEDS_OWNER));
    }
    let (classes, held) = match token_type(args)? {
        Some(_) if conditions.owner.is_none() => {
            return Err(InvalidParams::rule("ownerAddress", TOKEN_TYPE_NEEDS_OWNER));
        }
        Some(_) if conditions.classes.is_some() => {
            return Err(InvalidParams::rule("ownerType", NO_OWNER_TYPE));
        }
        Some(_) if conditions.interface.is_some() => {
            return Err(InvalidParams::rule("interface", NO_INTERFACE));
        }
        Some(classes) => (classes.to_vec(), classes.is_empty() || classes.contains(&TokenClass::Fungible)),
        // Without a word about it only NFTs are meant, unless what is asked for is of others too.
        None if is_of_others(conditions) => (Vec::new(), false),
        None => (NON_FUNGIBLE.to_vec(), false),
    };
    if held && (any || negate) {
        return Err(InvalidParams::rule("tokenType", HELD_AND_MORE));
    }
    filter.classes = classes;
    filter.holdings = held.then_some(Holdings { zero: options.show_zero_balance });
    Ok(filter)
}

/// All that somebody has, fungible tokens too.
pub(super) fn held_by(owner: Pubkey, options: Options) -> Filter {
    Filter {
        holdings: Some(Holdings { zero: options.show_zero_balance }),
        conditions: Conditions { owner: Some(owner), ..Conditions::default() },
        ..Filter::default()
    }
}

fn is_of_others(conditions: &Conditions) -> bool {
    conditions.classes.is_some()
        || conditions.interface.is_some()
        || conditions.supply.is_some()
        || conditions.supply_mint.is_some()
}

fn conditions(args: &Args<'_>, dialect: Dialect, strict: bool) -> Result<Conditions, InvalidParams> {
    let royalty = args.one_of("royaltyTargetType", &["creators", "fanout", "single"])?;
    Ok(Conditions {
        owner: args.optional_pubkey("ownerAddress")?,
        authority: args.optional_pubkey("authorityAddress")?,
        creator: args.optional_pubkey("creatorAddress")?,
        creator_verified: args.optional("creatorVerified")?,
        group: grouping(args, dialect)?,
        collections: addresses(args, "collections")?,
        delegate: args.optional_pubkey("delegate")?,
        tree: args.optional_pubkey("tree")?,
        royalty_target: args.optional_pubkey("royaltyTarget")?,
        agent_token: args.optional_pubkey("agentToken")?,
        interface: interface(args)?,
        classes: args.one_of("ownerType", &["single", "token"])?.map(|owner| match owner {
            "token" => vec![TokenClass::Fungible],
            _ => NON_FUNGIBLE.to_vec(),
        }),
        frozen: args.optional("frozen")?,
        supply: args.whole("supply")?,
        supply_mint: args.optional_pubkey("supplyMint")?,
        compressed: args.optional("compressed")?,
        compressible: args.optional("compressible")?,
        royalty_model: royalty.and_then(RoyaltyModel::from_name),
        royalty_basis_points: args.whole("royaltyAmount")?,
        burnt: args.optional("burnt")?,
        json_uri: args.optional("jsonUri")?,
        name: args.optional("name")?,
        is_agent: args.optional("isAgent")?,
        asset_signer: args.optional_pubkey("assetSigner")?,
        collection_nft: args.optional("collectionNft")?,
        created: created_at(args, strict)?,
    })
}

fn interface(args: &Args<'_>) -> Result<Option<String>, InvalidParams> {
    let Some(name) = args.optional::<String>("interface")? else { return Ok(None) };
    // A spelling of some clients (clients.md).
    let name = if name == "Legacy_NFT" { "LEGACY_NFT".to_owned() } else { name };
    if !INTERFACES.contains(&&*name) {
        return Err(args.unknown_variant("interface", &name, &INTERFACES));
    }
    Ok(Some(name))
}

/// The classes of a token type, in any spelling: none for all of them.
fn token_type(args: &Args<'_>) -> Result<Option<&'static [TokenClass]>, InvalidParams> {
    let Some(name) = args.optional::<String>("tokenType")? else { return Ok(None) };
    match name.to_ascii_lowercase().as_str() {
        "fungible" => Ok(Some(&[TokenClass::Fungible])),
        "nonfungible" => Ok(Some(&NON_FUNGIBLE)),
        "regularnft" | "nft" => Ok(Some(&[TokenClass::RegularNft])),
        "compressednft" | "compressed" => Ok(Some(&[TokenClass::CompressedNft])),
        "all" => Ok(Some(&[])),
        _ => {
            let known = ["fungible", "nonFungible", "regularNft", "compressedNft", "all"];
            Err(args.unknown_variant("tokenType", &name, &known))
        }
    }
}

fn grouping(args: &Args<'_>, dialect: Dialect) -> Result<Option<ListRef>, InvalidParams> {
    let Some(pair) = args.optional::<Vec<String>>("grouping")? else { return Ok(None) };
    let [key, value] = pair.as_slice() else {
        let reason = format!("grouping must be a key and a value, not {} values", pair.len());
        return Err(InvalidParams::shape("grouping", reason));
    };
    list_of((key, value), ("grouping", "grouping"), dialect).map(|(list, _)| Some(list))
}

fn addresses(args: &Args<'_>, name: &str) -> Result<Option<Vec<Pubkey>>, InvalidParams> {
    let Some(texts) = args.optional::<Vec<String>>(name)? else { return Ok(None) };
    let field = args.path(name);
    if texts.len() > ADDRESSES_MAX {
        let reason = format!("{name} must be at most {ADDRESSES_MAX} addresses, not {}", texts.len());
        return Err(InvalidParams::rule(field, reason));
    }
    texts.iter().map(|text| pubkey(&field, text)).collect::<Result<_, _>>().map(Some)
}

/// Lists that assets must not stand in, and collections that they must not be in.
fn not(args: &Args<'_>, strict: bool) -> Result<(Vec<ListRef>, Vec<Pubkey>), InvalidParams> {
    let Some(raw) = args.raw("not") else { return Ok(Default::default()) };
    let args = Args::nested(raw, "not.", &NOT, strict)?;
    let mut lists = Vec::new();
    for (name, kind) in
        [("owners", ListKind::Owner), ("creators", ListKind::Creator), ("authorities", ListKind::Authority)]
    {
        let addresses = addresses(&args, name)?.unwrap_or_default();
        lists.extend(addresses.into_iter().map(|address| ListRef::of(kind, address)));
    }
    Ok((lists, addresses(&args, "collections")?.unwrap_or_default()))
}

/// Slots between two bounds, which are excluded.
fn created_at(args: &Args<'_>, strict: bool) -> Result<Option<SlotRange>, InvalidParams> {
    let Some(raw) = args.raw("createdAt") else { return Ok(None) };
    let args = Args::nested(raw, "createdAt.", &CREATED_AT, strict)?;
    let bound = |name: &str| match args.whole(name)? {
        Some(time) if time >= TIMES_FROM => Err(InvalidParams::rule(args.path(name), NO_TIMES)),
        slot => Ok(slot),
    };
    let (before, after) = (bound("before")?, bound("after")?);
    let slot = |number: u64| Slot::new(number).unwrap_or(Slot::MAX);
    let nothing = SlotRange { first: Slot::MAX, last: Slot::default() };
    Ok(match (before, after) {
        (None, None) => None,
        (Some(0), _) => Some(nothing),
        (before, after) => Some(SlotRange {
            first: after.map_or(Slot::default(), |after| slot(after + 1)),
            last: before.map_or(Slot::MAX, |before| slot(before - 1)),
        }),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::methods::search_assets::FIELDS;

    fn id(byte: u8) -> Pubkey {
        Pubkey::from_bytes([byte; 32])
    }

    fn parsed(params: &Value) -> Result<Filter, (String, String)> {
        let raw = RawValue::from_string(params.to_string()).unwrap();
        let args = Args::parse(Some(&raw), &FIELDS, false).unwrap();
        let options = Options { show_zero_balance: true, ..Options::default() };
        parse(&args, Dialect::Helius, options, false).map_err(|error| (error.field, error.reason))
    }

    fn refused(params: &Value) -> (String, String) {
        parsed(params).unwrap_err()
    }

    #[test]
    fn only_nfts_unless_others_are_asked_for() {
        let owner = id(1).to_string();
        for (params, classes, held) in [
            (json!({}), NON_FUNGIBLE.to_vec(), false),
            (json!({ "burnt": false }), NON_FUNGIBLE.to_vec(), false),
            (json!({ "interface": "FungibleToken" }), vec![], false),
            (json!({ "ownerType": "token" }), vec![], false),
            (json!({ "supply": 5 }), vec![], false),
            (json!({ "supplyMint": owner }), vec![], false),
            (json!({ "ownerAddress": owner, "tokenType": "FUNGIBLE" }), vec![TokenClass::Fungible], true),
            (json!({ "ownerAddress": owner, "tokenType": "all" }), vec![], true),
            (json!({ "ownerAddress": owner, "tokenType": "NonFungible" }), NON_FUNGIBLE.to_vec(), false),
            (
                json!({ "ownerAddress": owner, "tokenType": "regularNFT" }),
                vec![TokenClass::RegularNft],
                false,
            ),
            (json!({ "ownerAddress": owner, "tokenType": "Nft" }), vec![TokenClass::RegularNft], false),
            (
                json!({ "ownerAddress": owner, "tokenType": "compressedNft" }),
                vec![TokenClass::CompressedNft],
                false,
            ),
            (
                json!({ "ownerAddress": owner, "tokenType": "Compressed" }),
                vec![TokenClass::CompressedNft],
                false,
            ),
        ] {
            let filter = parsed(&params).unwrap();
            let holdings = held.then_some(Holdings { zero: true });
            assert_eq!((filter.classes, filter.holdings), (classes, holdings), "{params}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let owner = id(1).to_string();
        for (params, field, reason) in [
            (json!({ "name": "x" }), "name", NAME_NEEDS_OWNER),
            (json!({ "tokenType": "all" }), "ownerAddress", TOKEN_TYPE_NEEDS_OWNER),
            (
                json!({ "ownerAddress": owner, "tokenType": "nft", "ownerType": "single" }),
                "ownerType",
                NO_OWNER_TYPE,
            ),
            (
                json!({ "ownerAddress": owner, "tokenType": "nft", "interface": "V1_NFT" }),
                "interface",
                NO_INTERFACE,
            ),
            (
                json!({ "ownerAddress": owner, "tokenType": "all", "negate": true }),
                "tokenType",
                HELD_AND_MORE,
            ),
            (
                json!({ "ownerAddress": owner, "tokenType": "all", "conditionType": "any" }),
                "tokenType",
                HELD_AND_MORE,
            ),
            (json!({ "createdAt": { "after": 1_700_000_000 } }), "createdAt.after", NO_TIMES),
        ] {
            assert_eq!(refused(&params), (field.to_owned(), reason.to_owned()), "{params}");
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (params, field) in [
            (json!({ "ownerAddress": "x" }), "ownerAddress"),
            (json!({ "delegateAddress": "x" }), "delegate"),
            (json!({ "grouping": ["collection"] }), "grouping"),
            (json!({ "grouping": ["collection", "x"] }), "grouping"),
            (json!({ "grouping": { "collection": "x" } }), "grouping"),
            (json!({ "collections": ["x"] }), "collections"),
            (json!({ "collections": vec![id(1).to_string(); 101] }), "collections"),
            (json!({ "not": { "owners": ["x"] } }), "not.owners"),
            (json!({ "not": [] }), "not"),
            (json!({ "createdAt": { "before": "2024-01-01" } }), "createdAt.before"),
            (json!({ "interface": "v1_nft" }), "interface"),
            (json!({ "ownerType": "both" }), "ownerType"),
            (json!({ "conditionType": "none" }), "conditionType"),
            (json!({ "royaltyTargetType": "all" }), "royaltyTargetType"),
            (json!({ "tokenType": "nfts", "ownerAddress": id(1).to_string() }), "tokenType"),
            (json!({ "supply": -1 }), "supply"),
            (json!({ "frozen": 1 }), "frozen"),
            (json!({ "negate": "true" }), "negate"),
            (json!({ "name": 5 }), "name"),
        ] {
            assert_eq!(refused(&params).0, field, "{params}");
        }
    }

    #[test]
    fn bounds_of_creation_are_excluded() {
        let slots = |first, last| {
            let slot = |number| Slot::new(number).unwrap();
            Some(SlotRange { first: slot(first), last: slot(last) })
        };
        let most = Slot::MAX.get();
        for (params, expected) in [
            (json!({}), None),
            (json!({ "after": 5 }), slots(6, most)),
            (json!({ "before": 5 }), slots(0, 4)),
            (json!({ "after": 5, "before": 9 }), slots(6, 8)),
            (json!({ "after": 5, "before": 6 }), slots(6, 5)),
            (json!({ "before": 0 }), slots(most, 0)),
        ] {
            let filter = parsed(&json!({ "createdAt": params })).unwrap();
            assert_eq!(filter.conditions.created, expected, "{params}");
        }
    }

    #[test]
    fn lists_are_named() {
        let [a, b, c] = [1, 2, 3].map(|byte| id(byte).to_string());
        let filter = parsed(&json!({
            "grouping": ["season", "two"], "collections": [a, b], "interface": "Legacy_NFT",
            "not": { "owners": [a], "creators": [b], "authorities": [c], "collections": [c] },
        }))
        .unwrap();
        let season = ListRef { kind: ListKind::Group, key: "season".to_owned(), value: b"two".to_vec() };
        assert_eq!(filter.conditions.group, Some(season));
        assert_eq!(filter.conditions.collections, Some(vec![id(1), id(2)]));
        assert_eq!(filter.conditions.interface.as_deref(), Some("LEGACY_NFT"));
        let of = |kind, byte| ListRef::of(kind, id(byte));
        let not = vec![of(ListKind::Owner, 1), of(ListKind::Creator, 2), of(ListKind::Authority, 3)];
        assert_eq!((filter.not, filter.not_collections), (not, vec![id(3)]));
    }
}
