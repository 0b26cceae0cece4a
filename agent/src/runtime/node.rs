//! Where a Node.js executable runs what no read from a socket has caused: its timers, what `setImmediate` has
//! put off until all sockets were read, the beginnings and ends of what libuv's worker threads do and of connects, the ends
//! of writes that had to wait, and messages of other threads and processes. Where it keeps its async ids ([`ids`]). And where its
//! HTTP/2 tells one stream from another.
//!
//! By symbols: the released binaries have them. A Node that is built on shared libraries, or stripped, has
//! not; there no call is linked.

use std::fs::File;
use std::path::Path;

use object::read::elf::ElfFile64;
use object::read::elf::FileHeader as _;
use object::{Object as _, ObjectSymbol as _, ReadCache, ReadRef as _};
use rustc_hash::FxHashMap;
use sonde_common::event_loop::probe as turn;
use sonde_common::nghttp2::probe;

use super::segment::{self, Segment};

mod code;
pub mod ids;

/// Functions that begin such a turn, or such an operation.
const EVENT_LOOP: [(&str, u64); 16] = [
    (
        "_ZN4node11Environment9RunTimersEP10uv_timer_s",
        turn::TIMERS,
    ),
    (IMMEDIATES, turn::IMMEDIATES),
    (
        "_ZN4node6worker11MessagePort9OnMessageENS1_21MessageProcessingModeE",
        turn::OTHER,
    ),
    ("_ZN4node10HandleWrap7OnCloseEP11uv_handle_s", turn::OTHER),
    // Of a pipe to another process of Node; sockets are read by `read`.
    ("uv__recvmsg", turn::OTHER),
    (
        "_ZN4node5http212Http2Session18OnStreamAfterWriteEPNS_9WriteWrapEi",
        turn::OTHER,
    ),
    (
        "_ZN4node5http212Http2Session14OnInvalidFrameEP15nghttp2_sessionPK13nghttp2_frameiPv",
        turn::OTHER,
    ),
    ("uv__work_submit", turn::SUBMIT),
    ("uv_queue_work", turn::QUEUE),
    ("uv__work_done", turn::OTHER),
    ("uv__fs_done", turn::DONE),
    ("uv__getaddrinfo_done", turn::DONE),
    ("uv__getnameinfo_done", turn::DONE),
    ("uv__queue_done", turn::DONE),
    ("uv__tcp_connect", turn::CONNECT),
    (
        "_ZN4node14ConnectionWrapINS_7TCPWrapE8uv_tcp_sE12AfterConnectEP12uv_connect_si",
        turn::CONNECTED,
    ),
];

/// Runs once a turn, before what `setImmediate` has put off; its first argument is the environment.
const IMMEDIATES: &str = "_ZN4node11Environment27RunAndClearNativeImmediatesEb";

/// Functions of `node::http2`, and of what gives it bytes; the same from Node 18 to 24.
const HTTP2: [(&str, u64); 8] = [
    (
        "_ZN4node5http212Http2SessionC2EPNS0_10Http2StateEN2v85LocalINS4_6ObjectEEENS0_11SessionTypeE",
        probe::SESSION,
    ),
    (
        "_ZN4node5http212Http2Session12OnStreamReadElRK8uv_buf_t",
        probe::READ,
    ),
    (
        "_ZN4node5http212Http2Session14OnFrameReceiveEP15nghttp2_sessionPK13nghttp2_framePv",
        probe::FRAME,
    ),
    (
        "_ZN4node5http212Http2Session19OnDataChunkReceivedEP15nghttp2_sessionhiPKhmPv",
        probe::DATA,
    ),
    (
        "_ZN4node5http211Http2StreamC2EPNS0_12Http2SessionEN2v85LocalINS4_6ObjectEEEi24nghttp2_headers_categoryi",
        probe::STREAM,
    ),
    (
        "_ZN4node5http212Http2Session15SendPendingDataEv",
        probe::SEND,
    ),
    (
        "_ZN4node5http212Http2Session7ReceiveERKN2v820FunctionCallbackInfoINS2_5ValueEEE",
        probe::GIVEN,
    ),
    (
        "_ZN4node8JSStream10ReadBufferERKN2v820FunctionCallbackInfoINS1_5ValueEEE",
        probe::GIVEN,
    ),
];

/// Facts of one executable: file offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// The loop, each with the cookie for its uprobe: those functions that there are.
    pub event_loop: Vec<(u64, u64)>,
    /// HTTP/2, each with the cookie for its uprobe: all functions, or none.
    pub http2: Vec<(u64, u64)>,
}

impl NodeFacts {
    /// Are the turns told apart that no read from a TCP socket begins?
    #[must_use]
    pub fn tells_turns(&self) -> bool {
        let begins = |probe: u64| {
            let kind = (1 << turn::BITS) - 1;
            let mut cookies = self.event_loop.iter().map(|(_, cookie)| cookie & kind);
            cookies.any(|cookie| cookie == probe)
        };
        begins(turn::TIMERS) && begins(turn::IMMEDIATES) && begins(turn::DONE)
    }
}

/// Reads the facts of the executable at `path`, such as `/proc/PID/exe`. None for a file that is not understood.
#[must_use]
pub fn inspect(path: &Path) -> Option<NodeFacts> {
    let file = File::open(path).ok()?;
    let length = file.metadata().map_or(0, |data| data.len());
    // Reads only the sections that are asked for.
    let cache = ReadCache::new(file);
    let image = ElfFile64::<object::Endianness, _>::parse(&cache).ok()?;
    let endian = image.endian();
    let headers = image.elf_header().program_headers(endian, &cache).ok()?;
    let segments = Segment::all(headers, endian, length);
    let names = EVENT_LOOP.iter().chain(&HTTP2).map(|(name, _)| name);
    let names = names.chain(&ids::READERS);
    let mut wanted: FxHashMap<&str, Option<u64>> = names.map(|name| (*name, None)).collect();
    for symbol in image.dynamic_symbols().chain(image.symbols()) {
        let name = symbol.name().unwrap_or_default();
        if let Some(place @ None) = wanted.get_mut(name)
            && symbol.is_definition()
        {
            *place = segment::code_offset(&segments, symbol.address());
        }
    }
    let offset = |name: &str| wanted.get(name).copied().flatten();
    let code = |at: u64| {
        let bytes = (&cache).read_bytes_at(at, code::FUNCTION.min(length.saturating_sub(at)));
        bytes.unwrap_or_default()
    };
    let ids = ids::place(ids::READERS.map(|name| offset(name).map(code)));
    let event_loop = EVENT_LOOP.iter().filter_map(|(name, probe)| {
        let at = offset(name)?;
        let cookie = match *probe {
            turn::IMMEDIATES => turn::immediates(ids.unwrap_or(0)),
            other => other,
        };
        Some((at + code::cheap(code(at)), cookie))
    });
    let http2 = HTTP2
        .iter()
        .map(|(name, probe)| Some((offset(name)?, *probe)));
    Some(NodeFacts {
        event_loop: event_loop.collect(),
        http2: http2.collect::<Option<_>>().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
