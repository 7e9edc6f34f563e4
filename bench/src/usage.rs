//! What processes burn and hold, as `/proc` tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time of a process, in ticks of the system's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    own: u64,
    /// That of children that it has waited for.
    children: u64,
}

/// CPU time that a server, Postgres and a client have burnt until now, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cpu {
    /// The server of the lane; 0 where there is none.
    pub(crate) server: f64,
    /// The postmaster, its children, and those that have ended.
    pub(crate) postgres: f64,
    /// The load client, or what `pgbench` processes of ours have burnt.
    pub(crate) client: f64,
}

impl Cpu {
    /// What was burnt since.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            server: self.server - before.server,
            postgres: self.postgres - before.postgres,
            client: self.client - before.client,
        }
    }
}

/// The CPU time of a process, seconds.
pub(crate) fn of_process(process: u32) -> Result<f64> {
    Ok(seconds(ticks(process)?.own))
}

/// The CPU time of the thread that asks, seconds: finer than what `/proc` tells.
pub(crate) fn of_this_thread() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

/// The CPU time of all children of ours that have ended, seconds.
pub(crate) fn of_our_children() -> Result<f64> {
    Ok(seconds(ticks(std::process::id())?.children))
}

/// The CPU time of a postmaster with all its children, also those that have ended, seconds.
pub(crate) fn of_postgres(postmaster: u32) -> Result<f64> {
    // A child that ends while we look would be missed or counted twice: we look again until none has.
    let mut last = family(postmaster)?;
    for _ in 0..20 {
        let next = family(postmaster)?;
        if next.0.keys().eq(last.0.keys()) {
            let children: u64 = next.0.values().sum();
            return Ok(seconds(children + next.1.own + next.1.children));
        }
        last = next;
    }
    anyhow::bail!("Postgres's processes come and go too fast to be counted")
}

fn family(postmaster: u32) -> Result<(BTreeMap<u32, u64>, Ticks)> {
    let mut children = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may have ended since.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        if let Some((parent, ticks)) = parse(&stat)
            && parent == postmaster
        {
            children.insert(process, ticks.own);
        }
    }
    Ok((children, ticks(postmaster)?))
}

/// Memory that a process holds and has held at most, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// VmRSS.
    pub(crate) now: u64,
    /// VmHWM.
    pub(crate) peak: u64,
}

/// The resident memory of a process.
pub(crate) fn memory(process: u32) -> Result<Memory> {
    let text =
        fs::read_to_string(format!("/proc/{process}/status")).context("/proc is needed: Linux only")?;
    parse_memory(&text).context("VmRSS and VmHWM")
}

fn parse_memory(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

fn ticks(process: u32) -> Result<Ticks> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).context("/proc is needed: Linux only")?;
    Ok(parse(&text).context("/proc/…/stat has another form")?.1)
}

/// Parent and CPU time.
fn parse(stat: &str) -> Option<(u32, Ticks)> {
    // The command's name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let parent = fields.get(1)?.parse().ok()?;
    Some((parent, Ticks { own: number(11)? + number(12)?, children: number(13)? + number(14)? }))
}

fn seconds(ticks: u64) -> f64 {
    crate::stats::float(ticks) / crate::stats::float(rustix::param::clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn proc_is_read_whatever_the_name() {
        let stat = "12 (a) b (c) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        assert_eq!(parse(stat), Some((7, Ticks { own: 120, children: 7 })));
        assert_eq!(parse("12 (a) S 7"), None);
        let status = "Name:\ta\nVmHWM:\t  20 kB\nVmRSS:\t  10 kB\n";
        assert_eq!(parse_memory(status), Some(Memory { now: 10_240, peak: 20_480 }));
        assert_eq!(parse_memory("Name:\ta\n"), None);
    }

    #[test]
    fn our_own_process_burns_and_holds() {
        let before = of_process(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while of_process(std::process::id()).unwrap() - before < 0.02 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.now > 100_000 && memory.peak >= memory.now);
    }
}
