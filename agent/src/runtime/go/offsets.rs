//! Where the fields lie, by Go version.
//!
//! Read from the DWARF of a program built by the first and the last release of each version; within one they are
//! the same. Experiments (`X:boringcrypto`) do not change these structures. `cargo test -- --ignored
//! go_versions` compares the table with what the toolchains build.

use super::ConnectionPath;
use super::dwarf;
use super::image::Image;

/// Offsets within the structures of Go's runtime and standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offsets {
    pub(super) goid: u32,
    pub(super) parent_goid: u32,
    pub(super) connection: Option<ConnectionPath>,
}

/// The second word of an interface.
pub(super) const DATA_WORD: u32 = 8;

/// The same in Go 1.18 to 1.26.
const CONNECTION: ConnectionPath = ConnectionPath {
    conn: 80 + DATA_WORD,
    fd: 0,
    local: 96 + DATA_WORD,
    remote: 112 + DATA_WORD,
    port: 24,
    descriptor: 16,
};

/// Go passes arguments in registers since 1.17 and writes the table that `pclntab` knows since 1.18.
const OLDEST: (u16, u16) = (1, 18);

impl Offsets {
    /// Offsets of a released version.
    pub(super) fn of_version(version: (u16, u16)) -> Option<Self> {
        let (goid, parent_goid) = match version {
            (1, 18..=20) => (152, 0),
            (1, 21 | 22 | 25) => (152, 272),
            (1, 23 | 24) => (160, 280),
            (1, 26) => (152, 280),
            _ => return None,
        };
        Some(Self {
            goid,
            parent_goid,
            connection: Some(CONNECTION),
        })
    }

    /// Offsets that a newer executable itself tells.
    pub(super) fn of_unknown(version: (u16, u16), image: &Image) -> Option<Self> {
        if version < OLDEST {
            return None;
        }
        Self::of_dwarf(image)
    }

    /// Offsets by the executable's DWARF.
    pub(super) fn of_dwarf(image: &Image) -> Option<Self> {
        const FIELDS: [(&str, &str); 10] = [
            ("runtime.g", "goid"),
            ("runtime.g", "parentGoid"),
            ("net/http.persistConn", "conn"),
            ("net.TCPConn", "conn"),
            ("net.conn", "fd"),
            ("net.netFD", "laddr"),
            ("net.netFD", "raddr"),
            ("net.TCPAddr", "Port"),
            ("net.netFD", "pfd"),
            ("internal/poll.FD", "Sysfd"),
        ];
        let [
            goid,
            parent,
            conn,
            inner,
            fd,
            local,
            remote,
            port,
            poll,
            descriptor,
        ] = dwarf::members(image, &FIELDS)?;
        let connection = || {
            Some(ConnectionPath {
                conn: conn?.checked_add(DATA_WORD)?,
                fd: inner?.checked_add(fd?)?,
                local: local?.checked_add(DATA_WORD)?,
                remote: remote?.checked_add(DATA_WORD)?,
                port: port?,
                descriptor: poll?.checked_add(descriptor?)?,
            })
        };
        Some(Self {
            goid: goid?,
            parent_goid: parent.unwrap_or(0),
            connection: connection(),
        })
    }
}
