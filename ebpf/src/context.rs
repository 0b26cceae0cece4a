//! The slots of contexts: a request gets one when its head is complete, and leaves it when its response
//! has ended.

use crate::{
    event_loop::waiting,
    maps::{CONTEXTS, LAST_HANDLE, config},
    task::Task,
};
use aya_ebpf::helpers::generated::{bpf_get_prandom_u32, bpf_ktime_get_ns};
use core::arch::asm;
use sonde_common::{
    context::{Context, SpanContext, Work, slot},
    span_id,
};

/// Slots tried for a free one.
const TRIES: u32 = 4;
/// A request without an end for so long has lost it, in nanoseconds.
const STALE: u64 = 600_000_000_000;

/// Takes a slot for a request; gives its handle, or 0 if a few tries find none free.
#[inline(always)]
pub fn claim(now: u64) -> u64 {
    for _ in 0..TRIES {
        let Some(handle) = next_handle() else {
            return 0;
        };
        let Some(context) = CONTEXTS.get_ptr_mut(slot(handle)) else {
            return 0;
        };
        // SAFETY: a map value; a slot is written by the one run that got its handle.
        unsafe {
            let live = (*context).handle != 0 && (*context).ended_at == 0;
            if live && now.wrapping_sub((*context).started_at) < STALE {
                continue;
            }
            (*context).handle = 0;
            waiting::closes(context);
            (*context).waits = 0;
            (*context).started_at = now;
            (*context).ended_at = 0;
            (*context).field = 0;
            (*context).target = 0;
            (*context).holder = 0;
            (*context).begun = 0;
            (*context).followed = 0;
        }
        return handle;
    }
    0
}

/// Puts a request's span into the slot that was taken for it.
#[inline(always)]
pub fn fill(handle: u64, span: &SpanContext) {
    if handle == 0 {
        return;
    }
    let Some(context) = CONTEXTS.get_ptr_mut(slot(handle)) else {
        return;
    };
    // SAFETY: as in `claim`.
    unsafe {
        (*context).span = *span;
        (*context).handle = handle;
    }
}

#[inline(always)]
fn next_handle() -> Option<u64> {
    let last = LAST_HANDLE.get_ptr_mut(0)?;
    let mut handle = 1_u64;
    // SAFETY: an atomic addition on a map value; the former value comes back.
    unsafe {
        asm!("{0} = atomic_fetch_add((u64 *)({1} + 0), {0})", inout(reg) handle, in(reg) last);
    }
    Some(handle.wrapping_add(1))
}

/// The context of a handle, ended or not.
#[inline(always)]
pub fn get(handle: u64) -> Option<*mut Context> {
    if handle == 0 {
        return None;
    }
    let context = CONTEXTS.get_ptr_mut(slot(handle))?;
    // SAFETY: a map value.
    (unsafe { (*context).handle } == handle).then_some(context)
}

/// Its request brought this field (0: none), to this target (0: not known).
#[inline(always)]
pub fn bring(handle: u64, field: u64, target: u64) {
    if let Some(context) = get(handle) {
        // SAFETY: a map value; written once, where its head ends.
        unsafe {
            (*context).field = field;
            (*context).target = target;
        }
    }
}

/// Its response has begun.
#[inline(always)]
pub fn begin(handle: u64) {
    if let Some(context) = get(handle) {
        // SAFETY: as in `end`.
        unsafe { (*context).begun = 1 };
    }
}

/// Another request has come in on the same connection.
#[inline(always)]
pub fn follow(handle: u64) {
    if let Some(context) = get(handle) {
        // SAFETY: as in `end`.
        unsafe { (*context).followed = 1 };
    }
}

/// The context has ended.
#[inline(always)]
pub fn end(handle: u64, now: u64) {
    if let Some(context) = get(handle) {
        // SAFETY: a map value; written once, where its response ends.
        unsafe {
            (*context).ended_at = now;
            waiting::closes(context);
        }
    }
}

/// The context of work that a thread took up and that goes on, or went on until just now: after the
/// response only for a short time, and only if the thread has not slept since it took the work up.
#[inline(always)]
pub fn live(work: &Work, task: &Task) -> Option<*mut Context> {
    let context = get(work.handle)?;
    // SAFETY: a map value.
    let ended = unsafe { (*context).ended_at };
    if ended == 0 {
        return Some(context);
    }
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    let lingers = now.wrapping_sub(ended) < config().linger && work.switches == task.switches();
    lingers.then_some(context)
}

/// The handle, if its context goes on or ended a short time ago; else 0. For work that is known to belong to
/// it, like a task's.
#[inline(always)]
pub fn going_on(handle: u64) -> u64 {
    let Some(context) = get(handle) else {
        return 0;
    };
    // SAFETY: a map value.
    let ended = unsafe { (*context).ended_at };
    // SAFETY: no arguments.
    let lingers = ended != 0 && unsafe { bpf_ktime_get_ns() }.wrapping_sub(ended) < config().linger;
    if ended == 0 || lingers { handle } else { 0 }
}

/// The handle, if its context goes on; else 0.
#[inline(always)]
pub fn under_way(handle: u64) -> u64 {
    // SAFETY: a map value.
    match get(handle) {
        Some(context) if unsafe { (*context).ended_at } == 0 => handle,
        _ => 0,
    }
}

/// A new span id.
#[inline(always)]
pub fn span_id() -> [u8; 8] {
    span_id::marked(u64::from_ne_bytes(random())).to_ne_bytes()
}

/// Eight random bytes, not all zero.
#[inline(always)]
pub fn random() -> [u8; 8] {
    (number() | 1 << 17).to_ne_bytes()
}

/// A random number, each bit of it.
#[inline(always)]
pub fn number() -> u64 {
    // SAFETY: no arguments.
    let (high, low) = unsafe { (bpf_get_prandom_u32(), bpf_get_prandom_u32()) };
    (high as u64) << 32 | low as u64
}
