//! Stops the tests' Postgres when no test has used it for a while. Its folder stays for the next run.
//!
//! A test process has no moment at which it knows to be the last one; this one waits for it.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use vitrine_cluster::{Closed, Cluster};
use vitrine_tests::postgres;

/// How long the cluster stays for the next test process.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let data_dir = PathBuf::from(std::env::args_os().nth(1).expect("usage: postgres-keeper DATA_DIR"));
    std::fs::create_dir_all(&data_dir)?;
    let one_keeper = File::create(postgres::keeper_lock(&data_dir))?;
    if one_keeper.try_lock().is_err() {
        return Ok(());
    }
    loop {
        let cluster = Cluster::open(&postgres::options(&data_dir))?;
        std::thread::sleep(GRACE);
        if cluster.close()? == Closed::Stopped {
            return Ok(());
        }
    }
}
