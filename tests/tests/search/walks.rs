//! Every search, walked in every way, equals a plain filter and sort.

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tokio::runtime::Runtime;
use vitrine_model::Pubkey;
use vitrine_tests::client::make_key;
use vitrine_tests::{Client, Database, Server};

use crate::model::{AUTHORITY, COLLECTION, CREATOR, Condition, OWNER, Spec, condition, key, spec};

/// A search as chance made it.
#[derive(Debug, Clone)]
struct Search {
    conditions: Vec<Condition>,
    any: bool,
    negate: bool,
    /// With an owner: the token type, the name, and whether empty accounts count.
    owned: Option<(u64, Option<&'static str>, Option<&'static str>, bool)>,
    not: Option<[u64; 4]>,
    sort: &'static str,
    direction: &'static str,
    limit: usize,
}

fn search() -> impl Strategy<Value = Search> {
    let types = vec![
        None,
        Some("fungible"),
        Some("nonFungible"),
        Some("regularNft"),
        Some("Compressed"),
        Some("ALL"),
    ];
    let names = vec!["fox", "%", "_", "'", "\\", "é", "\0", "' OR true --", "100% fox", ""];
    (
        prop::collection::vec(condition(), 0..4),
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.2),
        prop::option::weighted(
            0.4,
            (
                0..4_u64,
                prop::sample::select(types),
                prop::option::weighted(0.3, prop::sample::select(names)),
                any::<bool>(),
            ),
        ),
        prop::option::weighted(0.2, [0..4_u64, 0..4_u64, 0..4_u64, 0..4_u64]),
        prop::sample::select(vec!["id", "created", "updated"]),
        prop::sample::select(vec!["asc", "desc"]),
        prop_oneof![2 => 1_usize..6, 1 => Just(1_000)],
    )
        .prop_map(|(conditions, any, negate, owned, not, sort, direction, limit)| {
            settled(Search { conditions, any, negate, owned, not, sort, direction, limit })
        })
}

/// The same without what is refused: two conditions for one parameter, and what does not go with a token type.
fn settled(mut search: Search) -> Search {
    let mut taken = HashSet::new();
    let token_type = search.owned.and_then(|owned| owned.1);
    if search.owned.is_some() {
        taken.insert("ownerAddress");
    }
    if token_type.is_some() {
        taken.extend(["ownerType", "interface"]);
    }
    search.conditions.retain(|condition| taken.insert(condition.parameter()));
    if matches!(token_type, Some("fungible" | "ALL")) {
        (search.any, search.negate) = (false, false);
    }
    search
}

impl Search {
    fn params(&self) -> Value {
        let mut params = json!({
            "limit": self.limit, "sortBy": { "sortBy": self.sort, "sortDirection": self.direction },
            "negate": self.negate, "conditionType": if self.any { "any" } else { "all" },
            "options": { "showGrandTotal": true, "showZeroBalance": self.owned.is_some_and(|owned| owned.3) },
        });
        let members = params.as_object_mut().unwrap();
        for condition in &self.conditions {
            members.extend(condition.params().as_object().unwrap().clone());
        }
        if let Some((owner, token_type, name, _)) = self.owned {
            members.insert("ownerAddress".into(), key(OWNER, owner).to_string().into());
            members.insert("tokenType".into(), token_type.into());
            members.insert("name".into(), name.into());
        }
        if let Some([collection, owner, creator, authority]) = self.not {
            let one = |role, number| json!([key(role, number).to_string()]);
            members.insert(
                "not".into(),
                json!({
                    "collections": one(COLLECTION, collection), "owners": one(OWNER, owner),
                    "creators": one(CREATOR, creator), "authorities": one(AUTHORITY, authority),
                }),
            );
        }
        params
    }

    /// Whether an asset is found.
    fn finds(&self, spec: &Spec) -> bool {
        let token_type = self.owned.and_then(|owned| owned.1);
        let class = match token_type {
            Some("fungible") => spec.fungible,
            Some("ALL") => true,
            Some("regularNft") => !spec.fungible && spec.tree.is_none(),
            Some("Compressed") => spec.tree.is_some(),
            Some(_) => !spec.fungible,
            None => !spec.fungible || self.conditions.iter().any(Condition::is_of_others),
        };
        let not = self.not.is_some_and(|[collection, owner, creator, authority]| {
            spec.collections.contains(&(collection, true))
                || Condition::Owner(owner).holds(spec)
                || Condition::Creator(creator, None).holds(spec)
                || Condition::Authority(authority).holds(spec)
        });
        let mut held: Vec<bool> =
            self.conditions.iter().filter(|one| one.asks()).map(|one| one.holds(spec)).collect();
        if let Some((owner, token_type, name, zero)) = self.owned {
            let holds = matches!(token_type, Some("fungible" | "ALL")) && spec.is_held(owner, zero);
            held.push(holds || Condition::Owner(owner).holds(spec));
            held.extend(name.map(|name| spec.name.contains(name)));
        }
        let matched =
            if self.any && !held.is_empty() { held.contains(&true) } else { !held.contains(&false) };
        spec.listed() && class && !not && matched != self.negate
    }
}

