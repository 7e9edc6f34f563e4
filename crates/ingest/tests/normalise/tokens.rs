//! Tokens by hand.

use serde_json::{Value, json};
use vitrine_ingest::decode::{Reason, inscription, spl_token, token_metadata};
use vitrine_ingest::normalise::account;
use vitrine_model::Display;
use vitrine_store::{AccountContent, AccountKind, Document};

use crate::bytes::{Bytes, key};
use crate::chain::Chain;
use crate::updates::{
    METADATA, MINT, Update, WALLET, chain, coption, edition, edition_address, metadata, mint, mint_update,
    orders, wallet,
};

const ALL: Display<'_> = Display {
    unverified: true,
    collection_metadata: false,
    fungible: true,
    inscription: true,
    cdn_base: None,
    holding: None,
};

fn answer(chain: &Chain) -> Value {
    chain.answer(key(MINT), &ALL)
}

/// A mint of one token that only its edition may mint.
fn nft_mint(supply: u64, slot: u64) -> Update {
    Update::new(MINT, spl_token::Program::Token.id(), mint(supply, 0, Some(edition_address())), slot)
}

fn master_edition(supply: u64, max_supply: Option<u64>, slot: u64) -> Update {
    let data = Bytes::new().u8(6).u64(supply);
    edition(max_supply.map_or(data.clone().u8(0), |max| data.u8(1).u64(max)), slot)
}

fn nft() -> [Update; 4] {
    [
        nft_mint(1, 11),
        metadata("Name", Some(0), false, 12),
        master_edition(2, Some(9), 13),
        wallet(WALLET, 20, 1, Some(21), true, 14),
    ]
}

