//! Ports a process listens on, from `/proc/PID/net/tcp{,6}` and the socket inodes among its descriptors.
//!
//! Read on demand only: for port rules and for `sonde list`. The tables are those of the process's own
//! network namespace.

use std::path::Path;

use rustc_hash::FxHashSet;

use super::files;

const TABLE_BYTES: u64 = 8 * 1024 * 1024;
const MAX_DESCRIPTORS: usize = 65_536;
/// `TCP_LISTEN` as the tables print it.
const LISTEN: &str = "0A";

/// Sorted, each once. Empty if nothing is readable.
pub(super) fn listening(directory: &Path) -> Vec<u16> {
    let sockets = sockets(directory);
    if sockets.is_empty() {
        return Vec::new();
    }
    let mut ports: Vec<u16> = ["net/tcp", "net/tcp6"]
        .iter()
        .flat_map(|table| {
            let text = files::text(&directory.join(table), TABLE_BYTES);
            let rows = text.lines().filter_map(listener);
            let own = rows.filter(|(_, inode)| sockets.contains(inode));
            own.map(|(port, _)| port).collect::<Vec<_>>()
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn sockets(directory: &Path) -> FxHashSet<u64> {
    let Ok(entries) = std::fs::read_dir(directory.join("fd")) else {
        return FxHashSet::default();
    };
    let links = entries.flatten().take(MAX_DESCRIPTORS);
    links
        .filter_map(|entry| {
            let link = std::fs::read_link(entry.path()).ok()?;
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

/// Port and inode of a row in state LISTEN.
fn listener(row: &str) -> Option<(u16, u64)> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    let (_, port) = fields.next()?.rsplit_once(':')?;
    let (_remote, state) = (fields.next()?, fields.next()?);
    if state != LISTEN {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    Some((u16::from_str_radix(port, 16).ok()?, inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let cases = [
            (
                "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0",
                Some((8080, 4711)),
            ),
            (
                "   0: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4711 1",
                None,
            ),
            (
                "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12 1",
                Some((80, 12)),
            ),
            ("  sl  local_address rem_address   st tx_queue", None),
            ("", None),
        ];
        for (row, expected) in cases {
            assert_eq!(listener(row), expected, "{row}");
        }
    }

    #[test]
    fn own_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening(Path::new("/proc/self")).contains(&port));
    }
}
