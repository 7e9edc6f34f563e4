//! Far pages by number are what a sorted list of all members says, from whichever end they are looked for.

#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use vitrine_encoding::{Encoding, Piece, Stream};
use vitrine_model::{ListKind, Pubkey};
use vitrine_store::{CacheSettings, Direction, Display, ListPlan, ListRef, Sort, Start, Store};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::{AssetSpec, Database};

/// Far enough that the first half is looked for from the front and the second from the end.
const MEMBERS: u64 = 3_000;

/// Every third is unverified; few slots, so that most members stand beside others of the same.
fn spec(number: u64) -> AssetSpec {
    AssetSpec {
        slot_created: number % 97,
        slot_updated: 100 + number % 31,
        collection: Some((pubkey(1 << 40), !number.is_multiple_of(3))),
        ..AssetSpec::new(pubkey(number))
    }
}

/// The members in an order, as the numbers that they were made of say.
fn ordered(sort: Sort, direction: Direction, unverified: bool) -> Vec<Pubkey> {
    let mut members: Vec<(u64, Pubkey)> = (0..MEMBERS)
        .map(spec)
        .filter(|spec| unverified || spec.collection.is_some_and(|(_, verified)| verified))
        .map(|spec| {
            let slot = match sort {
                Sort::Id => 0,
                Sort::Created => spec.slot_created,
                Sort::Updated => spec.slot_updated,
            };
            (slot, spec.id)
        })
        .collect();
    members.sort_unstable();
    if direction == Direction::Desc {
        members.reverse();
    }
    members.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn far_pages_are_what_a_sorted_list_says() {
    let database = Database::new().await;
    let writer = database.store();
    assets::write(&writer, &(0..MEMBERS).map(spec).collect::<Vec<_>>()).await;
    let stores = [(0, 0, 0), (0, 10_000, 0), (1 << 27, 0, 0), (1 << 27, 10_000, 1 << 24)].map(
        |(body_bytes_max, places_max, page_bytes_max)| {
            let settings = CacheSettings { body_bytes_max, places_max, page_bytes_max };
            (format!("{settings:?}"), database.store().with_cache(&settings))
        },
    );
    for sort in [Sort::Id, Sort::Created, Sort::Updated] {
        for direction in [Direction::Asc, Direction::Desc] {
            for unverified in [false, true] {
                let members = ordered(sort, direction, unverified);
                for (what, store) in &stores {
                    check(store, what, (sort, direction, unverified), &members).await;
                }
            }
        }
    }
    for (_, store) in stores {
        store.close().await;
    }
    writer.close().await;
}

/// Asks for pages about both ends, the middle, and where pages begin to be far; each often enough to be remembered.
async fn check(
    store: &Store,
    what: &str,
    (sort, direction, unverified): (Sort, Direction, bool),
    members: &[Pubkey],
) {
    let total = u64::try_from(members.len()).unwrap();
    let half = total / 2;
    for offset in [1_023, 1_024, half - 1, half, half + 1, total - 8, total - 7, total - 1, total, total + 1]
    {
        for limit in [1, 7, 1_000] {
            let value = pubkey(1 << 40).as_bytes().to_vec();
            let plan = ListPlan {
                list: ListRef { kind: ListKind::Group, key: "collection".to_owned(), value },
                unverified,
                sort,
                direction,
                start: Start::Offset(offset),
                limit,
                display: Display::default(),
                max_bytes: 1 << 24,
                encoding: Encoding::Identity,
            };
            let wanted = members.iter().skip(usize::try_from(offset).unwrap());
            let wanted: Vec<String> =
                wanted.take(usize::try_from(limit).unwrap()).map(Pubkey::to_string).collect();
            for _ in 0..if limit == 7 { 4 } else { 1 } {
                let page = store.list(&plan).await.unwrap();
                assert_eq!((page.total, ids(page.items)), (Some(total), wanted.clone()), "{what} {plan:?}");
            }
        }
    }
}

fn ids(items: Vec<Piece>) -> Vec<String> {
    let text: Vec<u8> = Stream::new(items.into(), Encoding::Identity).flatten().collect();
    let items: Vec<Value> = serde_json::from_slice(&[b"[", text.as_slice(), b"]"].concat()).unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}
