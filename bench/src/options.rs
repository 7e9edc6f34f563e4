//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};

use crate::data::ASSETS_MAX;

/// Measures Vitrine beside Postgres alone and beside an empty handler, on the same bytes in the same run, and checks
/// every answer. The exit code is 1 where an answer is wrong, and never because of a time.
#[derive(Debug, Clone, Parser)]
#[command(name = "vitrine-bench", version)]
pub(crate) struct Options {
    /// Short rounds on 100,000 assets: under 3 minutes
    #[arg(long)]
    pub(crate) quick: bool,
    /// Assets [default: 1000000, with --quick 100000]
    #[arg(long, value_name = "N")]
    assets: Option<u64>,
    /// Rounds of each measurement [default: 3, with --quick 1]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Length of a measurement [default: 2, with --quick 0.3]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Only what has this in its name; may be given more than once
    #[arg(long, value_name = "SUBSTRING")]
    pub(crate) only: Vec<String>,
    /// Where data is kept and found again [default: the folder `bench` beside this binary's profile folder]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Load the data anew even if it is there
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Write the report into this Markdown file, between its two marks [default: docs/performance.md, with --quick or
    /// --only none]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Also the size of 10 million assets: what a page of its large group costs, and what its import takes
    #[arg(long)]
    large: bool,
    /// The same with so many assets [default: 10000000]
    #[arg(long, value_name = "N")]
    large_assets: Option<u64>,
    /// Run a part of the bench in this process
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

/// Parts of the bench that are processes of their own.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Part {
    /// The load client: a spec as JSON on standard input, the result as JSON on standard output
    #[command(hide = true)]
    Load,
    /// The empty handler
    #[command(hide = true)]
    NullServer,
}

impl Options {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let assets = self.assets();
        ensure!((10_000..=ASSETS_MAX).contains(&assets), "--assets must be between 10,000 and {ASSETS_MAX}");
        if let Some(large) = self.large_assets() {
            ensure!(
                large > assets && large <= ASSETS_MAX,
                "--large-assets must be above {assets} and at most {ASSETS_MAX}"
            );
        }
        ensure!(self.rounds() >= 1, "--rounds must be at least 1");
        ensure!(
            (0.05..=600.0).contains(&self.seconds().as_secs_f64()),
            "--seconds must be between 0.05 and 600"
        );
        Ok(())
    }

    /// How many assets.
    pub(crate) fn assets(&self) -> u64 {
        self.assets.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }

    /// How many assets the large size has, where it is asked for.
    pub(crate) fn large_assets(&self) -> Option<u64> {
        self.large_assets.or(self.large.then_some(10_000_000))
    }

    /// Assets of the import that is timed beside COPY.
    pub(crate) fn copied_assets(&self) -> u64 {
        self.assets().min(if self.quick { 50_000 } else { 200_000 })
    }

    /// Things of the chain that are ingested: about two and a half times as many lines, and half as many once more.
    pub(crate) fn ingested_things(&self) -> u64 {
        if self.quick { 4_000 } else { 40_000 }
    }

    /// How many rounds.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// The length of a measurement.
    pub(crate) fn seconds(&self) -> Duration {
        let default = if self.quick { 0.3 } else { 2.0 };
        Duration::try_from_secs_f64(self.seconds.unwrap_or(default)).unwrap_or_default()
    }

    /// How long to warm up before it.
    pub(crate) fn warm_up(&self) -> Duration {
        self.seconds() / 4
    }

    /// The folder of the data.
    pub(crate) fn data_dir(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.data_dir {
            return Ok(std::path::absolute(folder)?);
        }
        let binary = std::env::current_exe()?;
        let target = binary.parent().and_then(|profile| profile.parent()).context("where is this binary?")?;
        Ok(target.join("bench"))
    }

    /// The file for the report.
    pub(crate) fn report(&self) -> Option<PathBuf> {
        let default = || (!self.quick && self.only.is_empty()).then(|| PathBuf::from("docs/performance.md"));
        self.report.clone().or_else(default)
    }

    /// Whether anything is to be measured that needs imported assets: all but ingesting.
    pub(crate) fn wants_pages(&self) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| part != "ingest")
    }

    /// Whether something of this name is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
        let quick = Options::try_parse_from(["vitrine-bench", "--quick", "--only", "first"]).unwrap();
        assert_eq!((quick.assets(), quick.rounds(), quick.report()), (100_000, 1, None));
        assert!(quick.wants("group/large/first/10") && !quick.wants("import"));
        let full = Options::try_parse_from(["vitrine-bench"]).unwrap();
        assert_eq!((full.assets(), full.report()), (1_000_000, Some("docs/performance.md".into())));
        full.check().unwrap();
        let small = Options::try_parse_from(["vitrine-bench", "--assets", "10"]).unwrap();
        let ingest = Options::try_parse_from(["vitrine-bench", "--only", "ingest"]).unwrap();
        assert!(ingest.wants("ingest") && !ingest.wants_pages() && full.wants_pages());
        assert!(small.check().is_err());
        let large = |arguments: &[&str]| {
            let all = ["vitrine-bench"].iter().chain(arguments);
            Options::try_parse_from(all).unwrap()
        };
        assert_eq!((full.large_assets(), large(&["--large"]).large_assets()), (None, Some(10_000_000)));
        let smaller = large(&["--quick", "--large-assets", "300000"]);
        assert_eq!(smaller.large_assets(), Some(300_000));
        smaller.check().unwrap();
        assert!(large(&["--large-assets", "1000000"]).check().is_err());
    }
}
