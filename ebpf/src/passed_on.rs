//! Requests by the `traceparent` that they brought: a process that sends that very field on names the cause itself. Without one, a proxy names
//! it by method and target (`target`).
//!
//! Proxies do so, and services that copy fields by hand. It holds whatever carries the work, so it goes before what a thread or task says. The
//! field on the wire names the caller's span: the call gets a span of its own.

use crate::{
    context,
    maps::{ADOPTED, BROUGHT},
    table::{self, Key, fold},
};
use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_loop};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, PIPELINED},
    span_id,
    traceparent::Traceparent,
};

/// In an entry's word below the handle: always set, and that several requests have brought the same.
const HANDLE: u32 = 16;
const SET: u64 = 1;
const SEVERAL: u64 = 2;
/// Keeps digests of targets and fields apart.
const TARGET: u64 = 0x7461_7267_6574;

/// Instead of a handle: the field was brought in, but not by one request that goes on.
pub const BY_NONE: u64 = u64::MAX;

/// What stands for a field in a context; never 0.
#[inline(always)]
pub const fn digest(told: &Traceparent) -> u64 {
    let [high, low] = told.trace_id;
    fold(fold(high, low), told.parent_id) | 1
}

#[inline(always)]
const fn key(tgid: u32, field: u64) -> Key {
    Key {
        owner: field,
        number: tgid as u64,
    }
}

/// The process has the request in hand from now on.
#[inline(never)]
pub fn note(tgid: u32, handle: u64) {
    let Some(request) = context::get(handle) else {
        return;
    };
    // SAFETY: a map value.
    let (field, target) = unsafe { ((*request).field, (*request).target) };
    if field != 0 {
        enter(tgid, field, handle);
    }
    if target != 0 {
        enter(tgid, target, handle);
    }
}

#[inline(never)]
fn enter(tgid: u32, digest: u64, handle: u64) {
    let key = key(tgid, digest);
    let known = table::word(&BROUGHT, key, 0).unwrap_or(0);
    if known >> HANDLE == handle {
        return;
    }
    let several = match context::under_way(known >> HANDLE) {
        0 => 0,
        _ => SEVERAL,
    };
    let word = handle << HANDLE | SET | several;
    table::put(&BROUGHT, key, &[word], |age| {
        context::under_way(age >> HANDLE) != 0
    });
}

/// What a loop over a connection's requests needs; lives on the BPF stack.
#[repr(C)]
struct Reads {
    connection: *const Connection,
    tgid: u64,
}

/// The requests that a thread of the process may have read of just now.
#[inline(always)]
pub unsafe fn note_all(connection: *const Connection, tgid: u32) {
    let mut reads = Reads {
        connection,
        tgid: tgid as u64,
    };
    // SAFETY: the callback gets `reads` back, which outlives the call; the caller passes a checked map value.
    unsafe {
        bpf_loop(
            PIPELINED as u32,
            note_one as *mut c_void,
            (&raw mut reads).cast(),
            0,
        )
    };
}

unsafe extern "C" fn note_one(index: u64, reads: *mut Reads) -> i64 {
    // SAFETY: `note_all` passes a checked map value.
    unsafe {
        let handles = (&raw const (*(*reads).connection).contexts).cast::<u64>();
        let handle = *handles.add(index as usize & (PIPELINED - 1));
        if handle != 0 {
            note((*reads).tgid as u32, handle);
        }
        0
    }
}

/// Handle of the request that brought the field which the process sends on; 0: none that is known; `BY_NONE`: several, or it has ended.
/// `candidate`: what the sender works on by other evidence, or 0.
#[inline(never)]
pub fn cause(tgid: u32, parent_tgid: u32, candidate: u64, field: u64) -> u64 {
    if brought(candidate, field) {
        return candidate;
    }
    let mut word = table::word(&BROUGHT, key(tgid, field), 0).unwrap_or(0);
    // Streams are noted before their connection is read: for the process that listens.
    if word == 0 && parent_tgid != 0 {
        word = table::word(&BROUGHT, key(parent_tgid, field), 0).unwrap_or(0);
    }
    let handle = word >> HANDLE;
    match word {
        0 => 0,
        _ if word & SEVERAL != 0 || !brought(handle, field) => BY_NONE,
        _ if context::going_on(handle) == 0 => BY_NONE,
        _ => handle,
    }
}

/// Handle of the one request of a proxy that is at work with this method and target; 0: none, or several.
#[inline(never)]
pub fn sent_on(tgid: u32, target: u32) -> u64 {
    if target == 0 {
        return 0;
    }
    let target = by_target(target);
    let word = table::word(&BROUGHT, key(tgid, target), 0).unwrap_or(0);
    let handle = context::under_way(word >> HANDLE);
    // SAFETY: a map value.
    let same = context::get(handle).is_some_and(|request| unsafe { (*request).target } == target);
    if same && word & SEVERAL == 0 {
        handle
    } else {
        0
    }
}

/// What stands for a request line's digest in a context; 0 for none.
#[inline(always)]
pub const fn by_target(digest: u32) -> u64 {
    match digest {
        0 => 0,
        digest => fold(TARGET, digest as u64) | 1,
    }
}

#[inline(always)]
fn brought(handle: u64, field: u64) -> bool {
    // SAFETY: a map value.
    context::get(handle).is_some_and(|request| unsafe { (*request).field } == field)
}

/// Is it the span of a tracer in the process, which it has not named before? An id that an agent has issued is not, and none is given
/// to two spans.
#[inline(never)]
pub fn is_new_span(told: &Traceparent) -> bool {
    let [high, low] = told.trace_id;
    if span_id::is_marked(told.parent_id) {
        return false;
    }
    let key = Key {
        owner: told.parent_id,
        number: fold(high, low),
    };
    if table::word(&ADOPTED, key, 0).is_some() {
        return false;
    }
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    table::put(&ADOPTED, key, &[now], |_| false);
    true
}
