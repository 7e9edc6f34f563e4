//! Room on the disk for the large size: what it needs, what is deleted for it, and when there is too little.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::data::Data;
use crate::figures::sizes::SMALL;
use crate::loading;
use crate::stats::{figure, float};

/// What is kept free beside what is counted, bytes: logs, answers, temporary files.
const SPARE_BYTES: u64 = 1 << 30;

/// Bytes that the large size needs, of what is known of the usual one: all of it, and what of that are plain bodies, which
/// only the usual one has.
fn needed_bytes((usual_bytes, plain_bytes): (u64, u64), usual: Data, large: Data, wal_bytes: u64) -> u64 {
    let product_bytes = u128::from(usual_bytes.saturating_sub(plain_bytes));
    let large_bytes = product_bytes * u128::from(large.assets()) / u128::from(usual.assets());
    let large_bytes = u64::try_from(large_bytes).unwrap_or(u64::MAX);
    // Indexes that grow hold a little more air; the usual one is copied once more, to be written to; WAL may grow to twice
    // what it is told before it is let go.
    [large_bytes / 10, usual_bytes, wal_bytes.saturating_mul(2), SPARE_BYTES]
        .into_iter()
        .fold(large_bytes, u64::saturating_add)
}

/// Says what the large size needs, where it is asked for and is not there yet, and deletes what this run can make again
/// or has no use for as long as that is more than what is free. Too little room is an error. The usual size is loaded.
pub(crate) async fn make(bench: &Bench, usual: Data) -> Result<()> {
    let Some(large) = bench.options.large_assets().map(Data::new) else { return Ok(()) };
    if loading::found(bench, large).await?.is_some() {
        return Ok(());
    }
    let usual_bytes = bench.postgres.database(&loading::name(usual.assets())).bytes().await?;
    let needed = needed_bytes(usual_bytes, usual, large, bench.postgres.wal_bytes_max().await?);
    bench.say(&format!("{} assets need some {} GB of disk", large.assets(), gigabytes(needed)));
    let kept = [SMALL, usual.assets()].map(loading::name);
    let deletable = deletable(bench, &kept).await?;
    let most = deletable.iter().fold(free_bytes(bench)?, |sum, (bytes, _)| sum.saturating_add(*bytes));
    if most < needed {
        bail!(
            "the disk of {} is too small for {} assets: they need {} GB, and {} could be free; --large-assets takes fewer",
            bench.folder.display(),
            large.assets(),
            gigabytes(needed),
            gigabytes(most)
        );
    }
    for (_, what) in deletable {
        if free_bytes(bench)? < needed {
            what.delete(bench).await?;
        }
    }
    Ok(())
}

/// What a run can make again, or has no use for.
#[derive(Debug)]
enum Deletable {
    /// A file of assets that were imported.
    Input(PathBuf),
    /// The database of another run.
    Database(String),
}

/// All of it, with its bytes: what is made again soonest comes first.
async fn deletable(bench: &Bench, kept: &[String]) -> Result<Vec<(u64, Deletable)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(&bench.folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("assets-") && name.ends_with(".ndjson") {
            found.push((entry.metadata()?.len(), Deletable::Input(entry.path())));
        }
    }
    for name in bench.postgres.databases("bench_").await? {
        if !kept.contains(&name) {
            let (bytes, _) = bench.postgres.database(&name).bytes().await?;
            found.push((bytes, Deletable::Database(name)));
        }
    }
    Ok(found)
}

impl Deletable {
    async fn delete(self, bench: &Bench) -> Result<()> {
        match self {
            Self::Input(file) => {
                bench.say(&format!("deleting {}, which can be written again", file.display()));
                fs::remove_file(file)?;
            }
            Self::Database(name) => {
                bench.say(&format!("deleting the database {name} of another run"));
                let marker = loading::marker(bench, &name);
                if marker.exists() {
                    fs::remove_file(marker)?;
                }
                bench.postgres.drop(&bench.postgres.database(&name)).await?;
            }
        }
        Ok(())
    }
}

fn free_bytes(bench: &Bench) -> Result<u64> {
    let disk = rustix::fs::statvfs(&bench.folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn gigabytes(bytes: u64) -> String {
    figure(float(bytes) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_the_assets_need_more_than_ten_times_the_disk() {
        let (usual, large) = (Data::new(1_000_000), Data::new(10_000_000));
        let needed = needed_bytes((7_000_000_000, 2_000_000_000), usual, large, 4_000_000_000);
        assert_eq!(needed, 50_000_000_000 + 5_000_000_000 + 7_000_000_000 + 8_000_000_000 + SPARE_BYTES);
        assert_eq!(needed_bytes((u64::MAX, 0), usual, large, 0), u64::MAX);
    }
}
