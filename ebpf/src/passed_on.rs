//! Requests by the `traceparent` that they brought: a process that sends that very field on names the cause itself.
//!
//! Proxies do so, and services that copy fields by hand. It holds whatever carries the work, so it goes before what a thread or task says. The
//! field on the wire names the caller's span: the call gets a span of its own.

use crate::{
    context,
    maps::{ADOPTED, BROUGHT},
    table::{self, Key, fold},
};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use sonde_common::{connection::Connection, span_id, traceparent::Traceparent};

/// In an entry's word below the handle: always set, and that several requests have brought the same.
const HANDLE: u32 = 16;
const SET: u64 = 1;
const SEVERAL: u64 = 2;

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
    let field = unsafe { (*request).field };
    if field == 0 {
        return;
    }
    let key = key(tgid, field);
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

/// The requests that a thread of the process may have read of just now.
#[inline(always)]
pub unsafe fn note_all(connection: *const Connection, tgid: u32) {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        for handle in (*connection).contexts {
            if handle != 0 {
                note(tgid, handle);
            }
        }
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

#[inline(always)]
fn brought(handle: u64, field: u64) -> bool {
    // SAFETY: a map value.
    context::get(handle).is_some_and(|request| unsafe { (*request).field } == field)
}

/// Is it the span of a tracer in the process, which it has not named before? An id that an agent has issued is not, and none is given
/// to two spans.
#[inline(never)]
pub fn is_new_span(trace: u64, id: u64) -> bool {
    if span_id::is_marked(id) {
        return false;
    }
    let key = Key {
        owner: id,
        number: trace,
    };
    if table::word(&ADOPTED, key, 0).is_some() {
        return false;
    }
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    table::put(&ADOPTED, key, &[now], |_| false);
    true
}
