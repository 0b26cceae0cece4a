//! Segments that come before their turn where a head is expected: their first bytes are told of at
//! once, marked, and user space keeps them until the missing ones have come.
//!
//! The stretch from the first to the last of them may have holes of its own, which are not waited for, and
//! is no longer than [`MOST`]: what is worse counts as a gap. Behind it the footing is found again at the
//! next start line.

use crate::{head, maps::lose, omit, packet::Segment, segment, walk::Walk};
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
        let (from, to) = (
            segment.sequence,
            segment.sequence.wrapping_add(segment.length),
        );
        let (held, held_end) = ((*direction).held, (*direction).held_end);
        let none = held == held_end;
        let first = if none || is_before(from, held) {
            from
        } else {
            held
        };
        let last = if none || is_before(held_end, to) {
            to
        } else {
            held_end
        };
        let left_out = omit::is_on::<EGRESS>(connection);
        if left_out || (*connection).state != state::HTTP1 || last.wrapping_sub(first) > MOST {
            (*direction).held = held_end;
            return false;
        }
        (*direction).held = first;
        (*direction).held_end = last;
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
        if is_before(next, held) {
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

/// Order of sequence numbers (RFC 9293 section 3.4).
#[inline(always)]
pub const fn is_before(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}
