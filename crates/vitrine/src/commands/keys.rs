//! `vitrine keys create|list|tier|revoke`

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vitrine_rpc::ApiKey;
use vitrine_store::{KeyRecord, NewKey, Store};

use super::{Context, UsageError, now, print};
use crate::database::{Database, migrate, require_migrated, with_database};

/// What to do with keys.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key; it is shown this once
    Create {
        /// The tier: what the key may call, and how often
        #[arg(long)]
        tier: String,
        /// What to call the key
        #[arg(long, default_value = "")]
        name: String,
        /// From when on the key is refused, as in 2030-01-31T00:00:00Z [default: never]
        #[arg(long, value_name = "RFC3339", value_parser = parse_time)]
        expires: Option<OffsetDateTime>,
        /// Print an object for a machine
        #[arg(long)]
        json: bool,
    },
    /// List all keys, without the keys themselves
    List {
        /// Print an array for a machine
        #[arg(long)]
        json: bool,
    },
    /// Put a key into another tier; servers see it within a second
    Tier {
        /// The key's id, as `vitrine keys list` shows it
        id: i64,
        /// Its new tier
        #[arg(long)]
        tier: String,
    },
    /// Refuse a key from now on; servers see it within a second
    Revoke {
        /// The key's id, as `vitrine keys list` shows it
        id: i64,
    },
}

/// `keys create --json`
#[derive(Serialize)]
struct CreatedKey<'a> {
    id: i64,
    key: &'a str,
    tier: &'a str,
    name: &'a str,
    created_at: String,
    expires_at: Option<String>,
}

/// An entry of `keys list --json`
#[derive(Serialize)]
struct ListedKey<'a> {
    id: i64,
    prefix: &'a str,
    tier: &'a str,
    name: &'a str,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    state: &'static str,
}

