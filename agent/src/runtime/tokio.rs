//! What the BPF programs need to know of a Rust executable that runs on tokio.
//!
//! While a task is polled its id is in the thread-local `tokio::runtime::context::CONTEXT`. The symbol tells where
//! that lies, and the code that sets the id ([`code`]) where in it: the compiler orders fields as it likes.
//!
//! The uprobe stands on `AtomicWaker::wake`, which ends each message through a channel of tokio. Link-time optimisation
//! makes it part of its callers; then on those functions that put a message into a channel of one type each.
//!
//! By symbols, which cargo leaves in release builds. A stripped executable, or one with two tokios, is not
//! understood, and neither is anything but 64-bit x86.

use std::fs::File;
use std::path::Path;

use object::elf::{EM_X86_64, PT_TLS, STT_TLS};
use object::read::elf::{ElfFile64, ElfSymbol64, FileHeader as _, ProgramHeader as _};
use sonde_common::tokio::{Probe, streams as http2};

use object::{LittleEndian, Object as _, ObjectSymbol as _, ReadCache, ReadRef};

use super::segment::{self, Segment};

mod code;
mod streams;

/// Most code that is read of one function.
const MOST_CODE: u64 = 512;
/// Most functions that get a uprobe.
const MOST_PROBES: usize = 64;
/// From a channel's list of messages to its `AtomicWaker`, each padded to a pair of cache lines.
const FROM_LIST: u32 = 128;

/// tonic's `Channel` as a `Service`, in both of Rust's manglings.
const CHANNEL: [&str; 2] = [
    "$LT$tonic..transport..channel..Channel$u20$as$u20$tower_service..Service$LT$",
    "5tonic9transport7channelNtB",
];

/// Facts of one executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokioFacts {
    /// From a thread's `fs` base to the id of the task that runs on it.
    pub task_id: i32,
    /// The word before the id tells whether there is one: in older versions of tokio, whose ids are plain numbers.
    pub tagged: bool,
    /// Where messages are seen: file offsets, and what the uprobe there needs to know. Empty: nowhere.
    pub probes: Vec<(u64, Probe)>,
    /// The same for HTTP/2.
    pub streams: Vec<(u64, http2::Probe)>,
}

/// Addresses of symbols.
#[derive(Debug, Default)]
struct Symbols {
    context: Vec<Place>,
    set_task_id: Vec<Place>,
    enter: Vec<Place>,
    leave: Vec<Place>,
    wake: Vec<Place>,
    push: Vec<Place>,
    find_block: Vec<Place>,
    wake_by_val: Vec<Place>,
    take_request: Vec<Place>,
    spawn: Vec<Place>,
    call: Vec<Place>,
    encode: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    address: u64,
    size: u64,
}

type Image<'data> = ElfFile64<'data, LittleEndian, &'data ReadCache<File>>;

/// Reads the facts of the executable at `path`, such as `/proc/PID/exe`. None if it does not run on tokio, or is not
/// understood.
#[must_use]
pub fn inspect(path: &Path) -> Option<TokioFacts> {
    let cache = ReadCache::new(File::open(path).ok()?);
    let image = Image::parse(&cache).ok()?;
    if image.elf_header().e_machine(LittleEndian) != EM_X86_64 {
        return None;
    }
    let symbols = Symbols::of(&image);
    let context = only(&symbols.context)?;
    let base = thread_offset(&image, context.address)?;
    let range = base..base.checked_add(i32::try_from(context.size).ok()?)?;
    let places = [&symbols.set_task_id, &symbols.enter, &symbols.leave];
    let id = places.into_iter().find_map(|places| {
        let code = bytes(&image, only(places)?)?;
        code::task_id(code, &range)
    })?;
    Some(TokioFacts {
        task_id: id.offset,
        tagged: id.tagged,
        probes: probes(&image, &symbols).unwrap_or_default(),
        streams: streams::probes(&functions(&image, &symbols)),
    })
}

/// What the uprobes for HTTP/2 stand on.
fn functions<'data>(image: &Image<'data>, symbols: &Symbols) -> streams::Functions<'data> {
    let function = |places| {
        let place = only(places)?;
        Some((file_offset(image, place.address)?, bytes(image, place)?))
    };
    streams::Functions {
        take_request: function(&symbols.take_request),
        spawn: function(&symbols.spawn),
        call: function(&symbols.call),
        encode: function(&symbols.encode),
    }
}

