//! Bodies are packed in rows: those of before, which are plain, are as good, and what is damaged is told and does no harm.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use sqlx::postgres::PgConnection;
use vitrine_encoding::{Encoding, Piece, Stream};
use vitrine_ingest::verify::{Event, verify};
use vitrine_model::{ListKind, Pubkey};
use vitrine_store::{
    AssetsPlan, CacheSettings, ChangedAsset, ChangesPlan, Direction, Display, ListPlan, ListRef, Sort, Start,
    Store, StoreError,
};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::{AssetSpec, Database, consistency};

const ASSETS: u64 = 60;
const AUTHORITY: u64 = 1 << 40;

/// Usual ones, a long one, and one that is too long to be packed.
fn spec(number: u64, slot: u64) -> AssetSpec {
    let described = match number {
        7 => 80_000,
        8 => 2_000_000,
        _ => 0,
    };
    AssetSpec {
        slot_updated: slot,
        collection: Some((pubkey(2), true)),
        authority: Some(pubkey(AUTHORITY)),
        described,
        ..AssetSpec::new(pubkey(number))
    }
}

fn display(all: bool) -> Display {
    Display {
        unverified: all,
        collection_metadata: all,
        cdn_base: all.then(|| "https://cdn.test/".to_owned()),
        ..Display::default()
    }
}

fn list(all: bool) -> ListPlan {
    ListPlan {
        list: ListRef::of(ListKind::Authority, pubkey(AUTHORITY)),
        unverified: false,
        sort: Sort::Id,
        direction: Direction::Asc,
        start: Start::Offset(0),
        limit: 1_000,
        display: display(all),
        max_bytes: 1 << 24,
        encoding: Encoding::Identity,
    }
}

fn by_ids(all: bool) -> AssetsPlan {
    AssetsPlan {
        ids: (0..ASSETS).map(pubkey).collect(),
        display: display(all),
        last_indexed_slot: all,
        max_bytes: 1 << 24,
        encoding: Encoding::Identity,
    }
}

fn changes(all: bool) -> ChangesPlan {
    ChangesPlan { after: None, after_slot: None, limit: 1_000, display: display(all), max_bytes: 1 << 24 }
}

fn text(items: Vec<Piece>) -> Vec<u8> {
    Stream::new(items.into(), Encoding::Identity).flatten().collect()
}

/// The feed, once all is in it: it holds back what may stand behind others' transactions, those of other databases too.
async fn feed(store: &Store, all: bool) -> Result<Vec<ChangedAsset>, StoreError> {
    loop {
        let changed = store.changes(&changes(all)).await?.unwrap().items;
        if changed.len() == usize::try_from(ASSETS).unwrap() {
            return Ok(changed);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What every kind of read answers, with options and without, or the first error.
async fn answers(store: &Store) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut answers = Vec::new();
    for all in [false, true] {
        answers.push(text(store.list(&list(all)).await?.items));
        answers.push(text(store.assets(&by_ids(all)).await?.items));
        let mut changed = feed(store, all).await?;
        changed.sort_by(|one, other| one.asset.cmp(&other.asset));
        answers.push(changed.iter().map(|change| &change.asset[..]).collect::<Vec<_>>().join(&b','));
    }
    Ok(answers)
}

/// Stores that keep nothing, and what they have read.
fn stores(database: &Database) -> [Store; 2] {
    [0, 1 << 27].map(|body_bytes_max| {
        database.store().with_cache(&CacheSettings { body_bytes_max, places_max: 0, page_bytes_max: 0 })
    })
}

async fn found(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    let mut on_event = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            lines.push(format!("{}: {}", finding.check.name(), finding.place));
        }
    };
    verify(store, &mut on_event).await.unwrap();
    lines
}

