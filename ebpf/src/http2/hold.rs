//! Segments that arrive before their turn are kept until the missing ones have come, and then walked from here.
//!
//! On the loopback device that happens whenever a sender changes its CPU. What does not follow on what is kept already, or is
//! too much, counts as a hole. The bytes are in a few places that all connections share, each in the one that its cookie names.

use super::layout::{Half, phase};
use crate::{hold::is_before, maps::HELD, segment, walk::Walk};
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_skb_load_bytes};
use core::{arch::asm, ffi::c_void};
use sonde_common::connection::Direction;

/// Bytes that are kept of a connection.
const SIZE: usize = 128 * 1024;
/// Longest segment, in bytes.
const SEGMENT: usize = 64 * 1024;
/// Connections that bytes are kept of at a time; a power of two.
pub const PLACES: usize = 16;
/// Nanoseconds after which a place is free again, whoever had it: missing bytes come within microseconds, or never.
const STALE: u64 = 10_000_000_000;

/// A place for the bytes of one connection.
#[repr(C)]
pub struct Held {
    /// The connection's cookie.
    owner: u64,
    /// When it was taken, on the clock of `bpf_ktime_get_ns`; 0: it is free.
    since: u64,
    bytes: [u8; SIZE],
    /// Room for a segment behind the last byte.
    slack: [u8; SEGMENT],
}

#[inline(always)]
unsafe fn place(cookie: u64) -> *mut Held {
    let index = (cookie ^ cookie >> 4) as u32 & (PLACES as u32 - 1);
    HELD.get_ptr_mut(index).unwrap_or(core::ptr::null_mut())
}

/// Takes the connection's place, if no other connection has it.
#[inline(always)]
unsafe fn take(held: *mut Held, cookie: u64, now: u64) -> bool {
    // SAFETY: an atomic operation on a checked map value; the former value comes back.
    unsafe {
        let at = &raw mut (*held).since;
        let known = at.read_volatile();
        // Looked at first: who is refused must not make the place look newly taken.
        if known != 0 && now.wrapping_sub(known) < STALE {
            return false;
        }
        let mut former = now;
        asm!("{0} = xchg_64({1} + 0, {0})", inout(reg) former, in(reg) at);
        if former != known {
            return false;
        }
        (*held).owner = cookie;
    }
    true
}

/// Nothing is kept of the connection any more.
#[inline(always)]
pub unsafe fn drop_kept(half: *mut Half, cookie: u64) {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        (*half).held = (*half).held_end;
        if (*half).held_at == 0 {
            return;
        }
        let held = place(cookie);
        if !held.is_null() && (*held).owner == cookie {
            (*held).owner = 0;
            (&raw mut (*held).since).write_volatile(0);
        }
        (*half).held_at = 0;
    }
}

/// Reads payload: of the packet, or of what was kept while that is walked. False: it is not there.
#[inline(always)]
pub unsafe fn load(walk: &Walk, half: *const Half, at: u32, to: *mut c_void, length: u32) -> bool {
    // SAFETY: the caller passes checked map values and room for `length` bytes; the helpers check what they read.
    unsafe {
        let kept = (&raw const (*half).kept).read_volatile();
        if kept != 0 {
            let from = kept.wrapping_add(at as u64) as *const c_void;
            return bpf_probe_read_kernel(to, length, from) == 0;
        }
        let offset = walk.segment.payload.wrapping_add(at);
        bpf_skb_load_bytes(walk.skb.cast(), offset, to, length) == 0
    }
}

/// Keeps a segment that comes too early. False: it cannot be kept.
#[inline(always)]
pub unsafe fn keep(walk: &Walk, half: *mut Half, direction: *const Direction) -> bool {
    let segment = &walk.segment;
    // SAFETY: the caller passes checked map values; the masks keep the bytes inside.
    unsafe {
        if (*half).phase == phase::UNSYNCED || segment::is_received(walk.skb, direction) {
            return false;
        }
        let cookie = (*walk.connection).cookie;
        let held = place(cookie);
        if held.is_null() {
            return false;
        }
        if (*half).held == (*half).held_end {
            if (*half).held_at == 0 && !take(held, cookie, walk.now) {
                return false;
            }
            (*half).held_at = (&raw const (*held).bytes) as u64;
            (*half).held = segment.sequence;
            (*half).held_end = segment.sequence;
        }
        let offset = segment.sequence.wrapping_sub((*half).held);
        let follows = segment.sequence == (*half).held_end && (*held).owner == cookie;
        let fits = offset < SIZE as u32 && segment.length <= SEGMENT as u32;
        if !follows || !fits {
            return false;
        }
        let length = (&raw const segment.length).read_volatile();
        let length = (length.wrapping_sub(1) & (SEGMENT as u32 - 1)) + 1;
        let offset = (&raw const offset).read_volatile() as usize & (SIZE - 1);
        let to = (&raw mut (*held).bytes).cast::<u8>().add(offset);
        if bpf_skb_load_bytes(walk.skb.cast(), segment.payload, to.cast(), length) != 0 {
            return false;
        }
        (*half).held_end = segment.sequence.wrapping_add(segment.length);
        true
    }
}

/// The walk has come to its end: does it go on with what was kept, now that the missing bytes are in?
#[inline(always)]
pub unsafe fn goes_on(walk: &Walk, half: *mut Half, direction: *mut Direction) -> bool {
    // SAFETY: as in `keep`.
    unsafe {
        let (held, end) = ((*half).held, (*half).held_end);
        let next = (*direction).next_sequence;
        if held == end || is_before(next, held) {
            return false;
        }
        (*half).held = end;
        let cookie = (*walk.connection).cookie;
        let place = place(cookie);
        let is_there = !place.is_null() && (*place).owner == cookie;
        if !is_there || !is_before(next, end) || (*half).phase == phase::UNSYNCED {
            return false;
        }
        (*direction).next_sequence = end;
        (*direction).at = next.wrapping_sub(held);
        (*half).length = end.wrapping_sub(held);
        (*half).kept = (&raw const (*half).held_at).read_volatile();
        true
    }
}
