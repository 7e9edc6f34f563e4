//! What processes burn and hold, and what the machine does besides, as the kernel tells it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time that a server, Postgres and a client have burnt until now, seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cpu {
    /// The server of the lane; 0 where there is none.
    pub(crate) server: f64,
    /// The postmaster, its children, and those that have ended.
    pub(crate) postgres: f64,
    /// The load client or pgbench.
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

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            server: self.server + other.server,
            postgres: self.postgres + other.postgres,
            client: self.client + other.client,
        }
    }

    /// Of all three.
    pub(crate) fn sum(self) -> f64 {
        self.server + self.postgres + self.client
    }
}

/// CPU time of the whole machine since it started, seconds over all cores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Machine {
    /// What processes used, whoever's, and the kernel for them; interrupts are not in it.
    pub(crate) used: f64,
    /// What the machine below this one took while something here wanted to run.
    pub(crate) stolen: f64,
}

impl Machine {
    /// Until now.
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("/proc is needed: Linux only")?;
        parse_machine(&text).context("/proc/stat has another form")
    }
}

fn parse_machine(stat: &str) -> Option<Machine> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let numbers: Vec<u64> = line.split_whitespace().map_while(|number| number.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal.
    let [user, nice, system, _, _, _, _, steal, ..] = *numbers else { return None };
    Some(Machine { used: seconds(user + nice + system), stolen: seconds(steal) })
}

/// The CPU time of a process, all its threads that are alive, seconds. The kernel's scheduler counts it in nanoseconds,
/// where `stat` counts in ticks of 10 ms, which are too long for a slice.
pub(crate) fn of_process(process: u32) -> Result<f64> {
    let folder = format!("/proc/{process}/task");
    let mut nanoseconds = 0;
    for thread in fs::read_dir(&folder).context(folder)? {
        // It may have ended since.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += parse_thread(&text).context("/proc/…/schedstat has another form")?;
    }
    Ok(Duration::from_nanos(nanoseconds).as_secs_f64())
}

fn parse_thread(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// The CPU time of the thread that asks, seconds.
pub(crate) fn of_this_thread() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default().as_secs_f64()
}

/// The CPU time of all children of ours that have ended, seconds.
pub(crate) fn of_our_children() -> Result<f64> {
    of_ended_children(std::process::id())
}

/// The CPU time of a postmaster with all its children, also those that have ended, seconds.
pub(crate) fn of_postgres(postmaster: u32) -> Result<f64> {
    // A child that ends while we look would be missed or counted twice: we look again until none has.
    let mut last = family(postmaster)?;
    for _ in 0..20 {
        let next = family(postmaster)?;
        if next.keys().eq(last.keys()) {
            let children: f64 = next.values().sum();
            return Ok(children + of_process(postmaster)? + of_ended_children(postmaster)?);
        }
        last = next;
    }
    anyhow::bail!("Postgres's processes come and go too fast to be counted")
}

/// The children of a process that are alive, with their CPU time.
fn family(parent: u32) -> Result<BTreeMap<u32, f64>> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(&path).context(path)?;
    let mut family = BTreeMap::new();
    for child in children.split_whitespace() {
        let child = child.parse()?;
        // It may have ended since.
        if let Ok(burnt) = of_process(child) {
            family.insert(child, burnt);
        }
    }
    Ok(family)
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

/// The CPU time of children that a process has waited for, seconds: no clock counts it, only ticks do.
fn of_ended_children(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).context("/proc is needed: Linux only")?;
    Ok(seconds(parse_ended_children(&text).context("/proc/…/stat has another form")?))
}

fn parse_ended_children(stat: &str) -> Option<u64> {
    // The command's name, in brackets, may hold anything.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(13);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
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
        assert_eq!(parse_ended_children(stat), Some(7));
        assert_eq!(parse_ended_children("12 (a) S 7"), None);
        assert_eq!((parse_thread("2500 30 4\n"), parse_thread("")), (Some(2_500), None));
        let status = "Name:\ta\nVmHWM:\t  20 kB\nVmRSS:\t  10 kB\n";
        assert_eq!(parse_memory(status), Some(Memory { now: 10_240, peak: 20_480 }));
        assert_eq!(parse_memory("Name:\ta\n"), None);
    }

    #[test]
    fn the_machine_is_read_without_its_idle_time() {
        let found = parse_machine("cpu  10 20 30 1000 50 7 8 9 0 0\ncpu0 1 2 3 4 5 6 7 8\n").unwrap();
        assert_eq!(found, Machine { used: seconds(60), stolen: seconds(9) });
        assert_eq!(parse_machine("cpu  10 20 30\n"), None);
        assert_eq!(parse_machine("intr 1\n"), None);
        let (before, after) = (Machine::now().unwrap(), Machine::now().unwrap());
        assert!(before.used > 0.0 && after.used >= before.used);
    }

    #[test]
    fn our_own_process_burns_and_holds() {
        let own = || of_process(std::process::id()).unwrap();
        let before = own();
        let mut sum = 0_u64;
        while own() - before < 0.002 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.now > 100_000 && memory.peak >= memory.now);
        assert!(family(std::process::id()).unwrap().is_empty());
        assert!(of_process(u32::MAX >> 1).is_err());
    }
}
