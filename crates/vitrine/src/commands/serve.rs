//! `vitrine serve`

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Result, bail};
use vitrine_rpc::Server;
use vitrine_store::Store;

use super::Context;
use crate::database::{Database, migrate, require_migrated, stage};

/// Flags of `vitrine serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8899, or server.listen]
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Apply pending migrations first, instead of refusing to start
    #[arg(long)]
    migrate: bool,
}

/// Serves until a signal.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    if context.config.database.url.is_empty() && !vitrine_cluster::exists(&context.data_dir()?) {
        bail!(
            "there is no database to serve from: set DATABASE_URL, or make a private one with `vitrine up`"
        );
    }
    let database = stage("database", Database::open(context)).await?;
    let prepare = async {
        if args.migrate {
            migrate(&database.store).await?;
        } else {
            require_migrated(&database.store).await?;
        }
        bind(&database.store, context).await
    };
    let prepared = tokio::select! {
        prepared = prepare => prepared,
        () = context.signals.first() => bail_interrupted(),
    };
    let result = match prepared {
        Ok(server) => {
            tracing::info!("serving http://{}", server.local_addr());
            server.run(context.signals.first(), context.signals.second()).await;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error),
    };
    database.close_after(result).await
}

/// Opens the socket.
pub(super) async fn bind(store: &Store, context: &Context) -> Result<Server> {
    let settings = context.config.server_settings();
    let store = store.clone().with_cache(&context.config.cache);
    Ok(Server::bind(store, settings, context.tiers.clone()).await?)
}

pub(super) fn bail_interrupted<T>() -> Result<T> {
    bail!("interrupted before it served")
}
