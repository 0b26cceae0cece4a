//! Where goroutines serve and open HTTP/2 streams: grpc-go, and the HTTP/2 of `net/http` and `golang.org/x/net`.
//!
//! `net/http`'s structures begin the same in all versions since there is a table of functions. Those of
//! grpc-go are known by its version, which the build information tells of stripped executables too, and else
//! come from DWARF. They hold no structure whose size depends on the Go version.

use std::path::Path;

use sonde_common::go::{Probe, place};

use super::dwarf;
use super::image::Image;
use super::offsets::DATA_WORD;
use super::pclntab::Code;
use crate::process;

const GRPC: &str = "google.golang.org/grpc";
const GRPC_SERVES: &[u8] = b"google.golang.org/grpc.(*Server).handleStream";
/// The third of the functions in it, in all versions of the table.
const GRPC_CALLS: &[u8] =
    b"google.golang.org/grpc/internal/transport.(*http2Client).NewStream.func3";
/// Code of that function that is looked at.
const CALLS_CODE: usize = 512;
const HTTP_SERVES: [&[u8]; 2] = [
    b"net/http.(*http2serverConn).runHandler",
    b"golang.org/x/net/http2.(*serverConn).runHandler",
];
const HTTP_CALLS: [&[u8]; 2] = [
    b"net/http.(*http2ClientConn).roundTrip",
    b"golang.org/x/net/http2.(*ClientConn).roundTrip",
];

const SERVES_HTTP: Probe = Probe {
    place: place::SERVES_HTTP,
    pointers: 2,
    conn: 24,
    stream: 8,
};
const CALLS_HTTP: Probe = Probe {
    place: place::CALLS_HTTP,
    pointers: 0,
    conn: 0,
    stream: 0,
};

/// Places in the executable at `path`, as offsets of its file.
pub(super) fn find(path: &Path, image: &Image, code: &Code) -> Vec<(u64, Probe)> {
    let entry = |name: &[u8]| code.entry(image, name);
    let mut found = Vec::new();
    let fixed = [(HTTP_SERVES, SERVES_HTTP), (HTTP_CALLS, CALLS_HTTP)];
    for (names, probe) in fixed {
        let entries = names.into_iter().filter_map(entry);
        found.extend(entries.map(|offset| (offset, probe)));
    }
    let (serves, calls) = (entry(GRPC_SERVES), entry(GRPC_CALLS));
    if serves.is_none() && calls.is_none() {
        return found;
    }
    let Some(grpc) = Grpc::of(path, image) else {
        return found;
    };
    found.extend(serves.map(|offset| (offset, grpc.serves())));
    let calls = calls.filter(|offset| grpc.takes_number(image, *offset));
    found.extend(calls.map(|offset| (offset, grpc.calls())));
    found
}

/// Offsets within grpc-go's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grpc {
    /// `transport.http2Server.conn`
    pub(super) server_conn: u16,
    /// From what `handleStream` is given: pointers to the `transport.Stream`, and its `id` in that.
    pub(super) pointers: u8,
    pub(super) id: u16,
    /// `transport.http2Client.conn`
    pub(super) client_conn: u16,
    /// `transport.http2Client.nextID`
    pub(super) next_id: u16,
}

impl Grpc {
    fn of(path: &Path, image: &Image) -> Option<Self> {
        let version = process::go_module(path, GRPC);
        let minor = version.as_deref().and_then(minor);
        minor
            .and_then(Self::of_version)
            .or_else(|| Self::of_dwarf(image))
    }

    /// Read from the DWARF of a program built with the first release of each version; `cargo test -- --ignored
    /// grpc_versions` does it again.
    pub(super) fn of_version(minor: u16) -> Option<Self> {
        const fn offsets(conns: (u16, u16), next_id: u16, id: (u8, u16)) -> Grpc {
            Grpc {
                server_conn: conns.1,
                pointers: id.0,
                id: id.1,
                client_conn: conns.0,
                next_id,
            }
        }
        Some(match minor {
            50 => offsets((64, 32), 348, (0, 0)),
            51 => offsets((64, 32), 340, (0, 0)),
            52..=57 => offsets((136, 32), 412, (0, 0)),
            58..=59 => offsets((128, 32), 404, (0, 0)),
            60..=63 => offsets((128, 16), 404, (0, 0)),
            64..=67 => offsets((128, 16), 432, (0, 0)),
            68 => offsets((128, 16), 440, (0, 0)),
            69..=76 => offsets((128, 16), 440, (1, 0)),
            77..=84 => offsets((128, 16), 432, (0, 108)),
            85 => offsets((128, 16), 440, (0, 108)),
            _ => return None,
        })
    }

    /// Offsets that an executable with another version itself tells.
    pub(super) fn of_dwarf(image: &Image) -> Option<Self> {
        const STREAM: &str = "google.golang.org/grpc/internal/transport.Stream";
        const SERVER_STREAM: &str = "google.golang.org/grpc/internal/transport.ServerStream";
        const CLIENT: &str = "google.golang.org/grpc/internal/transport.http2Client";
        const FIELDS: [(&str, &str); 5] = [
            (
                "google.golang.org/grpc/internal/transport.http2Server",
                "conn",
            ),
            (CLIENT, "conn"),
            (CLIENT, "nextID"),
            (STREAM, "id"),
            (SERVER_STREAM, "Stream"),
        ];
        let [server, client, next, id, embedded] = dwarf::members(image, &FIELDS)?;
        let number = |offset: Option<u32>| u16::try_from(offset?).ok();
        // Whether the stream is embedded as a pointer is not asked: where that was, its number came first.
        let pointers = u8::from(embedded.is_some() && id == Some(0));
        Some(Self {
            server_conn: number(server)?,
            pointers,
            id: number(id)?.checked_add(number(embedded).unwrap_or(0))?,
            client_conn: number(client)?,
            next_id: number(next)?,
        })
    }

    fn serves(self) -> Probe {
        Probe {
            place: place::SERVES_GRPC,
            pointers: self.pointers,
            conn: self.server_conn + DATA_WORD as u16,
            stream: self.id,
        }
    }

    fn calls(self) -> Probe {
        Probe {
            place: place::CALLS_GRPC,
            pointers: 0,
            conn: self.client_conn + DATA_WORD as u16,
            stream: self.next_id,
        }
    }

    /// Does the code there have to do with `nextID`? It adds two to it.
    pub(super) fn takes_number(self, image: &Image, offset: u64) -> bool {
        let mut code = [0; CALLS_CODE];
        let count = image.read(offset, &mut code);
        let displacement = u32::from(self.next_id).to_le_bytes();
        memchr::memmem::find(&code[..count], &displacement).is_some()
    }
}

/// 76 of `v1.76.0`.
fn minor(version: &str) -> Option<u16> {
    version.strip_prefix("v1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions() {
        let cases = [
            ("v1.76.0", Some(76)),
            ("v1.85.0-dev", Some(85)),
            ("v2.0.0", None),
            ("(devel)", None),
        ];
        for (version, expected) in cases {
            assert_eq!(minor(version), expected, "{version}");
        }
    }

    #[test]
    fn versions_of_the_table() {
        assert_eq!(Grpc::of_version(49), None);
        assert_eq!(Grpc::of_version(86), None);
        assert!((50..=85).all(|minor| Grpc::of_version(minor).is_some()));
    }
}
