//! `vitrine verify --against`: two servers on the same assets, one of them with a fault.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Output;

use vitrine_tests::client::make_key;
use vitrine_tests::{Database, Server, Vitrine};

/// An asset of the sample, in its collection's list.
const FAULTY: &str = "85KGA1YHBhHRg8W5wHMAYot4bTa7bkE882eTdLwi6gi4";

/// A server on the shipped sample and a key for it.
struct Site {
    database: Database,
    server: Server,
    key: String,
}

impl Site {
    async fn new() -> Self {
        let database = Database::new().await;
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/vitrine/sample/assets.ndjson");
        let imported = Vitrine::new(&["import"]).arg(sample).on(&database).output();
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let store = database.store();
        let (key, _) = make_key(&store, "enterprise", None).await;
        store.close().await;
        let server = Server::start(&database, &[]);
        Self { database, server, key }
    }

    /// Compares this server with another one.
    fn verify(&self, other: &Self, arguments: &[&str]) -> Output {
        let theirs = format!("{}/?api-key={}", other.server.base, other.key);
        let first = Vitrine::new(&["verify", "--against", &theirs, "--url", &self.server.base])
            .on(&self.database)
            .env("VITRINE_KEY", &self.key);
        arguments.iter().fold(first, Vitrine::arg).output()
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_with_the_same_assets_answer_alike() {
    let (ours, theirs) = (Site::new().await, Site::new().await);
    let output = ours.verify(&theirs, &["--seed", "1"]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("seed 1\n"), "{text}");
    assert!(text.contains("500 questions: 500 answered alike"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_found_where_it_is() {
    let (ours, theirs) = (Site::new().await, Site::new().await);
    let fault = format!(
        "UPDATE asset SET body = convert_to(replace(convert_from(body, 'UTF8'), 'Vitrine Sample #1\"', 'Vitrine Sample #X\"'), 'UTF8')
         WHERE convert_from(body, 'UTF8') LIKE '%\"id\":\"{FAULTY}\"%'"
    );
    let mut connection = theirs.database.connect().await;
    let changed = sqlx::raw_sql(sqlx::AssertSqlSafe(fault)).execute(&mut connection).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);

    let found = ours.verify(&theirs, &["--seed", "1"]);
    let found_text = text(&found);
    assert_eq!(found.status.code(), Some(1), "{found_text}");
    let values = "\n    ours   \"Vitrine Sample #1\"\n    theirs \"Vitrine Sample #X\"\n";
    let in_a_list = format!("  /result/items/{FAULTY}/content/metadata/name{values}");
    assert!(found_text.contains(&in_a_list), "{found_text}");
    assert!(!found_text.contains(&theirs.key) && !found_text.contains(&ours.key), "{found_text}");
    let differing = found_text.lines().filter(|line| line.starts_with("  /"));
    assert!(differing.clone().all(|line| line.ends_with("/content/metadata/name")), "{found_text}");

    let alone = ours.verify(&theirs, &["--seed", "1", "--methods", "getAsset"]);
    let expected = format!("getAsset {{\"id\":\"{FAULTY}\"}}\n  /result/content/metadata/name{values}");
    assert!(text(&alone).contains(&expected), "{}", text(&alone));

    // The same questions again, one after the other.
    let again = ours.verify(&theirs, &["--seed", "1", "--concurrency", "1"]);
    assert_eq!(text(&again), found_text);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tolerated");
    std::fs::write(
        &file,
        "# known\n* /result/content/metadata/name\n* /result/*/content/metadata/name\n* /result/items/*/content/metadata/name\n* /result/never\n",
    )
    .unwrap();
    let passed = ours.verify(&theirs, &["--seed", "1", "--tolerate", file.to_str().unwrap()]);
    let passed_text = text(&passed);
    assert_eq!(passed.status.code(), Some(0), "{passed_text}");
    assert!(passed_text.contains("let pass 0 times: * /result/never\n"), "{passed_text}");
    assert!(passed_text.contains(", 0 differently, 0 not at all\n"), "{passed_text}");
    assert!(!passed_text.contains(" 0 but for what is tolerated"), "{passed_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_too_few_is_found_in_its_lists() {
    let (ours, theirs) = (Site::new().await, Site::new().await);
    let mut connection = theirs.database.connect().await;
    let lost = "DELETE FROM list_member WHERE asset_id =
                (SELECT asset_id FROM asset WHERE convert_from(body, 'UTF8') LIKE '%\"id\":\"85KGA1YHBhHRg8W5wHMAYot4bTa7bkE882eTdLwi6gi4\"%')";
    assert!(sqlx::raw_sql(lost).execute(&mut connection).await.unwrap().rows_affected() > 0);
    let found = ours.verify(&theirs, &["--seed", "2", "--methods", "getAssetsByGroup,getAssetsByOwner"]);
    let found_text = text(&found);
    assert_eq!(found.status.code(), Some(1), "{found_text}");
    assert!(found_text.contains("  /result/items\n"), "{found_text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_an_error() {
    let ours = Site::new().await;
    // Nobody answers.
    let nowhere = Vitrine::new(&["verify", "--against", "http://127.0.0.1:1/", "--questions", "3"])
        .arg("--url")
        .arg(&ours.server.base)
        .on(&ours.database)
        .env("VITRINE_KEY", &ours.key)
        .output();
    assert_eq!(nowhere.status.code(), Some(1), "{}", text(&nowhere));
    assert!(text(&nowhere).contains("their server: no answer"), "{}", text(&nowhere));
    assert!(text(&nowhere).contains("3 not at all"), "{}", text(&nowhere));
    // A key that is none.
    let refused = Vitrine::new(&["verify", "--against", "http://127.0.0.1:1/", "--key", "vt_none"])
        .arg("--url")
        .arg(&ours.server.base)
        .on(&ours.database)
        .output();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("error: our server: the key is refused: HTTP 401"), "{}", text(&refused));
    // Nothing to ask about.
    let empty = Database::new().await;
    let nothing = Vitrine::new(&["verify", "--against", "http://127.0.0.1:1/"]).on(&empty).output();
    assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing));
    assert!(text(&nothing).contains("the database has no assets to ask about"), "{}", text(&nothing));
}
