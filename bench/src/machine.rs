//! What a run ran on.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::options::Options;

/// Machine, commit and command, by name.
pub(crate) fn facts(options: &Options, postgres: String) -> BTreeMap<&'static str, String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpuinfo, meminfo) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let separator = if arguments.is_empty() { "" } else { " -- " };
    BTreeMap::from([
        ("CPU", format!("{}, {cores} cores", field(&cpuinfo, "model name").unwrap_or("unknown"))),
        ("RAM", field(&meminfo, "MemTotal").unwrap_or("unknown").to_owned()),
        ("kernel", version(read("/proc/sys/kernel/osrelease").trim()).to_owned()),
        ("Postgres", postgres),
        ("commit", commit()),
        ("command", format!("`cargo run --release -p vitrine-bench{separator}{}`", arguments.join(" "))),
        ("assets", options.assets().to_string()),
        (
            "rounds",
            format!(
                "{} of {} s, warmed up for {} s",
                options.rounds(),
                options.seconds().as_secs_f64(),
                options.warm_up().as_secs_f64()
            ),
        ),
    ])
}

/// The first value of a name in a file of `name : value` lines.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// Numbers and dots; what follows names a build.
fn version(release: &str) -> &str {
    let end = release.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(release.len());
    &release[..end]
}

/// The commit that the working directory is at, and whether files differ from it.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
    if changed { format!("{commit}, with changes") } else { commit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_its_version() {
        assert_eq!(version("6.1.0-13-amd64"), "6.1.0");
        assert_eq!(version("6.12"), "6.12");
    }

    #[test]
    fn fields_are_found() {
        let text = "processor : 0\nmodel name\t: A CPU @ 2 GHz\nmodel name\t: B\n";
        assert_eq!(field(text, "model name"), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "flags"), None);
    }
}
