//! Where a Node.js executable runs what no read from a socket has caused: its timers, what `setImmediate` has
//! put off until all sockets were read, the ends of what libuv's worker threads did, and messages of other threads
//! and processes.
//!
//! By symbols: the released binaries have them. A Node that is built on shared libraries, or stripped, has
//! not; there, calls behind a timer may be linked to the wrong request.

use std::fs::File;
use std::path::Path;

use object::read::elf::ElfFile64;
use object::read::elf::FileHeader as _;
use object::{Object as _, ObjectSymbol as _, ReadCache};

use super::segment::{self, Segment};

/// Functions that begin such work.
const FUNCTIONS: [&str; 5] = [
    "_ZN4node11Environment9RunTimersEP10uv_timer_s",
    "_ZN4node11Environment14CheckImmediateEP10uv_check_s",
    "_ZN4node6worker11MessagePort9OnMessageENS1_21MessageProcessingModeE",
    "uv__work_done",
    // Of a pipe to another process of Node; sockets are read by `read`.
    "uv__recvmsg",
];

/// File offsets of those functions that the executable has. None for a file that is not understood.
#[must_use]
pub fn timers(path: &Path) -> Vec<u64> {
    let Ok(file) = File::open(path) else {
        return Vec::new();
    };
    let length = file.metadata().map_or(0, |data| data.len());
    // Reads only the sections that are asked for.
    let cache = ReadCache::new(file);
    let Ok(image) = ElfFile64::<object::Endianness, _>::parse(&cache) else {
        return Vec::new();
    };
    let endian = image.endian();
    let Ok(headers) = image.elf_header().program_headers(endian, &cache) else {
        return Vec::new();
    };
    let segments = Segment::all(headers, endian, length);
    FUNCTIONS
        .iter()
        .filter_map(|name| {
            let is_it = |symbol: &object::read::elf::ElfSymbol64<'_, '_, _, _>| {
                symbol.is_definition() && symbol.name() == Ok(name)
            };
            let address = image
                .dynamic_symbols()
                .find(is_it)
                .or_else(|| image.symbols().find(is_it))?
                .address();
            segment::code_offset(&segments, address)
        })
        .collect()
}
