//! Migrations: applied once by whoever comes first, twice without harm, refused where they are not what they were.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::Output;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use vitrine_store::MIGRATOR;
use vitrine_tests::{Database, Server, Vitrine, consistency};

/// Everything that a migration makes, as text.
const SCHEMA: [&str; 5] = [
    "SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
     FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT format('%s %s %s', relname, reloptions, relkind) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
];

/// And the rows that it puts there.
const ROWS: [&str; 3] = [
    "SELECT format('%s %s', name, value) FROM counter ORDER BY 1",
    "SELECT format('%s %s', source, slot) FROM watermark ORDER BY 1",
    "SELECT format('%s %s', one, epoch) FROM api_key_epoch ORDER BY 1",
];

async fn texts(connection: &mut PgConnection, statements: &[&'static str]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for statement in statements {
        all.push(sqlx::query_scalar(*statement).fetch_all(&mut *connection).await.unwrap());
    }
    all
}

fn migrate(database: &Database) -> Output {
    Vitrine::new(&["migrate"]).on(database).output()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stderr(output: &Output) -> String {
    text(&output.stderr)
}

/// Takes one migration back from the list of those applied, and nothing of what it did.
async fn forget_newest(connection: &mut PgConnection) {
    let done = sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    );
    assert_eq!(done.execute(connection).await.unwrap().rows_affected(), 1);
}

