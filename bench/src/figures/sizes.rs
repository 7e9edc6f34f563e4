//! What a page of the large group costs at different numbers of assets.

use anyhow::Result;

use crate::bench::Bench;
use crate::data::{Data, Kind};
use crate::loading;
use crate::rounds;
use crate::scenario::{Depth, Lane, Listed, Mode, Scenario};
use crate::server::Server;
use crate::site::Site;
use crate::stats::float;

/// The small size.
pub(crate) const SMALL: u64 = 10_000;

/// The large size.
pub(crate) const LARGE: u64 = 10_000_000;

/// Limits that are compared.
pub(crate) const LIMITS: [usize; 2] = [10, 1000];

/// Bytes on disk that an asset takes with everything around it, about, its WAL included.
const ASSET_BYTES: u64 = 7_000;

/// The name of the rows of a size.
pub(crate) fn name(assets: u64, limit: usize) -> String {
    format!("size/{assets}/group/large/first/{limit}/x1")
}

/// Compares the small, the usual and, where it is asked for and there is room, the large size.
pub(crate) async fn run(bench: &mut Bench, site: &Site, empty: &Server) -> Result<()> {
    if !bench.options.wants("size") {
        return Ok(());
    }
    let mut sites = Vec::new();
    for assets in [SMALL, LARGE] {
        if assets == LARGE && !(bench.options.large && has_room(bench)?) {
            continue;
        }
        let data = Data::new(assets);
        let (database, _) = loading::load(bench, data).await?;
        sites.push(Site::open(bench, data, database, &[(Kind::Group, 0)]).await?);
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
    Ok(())
}

fn page(limit: usize) -> Scenario {
    let table = Scenario::table().into_iter();
    let mut firsts = table.filter(|scenario| {
        (scenario.kind, scenario.listed, scenario.depth) == (Kind::Group, Listed::Large, Depth::First)
            && scenario.mode == Mode::Cursor
    });
    let mut page = firsts.next().expect("the table begins with the first page of the large group");
    page.limit = limit;
    page.connections = 1;
    page.lanes = &[Lane::Cached, Lane::Plain];
    page
}

/// Whether the disk has room for the large size, unless it is there already.
fn has_room(bench: &mut Bench) -> Result<bool> {
    if bench.folder.join(format!("bench_{LARGE}.json")).exists() {
        return Ok(true);
    }
    let disk = rustix::fs::statvfs(&bench.folder)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let needed = LARGE * ASSET_BYTES;
    if free >= needed {
        return Ok(true);
    }
    let [free, needed] = [free, needed].map(|bytes| float(bytes) / 1e9);
    let note = format!(
        "The size of 10 million assets was left out: it needs {needed:.0} GB of disk, and {free:.0} are free."
    );
    bench.say(&note);
    bench.results.notes.push(note);
    Ok(false)
}
