//! Where the fields lie, by Go version.
//!
//! Read from the DWARF of a program built by the first and the last release of each version; within one they are
//! the same. Experiments (`X:boringcrypto`) do not change these structures. `cargo test -- --ignored
//! go_versions` compares the table with what the toolchains build.

use super::dwarf;
use super::image::Image;
use super::{ConnectionPath, Life, Requests};

/// Offsets within the structures of Go's runtime and standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offsets {
    pub(super) goid: u32,
    pub(super) parent_goid: u32,
    pub(super) life: Option<Life>,
    pub(super) connection: Option<ConnectionPath>,
    pub(super) requests: Option<Requests>,
}

/// The second word of an interface.
pub(super) const DATA_WORD: u32 = 8;

/// The same in Go 1.18 to 1.26.
const CONNECTION: ConnectionPath = ConnectionPath {
    conn: 80 + DATA_WORD,
    fd: 0,
    local: 96 + DATA_WORD,
    descriptor: 16,
};

/// The same in Go 1.18 to 1.26.
const SERVED: u32 = 16 + DATA_WORD;

/// Go passes arguments in registers since 1.17 and writes the table that `pclntab` knows since 1.18.
const OLDEST: (u16, u16) = (1, 18);

impl Offsets {
    /// Offsets of a released version.
    pub(super) fn of_version(version: (u16, u16)) -> Option<Self> {
        let (goid, parent_goid, start_pc) = match version {
            (1, 18..=20) => (152, 0, 312),
            (1, 21 | 22 | 25) => (152, 272, 296),
            (1, 23 | 24) => (160, 280, 304),
            (1, 26) => (152, 280, 304),
            _ => return None,
        };
        let context = if version < (1, 23) { 232 } else { 248 };
        Some(Self {
            goid,
            parent_goid,
            life: Some(Life {
                start_pc,
                wait_reason: goid + 24,
                waits: waits(version),
            }),
            connection: Some(CONNECTION),
            requests: Some(Requests {
                context,
                served: SERVED,
            }),
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
        const FIELDS: [(&str, &str); 12] = [
            ("runtime.g", "goid"),
            ("runtime.g", "parentGoid"),
            ("runtime.g", "startpc"),
            ("runtime.g", "waitreason"),
            ("net/http.persistConn", "conn"),
            ("net.TCPConn", "conn"),
            ("net.conn", "fd"),
            ("net.netFD", "laddr"),
            ("net.netFD", "pfd"),
            ("internal/poll.FD", "Sysfd"),
            ("net/http.Request", "ctx"),
            ("net/http.conn", "rwc"),
        ];
        let [
            goid,
            parent,
            start,
            reason,
            conn,
            inner,
            fd,
            local,
            poll,
            descriptor,
            context,
            served,
        ] = dwarf::members(image, &FIELDS)?;
        let life = || {
            Some(Life {
                start_pc: start?,
                wait_reason: reason?,
                waits: WAITS,
            })
        };
        let connection = || {
            Some(ConnectionPath {
                conn: conn?.checked_add(DATA_WORD)?,
                fd: inner?.checked_add(fd?)?,
                local: local?.checked_add(DATA_WORD)?,
                descriptor: poll?.checked_add(descriptor?)?,
            })
        };
        let requests = || {
            Some(Requests {
                context: context?,
                served: served?.checked_add(DATA_WORD)?,
            })
        };
        Some(Self {
            goid: goid?,
            parent_goid: parent.unwrap_or(0),
            life: life(),
            connection: connection(),
            requests: requests(),
        })
    }
}

/// Wait reasons of a channel's receiver, of `time.Sleep` and of `sync.Cond`, as bits. Those of a version that is
/// not known are taken to be the newest's: they are one reason of several not to believe.
const fn waits(version: (u16, u16)) -> u32 {
    match version {
        (1, ..=24) => 1 << 14 | 1 << 19 | 1 << 20,
        (1, 25) => 1 << 14 | 1 << 20 | 1 << 21,
        _ => WAITS,
    }
}

/// Those of Go 1.26.
const WAITS: u32 = 1 << 19 | 1 << 14 | 1 << 21;
