//! The private Postgres: its databases, and Postgres alone as a lane.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tokio::process::Command;
use vitrine_cluster::{Cluster, ClusterOptions};
use vitrine_store::READ_SESSION;

use crate::data::{Kind, key};
use crate::lists::Sort;
use crate::plain_bodies::PLAIN_BODIES;

/// The load client of the lane.
const PGBENCH: &str = "pgbench";

/// It has to be told how long to run; none takes as long as this.
const PGBENCH_SECONDS_MAX: u32 = 86_400;

/// A running cluster; [`Postgres::close`] stops it.
#[derive(Debug)]
pub(crate) struct Postgres {
    cluster: Cluster,
    admin: PgConnectOptions,
}

/// A database of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Its name.
    pub(crate) name: String,
    options: PgConnectOptions,
}

impl Postgres {
    /// Makes or starts the cluster in a folder.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let options = ClusterOptions::from_env(folder);
        let cluster = tokio::task::spawn_blocking(move || Cluster::open(&options)).await??;
        let admin: PgConnectOptions = cluster.url().parse::<PgConnectOptions>()?.disable_statement_logging();
        let postgres = Self { cluster, admin };
        ensure!(
            postgres.program(PGBENCH).is_some(),
            "pgbench is missing: install Debian's package postgresql"
        );
        Ok(postgres)
    }

    /// Stops it.
    pub(crate) async fn close(self) -> Result<()> {
        tokio::task::spawn_blocking(move || self.cluster.close()).await??;
        Ok(())
    }

    /// The process id of the postmaster.
    pub(crate) fn pid(&self) -> u32 {
        self.cluster.pid()
    }

    /// What Postgres logs.
    pub(crate) fn log(&self) -> PathBuf {
        self.cluster.data_dir().join("postgres.log")
    }

    /// A database by name, there or not.
    pub(crate) fn database(&self, name: &str) -> Database {
        Database { name: name.to_owned(), options: self.admin.clone().database(name) }
    }

    /// Postgres's own version.
    pub(crate) async fn version(&self) -> Result<String> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        Ok(sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?)
    }

    /// Whether a database is there.
    pub(crate) async fn exists(&self, database: &Database) -> Result<bool> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)");
        Ok(query.bind(&database.name).fetch_one(&mut connection).await?)
    }

    /// The names of all databases that begin so.
    pub(crate) async fn databases(&self, prefix: &str) -> Result<Vec<String>> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let query =
            sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)");
        Ok(query.bind(prefix).fetch_all(&mut connection).await?)
    }

    /// To how many bytes WAL grows between checkpoints, about.
    pub(crate) async fn wal_bytes_max(&self) -> Result<u64> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        let bytes: i64 = sqlx::query_scalar("SELECT pg_size_bytes(current_setting('max_wal_size'))")
            .fetch_one(&mut connection)
            .await?;
        Ok(u64::try_from(bytes)?)
    }

    /// Makes an empty database, or a copy of one that nobody is connected to, in place of the one of that name.
    pub(crate) async fn create(&self, name: &str, copy_of: Option<&Database>) -> Result<Database> {
        let database = self.database(name);
        self.drop(&database).await?;
        let copy = copy_of
            .map_or_else(String::new, |database| format!(" TEMPLATE {} STRATEGY file_copy", database.name));
        self.execute(format!("CREATE DATABASE {name}{copy}")).await?;
        Ok(database)
    }

    /// Drops a database, if it is there.
    pub(crate) async fn drop(&self, database: &Database) -> Result<()> {
        self.execute(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name)).await
    }

    /// Runs a statement of ours as the superuser.
    pub(crate) async fn execute(&self, statement: String) -> Result<()> {
        let mut connection = PgConnection::connect_with(&self.admin).await?;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// One of Postgres's programs: beside those that the cluster runs, where these are links beside what they lead
    /// to, else wherever `PATH` has it.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let folder = self.cluster.bin_dir();
        let linked = folder.join("postgres").canonicalize().ok();
        let linked = linked.as_deref().and_then(Path::parent).map(Path::to_owned);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            [Some(folder.to_owned()), linked].into_iter().flatten().chain(std::env::split_paths(&path));
        folders.map(|folder| folder.join(name)).find(|program| program.exists())
    }

    /// pgbench on statements, each client taking one at random, until it is told to end.
    pub(crate) fn pgbench(
        &self,
        database: &Database,
        scripts: &[PathBuf],
        clients: usize,
    ) -> Result<Command> {
        let mut command = Command::new(self.program(PGBENCH).context("pgbench is gone")?);
        command.args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string()]);
        command.args(["-T", &PGBENCH_SECONDS_MAX.to_string()]);
        for script in scripts {
            command.arg("-f").arg(script);
        }
        command
            .args([
                "-h",
                &self.cluster.socket_dir().to_string_lossy(),
                "-p",
                &self.cluster.port().to_string(),
            ])
            .args(["-U", self.cluster.user(), &database.name])
            .env("PGOPTIONS", session_options()?)
            .env("PGSSLMODE", "disable")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Database {
    /// For `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// Where it is, for whoever connects.
    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// What it takes on disk, and how much of that are the plain bodies of the lane of Postgres alone.
    pub(crate) async fn bytes(&self) -> Result<(u64, u64)> {
        let mut connection = self.connect().await?;
        let (all, plain): (i64, i64) = sqlx::query_as(
            "SELECT pg_database_size(current_database()), coalesce(pg_total_relation_size(to_regclass($1)), 0)",
        )
        .bind(PLAIN_BODIES)
        .fetch_one(&mut connection)
        .await?;
        Ok((u64::try_from(all)?, u64::try_from(plain)?))
    }

    /// A connection with nothing set.
    pub(crate) async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.options).await?)
    }

    /// A connection that reads as the server does.
    pub(crate) async fn connect_for_reads(&self) -> Result<PgConnection> {
        let mut connection = self.connect().await?;
        sqlx::raw_sql(READ_SESSION).execute(&mut connection).await?;
        Ok(connection)
    }

    /// Leaves nothing for later: what a scan would set is set, what is dirty is written.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut connection = self.connect().await?;
        sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut connection).await?;
        sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
        Ok(())
    }

    /// The database's ids of lists.
    pub(crate) async fn list_ids(&self, lists: &[(Kind, u64)]) -> Result<HashMap<(Kind, u64), i64>> {
        let mut connection = self.connect().await?;
        let mut ids = HashMap::new();
        for &(kind, number) in lists {
            let (code, name) = match kind {
                Kind::Group => (1_i16, "collection"),
                Kind::Authority => (2, ""),
            };
            let id = sqlx::query_scalar(
                "SELECT list_id FROM asset_list WHERE kind = $1 AND key = $2 AND value = $3 AND verified",
            )
            .bind(code)
            .bind(name)
            .bind(key(kind, number).as_bytes().as_slice())
            .fetch_one(&mut connection)
            .await
            .with_context(|| format!("list {number} of {kind:?}"))?;
            ids.insert((kind, number), id);
        }
        Ok(ids)
    }

    /// Refuses a statement that Postgres would not run in the best way there is: keys from the index alone, in
    /// its order, and each body by primary key.
    pub(crate) async fn require_best_plan(&self, statement: &str) -> Result<()> {
        let mut connection = self.connect_for_reads().await?;
        let rows =
            sqlx::query(AssertSqlSafe(format!("EXPLAIN {statement}"))).fetch_all(&mut connection).await?;
        let mut plan = String::new();
        for row in rows {
            let _ = writeln!(plan, "{}", row.try_get::<&str, _>(0)?);
        }
        let bodies = !statement.contains(PLAIN_BODIES) || plan.contains("Nested Loop");
        let good = plan.contains("Index Only Scan")
            && bodies
            && !plan.contains("Sort")
            && !plan.contains("Seq Scan");
        ensure!(good, "Postgres alone does not run\n{statement}\nas well as it could:\n{plan}");
        Ok(())
    }

    /// The bodies that a statement of the lane answers with, as the server joins them.
    pub(crate) async fn joined(&self, statement: &str) -> Result<Vec<u8>> {
        let mut connection = self.connect_for_reads().await?;
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut connection).await?;
        let bodies: Vec<&[u8]> =
            rows.iter().map(|row| row.try_get::<&str, _>(0).map(str::as_bytes)).collect::<Result<_, _>>()?;
        Ok(bodies.join(&b','))
    }
}

