//! One Postgres for all tests, started by the first that asks, stopped by `postgres-keeper`; in it a database
//! for each test, cloned from a migrated template.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use vitrine_cluster::{Cluster, ClusterOptions, Download};
use vitrine_store::{DatabaseSettings, MIGRATOR, Store};

/// The shared cluster, for as long as this process lives.
static SHARED: OnceLock<Shared> = OnceLock::new();

struct Shared {
    url: String,
    /// Holds the cluster's lock: who has it open keeps it alive.
    _cluster: Cluster,
}

/// A database of a test's own, dropped with it.
pub struct Database {
    name: String,
    admin: PgConnectOptions,
    options: PgConnectOptions,
}

/// Options for a cluster of the tests: nothing in it is worth an fsync.
pub fn options(data_dir: &Path) -> ClusterOptions {
    let mut options = ClusterOptions::from_env(data_dir);
    options.download = Download::Never;
    for (name, value) in [("fsync", "off"), ("full_page_writes", "off"), ("max_connections", "300")] {
        options.settings.push((name.to_owned(), value.to_owned()));
    }
    options
}

pub fn keeper_lock(data_dir: &Path) -> PathBuf {
    data_dir.join("keeper.lock")
}

impl Database {
    /// A fresh database with all migrations.
    pub async fn new() -> Self {
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        let admin: PgConnectOptions = shared.url.parse().unwrap();
        let template = template(&admin).await;
        Self::create(admin, Some(&template)).await
    }

    /// A fresh database with nothing in it.
    pub async fn empty() -> Self {
        let shared = tokio::task::spawn_blocking(shared).await.unwrap();
        Self::create(shared.url.parse().unwrap(), None).await
    }

    /// Another one with the same rows. Nobody may be connected to this one meanwhile.
    pub async fn copy(&self) -> Self {
        Self::create(self.admin.clone(), Some(&self.name)).await
    }

    async fn create(admin: PgConnectOptions, template: Option<&str>) -> Self {
        let name = format!("t_{:016x}", rand::random::<u64>());
        let from = template.map_or_else(String::new, |template| format!(" TEMPLATE {template}"));
        execute(&admin, format!("CREATE DATABASE {name}{from}")).await;
        let options = admin.clone().database(&name);
        Self { name, admin, options }
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    pub fn store(&self) -> Store {
        Store::new(
            &self.options,
            &DatabaseSettings { read_connections_max: 8, ..DatabaseSettings::default() },
        )
    }

    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Dropped inside of a runtime, which cannot wait: another thread does.
        let (admin, statement) =
            (self.admin.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut connection) = PgConnection::connect_with(&admin).await {
                    let _ = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

fn shared() -> &'static Shared {
    SHARED.get_or_init(|| {
        let data_dir =
            std::env::temp_dir().join(format!("vitrine-tests-{}", rustix::process::getuid().as_raw()));
        let cluster = Cluster::open(&options(&data_dir)).expect("the tests need Postgres 15 or newer");
        keep(&data_dir);
        Shared { url: cluster.url(), _cluster: cluster }
    })
}

/// Has the keeper look after the cluster; if one does already, this one ends at once.
#[expect(clippy::zombie_processes, reason = "the keeper outlives this process")]
fn keep(data_dir: &Path) {
    let mut keeper = Command::new(crate::server::sibling("postgres-keeper"));
    keeper.arg(data_dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its own process group: Ctrl-C is for the tests.
    std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
    keeper.spawn().expect("postgres-keeper is built with the tests");
}

/// The name of the migrated template, made by whoever comes first.
async fn template(admin: &PgConnectOptions) -> String {
    let mut digest = std::hash::DefaultHasher::new();
    MIGRATOR.iter().for_each(|migration| migration.checksum.hash(&mut digest));
    let name = format!("template_{:016x}", digest.finish());
    let lock = std::env::temp_dir()
        .join(format!("vitrine-tests-template-{}.lock", rustix::process::getuid().as_raw()));
    let lock = tokio::task::spawn_blocking(move || {
        let file = File::create(lock).unwrap();
        file.lock().unwrap();
        file
    })
    .await
    .unwrap();
    let mut connection = PgConnection::connect_with(admin).await.unwrap();
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    if !exists {
        // Made under another name: what bears the right one is whole.
        let draft = format!("{name}_draft");
        execute(admin, format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await;
        execute(admin, format!("CREATE DATABASE {draft}")).await;
        let store = Store::new(&admin.clone().database(&draft), &DatabaseSettings::default());
        store.migrate(Duration::from_secs(10)).await.unwrap();
        store.close().await;
        execute(admin, format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
    }
    drop(lock);
    name
}

async fn execute(admin: &PgConnectOptions, statement: String) {
    let mut connection = PgConnection::connect_with(admin).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
