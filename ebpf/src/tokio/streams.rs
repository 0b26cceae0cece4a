//! HTTP/2 on tokio: which task serves which stream, and what a stream of tonic's client is opened for.
//!
//! On a server the connection's task takes a request and starts a task for it: what it starts first, before it takes another or
//! reads again, serves that stream.
//!
//! On a client a call passes two queues, and a task that it does not know writes it. The heap memory of its header fields goes all the way
//! unmoved: its address is noted when the call is made, and found again when the header block is encoded. There the stream's number
//! is beside it, in the task that writes it next. An address may have been another call's that was never written; the
//! memory's size and the last of the caller's fields have to be the same as well.
//!
//! A task that has two connections is left alone. Fewer than 64 bytes of stack a function, as in `crate::asyncio`.

use super::{carrier, current, own};
use crate::{
    context, handles,
    maps::{PROCESSES, TOKIO_CONNECTIONS, TOKIO_FIELDS, TOKIO_STREAMS, WORK},
    task::{Task, argument, user_word},
};
use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_attach_cookie, bpf_probe_read_user},
    macros::uprobe,
    programs::ProbeContext,
};
use core::ffi::c_void;
use sonde_common::{
    context::{Carrier, Work},
    python::ObjectKey,
    tokio::{
        Tokio,
        streams::{Connection, Fields, Probe, SEVERAL, Stream, header_map, place},
    },
};

/// Most indices of a `HeaderMap`.
const MOST_SLOTS: u64 = 1 << 15;
/// Words of an entry that are read at a time.
const WORDS: usize = 6;
const ENTRY_WORDS: u64 = header_map::ENTRY / 8;

static NEW: Connection = Connection {
    cookie: 0,
    taken: 0,
    written: 0,
};
static NO_FIELDS: Fields = Fields {
    handle: 0,
    indices: 0,
    last: 0,
    capacity: 0,
    length: 0,
};

/// A function of h2, tokio or tonic, wherever a cookie says.
#[uprobe]
pub fn uprobe_tokio_streams(ctx: ProbeContext) -> u32 {
    follow(&ctx);
    0
}