/// The first page of a list, bodies and nothing else.
pub(crate) fn page_statement(list_id: i64, sort: Sort, limit: usize) -> String {
    let order = order(sort);
    format!(
        "SELECT plain.body FROM (SELECT asset_id FROM list_member WHERE list_id = {list_id} ORDER BY {order} \
         LIMIT {limit}) AS page JOIN {PLAIN_BODIES} AS plain ON plain.asset_id = page.asset_id"
    )
}

/// The keys of a page that is found by skipping `$1` others.
pub(crate) fn offset_statement(list_id: i64, limit: usize) -> String {
    let order = order(Sort::Id);
    format!(
        "SELECT asset_id FROM list_member WHERE list_id = {list_id} ORDER BY {order} LIMIT {limit} OFFSET $1"
    )
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::Id => "asset_id DESC",
        Sort::Created => "slot_created DESC, asset_id DESC",
        Sort::Updated => "slot_updated DESC, asset_id DESC",
    }
}

/// What the server's read sessions set, for `PGOPTIONS`.
fn session_options() -> Result<String> {
    let mut options = String::new();
    for statement in READ_SESSION.split(';') {
        let setting =
            statement.trim().strip_prefix("SET ").context("READ_SESSION sets and does nothing else")?;
        let (name, value) = setting.split_once('=').context("SET name = value")?;
        let _ = write!(options, "-c {}={} ", name.trim(), value.trim());
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_session_of_the_lane_is_that_of_the_server() {
        let options = session_options().unwrap();
        assert!(options.contains("-c plan_cache_mode=force_generic_plan "), "{options}");
        assert_eq!(options.matches("-c ").count(), READ_SESSION.matches("SET ").count());
    }
}
