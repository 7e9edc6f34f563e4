//! `vitrine up`: from nothing to a server that answers.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use vitrine_cluster::ServeLock;
use vitrine_rpc::Server;
use vitrine_store::Store;

use super::keys::create;
use super::{Context, import, print, serve};
use crate::database::{Database, migrate, stage};

/// The collection of the sample that the printed call asks for.
pub(super) const SAMPLE_COLLECTION: &str = "J1S9H3QjnRtBbbuD4HjPV6RpRhwuk4zKbxsnCHuTgh9w";

/// The tier whose key the printed call uses, where there is one of that name.
const CALL_TIER: &str = "basic";

/// Flags of `vitrine up`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8899, or server.listen]
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Load the shipped sample of assets
    #[arg(long)]
    sample: bool,
}

/// A key that was just made: its tier and its text.
struct FirstKey {
    tier: String,
    text: String,
}

/// Sets up and serves until a signal; then stops the server, and after it Postgres.
pub(super) async fn run(args: &Args, context: &Context) -> Result<ExitCode> {
    let _lock = match context.config.database.url.as_str() {
        "" => Some(ServeLock::acquire(context.data_dir()?)?),
        _ => None,
    };
    let database = stage("database", Database::open(context)).await?;
    let prepared = tokio::select! {
        prepared = prepare(args, &database.store, context) => prepared,
        () = context.signals.first() => serve::bail_interrupted(),
    };
    let result = match prepared {
        Ok(server) => serve(args, server, &database.store, context).await,
        Err(error) => Err(error),
    };
    database.close_after(result).await
}

async fn prepare(args: &Args, store: &Store, context: &Context) -> Result<Server> {
    stage("migrations", migrate(store)).await?;
    if args.sample {
        stage("sample", import::load_sample(store)).await.context("cannot load the sample")?;
    }
    serve::bind(store, context).await
}

/// The socket is there, and no signal comes between from here on: what makes keys must get to show them.
async fn serve(args: &Args, server: Server, store: &Store, context: &Context) -> Result<ExitCode> {
    let keys = stage("keys", first_keys(store, context)).await?;
    print(&greeting(server.local_addr(), &keys, call_tier(context.tiers.names()), args.sample))?;
    server.run(context.signals.first(), context.signals.second()).await;
    Ok(ExitCode::SUCCESS)
}

/// Makes one key of each tier where the database has no key at all.
async fn first_keys(store: &Store, context: &Context) -> Result<Vec<FirstKey>> {
    if !store.keys().await?.is_empty() {
        return Ok(Vec::new());
    }
    let mut keys = Vec::new();
    for tier in context.tiers.names() {
        let (text, _) = create(store, tier, "made by vitrine up", None).await?;
        keys.push(FirstKey { tier: tier.clone(), text });
    }
    Ok(keys)
}

/// The tier for a first call: one that may do something, in an installation with tiers of its own too.
fn call_tier(names: &[String]) -> &str {
    names.iter().find(|name| *name == CALL_TIER).or(names.last()).map_or(CALL_TIER, String::as_str)
}

/// What a person reads when the server is up.
fn greeting(listens: SocketAddr, keys: &[FirstKey], tier: &str, sample: bool) -> String {
    let mut text = format!("Vitrine {} serves http://{}\n", env!("CARGO_PKG_VERSION"), reachable(listens));
    if !keys.is_empty() {
        text.push_str("\nAPI keys, one a tier. They are shown this once:\n");
        for key in keys {
            let _ = writeln!(text, "  {:<12} {}", key.tier, key.text);
        }
    }
    let made = keys.iter().find(|key| key.tier == tier);
    let key = made.map_or("$VITRINE_KEY", |key| key.text.as_str());
    text.push_str("\nTry it:\n  ");
    text.push_str(&call(listens, key, sample));
    text.push('\n');
    if made.is_none() {
        let _ = writeln!(text, "\nNo key at hand? vitrine keys create --tier {tier}");
    }
    text
}

/// A call that works when it is pasted into a shell. `$VITRINE_KEY` is left to the shell.
fn call(listens: SocketAddr, key: &str, sample: bool) -> String {
    let request = if sample {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"getAssetsByGroup","params":{{"groupKey":"collection","groupValue":"{SAMPLE_COLLECTION}","limit":1}}}}"#
        )
    } else {
        r#"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"#.to_owned()
    };
    let address = reachable(listens);
    format!(r#"curl -s "http://{address}/?api-key={key}" -H 'Content-Type: application/json' -d '{request}'"#)
}

/// The address under which this machine reaches the server itself.
pub(super) fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => listens.ip(),
        IpAddr::V6(ip) if ip.is_loopback() => listens.ip(),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    SocketAddr::new(ip, listens.port())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn key(tier: &str) -> FirstKey {
        FirstKey { tier: tier.to_owned(), text: format!("vt_{tier}") }
    }

    #[test]
    fn first_keys_are_shown_each_with_its_tier() {
        let text = greeting("0.0.0.0:8899".parse().unwrap(), &[key("free"), key("basic")], "basic", true);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(
            words.contains(&vec!["free", "vt_free"]) && words.contains(&vec!["basic", "vt_basic"]),
            "{text}"
        );
        assert!(text.contains("http://127.0.0.1:8899/?api-key=vt_basic"), "{text}");
        assert!(text.contains(SAMPLE_COLLECTION) && !text.contains("keys create"), "{text}");
    }

    #[test]
    fn later_starts_leave_the_key_to_the_shell() {
        let text = greeting("[::]:80".parse().unwrap(), &[], "basic", false);
        assert!(text.contains(r#""http://[::1]:80/?api-key=$VITRINE_KEY""#), "{text}");
        assert!(text.contains("vitrine keys create --tier basic"), "{text}");
    }

    #[test]
    fn the_first_call_has_a_tier_of_this_installation() {
        assert_eq!(call_tier(&["free", "basic", "pro"].map(str::to_owned)), "basic");
        assert_eq!(call_tier(&["bronze", "gold"].map(str::to_owned)), "gold");
    }

    #[test]
    fn the_printed_request_is_json_in_single_quotes() {
        for sample in [true, false] {
            let line = call("127.0.0.1:1".parse().unwrap(), "k", sample);
            let request = line.rsplit_once("-d '").unwrap().1.strip_suffix('\'').unwrap();
            let request: serde_json::Value = serde_json::from_str(request).unwrap();
            assert_eq!(request["jsonrpc"], "2.0");
        }
    }
}
