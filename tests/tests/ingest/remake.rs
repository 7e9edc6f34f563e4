//! `vitrine ingest --remake`: assets that an older version made, or somebody's hand, are what this version makes.

use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use vitrine_ingest::normalise::compose;
use vitrine_model::Pubkey;
use vitrine_store::{AssetSources, Composed};
use vitrine_tests::assets::{self, pubkey};
use vitrine_tests::server::PATIENCE;

use super::{Done, World, mint, token};

/// More than two pages of a remake.
const ASSETS: u64 = 600;
/// The assets of a page.
const PAGE: u64 = 256;

const OWNED: &str = "SELECT count(*) FROM asset WHERE owner IS NOT NULL";

fn owner(number: u64) -> Pubkey {
    pubkey(10_000 + number % 3)
}

/// What a version made that did not know who holds an asset.
fn older(sources: &AssetSources) -> Option<Composed> {
    compose(&AssetSources { holder: None, ..sources.clone() })
}

impl World {
    /// Assets with an owner each.
    async fn with_assets() -> (Self, Vec<Pubkey>) {
        let world = Self::new().await;
        let lines: Vec<_> = (0..ASSETS)
            .flat_map(|number| {
                let nft = pubkey(number);
                [mint(nft, 5), token(pubkey(20_000 + number), 6, nft, owner(number))]
            })
            .collect();
        world.ingest(&lines).says(0, &[&format!("{ASSETS} created")]);
        (world, (0..ASSETS).map(pubkey).collect())
    }

    /// As if an older version had made them.
    async fn made_by_an_older_version(&self, ids: &[Pubkey]) {
        let store = self.database.store();
        assert_eq!(store.remake(ids, &older).await.unwrap().updated, ids.len() as u64);
        store.close().await;
    }

    fn verify(&self) -> (i32, String) {
        let output = vitrine_tests::Vitrine::new(&["verify"]).on(&self.database).output();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    pub(super) async fn until(&self, statement: &'static str, at_least: u64) {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let count = self.count(statement).await;
            if count >= at_least {
                return;
            }
            assert!(std::time::Instant::now() < end, "{count} of {at_least}: {statement}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn ended(child: Child) -> Done {
    Done::of(tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap())
}

#[tokio::test]
async fn what_verify_finds_a_remake_mends() {
    let (world, ids) = World::with_assets().await;
    assert_eq!(world.verify().0, 0);
    world.made_by_an_older_version(&ids[..7]).await;
    let mut connection = world.database.connect().await;
    let damage = |sql| sqlx::query(sql).bind(pubkey(100).as_bytes().to_vec());
    // Bytes under the digest that they had, and a column. They are written into plain bodies.
    assets::unpack_bodies(&mut connection).await;
    for statement in [
        "UPDATE asset SET body = convert_to(replace(convert_from(body, 'UTF8'), 'V1_NFT', 'V2_NFT'), 'UTF8')
         WHERE asset_id = (SELECT asset_id FROM asset WHERE asset_id > $1 AND owner IS NOT NULL ORDER BY asset_id LIMIT 1)",
        "UPDATE asset SET body = substring(body FROM 2) WHERE asset_id = $1",
        "UPDATE asset SET owner = $1 WHERE asset_id = (SELECT asset_id FROM asset WHERE asset_id < $1 ORDER BY asset_id DESC LIMIT 1)",
    ] {
        let damaged = damage(statement).execute(&mut connection).await.unwrap().rows_affected();
        assert_eq!(damaged, 1, "{statement}");
    }
    let (code, found) = world.verify();
    assert_eq!(code, 1);
    for check in ["is another one when it is made again", "a stored body is no asset", "columns are not"] {
        assert!(found.contains(check), "{check}: {found}");
    }
    let again = format!("{ASSETS} assets made again");
    // The seven, and those that were damaged, which may be one of the seven.
    let done = world.run(&["--remake"]);
    done.says(0, &[&again, "0 created, 0 removed, 0 older"]);
    let (code, found) = world.verify();
    assert_eq!(code, 0, "{found}");
    assert_eq!(world.count(OWNED).await, ASSETS);
    world.run(&["--remake"]).says(0, &[&again, &format!(": 0 changed, {ASSETS} unchanged")]);
    world.check().await;
}

#[tokio::test]
async fn a_remake_goes_on_where_it_is_told_to() {
    let (world, ids) = World::with_assets().await;
    world.made_by_an_older_version(&ids).await;
    assert_eq!(world.count(OWNED).await, 0);
    let mut sorted = ids;
    sorted.sort_unstable();
    let after = sorted[199].to_string();
    world.run(&["--remake", "--after", &after]).says(0, &["400 assets made again", "400 changed"]);
    assert_eq!(world.count(OWNED).await, 400);
    for arguments in [&["--after", &after][..], &["--remake", "x.ndjson"], &["--remake", "--after", "x"]] {
        world.run(arguments).says(2, &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_remake_says_how_to_go_on() {
    let (world, ids) = World::with_assets().await;
    world.made_by_an_older_version(&ids).await;
    // Somebody holds an asset of the second page.
    let mut holder = world.database.connect().await;
    sqlx::raw_sql(
        "BEGIN; SELECT FROM chain_asset WHERE asset_id = (SELECT asset_id FROM chain_asset ORDER BY asset_id OFFSET 300 LIMIT 1) FOR UPDATE",
    )
    .execute(&mut holder)
    .await
    .unwrap();
    let child = world.command(&["--remake"]).piped();
    world.until(OWNED, PAGE).await;
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    // It has heard: what is under way ends, and no page more begins.
    world
        .until(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
             AND application_name = 'vitrine write' AND wait_event_type = 'Lock'",
            1,
        )
        .await;
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let done = ended(child).await;
    done.says(1, &["interrupted; --remake --after "]);
    let made = world.count(OWNED).await;
    assert!(made == PAGE || made == 2 * PAGE, "{made}");
    assert!(done.summary.starts_with(&format!("{made} assets made again")), "{}", done.summary);
    let after = done.summary.split("--after ").nth(1).unwrap().split(' ').next().unwrap();
    let rest = ASSETS - made;
    world.run(&["--remake", "--after", after]).says(0, &[&format!("{rest} assets made again")]);
    assert_eq!(world.count(OWNED).await, ASSETS);
    assert_eq!(world.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remake_and_an_ingest_at_once_end_right() {
    let (world, ids) = World::with_assets().await;
    world.made_by_an_older_version(&ids).await;
    // In the opposite order, and each asset to another owner.
    let mut lines: Vec<_> = (0..ASSETS)
        .map(|number| (pubkey(number), token(pubkey(20_000 + number), 9, pubkey(number), pubkey(30_000))))
        .collect();
    lines.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    let text: String = lines.iter().flat_map(|(_, line)| [line.to_string(), "\n".to_owned()]).collect();
    let file = world.file("moved.ndjson", text);
    let ingest = world.command(&[file.to_str().unwrap()]).env("VITRINE_INGEST_BATCH_LINES", "50").piped();
    let remake = world.command(&["--remake"]).piped();
    let (ingest, remake) = tokio::join!(ended(ingest), ended(remake));
    ingest.says(0, &["600 lines", "0 rejected"]);
    remake.says(0, &["600 assets made again"]);
    assert_eq!(world.owned(pubkey(30_000)).await["total"], ASSETS);
    assert_eq!(world.verify().0, 0);
}
