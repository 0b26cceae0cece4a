//! Walks the frames of one segment.

use super::{
    data, digest, frame, hold,
    layout::{Half, Http2, half, phase},
    order,
};
use crate::{maps::lose, segment, walk::Walk};
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;
use sonde_common::loss::Reason;

/// Most steps of a walk. A frame takes three or more; a packet of 64 KiB can hold thousands of them.
const MAX_STEPS: u32 = 16 * 1024;

/// What a walk needs; lives on the BPF stack.
#[repr(C)]
struct Context {
    walk: *mut Walk,
    http2: *mut Http2,
}

/// Walks to the end of the segment.
#[inline(always)]
pub unsafe fn run<const EGRESS: bool>(walk: &mut Walk, http2: *mut Http2) {
    let direction = segment::direction::<EGRESS>(walk.connection);
    let mut context = Context { walk, http2 };
    // SAFETY: the callback gets back what outlives the call; map values are checked by the caller.
    unsafe {
        (*direction).stop = 0;
        let half = half::<EGRESS>(http2);
        (*half).length = walk.segment.length;
        let context = &raw mut context;
        bpf_loop(MAX_STEPS, step::<EGRESS> as *mut c_void, context.cast(), 0);
        (*half).kept = 0;
        if !EGRESS && (*half).held_at != 0 && (*half).held == (*half).held_end {
            hold::drop_kept(half, (*walk.connection).cookie);
        }
        if (*direction).at < (*half).length && (*half).phase != phase::UNSYNCED {
            lose(segment::hook::<EGRESS>(), Reason::Budget);
            order::lose_footing::<EGRESS>(half, direction);
        }
    }
}

/// One step; 1 ends the walk.
unsafe extern "C" fn step<const EGRESS: bool>(_index: u64, context: *mut Context) -> i64 {
    // SAFETY: `run` passes a valid context; the rest are checked map values.
    unsafe {
        let walk = &*(*context).walk;
        let http2 = (*context).http2;
        let half = half::<EGRESS>(http2);
        let direction = segment::direction::<EGRESS>(walk.connection);
        if digest::is_full(half) {
            digest::flush::<EGRESS>(walk, half, 0);
        }
        if (*half).phase == phase::END {
            frame::end::<EGRESS>(walk, http2);
            return 0;
        }
        let (at, length) = ((*direction).at, (*half).length);
        if at >= length || (*half).phase == phase::UNSYNCED {
            let goes_on = !EGRESS && hold::goes_on(walk, half, direction);
            return !goes_on as i64;
        }
        let left = length.wrapping_sub(at);
        let taken = match (*half).phase {
            phase::HEADER => frame::header::<EGRESS>(walk, half, at, left),
            phase::CAPTURE => frame::capture::<EGRESS>(walk, half, at, left),
            phase::DATA => data::step(walk, half, at, left),
            _ => skip(half, left),
        };
        (*direction).at = at.wrapping_add(taken);
        if taken == 0 && (*half).phase != phase::END {
            order::lose_footing::<EGRESS>(half, direction);
        }
        0
    }
}

/// Passes over the preface, or payload that nobody needs.
#[inline(always)]
unsafe fn skip(half: *mut Half, left: u32) -> u32 {
    // SAFETY: as in `step`.
    unsafe {
        let taken = if left < (*half).left {
            left
        } else {
            (*half).left
        };
        (*half).left -= taken;
        if (*half).left == 0 {
            (*half).phase = match (*half).phase {
                phase::PREFACE => phase::HEADER,
                _ => phase::END,
            };
        }
        taken
    }
}
