//! Segments that come before their turn where a head is expected: their first bytes are told of at
//! once, marked, and user space keeps them until the missing ones have come.
//!
//! Only one stretch of them is kept, and no more than [`MOST`] bytes: what is worse than that counts as a
//! gap. Behind such a stretch the footing is found again at the next start line.

use crate::{head, maps::lose, packet::Segment, segment, walk::Walk};
use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_ktime_get_ns};
use sonde_common::{
    connection::{Connection, Direction, phase, state},
    loss::Reason,
};

/// Longest stretch, in bytes of the stream.
const MOST: u32 = 64 * 1024;

/// Tells of a segment that comes `missing` bytes too early. False: it cannot be kept.
#[inline(always)]
pub unsafe fn keep<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    direction: *mut Direction,
    segment: &Segment,
    missing: u64,
) -> bool {
    // SAFETY: the caller passes pointers into a checked map value.
    unsafe {
        let end = segment.sequence.wrapping_add(segment.length);
        let none = (*direction).held == (*direction).held_end;
        let joins = none || (*direction).held_end == segment.sequence;
        let held = if none {
            segment.sequence
        } else {
            (*direction).held
        };
        if (*connection).state != state::HTTP1 || !joins || end.wrapping_sub(held) > MOST {
            (*direction).held = (*direction).held_end;
            return false;
        }
        (*direction).held = held;
        (*direction).held_end = end;
        (*direction).at = 0;
        let now = bpf_ktime_get_ns();
        let walk = Walk {
            skb,
            connection,
            now,
            segment: *segment,
        };
        if !head::capture_early::<EGRESS>(&walk, direction, (*direction).offset + missing) {
            lose(segment::hook::<EGRESS>(), Reason::RingFull);
        }
        true
    }
}

/// The missing bytes are in: goes on behind the stretch.
#[inline(always)]
pub unsafe fn join(direction: *mut Direction) {
    // SAFETY: as in `keep`.
    unsafe {
        let (held, end) = ((*direction).held, (*direction).held_end);
        if held == end {
            return;
        }
        let next = (*direction).next_sequence;
        if (next.wrapping_sub(held) as i32) < 0 {
            return;
        }
        (*direction).held = end;
        let ahead = end.wrapping_sub(next) as i32;
        if ahead > 0 {
            (*direction).offset += ahead as u64;
            (*direction).reported = (*direction).offset;
            (*direction).content = 0;
            (*direction).next_sequence = end;
            (*direction).phase = phase::UNSYNCED;
        }
    }
}