/// How many bodies are plain, and the bytes of all as they are stored.
async fn stored(connection: &mut PgConnection) -> (i64, i64) {
    let counts =
        "SELECT count(*) FILTER (WHERE get_byte(body, 0) = ascii('{')), sum(octet_length(body)) FROM asset";
    sqlx::query_as(counts).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn plain_bodies_of_before_are_answered_and_become_packed_as_assets_change() {
    let database = Database::new().await;
    let writer = database.store();
    let specs: Vec<AssetSpec> = (0..ASSETS).map(|number| spec(number, 5)).collect();
    assets::write(&writer, &specs).await;
    let mut connection = database.connect().await;
    let (plain, packed_bytes) = stored(&mut connection).await;
    assert_eq!(plain, 1, "only what is too long is left plain");
    let [fresh, kept] = stores(&database);
    let expected = answers(&fresh).await.unwrap();
    assert_eq!(answers(&kept).await.unwrap(), expected);
    assert!(expected.iter().all(|answer| answer.len() > 2_080_000));

    assets::unpack_bodies(&mut connection).await;
    let (plain, plain_bytes) = stored(&mut connection).await;
    assert_eq!(plain, i64::try_from(ASSETS).unwrap());
    assert!(plain_bytes > packed_bytes, "{plain_bytes} {packed_bytes}");
    for store in stores(&database) {
        assert_eq!(answers(&store).await.unwrap(), expected);
        store.close().await;
    }
    assert_eq!(found(&writer).await, Vec::<String>::new());
    // What says the same again changes nothing; what says something else is packed.
    assets::write(&writer, &specs).await;
    assert_eq!(stored(&mut connection).await, (plain, plain_bytes));
    let changed: Vec<AssetSpec> =
        (0..20).map(|number| AssetSpec { owner: Some(pubkey(999)), ..spec(number, 6) }).collect();
    assets::write(&writer, &changed).await;
    assert_eq!(stored(&mut connection).await.0, plain - 19);
    let after = answers(&fresh).await.unwrap();
    assert_ne!(after, expected);
    assert_eq!(answers(&kept).await.unwrap(), after);
    assert_eq!(found(&writer).await, Vec::<String>::new());
    for store in [writer, fresh, kept] {
        store.close().await;
    }
    consistency::check(&database).await;
}

/// What is done to a packed body, and what is said of it.
const DAMAGES: [(&str, &str); 6] = [
    ("substring(body FOR 60)", "unpack"),
    ("set_byte(body, 0, 9)", "no stored body begins with the byte 9"),
    ("set_byte(body, 4, 255)", "does not unpack"),
    ("set_byte(body, 1, get_byte(body, 1) # 1)", "does not unpack"),
    ("substring(body FOR 3)", "a packed body of 3 bytes has no length"),
    ("''::bytea", "a packed body of 0 bytes has no length"),
];

#[tokio::test]
async fn a_damaged_body_is_told_by_its_place_and_mended_by_the_next_change() {
    let database = Database::new().await;
    let writer = database.store();
    assets::write(&writer, &(0..ASSETS).map(|number| spec(number, 5)).collect::<Vec<_>>()).await;
    let mut connection = database.connect().await;
    let target = pubkey(11);
    for (slot, (damage, said)) in (6..).zip(DAMAGES) {
        let statement = format!("UPDATE asset SET body = {damage} WHERE asset_id = $1");
        let done =
            sqlx::query(sqlx::AssertSqlSafe(statement)).bind(target.as_bytes()).execute(&mut connection);
        assert_eq!(done.await.unwrap().rows_affected(), 1);
        for store in stores(&database) {
            let all = [
                store.list(&list(false)).await.err(),
                store.list(&list(true)).await.err(),
                store.assets(&by_ids(false)).await.err(),
                feed(&store, false).await.err(),
            ];
            for error in all {
                assert_told(error, target, damage);
            }
            store.close().await;
        }
        // Whoever checks goes on behind it.
        let lines = found(&writer).await;
        let [line] = lines.as_slice() else { panic!("{damage}: {lines:#?}") };
        assert!(
            line.starts_with(&format!("body: asset {target}: ")) && line.contains(said),
            "{damage}: {line}"
        );

        assets::write(&writer, &[AssetSpec { owner: Some(pubkey(1_000 + slot)), ..spec(11, slot) }]).await;
        assert_eq!(found(&writer).await, Vec::<String>::new(), "{damage}");
        answers(&writer).await.unwrap();
    }
    writer.close().await;
    consistency::check(&database).await;
}

fn assert_told(error: Option<StoreError>, target: Pubkey, damage: &str) {
    let Some(StoreError::Inconsistent { table, column, key, .. }) = error else {
        panic!("{damage}: {error:?}")
    };
    assert_eq!((table, column, key), ("asset", "body", target.to_string()), "{damage}");
}