/// Does it.
pub(super) async fn run(args: Args, context: &Context) -> Result<ExitCode> {
    match args.action {
        Action::Create { tier, name, expires, json } => {
            context.check_tier(&tier)?;
            if expires.is_some_and(|expires| expires <= now()) {
                return Err(UsageError("--expires must lie in the future".to_owned()).into());
            }
            let made = with_keys(context, async |store| create(store, &tier, &name, expires).await).await?;
            print(&created_text(&made.0, &made.1, json)?)?;
        }
        Action::List { json } => {
            let keys = with_keys(context, async |store| Ok(store.keys().await?)).await?;
            print(&if json { list_json(&keys, now())? } else { list_text(&keys, now())? })?;
        }
        Action::Tier { id, tier } => {
            context.check_tier(&tier)?;
            let found = with_keys(context, async |store| Ok(store.set_key_tier(id, &tier).await?)).await?;
            require_found(found, id)?;
            print(&format!("key {id} is of tier {tier} now\n"))?;
        }
        Action::Revoke { id } => {
            let found = with_keys(context, async |store| Ok(store.revoke_key(id, now()).await?)).await?;
            require_found(found, id)?;
            print(&format!("key {id} is revoked\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes and stores a key: its text and its record.
pub(super) async fn create(
    store: &Store,
    tier: &str,
    name: &str,
    expires_at: Option<OffsetDateTime>,
) -> Result<(String, KeyRecord)> {
    let key = ApiKey::generate(&mut rand::rng());
    let (digest, prefix, created_at) = (key.digest(), key.prefix(), now());
    let key_id = store.create_key(&NewKey { digest, prefix, tier, name, created_at, expires_at }).await?;
    let (prefix, tier, name) = (prefix.to_owned(), tier.to_owned(), name.to_owned());
    let record = KeyRecord { key_id, digest, prefix, tier, name, created_at, expires_at, revoked_at: None };
    Ok((key.text().to_owned(), record))
}

/// Works on a database that has a table of keys: the private one is given it.
async fn with_keys<T>(context: &Context, work: impl AsyncFnOnce(&Store) -> Result<T>) -> Result<T> {
    with_database(context, async |database: &Database| {
        if database.is_private() {
            migrate(&database.store).await?;
        } else {
            require_migrated(&database.store).await?;
        }
        work(&database.store).await
    })
    .await
}

fn require_found(found: bool, id: i64) -> Result<()> {
    if !found {
        bail!("there is no key {id}: see `vitrine keys list`");
    }
    Ok(())
}

fn created_text(key: &str, record: &KeyRecord, json: bool) -> Result<String> {
    let KeyRecord { key_id: id, tier, name, .. } = record;
    let (created_at, expires_at) = (rfc3339(record.created_at)?, record.expires_at.map(rfc3339).transpose()?);
    if json {
        let created = CreatedKey { id: *id, key, tier, name, created_at, expires_at };
        return Ok(serde_json::to_string(&created)? + "\n");
    }
    let expires = expires_at.map_or(String::new(), |expires| format!(", until {expires}"));
    Ok(format!("{key}\nkey {id} of tier {tier}{expires}. It is shown this once: keep it.\n"))
}

fn list_json(keys: &[KeyRecord], now: OffsetDateTime) -> Result<String> {
    let entries: Vec<ListedKey<'_>> = keys
        .iter()
        .map(|key| {
            Ok(ListedKey {
                id: key.key_id,
                prefix: &key.prefix,
                tier: &key.tier,
                name: &key.name,
                created_at: rfc3339(key.created_at)?,
                expires_at: key.expires_at.map(rfc3339).transpose()?,
                revoked_at: key.revoked_at.map(rfc3339).transpose()?,
                state: state(key, now),
            })
        })
        .collect::<Result<_>>()?;
    Ok(serde_json::to_string(&entries)? + "\n")
}

fn list_text(keys: &[KeyRecord], now: OffsetDateTime) -> Result<String> {
    if keys.is_empty() {
        return Ok("no keys: vitrine keys create --tier TIER\n".to_owned());
    }
    let mut text = format!(
        "{:>4}  {:<10} {:<12} {:<8} {:<21} {:<21} {}\n",
        "ID", "KEY", "TIER", "STATE", "CREATED", "EXPIRES", "NAME"
    );
    for key in keys {
        let expires = key.expires_at.map(rfc3339).transpose()?.unwrap_or_else(|| "never".to_owned());
        let _ = writeln!(
            text,
            "{:>4}  {:<10} {:<12} {:<8} {:<21} {:<21} {}",
            key.key_id,
            format!("{}…", key.prefix),
            key.tier,
            state(key, now),
            rfc3339(key.created_at)?,
            expires,
            // A name is somebody's text: it must not steer the terminal.
            key.name.escape_debug(),
        );
    }
    Ok(text)
}

fn state(key: &KeyRecord, now: OffsetDateTime) -> &'static str {
    match key {
        KeyRecord { revoked_at: Some(_), .. } => "revoked",
        KeyRecord { expires_at: Some(expires), .. } if *expires <= now => "expired",
        _ => "active",
    }
}

fn rfc3339(time: OffsetDateTime) -> Result<String> {
    Ok(time.replace_nanosecond(0)?.format(&Rfc3339)?)
}

fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map(|time| time.to_offset(time::UtcOffset::UTC))
        .map_err(|error| format!("{error}; write it as 2030-01-31T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    fn record() -> KeyRecord {
        KeyRecord {
            key_id: 7,
            digest: [1; 32],
            prefix: "vt_abcde".to_owned(),
            tier: "basic".to_owned(),
            name: "a \"name\"".to_owned(),
            created_at: datetime!(2026-11-21 03:00:00.123456 UTC),
            expires_at: Some(datetime!(2030-01-31 00:00 UTC)),
            revoked_at: None,
        }
    }

    #[test]
    fn a_created_key_is_an_object_of_six() {
        let text = created_text("vt_key", &record(), true).unwrap();
        let expected = json!({
            "id": 7, "key": "vt_key", "tier": "basic", "name": "a \"name\"",
            "created_at": "2026-11-21T03:00:00Z", "expires_at": "2030-01-31T00:00:00Z",
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
        assert_eq!(text.lines().count(), 1);
        let never = KeyRecord { expires_at: None, ..record() };
        assert!(created_text("vt_key", &never, true).unwrap().contains(r#""expires_at":null"#));
    }

    #[test]
    fn the_text_of_a_created_key_says_that_it_is_shown_once() {
        let text = created_text("vt_key", &record(), false).unwrap();
        assert_eq!(text.lines().next(), Some("vt_key"));
        assert!(text.contains("once") && text.contains("basic") && text.contains("2030-01-31"), "{text}");
    }

    #[test]
    fn a_list_tells_the_state() {
        let now = datetime!(2027-01-01 00:00 UTC);
        let expired = KeyRecord { expires_at: Some(now), ..record() };
        let revoked = KeyRecord { revoked_at: Some(now), ..record() };
        let listed = list_json(&[record(), expired.clone(), revoked], now).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let states: Vec<_> =
            listed.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["active", "expired", "revoked"]);
        assert_eq!(listed[0]["prefix"], "vt_abcde");
        assert!(list_text(&[expired], now).unwrap().contains("expired"));
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let key = KeyRecord { name: "\u{1b}[2J\n".to_owned(), ..record() };
        let text = list_text(&[key], datetime!(2027-01-01 00:00 UTC)).unwrap();
        assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn times_are_rfc3339() {
        assert_eq!(parse_time("2030-01-31T02:00:00+02:00").unwrap(), datetime!(2030-01-31 00:00 UTC));
        assert!(parse_time("tomorrow").unwrap_err().contains("2030-01-31T00:00:00Z"));
    }
}
