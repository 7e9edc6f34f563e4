//! `vitrine.conf`: the settings of the private Postgres, written anew at each start.

use std::fs;
use std::path::Path;

use crate::data_dir::PORT;
use crate::error::ClusterError;

/// The name of the file in `pgdata`, which `postgresql.conf` includes.
pub(crate) const FILE: &str = "vitrine.conf";
/// The bounds of `shared_buffers`, MiB.
const SHARED_BUFFERS_MIB: (u64, u64) = (64, 4096);
/// The bounds of `wal_buffers`, MiB. The upper one is about what two batches of an import log.
const WAL_BUFFERS_MIB: (u64, u64) = (2, 64);
/// What is assumed where the machine does not say how much memory it has, MiB.
const UNKNOWN_MEMORY_MIB: u64 = 2048;

/// The text of the file. Postgres takes the last line that names a setting: the caller's come after ours, and
/// where to listen comes last of all.
pub(crate) fn render(
    memory_mib: Option<u64>,
    lz4: bool,
    socket_dir: &Path,
    extra: &[(String, String)],
) -> Result<String, ClusterError> {
    let memory = memory_mib.unwrap_or(UNKNOWN_MEMORY_MIB);
    let (least, most) = SHARED_BUFFERS_MIB;
    let shared_buffers = (memory / 8).clamp(least, most);
    let cache = (memory / 2).max(shared_buffers);
    let mut text = String::from("# Written by Vitrine at each start: changes here are lost.\n");
    let mut set = |name: &str, value: &str| -> Result<(), ClusterError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(plain) || value.contains(char::is_control) {
            return Err(ClusterError::BadSetting { name: name.to_owned() });
        }
        let value = value.replace('\\', "\\\\").replace('\'', "''");
        text.extend([name, " = '", &value, "'\n"]);
        Ok(())
    };
    set("shared_buffers", &format!("{shared_buffers}MB"))?;
    set("effective_cache_size", &format!("{cache}MB"))?;
    // By itself Postgres stops at 16 MiB. The batches of an import log more before they commit: each of their sessions then
    // writes the log a page at a time, while the others wait for it.
    let (least, most) = WAL_BUFFERS_MIB;
    set("wal_buffers", &format!("{}MB", (shared_buffers / 32).clamp(least, most)))?;
    set("max_connections", "100")?;
    // After a checkpoint each page that changes is logged whole. An import changes pages everywhere in the indexes:
    // few checkpoints, and no compression of what they cause: pages of random ids hardly shrink, and whoever reads meanwhile
    // needs the processor more than the disk.
    set("max_wal_size", "4GB")?;
    set("checkpoint_timeout", "15min")?;
    set("wal_compression", "off")?;
    if lz4 {
        set("default_toast_compression", "lz4")?;
    }
    for (name, value) in extra {
        set(name, value)?;
    }
    set("listen_addresses", "")?;
    set("port", &PORT.to_string())?;
    // The value is a list: the quotes keep a comma or a space in the path from ending the entry.
    let socket_dir = socket_dir.to_string_lossy().replace('"', "\"\"");
    set("unix_socket_directories", &format!("\"{socket_dir}\""))?;
    Ok(text)
}

/// The memory that this process may use, MiB: the machine's, or less in a container.
pub(crate) fn memory_mib() -> Option<u64> {
    let machine = parse_meminfo(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes >> 20);
    Some(limit.map_or(machine, |limit| limit.min(machine)))
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib / 1024)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn plain(memory_mib: Option<u64>) -> String {
        render(memory_mib, false, Path::new("/s"), &[]).unwrap()
    }

    #[test]
    fn buffers_follow_the_memory_within_bounds() {
        assert!(plain(Some(128)).contains("shared_buffers = '64MB'"));
        assert!(plain(Some(4096)).contains("shared_buffers = '512MB'"));
        assert!(plain(Some(1 << 20)).contains("shared_buffers = '4096MB'"));
        assert!(plain(None).contains("shared_buffers = '256MB'"));
        assert!(plain(Some(128)).contains("wal_buffers = '2MB'"));
        assert!(plain(Some(8192)).contains("wal_buffers = '32MB'"));
        assert!(plain(Some(1 << 20)).contains("wal_buffers = '64MB'"));
        assert_eq!(parse_meminfo("MemTotal:       24684092 kB\nMemFree: 1 kB\n"), Some(24105));
        assert_eq!(parse_meminfo("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn the_callers_settings_win_except_where_to_listen() {
        let extra = [("fsync", "off"), ("max_connections", "7"), ("listen_addresses", "*")];
        let extra = extra.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = render(None, true, Path::new("/a, b's"), &extra).unwrap();
        let last = |name: &str| text.lines().rfind(|line| line.starts_with(name)).unwrap();
        assert_eq!(last("fsync"), "fsync = 'off'");
        assert_eq!(last("max_connections"), "max_connections = '7'");
        assert_eq!(last("listen_addresses"), "listen_addresses = ''");
        assert_eq!(last("unix_socket_directories"), "unix_socket_directories = '\"/a, b''s\"'");
        assert_eq!(last("default_toast_compression"), "default_toast_compression = 'lz4'");
        assert_eq!(last("wal_compression"), "wal_compression = 'off'");
        assert!(!plain(None).contains("lz4"));
    }

    #[test]
    fn a_setting_cannot_smuggle_a_line() {
        for (name, value) in [("a b", "x"), ("", "x"), ("a", "x\nlisten_addresses = '*'"), ("a=b", "x")] {
            let extra = [(name.to_owned(), value.to_owned())];
            let error = render(None, false, Path::new("/s"), &extra).unwrap_err();
            assert!(matches!(error, ClusterError::BadSetting { .. }), "{name:?} {value:?}");
        }
        let extra = [("log_line_prefix".to_owned(), "it's \\ %m".to_owned())];
        let text = render(None, false, Path::new("/s"), &extra).unwrap();
        assert!(text.contains("log_line_prefix = 'it''s \\\\ %m'\n"), "{text}");
    }
}
