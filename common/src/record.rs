//! What the BPF programs put on the ring. Every record begins with [`Kind`] as a `u32`.

use crate::context::{Ends, SpanContext};
use crate::proxy_protocol::HeaderScan;

/// The first four bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// [`DataHeader`], then `captured` bytes.
    Data = 1,
    /// [`Open`]
    Open = 2,
    /// [`Closed`]
    Closed = 3,
    /// [`Exec`]
    Exec = 4,
    /// [`Exit`]
    Exit = 5,
    /// [`Accepted`]
    Accepted = 6,
}

/// Bits of [`DataHeader::flags`].
pub mod flag {
    /// The bytes went out of the machine's socket (egress); else they came in.
    pub const EGRESS: u16 = 1;
    /// The last byte covered ends a message.
    pub const END_OF_MESSAGE: u16 = 2;
    /// The direction has ended with these bytes (FIN).
    pub const FIN: u16 = 4;
    /// The connection was reset.
    pub const RESET: u16 = 8;
    /// Bytes before these are still to come: keep them until then.
    pub const OUT_OF_ORDER: u16 = 16;
    /// HTTP/2: the first captured byte belongs to a frame header.
    pub const FRAME_START: u16 = 32;
}

/// Head of a data record. Of HTTP/2 the captured bytes are the digest of a direction (see [`crate::http2`]), offsets count
/// bytes of that, and nothing is elided. Otherwise it covers the stream bytes `offset .. offset + captured + elided`: first
/// those that follow the header, then body bytes that were counted only.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataHeader {
    /// [`Kind::Data`]
    pub kind: u32,
    /// Bits of [`flag`].
    pub flags: u16,
    /// Bytes that follow the header.
    pub captured: u16,
    /// Socket cookie.
    pub cookie: u64,
    /// `bpf_ktime_get_ns` in the hook.
    pub at: u64,
    /// When the owner read the request (see `Connection::read_at`); 0: not yet.
    pub read_at: u64,
    /// Stream offset of the first byte covered.
    pub offset: u64,
    /// Body bytes covered but not captured.
    pub elided: u64,
    /// How many of them are content.
    pub content: u64,
    /// Owner of the socket as known now; 0: unknown.
    pub tgid: u32,
    /// A value of [`crate::connection::role`].
    pub role: u32,
    /// Span of the request whose head ends with the captured bytes; none in all other records.
    pub span: SpanContext,
}

/// A connection was recognised: told once, before its data.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// [`Kind::Open`]
    pub kind: u32,
    /// Owner, 0: unknown.
    pub tgid: u32,
    /// Socket cookie.
    pub cookie: u64,
    /// `bpf_ktime_get_ns` in the hook.
    pub at: u64,
    /// Addresses and ports of both ends.
    pub ends: Ends,
    /// A value of [`crate::connection::role`].
    pub role: u8,
    /// A value of [`crate::connection::protocol`]. A connection may be told of again, when it has changed its protocol.
    pub protocol: u8,
    /// Padding.
    pub reserved: [u8; 2],
    /// The header of the PROXY protocol that went before.
    pub proxied: HeaderScan,
}

/// A socket that was announced is gone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// [`Kind::Closed`]
    pub kind: u32,
    /// Owner, 0: unknown.
    pub tgid: u32,
    /// Socket cookie.
    pub cookie: u64,
    /// `bpf_ktime_get_ns` in the hook.
    pub at: u64,
    /// When the owner last read a request.
    pub read_at: u64,
    /// Bytes received and counted but not told of yet, and how many of them are content.
    pub ingress_elided: [u64; 2],
    /// The same for bytes sent.
    pub egress_elided: [u64; 2],
    /// 1: a thread of this end closed it; 0: the network, or a timer.
    pub local: u32,
    /// Padding.
    pub reserved: u32,
}

/// Longest file name and argument block of an exec record, in bytes.
pub const EXEC_FILENAME: usize = 256;
/// Longest argument block of an exec record, in bytes.
pub const EXEC_ARGUMENTS: usize = 512;

/// A process has started a program.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exec {
    /// [`Kind::Exec`]
    pub kind: u32,
    /// Thread group.
    pub tgid: u32,
    /// `bpf_ktime_get_ns` in the hook.
    pub at: u64,
    /// Name of the thread, NUL-padded.
    pub comm: [u8; 16],
    /// Bytes valid in `filename`, without NUL.
    pub filename_length: u32,
    /// Bytes valid in `arguments`; each argument ends with NUL.
    pub arguments_length: u32,
    /// Path as given to execve.
    pub filename: [u8; EXEC_FILENAME],
    /// Arguments.
    pub arguments: [u8; EXEC_ARGUMENTS],
}

/// The last thread of a process has gone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// [`Kind::Exit`]
    pub kind: u32,
    /// Thread group.
    pub tgid: u32,
}

/// Bit of a cookie that the kernel side made up: the first data of a connection came with the last
/// packet of its handshake, before there was a socket. Only after an [`Accepted`] record is it certain
/// that the connection came to be.
pub const TENTATIVE: u64 = 1 << 63;

/// A connection announced under a made-up cookie exists; it keeps that cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// [`Kind::Accepted`]
    pub kind: u32,
    /// Padding.
    pub reserved: u32,
    /// The cookie, with [`TENTATIVE`] set.
    pub cookie: u64,
}

const _: () = assert!(size_of::<Accepted>() == 16);
const _: () = assert!(size_of::<DataHeader>() == 104);
const _: () = assert!(size_of::<Open>() == 96);
const _: () = assert!(size_of::<Closed>() == 72);
const _: () = assert!(size_of::<Exec>() == 40 + EXEC_FILENAME + EXEC_ARGUMENTS);
const _: () = assert!(size_of::<Exit>() == 8);
