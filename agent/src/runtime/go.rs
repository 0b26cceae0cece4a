//! What the BPF programs need to know of a Go executable.
//!
//! A goroutine is found from its thread's `g`, which lies at a fixed offset from the thread's `fs`
//! base, and is named by `g.goid`; its parent by `g.parentGoid`. `net/http`'s Transport hands a request
//! over to a goroutine of the connection; a uprobe at the entry of `(*persistConn).roundTrip` sees caller, request and
//! connection together, and [`ConnectionPath`] leads from the connection to its socket. [`Requests`] leads from the request
//! to its context, and from a server's connection to what stands for it there. What is known of streams: [`streams`].
//!
//! Offsets are those of the released Go versions ([`offsets`]); for a version that is not known they
//! come from the executable's DWARF ([`dwarf`]). The function is found in the table that the Go runtime itself
//! unwinds by ([`pclntab`]), which survives stripping. Only 64-bit x86 is known: elsewhere `g` is in
//! a register or the calling convention another.
//!
//! What it costs: memory is some windows of 64 KiB, however large the file.

use std::path::{Path, PathBuf};

use sonde_common::go::Probe;

use crate::process;

mod dwarf;
mod image;
mod offsets;
mod pclntab;
mod stream;
mod streams;
mod tls;

use image::Image;
use offsets::Offsets;

const ROUND_TRIP: &[u8] = b"net/http.(*persistConn).roundTrip";

/// Facts of one Go executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoFacts {
    /// Version of Go: `(1, 26)`.
    pub version: (u16, u16),
    /// Offset of `runtime.g.goid`, a 64-bit number.
    pub goid: u32,
    /// Offset of `runtime.g.parentGoid`; 0 before Go 1.21, which has none.
    pub parent_goid: u32,
    /// Where a thread's pointer to its `g` lies, from the thread's `fs` base.
    pub g_tls_offset: i32,
    /// File offset of the entry of `net/http.(*persistConn).roundTrip`, where the receiver is in RAX. None if
    /// the program has no HTTP client.
    pub round_trip: Option<u64>,
    /// How a goroutine begins and waits.
    pub life: Option<Life>,
    /// From the receiver to its connection's socket.
    pub connection: Option<ConnectionPath>,
    /// From requests to what serves them.
    pub requests: Option<Requests>,
    /// File offsets where goroutines serve and open HTTP/2 streams.
    pub streams: Vec<(u64, Probe)>,
}

/// Offsets within `runtime.g`, and what is in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// `startpc`: the function that the goroutine began with.
    pub start_pc: u32,
    /// `waitreason`, a byte.
    pub wait_reason: u32,
    /// Bits of the reasons for which it waits for others or for a time.
    pub waits: u32,
}

/// Offsets to follow from a `*persistConn` to its socket.
///
/// `tcp = *(receiver + conn)`, `fd = *(tcp + fd)`. A connection that is no `*net.TCPConn` (TLS, a wrapper of the
/// program's) leads to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionPath {
    /// `net/http.persistConn.conn`: the interface's data word.
    pub conn: u32,
    /// `net.TCPConn.conn.fd`.
    pub fd: u32,
    /// `net.netFD.laddr`: the interface's data word.
    pub local: u32,
    /// `net.netFD.pfd.Sysfd`, from the `netFD`: the file descriptor.
    pub descriptor: u32,
}

/// Offsets within `net/http`'s structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    /// `net/http.Request.ctx`: the interface.
    pub context: u32,
    /// `net/http.conn.rwc`, of a server's connection: the interface's data word.
    pub served: u32,
}

/// Why an executable gives no facts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(
        "cannot read {path}: {source}; the agent has to run as root and the process to be under way"
    )]
    Read {
        /// The executable.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No executable of a kind that is known.
    #[error(
        "{0} is no little-endian 64-bit x86 ELF executable; goroutines are followed in no other"
    )]
    Kind(PathBuf),
    /// No Go build information.
    #[error("{0} does not say which Go version built it; goroutines are not followed")]
    NotGo(PathBuf),
    /// A version without known offsets, and no DWARF to take them from.
    #[error(
        "{path} was built by {version}, whose structures are not known, and has no DWARF to tell them; build it without -ldflags=-w"
    )]
    Version {
        /// The executable.
        path: PathBuf,
        /// What the linker wrote.
        version: String,
    },
    /// Thread-local storage that cannot be made out.
    #[error(
        "{0} keeps goroutines at an unknown place in thread-local storage; they are not followed"
    )]
    ThreadLocal(PathBuf),
}

/// Reads the facts of the executable at `path`, such as `/proc/PID/exe`.
///
/// # Errors
/// If it is no Go executable, or none whose structures are known.
pub fn inspect(path: &Path) -> Result<GoFacts, Error> {
    let image = Image::open(path)?;
    let toolchain = process::go_toolchain(path).ok_or_else(|| Error::NotGo(path.into()))?;
    let version = parse_version(&toolchain).ok_or_else(|| Error::NotGo(path.into()))?;
    let offsets = Offsets::of_version(version)
        .or_else(|| Offsets::of_unknown(version, &image))
        .ok_or_else(|| Error::Version {
            path: path.into(),
            version: toolchain,
        })?;
    let code = pclntab::Code::find(&image);
    let text = code.as_ref().map(pclntab::Code::text);
    let g_tls_offset =
        tls::g_offset(&image, text).ok_or_else(|| Error::ThreadLocal(path.into()))?;
    Ok(GoFacts {
        version,
        goid: offsets.goid,
        parent_goid: offsets.parent_goid,
        g_tls_offset,
        round_trip: code
            .as_ref()
            .and_then(|code| code.entry(&image, ROUND_TRIP)),
        life: offsets.life,
        connection: offsets.connection,
        requests: offsets.requests,
        streams: code.map_or_else(Vec::new, |code| streams::find(path, &image, &code)),
    })
}

/// From `go1.22.1`, `go1.25rc1`, `go1.21.5 X:boringcrypto`, `devel go1.27-a1b2c3d Mon ..`.
fn parse_version(toolchain: &str) -> Option<(u16, u16)> {
    let text = toolchain.strip_prefix("devel ").unwrap_or(toolchain);
    let (major, rest) = text.strip_prefix("go")?.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let minor = rest.get(..end.unwrap_or(rest.len()))?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests;
