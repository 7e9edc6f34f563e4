//! What a page of the large group costs at different numbers of assets.

use anyhow::Result;

use crate::bench::Bench;
use crate::data::{Data, Kind};
use crate::loading;
use crate::rounds;
use crate::scenario::{SERVERS, Scenario};
use crate::server::Server;
use crate::site::Site;
use crate::stats::float;
use crate::usage;

/// The small size.
pub(crate) const SMALL: u64 = 10_000;

/// Limits that are compared.
pub(crate) const LIMITS: [usize; 2] = [10, 1000];

/// Names of the figures of the large size.
pub(crate) const LARGE_RATE: &str = "size: import of the large size, from exec to exit";
pub(crate) const LARGE_PEAK: &str = "size: its peak of resident memory";
const BENCH_PEAK: &str = "size: peak of resident memory of the bench itself";

/// The name of the rows of a size.
pub(crate) fn name(assets: u64, limit: usize) -> String {
    format!("size/{assets}/group/large/first/{limit}/x1")
}

/// Compares the small, the usual and, where it is asked for, the large size.
pub(crate) async fn run(bench: &mut Bench, site: &Site, empty: &Server) -> Result<()> {
    if !bench.options.wants("size") {
        return Ok(());
    }
    let mut sites = Vec::new();
    for assets in [SMALL].into_iter().chain(bench.options.large_assets()) {
        let data = Data::new(assets);
        let (database, imported) = loading::load(bench, data).await?;
        if assets != SMALL {
            let rate = float(assets) / imported.seconds;
            bench.results.collect(LARGE_RATE, "assets/s", [rate]);
            bench.results.collect(LARGE_PEAK, "MB", [float(imported.peak_bytes) / 1e6]);
        }
        let keep = LIMITS.into_iter().max().unwrap_or_default();
        sites.push(Site::open(bench, data, database, &[(Kind::Group, 0)], keep).await?);
    }
    for limit in LIMITS {
        let mut group = Vec::new();
        for site in sites.iter().chain([site]) {
            let name = name(site.data.assets(), limit);
            group.push((site, site.prepare(bench, &name, page(limit)).await?));
        }
        rounds::measure(bench, &group, empty).await?;
    }
    for site in sites {
        site.close().await?;
    }
    let own = usage::memory(std::process::id())?.peak;
    bench.results.collect(BENCH_PEAK, "MB", [float(own) / 1e6]);
    Ok(())
}

fn page(limit: usize) -> Scenario {
    Scenario::first(Kind::Group, limit, 1, SERVERS)
}
