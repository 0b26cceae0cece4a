//! Segments that arrive before their turn are kept until the missing ones have come, and then walked from here.
//!
//! On the loopback device that happens whenever a sender changes its CPU. What does not follow on what is kept already, or is
//! too much, counts as a hole.

use super::layout::{Half, phase};
use crate::{hold::is_before, maps::HELD, segment, walk::Walk};
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_skb_load_bytes};
use core::ffi::c_void;
use sonde_common::connection::Direction;

/// Bytes that are kept.
const SIZE: usize = 16 * 1024;

/// The value in socket storage; made when the first segment comes early.
#[repr(C)]
pub struct Held {
    bytes: [u8; SIZE],
    /// Room for a segment behind the last byte.
    slack: [u8; SIZE],
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
        if (*half).held == (*half).held_end {
            (*half).held = segment.sequence;
            (*half).held_end = segment.sequence;
        }
        let offset = segment.sequence.wrapping_sub((*half).held);
        let follows = segment.sequence == (*half).held_end;
        if !follows || offset.saturating_add(segment.length) > SIZE as u32 {
            return false;
        }
        let sk = walk.sk();
        if sk.is_null() {
            return false;
        }
        let held = HELD.get_or_create(sk);
        if held.is_null() {
            return false;
        }
        let length = (&raw const segment.length).read_volatile();
        let length = (length.wrapping_sub(1) & (SIZE as u32 - 1)) + 1;
        let offset = (&raw const offset).read_volatile() as usize & (SIZE - 1);
        let to = held.cast::<u8>().add(offset);
        if bpf_skb_load_bytes(walk.skb.cast(), segment.payload, to.cast(), length) != 0 {
            return false;
        }
        (*half).held_at = held as u64;
        (*half).held_end = segment.sequence.wrapping_add(segment.length);
        true
    }
}

/// The walk has come to its end: does it go on with what was kept, now that the missing bytes are in?
#[inline(always)]
pub unsafe fn goes_on(half: *mut Half, direction: *mut Direction) -> bool {
    // SAFETY: as in `keep`.
    unsafe {
        let (held, end) = ((*half).held, (*half).held_end);
        let next = (*direction).next_sequence;
        if held == end || is_before(next, held) {
            return false;
        }
        (*half).held = end;
        if !is_before(next, end) || (*half).phase == phase::UNSYNCED {
            return false;
        }
        (*direction).next_sequence = end;
        (*direction).at = next.wrapping_sub(held);
        (*half).length = end.wrapping_sub(held);
        (*half).kept = (&raw const (*half).held_at).read_volatile();
        true
    }
}