/// The function that sees all messages, or those that see the messages of one type each.
fn probes(image: &Image<'_>, symbols: &Symbols) -> Option<Vec<(u64, Probe)>> {
    let wake_by_val = only(&symbols.wake_by_val)?.address;
    let choice = [
        (&symbols.wake, 0),
        (&symbols.push, FROM_LIST),
        (&symbols.find_block, FROM_LIST),
    ];
    let (places, waker) = choice.into_iter().find(|(places, _)| !places.is_empty())?;
    if places.len() > MOST_PROBES {
        return None;
    }
    let probe = |place: &Place| {
        let distance = wake_by_val.wrapping_sub(place.address).cast_signed();
        let wake_by_val = i32::try_from(distance).ok()?;
        Some((
            file_offset(image, place.address)?,
            Probe { wake_by_val, waker },
        ))
    };
    places.iter().map(probe).collect()
}

impl Symbols {
    fn of(image: &Image<'_>) -> Self {
        let mut symbols = Self::default();
        for symbol in image.symbols().filter(|symbol| !symbol.is_undefined()) {
            symbols.add(&symbol);
        }
        symbols
    }

    /// The names hold the path in both of Rust's manglings; a hash, or nothing, is behind it.
    fn add<'data>(
        &mut self,
        symbol: &ElfSymbol64<'data, '_, LittleEndian, &'data ReadCache<File>>,
    ) {
        let Ok(name) = symbol.name() else {
            return;
        };
        let list = if symbol.elf_symbol().st_type() == STT_TLS {
            let is_value = symbol.size() > 8 && name.contains("5tokio7runtime7context7CONTEXT");
            is_value.then_some(&mut self.context)
        } else if name.contains("5tokio7runtime7context19set_current_task_id") {
            Some(&mut self.set_task_id)
        } else if name.contains("5tokio7runtime4task4core") && ends(name, "11TaskIdGuard5enter") {
            Some(&mut self.enter)
        } else if name
            .contains("tokio..runtime..task..core..TaskIdGuard$u20$as$u20$core..ops..drop")
        {
            Some(&mut self.leave)
        } else if name.contains("5tokio4sync4task12atomic_waker")
            && ends(name, "11AtomicWaker4wake")
        {
            Some(&mut self.wake)
        } else if name.contains("5tokio4sync4mpsc4list") && name.contains("4push") {
            Some(&mut self.push)
        } else if name.contains("5tokio4sync4mpsc4list") && name.contains("10find_block") {
            Some(&mut self.find_block)
        } else if ends(name, "5tokio7runtime4task5waker11wake_by_val") {
            Some(&mut self.wake_by_val)
        } else {
            self.of_http2(name)
        };
        let place = Place {
            address: symbol.address(),
            size: symbol.size(),
        };
        if let Some(list) = list.filter(|list| !list.contains(&place)) {
            list.push(place);
        }
    }

    /// The functions that [`streams`] wants.
    fn of_http2(&mut self, name: &str) -> Option<&mut Vec<Place>> {
        let is = |path: &str, function: &str| name.contains(path) && ends(name, function);
        if is("2h25proto7streams4recv", "4Recv12take_request") {
            Some(&mut self.take_request)
        } else if is("5tokio7runtime10task_hooks", "9TaskHooks5spawn") {
            Some(&mut self.spawn)
        } else if is("2h25frame7headers", "7Headers6encode") {
            Some(&mut self.encode)
        } else if CHANNEL.into_iter().any(|channel| name.contains(channel)) && ends(name, "4call") {
            Some(&mut self.call)
        } else {
            None
        }
    }
}

/// Is this the path's end?
fn ends(name: &str, path: &str) -> bool {
    name.split_once(path).is_some_and(|(_, rest)| {
        let rest = rest.split('.').next().unwrap_or_default();
        rest.is_empty() || rest.starts_with("17h") || rest.starts_with("B")
    })
}

/// The one there is; of several it is not known which counts.
fn only(places: &[Place]) -> Option<Place> {
    match places {
        [place] => Some(*place),
        _ => None,
    }
}

/// Where a variable of the executable's thread-local segment lies, from the thread's `fs` base: the segment ends there.
fn thread_offset(image: &Image<'_>, address: u64) -> Option<i32> {
    let headers = image.elf_program_headers();
    let segment = headers
        .iter()
        .find(|segment| segment.p_type(LittleEndian) == PT_TLS)?;
    let size = segment.p_memsz(LittleEndian);
    let size = size.checked_next_multiple_of(segment.p_align(LittleEndian).max(1))?;
    i32::try_from(address.wrapping_sub(size).cast_signed()).ok()
}

/// The code of a function.
fn bytes<'data>(image: &Image<'data>, place: Place) -> Option<&'data [u8]> {
    let start = file_offset(image, place.address)?;
    image
        .data()
        .read_bytes_at(start, place.size.min(MOST_CODE))
        .ok()
}

fn file_offset(image: &Image<'_>, address: u64) -> Option<u64> {
    let length = image.data().len().ok()?;
    let segments = Segment::all(image.elf_program_headers(), LittleEndian, length);
    segment::code_offset(&segments, address)
}

#[cfg(test)]
mod tests;