#[test]
fn every_search_equals_a_plain_filter() {
    let world = World::new();
    let mut runner = TestRunner::new(Config {
        cases: 12,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let cases = (any::<u64>(), 0..50_u64, prop::collection::vec(search(), 40));
    runner
        .run(&cases, |(seed, count, searches)| {
            world.runtime.block_on(async {
                let specs = world.fill(seed, count).await;
                for search in &searches {
                    world.check(&specs, search).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

/// A server with a database, and a key without a limit.
struct World {
    runtime: Runtime,
    client: Client,
    key: String,
    _server: Server,
    database: Database,
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let (database, server, key) = runtime.block_on(async {
            let database = Database::new().await;
            let server = Server::start(&database, &[]);
            let key = make_key(&database.store(), "enterprise", None).await.0;
            (database, server, key)
        });
        Self { runtime, client: server.client(), key, _server: server, database }
    }

    /// Other assets than before.
    async fn fill(&self, seed: u64, count: u64) -> Vec<Spec> {
        let mut connection = self.database.connect().await;
        sqlx::raw_sql("TRUNCATE asset, asset_list, list_member, account")
            .execute(&mut connection)
            .await
            .unwrap();
        let mut random = StdRng::seed_from_u64(seed);
        let mut specs: Vec<Spec> = (1..=count).map(|number| spec(&mut random, number)).collect();
        specs.sort_by_key(|spec| spec.id);
        let changes: Vec<_> = specs.iter().map(Spec::change).collect();
        // A store of its own: it remembers no list of before.
        let store = self.database.store();
        store.write_assets(&changes, None).await.unwrap();
        store.close().await;
        for spec in &specs {
            hold(&mut connection, spec).await;
        }
        specs
    }

    async fn check(&self, specs: &[Spec], search: &Search) {
        let mut found: Vec<&Spec> = specs.iter().filter(|spec| search.finds(spec)).collect();
        found.sort_by_key(|spec| match search.sort {
            "id" => (0, spec.id),
            "created" => (spec.created, spec.id),
            _ => (spec.updated, spec.id),
        });
        if search.direction == "desc" {
            found.reverse();
        }
        let expected: Vec<String> = found.iter().map(|spec| spec.id.to_string()).collect();
        let params = search.params();
        let mut ways = vec!["page", "cursor"];
        if search.sort == "id" {
            ways.push(if search.direction == "asc" { "after" } else { "before" });
        }
        for way in ways {
            let walked = self.walk(&params, way, expected.len()).await;
            assert_eq!(walked, expected, "by {way}: {params}");
        }
    }

    /// All ids, page by page.
    async fn walk(&self, params: &Value, way: &str, total: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        let mut from = match way {
            "page" => json!(1),
            "cursor" => Value::Null,
            "after" => Pubkey::from_bytes([0; 32]).to_string().into(),
            _ => Pubkey::from_bytes([255; 32]).to_string().into(),
        };
        loop {
            let mut params = params.clone();
            params[way] = from.clone();
            let page = self.client.result(&self.key, "searchAssets", params.clone()).await;
            assert_eq!(page["grand_total"], total, "{params}");
            let ids: Vec<String> = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(page["total"], ids.len());
            let Some(last) = ids.last().cloned() else { return all };
            let full =
                ids.len() == params["limit"].as_u64().map(|limit| usize::try_from(limit).unwrap()).unwrap();
            all.extend(ids);
            assert!(full || all.len() >= total, "a page is full unless it is the last one: {params}");
            from = match way {
                "page" => (from.as_u64().unwrap() + 1).into(),
                "cursor" => page["cursor"].clone(),
                _ => last.into(),
            };
        }
    }
}

/// The token accounts of an asset, as an indexer would have stored them.
async fn hold(connection: &mut PgConnection, spec: &Spec) {
    for (number, (owner, amount)) in spec.held.iter().enumerate() {
        let mut address = *spec.id.as_bytes();
        address[31] ^= 0x80;
        address[30] = u8::try_from(number).unwrap();
        sqlx::query(
            "INSERT INTO account (address, kind, asset_id, slot, write_version, closed, token_owner, token_amount)
             VALUES ($1, 1, $2, 1, 1, false, $3, $4::bigint)",
        )
        .bind(address)
        .bind(*spec.id.as_bytes())
        .bind(*key(OWNER, *owner).as_bytes())
        .bind(i64::try_from(*amount).unwrap())
        .execute(&mut *connection)
        .await
        .unwrap();
    }
}