#[tokio::test]
async fn each_applies_twice_without_harm() {
    let database = Database::empty().await;
    let mut connection = database.connect().await;
    let mut once = Vec::new();
    for migration in MIGRATOR.iter() {
        let sql = migration.sql.as_str();
        assert!(!sql.trim().is_empty(), "{} is empty", migration.version);
        for time in 1..=2 {
            let applied = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            applied.unwrap_or_else(|error| panic!("{} for the {time}. time: {error}", migration.version));
            let schema = texts(&mut connection, &SCHEMA).await;
            if time == 2 {
                assert_eq!(schema, once, "{} applied twice", migration.version);
            }
            once = schema;
        }
    }
    // Nor when all of them come again, and the database is in use.
    sqlx::raw_sql(
        "UPDATE counter SET value = 7; UPDATE api_key_epoch SET epoch = 9;
         INSERT INTO watermark VALUES ('import', 5)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let rows = texts(&mut connection, &ROWS).await;
    for migration in MIGRATOR.iter() {
        sqlx::raw_sql(AssertSqlSafe(migration.sql.as_str())).execute(&mut connection).await.unwrap();
    }
    assert_eq!(texts(&mut connection, &SCHEMA).await, once);
    assert_eq!(texts(&mut connection, &ROWS).await, rows);

    // And a database to which they were applied by hand takes them from the command as well.
    assert!(migrate(&database).status.success());
    let migrated = Database::new().await;
    assert_eq!(texts(&mut connection, &SCHEMA).await, texts(&mut migrated.connect().await, &SCHEMA).await);
}

#[tokio::test]
async fn the_command_says_what_it_applied() {
    let database = Database::empty().await;
    let first = migrate(&database);
    let said = text(&first.stdout);
    assert!(first.status.success(), "{}", stderr(&first));
    for migration in MIGRATOR.iter() {
        assert!(said.contains(&format!("applied {}", migration.version)), "{said}");
    }
    let second = migrate(&database);
    assert!(
        second.status.success() && text(&second.stdout) == "nothing to apply\n",
        "{}",
        text(&second.stdout)
    );
    consistency::check(&database).await;
}

#[tokio::test]
async fn serve_refuses_what_is_pending_unless_it_may_apply_it() {
    let empty = Database::empty().await;
    let one_short = Database::new().await;
    forget_newest(&mut one_short.connect().await).await;
    for database in [&empty, &one_short] {
        let refused = Vitrine::new(&["serve", "--listen", "127.0.0.1:0"]).on(database).output();
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("pending") && said.contains("`vitrine migrate`"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for database in [&empty, &one_short] {
        let server = Vitrine::new(&["serve", "--migrate", "--listen", "127.0.0.1:0"]).on(database).serve();
        assert_eq!(server.client().get("/ready").await.status, 200);
        assert!(server.stop().success());
        let server = Server::start(database, &[]);
        assert!(server.stop().success());
    }
}

#[tokio::test]
async fn a_newer_schema_is_served() {
    let database = Database::new().await;
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99991231000001, 'from the future', true, '\\x00', 1)",
    )
    .execute(&mut database.connect().await)
    .await
    .unwrap();
    let server = Server::start(&database, &[]);
    assert_eq!(server.client().get("/ready").await.status, 200);
    assert!(migrate(&database).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_at_once_all_succeed() {
    let database = Database::empty().await;
    let children: Vec<_> = (0..4).map(|_| Vitrine::new(&["migrate"]).on(&database).piped()).collect();
    let mut applied = 0;
    for child in children {
        let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        applied += text(&output.stdout).matches("applied ").count();
    }
    assert_eq!(applied, MIGRATOR.iter().count(), "each is applied once");
    consistency::check(&database).await;
}

/// Somebody who waits for the lock must not hold up an index that is built by its holder.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_lock_holds_nothing() {
    let database = Database::new().await;
    let mut holder = database.connect().await;
    forget_newest(&mut holder).await;
    let lock: i64 = 0x0076_6974_7269_6e65;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(lock).execute(&mut holder).await.unwrap();
    let waiting = Vitrine::new(&["migrate"]).on(&database).piped();
    let mut watcher = database.connect().await;
    let end = std::time::Instant::now() + vitrine_tests::server::PATIENCE;
    let tries = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()";
    while sqlx::query_scalar::<_, i64>(tries).fetch_one(&mut watcher).await.unwrap() == 0 {
        assert!(std::time::Instant::now() < end, "nobody asks for the lock");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let build =
        sqlx::raw_sql("CREATE INDEX CONCURRENTLY asset_test ON asset (interface)").execute(&mut holder);
    tokio::time::timeout(vitrine_tests::server::PATIENCE, build).await.expect("a deadlock").unwrap();
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(lock).execute(&mut holder).await.unwrap();
    let output = tokio::task::spawn_blocking(|| waiting.wait_with_output()).await.unwrap().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains("applied"), "{}", stderr(&output));
    holder.close().await.unwrap();
}

#[tokio::test]
async fn an_edited_one_is_refused() {
    let database = Database::new().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(
        "UPDATE _sqlx_migrations SET checksum = '\\xdeadbeef' WHERE version = (SELECT min(version) FROM _sqlx_migrations)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let oldest = MIGRATOR.iter().map(|migration| migration.version).min().unwrap();
    let output = migrate(&database);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&oldest.to_string()), "{}", stderr(&output));
    let output = Vitrine::new(&["serve", "--migrate", "--listen", "127.0.0.1:0"]).on(&database).output();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[tokio::test]
async fn a_leftover_invalid_index_is_dropped_where_something_is_pending() {
    let database = Database::new().await;
    let mut connection = database.connect().await;
    sqlx::raw_sql(
        "CREATE INDEX asset_leftover ON asset (interface);
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'asset_leftover'::regclass",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let exists = "SELECT to_regclass('asset_leftover') IS NOT NULL";
    assert!(migrate(&database).status.success());
    let there: bool = sqlx::query_scalar(exists).fetch_one(&mut connection).await.unwrap();
    assert!(there, "nothing is pending: somebody may be building it right now");
    forget_newest(&mut connection).await;
    assert!(migrate(&database).status.success());
    let there: bool = sqlx::query_scalar(exists).fetch_one(&mut connection).await.unwrap();
    assert!(!there, "it is written and never read");

    // One that a migration makes is made anew.
    sqlx::raw_sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'list_member_created'::regclass;
         DELETE FROM _sqlx_migrations",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    assert!(migrate(&database).status.success());
    consistency::check(&database).await;
    let valid: bool = sqlx::query_scalar(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'list_member_created'::regclass",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(valid);
}