#[inline(always)]
fn follow(ctx: &ProbeContext) -> Option<()> {
    // SAFETY: the program's own context.
    let probe = Probe::of(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    let stream = probe.stream as u64;
    match probe.place {
        place::TAKES => takes(argument(ctx, 2)?.wrapping_add(stream)),
        place::SPAWNS => spawns(argument(ctx, 1)?),
        // Behind the place for the result and the channel itself.
        place::CALLS => calls(argument(ctx, 2)?),
        // Behind the place for the result.
        place::ENCODES => encodes(argument(ctx, 1)?, stream),
        _ => {}
    }
    Some(())
}

/// The task that runs; 0: none is known to.
#[inline(never)]
fn running() -> u64 {
    let task = Task::current();
    // SAFETY: the process is used before the program ends.
    let Some(process) = (unsafe { PROCESSES.get(task.tgid()) }) else {
        return 0;
    };
    current(&task, &process.tokio).unwrap_or(0)
}

/// The connection's task takes the request of the stream whose number is at this address.
#[inline(never)]
fn takes(number: u64) {
    let stream = word(number) as u32;
    if let Some(known) = TOKIO_CONNECTIONS.get_ptr_mut(carrier(&Task::current(), running())) {
        // SAFETY: a map value; a task is polled on one thread at a time.
        unsafe { (*known).taken = stream };
    }
}

/// The task starts another, whose id is at this address.
#[inline(never)]
fn spawns(meta: u64) {
    let task = Task::current();
    let Some(known) = TOKIO_CONNECTIONS.get_ptr_mut(carrier(&task, running())) else {
        return;
    };
    // SAFETY: as in `takes`.
    let (cookie, stream) = unsafe {
        let stream = (*known).taken;
        (*known).taken = 0;
        ((*known).cookie, stream)
    };
    if stream != 0 {
        serve(word(meta), cookie, stream);
    }
}

/// The task works on the request of a stream from now on.
#[inline(never)]
fn serve(id: u64, cookie: u64, stream: u32) {
    let Some(handle) = handles::of_stream(cookie, stream) else {
        return;
    };
    let work = Work::on(handle, cookie);
    // A full map gives up its least recently used entry.
    let _ = WORK.insert(carrier(&Task::current(), id), work, 0);
}

/// The task calls, by a request whose fields are at this address.
#[inline(never)]
fn calls(request: u64) {
    let shape = shape(request);
    if shape == 0 {
        return;
    }
    let entries = word(request.wrapping_add(header_map::ENTRIES));
    let Some(fields) = fields(entries) else {
        return;
    };
    let handle = at_work();
    // SAFETY: a map value; the memory that it is about is the caller's.
    unsafe {
        (*fields).handle = handle;
        (*fields).indices = word(request.wrapping_add(header_map::INDICES));
        (*fields).capacity = (shape >> 32) as u32;
        (*fields).length = shape as u32;
        (*fields).last = entry(entries, shape as u32);
    }
}

/// Handle of what the running task works on; 0: not known.
#[inline(never)]
fn at_work() -> u64 {
    own(&carrier(&Task::current(), running())).unwrap_or(0)
}

/// What is noted of the fields whose entries are at an address.
#[inline(never)]
fn fields(entries: u64) -> Option<*mut Fields> {
    let key = key(entries);
    // A full map gives up its least recently used entry.
    TOKIO_FIELDS.insert(key, &NO_FIELDS, 0).ok()?;
    TOKIO_FIELDS.get_ptr_mut(key)
}

#[inline(always)]
fn key(entries: u64) -> ObjectKey {
    ObjectKey {
        address: entries,
        tgid: Task::current().tgid(),
        reserved: 0,
    }
}

/// The task encodes a header block; its fields are at its beginning, the stream's number is where the probe says.
#[inline(never)]
fn encodes(headers: u64, stream: u64) {
    let handle = called_for(headers);
    if handle == UNKNOWN {
        return;
    }
    let stream = word(headers.wrapping_add(stream)) as u32;
    writes(running(), stream, handle);
}

/// What [`called_for`] says of fields that were not noted.
const UNKNOWN: u64 = u64::MAX;

/// Handle of what the call was made for that has these fields; 0: for nothing that is known.
#[inline(never)]
fn called_for(headers: u64) -> u64 {
    let shape = shape(headers);
    let entries = word(headers.wrapping_add(header_map::ENTRIES));
    let key = key(entries);
    let Some(known) = TOKIO_FIELDS.get_ptr_mut(key) else {
        return UNKNOWN;
    };
    // SAFETY: a map value.
    unsafe {
        let handle = (*known).handle;
        let length = (*known).length;
        let same = (*known).capacity == (shape >> 32) as u32
            && length <= shape as u32
            && (*known).indices == word(headers.wrapping_add(header_map::INDICES))
            && (*known).last == entry(entries, length);
        let _ = TOKIO_FIELDS.remove(key);
        if same { handle } else { UNKNOWN }
    }
}

/// The task has a stream to write that was opened for this handle.
#[inline(never)]
fn writes(id: u64, stream: u32, handle: u64) {
    let task = Task::current();
    let Some(known) = connection(&carrier(&task, id)) else {
        return;
    };
    // SAFETY: as in `takes`.
    unsafe {
        if stream <= (*known).written {
            (*known).cookie = SEVERAL;
            return;
        }
        (*known).written = stream;
    }
    note(id, stream, handle);
}

#[inline(never)]
fn note(task: u64, stream: u32, handle: u64) {
    let key = Stream {
        tgid: Task::current().tgid(),
        id: stream,
        task,
    };
    // A full map gives up its least recently used entry.
    let _ = TOKIO_STREAMS.insert(key, handle, 0);
}

/// What is known of a task that has a connection.
#[inline(always)]
fn connection(key: &Carrier) -> Option<*mut Connection> {
    if key.id == 0 {
        return None;
    }
    if let Some(known) = TOKIO_CONNECTIONS.get_ptr_mut(key) {
        return Some(known);
    }
    TOKIO_CONNECTIONS.insert(key, &NEW, 0).ok()?;
    TOKIO_CONNECTIONS.get_ptr_mut(key)
}

/// The task has to do with the connection of this cookie. False if it has with others too.
#[inline(always)]
unsafe fn has(known: *mut Connection, cookie: u64) -> bool {
    // SAFETY: the caller passes a map value; a task is polled on one thread at a time.
    unsafe {
        if (*known).cookie == 0 {
            (*known).cookie = cookie;
        } else if (*known).cookie != cookie {
            (*known).cookie = SEVERAL;
        }
        (*known).cookie == cookie
    }
}

/// The current task has read from the HTTP/2 connection of this cookie.
#[inline(always)]
pub fn reads(task: &Task, tokio: &Tokio, cookie: u64) {
    let id = current(task, tokio).unwrap_or(0);
    if let Some(known) = connection(&carrier(task, id)) {
        // SAFETY: a map value, as in `takes`.
        unsafe {
            (*known).taken = 0;
            has(known, cookie);
        }
    }
}

/// Handle of what the request is sent for that the current task writes on a stream of the connection of this cookie; 0: not known.
#[inline(always)]
pub fn cause(task: &Task, tokio: &Tokio, cookie: u64, stream: u32) -> u64 {
    let Some(id) = current(task, tokio) else {
        return 0;
    };
    let Some(known) = TOKIO_CONNECTIONS.get_ptr_mut(carrier(task, id)) else {
        return 0;
    };
    // SAFETY: a map value.
    if !unsafe { has(known, cookie) } {
        return 0;
    }
    let key = Stream {
        tgid: task.tgid(),
        id: stream,
        task: id,
    };
    // SAFETY: the value is copied at once.
    match unsafe { TOKIO_STREAMS.get(key) } {
        Some(handle) => context::going_on(*handle),
        None => 0,
    }
}

/// Capacity (upper half) and length of the `HeaderMap` at an address; 0: it is none, or is empty.
#[inline(never)]
fn shape(at: u64) -> u64 {
    let capacity = word(at.wrapping_add(header_map::CAPACITY));
    let length = word(at.wrapping_add(header_map::LENGTH));
    let slots = word(at.wrapping_add(header_map::SLOTS));
    let mask = word(at.wrapping_add(header_map::MASK)) & 0xffff;
    let agree = slots != 0
        && slots <= MOST_SLOTS
        && slots & mask == 0
        && mask == slots - 1
        && capacity == slots - slots / 4
        && length <= capacity;
    if agree && length != 0 {
        capacity << 32 | length
    } else {
        0
    }
}

/// The last of the first `length` entries, folded.
#[inline(never)]
fn entry(entries: u64, length: u32) -> u64 {
    let at = entries.wrapping_add(
        (length as u64)
            .wrapping_sub(1)
            .wrapping_mul(header_map::ENTRY),
    );
    let second = at + WORDS as u64 * 8;
    word(at + (ENTRY_WORDS - 1) * 8) ^ folded(at).rotate_left(21) ^ folded(second).rotate_left(42)
}

/// Six words, folded.
#[inline(never)]
fn folded(at: u64) -> u64 {
    let mut words = [0_u64; WORDS];
    let size = size_of::<[u64; WORDS]>() as u32;
    // SAFETY: the helper checks the address; what is not there reads as zero.
    unsafe { bpf_probe_read_user((&raw mut words).cast(), size, at as *const c_void) };
    words
        .iter()
        .fold(0, |folded: u64, word| folded.rotate_left(7) ^ *word)
}

/// A word of the process's memory; 0 where there is none.
#[inline(never)]
fn word(at: u64) -> u64 {
    user_word(at).unwrap_or(0)
}