#[test]
fn an_nft_is_made_of_its_accounts_and_its_document_in_any_order() {
    let document = |uri: &str, text: &str| Document { uri: uri.into(), body: text.into() };
    let expected = json!({
        "interface": "V1_NFT", "id": key(MINT),
        "content": {
            "$schema": "https://schema.metaplex.com/nft1.0.json", "json_uri": "https://x.example/1.json",
            "files": [{ "uri": "https://x.example/1.gif", "mime": "image/gif" }],
            "metadata": { "description": "d", "name": "Name", "symbol": "SYM", "token_standard": "NonFungible" },
            "links": { "image": "https://x.example/1.gif" },
        },
        "authorities": [{ "address": key(7), "scopes": ["full"] }],
        "compression": {
            "eligible": false, "compressed": false, "data_hash": "", "creator_hash": "", "asset_hash": "",
            "tree": "", "seq": 0, "leaf_id": 0,
        },
        "grouping": [{ "group_key": "collection", "group_value": key(10), "verified": false }],
        "royalty": {
            "royalty_model": "creators", "target": null, "percent": 0.0555, "basis_points": 555,
            "primary_sale_happened": true, "locked": false,
        },
        "creators": [
            { "address": key(8), "share": 0, "verified": true },
            { "address": key(9), "share": 100, "verified": false },
        ],
        "ownership": {
            "frozen": true, "delegated": true, "delegate": key(21), "ownership_model": "single",
            "owner": key(20),
        },
        "uses": { "use_method": "Multiple", "remaining": 2, "total": 3 },
        "supply": { "print_max_supply": 9, "print_current_supply": 2, "edition_nonce": 254 },
        "mutable": false, "burnt": false,
        "token_info": {
            "supply": 1, "decimals": 0, "token_program": spl_token::Program::Token.id(),
            "mint_authority": edition_address(),
        },
    });
    let updates = nft();
    for order in orders(updates.len()) {
        let mut chain = chain(&order.iter().map(|&at| updates[at].clone()).collect::<Vec<_>>());
        chain.documents = vec![
            document("https://x.example/other.json", r#"{"description":"another's"}"#),
            document("https://x.example/1.json", r#"{"description":"d","image":"https://x.example/1.gif"}"#),
        ];
        assert_eq!(answer(&chain), expected, "{order:?}");
        let change = chain.compose(key(MINT)).unwrap().change;
        assert_eq!((change.slot_created.get(), change.slot_updated.get()), (11, 14));
        let shown = chain.answer(key(MINT), &Display::default());
        assert_eq!(shown["grouping"], json!([]), "nobody agreed to it");
    }
}

#[test]
fn older_updates_change_nothing() {
    let mut updates = nft().to_vec();
    let before = answer(&chain(&updates));
    updates.extend([
        mint_update(5, 2, None, 10),
        metadata("Old", Some(2), true, 11),
        master_edition(1, None, 12),
        wallet(WALLET, 30, 1, None, false, 13),
        Update::closed(key(METADATA), 9),
    ]);
    assert_eq!(answer(&chain(&updates)), before);
    updates.reverse();
    assert_eq!(answer(&chain(&updates)), before);
}

#[test]
fn the_newest_account_that_holds_one_tells_the_owner() {
    let owner = |more: &[Update]| {
        let updates = [&nft()[..], more].concat();
        answer(&chain(&updates))["ownership"]["owner"].clone()
    };
    assert_eq!(owner(&[wallet(30, 31, 1, None, false, 20)]), json!(key(31)));
    assert_eq!(owner(&[wallet(30, 31, 0, None, false, 20)]), json!(key(20)));
    assert_eq!(owner(&[wallet(30, 31, 1, None, false, 20), Update::closed(key(30), 21)]), json!(key(20)));
    assert_eq!(owner(&[wallet(WALLET, 20, 0, None, false, 20)]), json!(""));
}

#[test]
fn a_burnt_nft_shows_what_it_was_whatever_closed_first() {
    let burn = [
        nft_mint(1, 11),
        metadata("Name", Some(4), true, 12),
        Update::closed(key(METADATA), 20),
        nft_mint(0, 20),
    ];
    let mut seen = None;
    for order in orders(burn.len()) {
        let chain = chain(&order.iter().map(|&at| burn[at].clone()).collect::<Vec<_>>());
        let got = answer(&chain);
        assert_eq!(got["burnt"], true);
        assert_eq!(
            (&got["interface"], &got["content"]["metadata"]["name"]),
            (&json!("ProgrammableNFT"), &json!("Name"))
        );
        assert_eq!((&got["ownership"]["owner"], &got["token_info"]["supply"]), (&json!(""), &json!(0)));
        let change = chain.compose(key(MINT)).unwrap().change;
        assert!(!change.facts.listed);
        assert_eq!(seen.get_or_insert(change.rendered.clone()), &change.rendered);
    }
}

#[test]
fn a_closed_mint_is_burnt_and_one_that_nobody_knew_is_none() {
    let program = spl_token::Program::Token2022.id();
    let open = Update::new(MINT, program, mint(1, 0, None), 5);
    let emptied = Update { data: Vec::new(), ..Update::closed(key(MINT), 6) };
    let got = answer(&chain(&[emptied.clone(), open.clone()]));
    assert_eq!((&got["burnt"], &got["token_info"]["supply"]), (&json!(true), &json!(0)));
    let back_with_the_system = Update { lamports: 1, ..emptied.clone() };
    assert_eq!(answer(&chain(&[open.clone(), back_with_the_system]))["burnt"], true);
    let again = Update { slot: 7, ..open };
    assert_eq!(answer(&chain(&[again, emptied.clone()]))["burnt"], false);
    assert_eq!(answer(&chain(&[emptied])), Value::Null);
}

#[test]
fn what_a_token_is_follows_from_its_standard_its_edition_and_its_mint() {
    let named = |standard| metadata("Name", standard, true, 1);
    let print = || edition(Bytes::new().u8(1).key(40).u64(7), 1);
    let by_edition = || nft_mint(1, 1);
    let cases = [
        (vec![named(Some(0))], "V1_NFT", "single", false),
        (vec![named(Some(1))], "FungibleAsset", "token", false),
        (vec![named(Some(2))], "FungibleToken", "token", false),
        (vec![named(Some(3))], "V1_PRINT", "single", false),
        (vec![named(Some(4))], "ProgrammableNFT", "single", false),
        (vec![named(Some(5))], "ProgrammableNFT", "single", false),
        (vec![named(None)], "Custom", "single", false),
        (vec![named(None), print()], "V1_PRINT", "single", false),
        (vec![named(None), master_edition(0, None, 1)], "V1_NFT", "single", false),
        (vec![named(None), by_edition()], "V1_NFT", "single", false),
        (vec![named(None), mint_update(1, 0, Some(9), 1)], "FungibleAsset", "token", false),
        (vec![named(None), mint_update(1, 6, Some(9), 1)], "FungibleToken", "token", false),
        (vec![named(Some(2)), mint_update(0, 6, Some(9), 1)], "FungibleToken", "token", false),
        (vec![named(Some(2)), mint_update(0, 6, None, 1)], "FungibleToken", "token", true),
        (vec![named(Some(0)), mint_update(0, 0, Some(9), 1)], "V1_NFT", "single", true),
        (vec![by_edition()], "V1_NFT", "single", false),
        (vec![nft_mint(0, 1)], "V1_NFT", "single", true),
        (vec![mint_update(1, 0, None, 1)], "V1_NFT", "single", false),
        (vec![mint_update(1, 0, Some(9), 1)], "FungibleToken", "token", false),
        (vec![mint_update(1, 1, None, 1)], "FungibleToken", "token", false),
        (vec![mint_update(9, 0, None, 1)], "FungibleToken", "token", false),
    ];
    for (updates, interface, model, burnt) in cases {
        let mut updates = updates;
        updates.push(wallet(WALLET, 20, 1, None, true, 1));
        let got = answer(&chain(&updates));
        let owner = if model == "single" { json!(key(20)) } else { json!("") };
        let expected = (&json!(interface), &json!(model), &owner, &json!(model == "single"), &json!(burnt));
        let ownership = &got["ownership"];
        let found = (
            &got["interface"],
            &ownership["ownership_model"],
            &ownership["owner"],
            &ownership["frozen"],
            &got["burnt"],
        );
        assert_eq!(found, expected, "{updates:?}");
    }
    for nothing in [vec![], vec![print()], vec![wallet(WALLET, 20, 1, None, true, 1)]] {
        assert_eq!(answer(&chain(&nothing)), Value::Null);
    }
}

#[test]
fn prints_tell_their_number_and_masters_how_many_there_are() {
    let supply = |updates: &[Update]| answer(&chain(updates))["supply"].clone();
    let none = json!({ "print_max_supply": 0, "print_current_supply": 0, "edition_nonce": 254 });
    assert_eq!(supply(&[metadata("Name", Some(0), true, 1)]), none);
    assert_eq!(supply(&[metadata("Name", Some(2), true, 1)]), Value::Null);
    assert_eq!(supply(&[metadata("Name", Some(3), true, 1)]), Value::Null);
    let endless = [metadata("Name", Some(4), true, 1), master_edition(3, None, 1)];
    let expected = json!({ "print_max_supply": null, "print_current_supply": 3, "edition_nonce": 254 });
    assert_eq!(supply(&endless), expected);
    let print = edition(Bytes::new().u8(1).key(40).u64(7), 1);
    let expected = json!({
        "print_max_supply": 0, "print_current_supply": 0, "edition_nonce": 254, "edition_number": 7,
    });
    assert_eq!(supply(&[metadata("Name", Some(3), true, 1), print]), expected);
    let nameless = [nft_mint(1, 1)];
    assert_eq!(supply(&nameless)["edition_nonce"], Value::Null);
}

/// A mint of Token-2022 with a pointer to its metadata and the metadata themselves.
fn mint_2022(pointer: u8, authority: u8) -> Update {
    let pointer_value = Bytes::new().key(0).key(pointer);
    let text =
        Bytes::new().key(authority).key(MINT).text("Own\0").text("OWN").text("https://x.example/o.json");
    let text = text.u32(1).text("k").text("v");
    let mut data = mint(1, 0, None);
    data.0.resize(165, 0);
    let mut data = data.u8(1);
    for (kind, value) in [(9, Bytes::new()), (18, pointer_value), (19, text)] {
        data = data.u16(kind).u16(u16::try_from(value.0.len()).unwrap()).raw(&value.0);
    }
    Update::new(MINT, spl_token::Program::Token2022.id(), data, 1)
}

#[test]
fn a_mint_may_carry_its_metadata() {
    let got = answer(&chain(&[mint_2022(MINT, 5), wallet(WALLET, 20, 1, None, false, 1)]));
    assert_eq!(got["content"]["metadata"], json!({ "name": "Own", "symbol": "OWN" }));
    assert_eq!(got["content"]["json_uri"], "https://x.example/o.json");
    assert_eq!((&got["mutable"], &got["authorities"][0]["address"]), (&json!(true), &json!(key(5))));
    assert_eq!(got["ownership"]["non_transferable"], true);
    assert_eq!(got["mint_extensions"]["metadata"]["additional_metadata"], json!([["k", "v"]]));
    let frozen_for_good = answer(&chain(&[mint_2022(MINT, 0)]));
    assert_eq!((&frozen_for_good["mutable"], &frozen_for_good["authorities"]), (&json!(false), &json!([])));
}

#[test]
fn the_pointer_tells_which_metadata_count() {
    let name = |pointer| {
        let got = answer(&chain(&[mint_2022(pointer, 5), metadata("Other", Some(0), true, 1)]));
        assert_eq!(
            got["creators"][0]["address"],
            json!(key(8)),
            "nothing but its program's account has creators"
        );
        got["content"]["metadata"]["name"].clone()
    };
    assert_eq!((name(MINT), name(METADATA)), (json!("Own"), json!("Other")));
}

#[test]
fn of_two_inscriptions_the_newer_layout_is_shown() {
    let v1 = Bytes::new().raw(&[0x64, 0x0b, 0x97, 0x2a, 0xe4, 0x26, 0x45, 0xbb]).key(50).key(MINT);
    let v1 = v1.u8(3).text("png").u8(1).key(51).u64(4).u32(99).u8(0);
    let v3 = Bytes::new().raw(&[0xe8, 0x78, 0xcd, 0x2f, 0x99, 0xef, 0xe5, 0xe0]).key(52).key(MINT).key(53);
    let v3 = v3.u64(5).u32(98).text("text/plain").text("").u8(1).text("hash");
    let (v1, v3) =
        (Update::new(60, inscription::PROGRAM_ID, v1, 2), Update::new(59, inscription::PROGRAM_ID, v3, 1));
    let shown = |updates: &[Update]| {
        answer(&chain(&[&nft()[..], updates].concat())).get("inscription").cloned().unwrap_or_default()
    };
    let older = json!({
        "authority": key(50), "root": key(MINT), "inscription_data": key(51), "content": "image/png",
        "encoding": "base64", "order": 4, "size": 99, "validation_hash": null,
    });
    let newer = json!({
        "authority": key(52), "root": key(MINT), "inscription_data": key(53), "content": "text/plain",
        "encoding": "", "order": 5, "size": 98, "validation_hash": "hash",
    });
    assert_eq!(shown(std::slice::from_ref(&v1)), older);
    assert_eq!((shown(&[v1.clone(), v3.clone()]), shown(&[v3.clone(), v1.clone()])), (newer.clone(), newer));
    assert_eq!(shown(&[v1, v3, Update::closed(key(59), 9)]), older);
}

#[test]
fn token_accounts_are_columns() {
    let base = wallet(WALLET, 20, 5, Some(21), true, 1);
    let mut data = Bytes(base.data.clone()).u8(2);
    data = data.u16(7).u16(0).u16(8).u16(1).u8(1);
    for (program, data, extensions) in [
        (spl_token::Program::Token, base.data.clone(), None),
        (spl_token::Program::Token2022, Bytes(base.data.clone()).u8(2).0, None),
        (
            spl_token::Program::Token2022,
            data.0,
            Some(r#"{"immutable_owner":{},"memo_transfer":{"require_incoming_transfer_memos":true}}"#),
        ),
    ] {
        let update = Update::at(key(WALLET), program.id(), data, 1);
        let seen = account(&update.borrowed()).unwrap();
        assert_eq!((seen.kind, seen.asset_id), (AccountKind::Token, Some(key(MINT))));
        let AccountContent::Token(token) = seen.content else {
            panic!("no token account: {:?}", seen.content)
        };
        assert_eq!((token.owner, token.amount, token.delegate), (key(20), 5, Some(key(21))));
        assert_eq!((token.delegated_amount, token.frozen, token.close_authority), (5, true, None));
        assert_eq!(token.extensions.as_deref(), extensions);
    }
}

#[test]
fn accounts_that_no_asset_needs_are_none_and_bad_ones_have_a_reason() {
    let token = spl_token::Program::Token.id();
    let none = [
        Update::new(1, "ComputeBudget111111111111111111111111111111", Bytes::new().u8(1), 1),
        Update::new(1, "11111111111111111111111111111111", Bytes::new().u8(1), 1),
        Update::new(1, token, Bytes(vec![0; 355]), 1),
        Update::new(
            1,
            token_metadata::PROGRAM_ID,
            Bytes::new().u8(11).u8(255).u8(0).u8(0).u8(0).u8(0).raw(&[0; 40]),
            1,
        ),
    ];
    for update in none {
        assert_eq!(account(&update.borrowed()).unwrap().content, AccountContent::Foreign, "{update:?}");
    }
    let bad = Update::new(1, token, Bytes::new().u8(1), 1);
    assert_eq!(account(&bad.borrowed()), Err(Reason::BadTag { field: "account length", value: 1 }));
    let emptied = Update { data: Vec::new(), ..bad };
    assert_eq!(account(&emptied.borrowed()).unwrap().content, AccountContent::Closed);
}

#[test]
fn only_what_may_have_an_edition_tells_of_one() {
    let tells = |update: &Update| account(&update.borrowed()).unwrap().tells_of;
    let edition = vec![edition_address()];
    assert_eq!(tells(&mint_update(1, 0, None, 1)), edition);
    assert_eq!(tells(&mint_update(1, 6, None, 1)), []);
    assert_eq!(tells(&metadata("Name", None, true, 1)), edition);
    assert_eq!(tells(&metadata("Name", Some(2), true, 1)), []);
    let frozen = coption(Bytes(mint(1, 0, None).0[..46].to_vec()), Some(3));
    assert_eq!(tells(&Update::new(MINT, spl_token::Program::Token.id(), frozen, 1)), edition);
}
