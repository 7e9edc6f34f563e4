//! What a page of the large group costs at different numbers of assets.

use anyhow::Result;

use crate::bench::Bench;
use crate::data::{Data, Kind};
use crate::loading;
use crate::rounds;
use crate::scenario::{READERS, Scenario};
use crate::server::Server;
use crate::site::Site;
use crate::stats::float;
use crate::usage;

const PREFIX: &str = "size/";

/// The small size.
pub(crate) const SMALL: u64 = 10_000;

/// Limits that are compared.
pub(crate) const LIMITS: [usize; 2] = [10, 1000];

/// Names of the figures of the large size.
pub(crate) const LARGE_RATE: &str = "size: import of the large size, from exec to exit";
pub(crate) const LARGE_PEAK: &str = "size: its peak of resident memory";
const BENCH_PEAK: &str = "size: peak of resident memory of the bench itself";

/// The limit at which a grand total is asked for.
pub(crate) const TOTAL_LIMIT: usize = 10;

/// What begins the names of all rows of a size.
pub(crate) fn prefix(assets: u64) -> String {
    format!("{PREFIX}{assets}/")
}

/// The size that a row is of.
pub(crate) fn of(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.split('/').next()?.parse().ok()
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
            bench.results.facts.insert("import of the large size", imported.told());
        }
        if assets != SMALL && !imported.is_earlier {
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
            for scenario in pages(limit) {
                let name = prefix(site.data.assets()) + &scenario.name();
                group.push((site, site.prepare(bench, &name, scenario).await?));
            }
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

/// The pages that are compared.
pub(crate) fn pages(limit: usize) -> Vec<Scenario> {
    let first = Scenario::first(Kind::Group, limit, 1, READERS);
    let total = (limit == TOTAL_LIMIT).then(|| Scenario { grand_total: true, ..first.clone() });
    [first].into_iter().chain(total).collect()
}
