//! The place of a segment in its direction, as `segment` has it for HTTP/1.

use super::{
    hold,
    layout::{Half, phase},
    recognize,
};
use crate::{maps::lose, segment, walk::Walk};
use sonde_common::{connection::Direction, loss::Reason, record::flag};

/// Where in the payload the new bytes begin; `None` if there are none, or nothing can be made of them.
#[inline(always)]
pub unsafe fn place<const EGRESS: bool>(
    walk: &mut Walk,
    half: *mut Half,
    direction: *mut Direction,
) -> Option<u32> {
    // SAFETY: the caller passes pointers into checked map values.
    unsafe {
        let from = new_bytes::<EGRESS>(walk, half, direction)?;
        if (*half).phase == phase::UNSYNCED {
            if from != 0 || !recognize::is_frames::<EGRESS>(walk) {
                return None;
            }
            (*half).phase = phase::HEADER;
            (*half).have = 0;
        }
        Some(from)
    }
}

#[inline(always)]
unsafe fn new_bytes<const EGRESS: bool>(
    walk: &Walk,
    half: *mut Half,
    direction: *mut Direction,
) -> Option<u32> {
    let segment = &walk.segment;
    if segment.length == 0 {
        return None;
    }
    // SAFETY: as in `place`.
    unsafe {
        // Read back: it tells of a segment that was begun as HTTP/1 and goes on as HTTP/2.
        if (*direction).stop == segment::RESUME {
            (*direction).stop = 0;
            return Some((*direction).at);
        }
        let end = segment.sequence.wrapping_add(segment.length);
        let ahead = segment.sequence.wrapping_sub((*direction).next_sequence) as i32;
        if (*direction).sequenced == 0 || ahead == 0 {
            (*direction).sequenced = 1;
            (*direction).next_sequence = end;
            return Some(0);
        }
        if ahead < 0 {
            let seen = ahead.unsigned_abs();
            if seen >= segment.length {
                return None;
            }
            (*direction).next_sequence = end;
            return Some(seen);
        }
        let counted = is_counted(half, ahead as u32, segment.length);
        if !EGRESS && !counted && hold::keep(walk, half, direction) {
            return None;
        }
        hold::drop_kept(half, (*walk.connection).cookie);
        skip_hole::<EGRESS>(half, direction, ahead as u32);
        (*direction).next_sequence = end;
        Some(0)
    }
}

/// Are the missing bytes, and `length` more that came, payload that is only counted? Their order does not matter then.
#[inline(always)]
unsafe fn is_counted(half: *const Half, missing: u32, length: u32) -> bool {
    // SAFETY: as in `place`.
    unsafe {
        let counted = matches!((*half).phase, phase::SKIP | phase::DATA) && (*half).padded == 0;
        counted && (*half).left > missing.saturating_add(length)
    }
}

/// Goes on behind a hole. Inside a payload that is only counted nothing is lost by it.
#[inline(always)]
unsafe fn skip_hole<const EGRESS: bool>(half: *mut Half, direction: *mut Direction, missing: u32) {
    // SAFETY: as in `place`.
    unsafe {
        if is_counted(half, missing, 0) {
            (*half).left -= missing;
            (*half).unsure = 1;
            return;
        }
        if (*half).phase != phase::UNSYNCED {
            lose_footing::<EGRESS>(half, direction);
        }
    }
}

/// The footing is gone: the digest has a hole, and header blocks are read anew.
#[inline(always)]
pub unsafe fn lose_footing<const EGRESS: bool>(half: *mut Half, direction: *mut Direction) {
    // SAFETY: as in `place`.
    unsafe {
        lose(segment::hook::<EGRESS>(), Reason::Gap);
        (*half).phase = phase::UNSYNCED;
        (*half).lost = 1;
        (*half).scan.forget();
        (*direction).offset = (*direction).offset.wrapping_add(1);
    }
}

/// Flags of a record that tells how the direction ended, once; 0: it has not.
#[inline(always)]
pub unsafe fn end(walk: &Walk, direction: *mut Direction) -> u16 {
    let segment = &walk.segment;
    // SAFETY: as in `place`.
    unsafe {
        if (!segment.fin && !segment.reset) || (*direction).finished != 0 {
            return 0;
        }
        (*direction).finished = 1;
    }
    if segment.reset {
        flag::RESET
    } else {
        flag::FIN
    }
}
