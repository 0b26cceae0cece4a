//! Walks the framing of a chunked body; chunk data is passed over.

use crate::{announce, maps::lose, segment, walk::Walk};
use aya_ebpf::helpers::generated::{bpf_loop, bpf_skb_load_bytes};
use core::ffi::c_void;
use sonde_common::{
    connection::{Direction, phase},
    loss::Reason,
    record::flag,
};

/// Most steps within one chunked body and segment: a framing byte or a chunk's data each.
const MAX_STEPS: u32 = 4096;

/// Takes all of the chunked body that lies in the segment.
#[inline(always)]
pub unsafe fn step<const EGRESS: bool>(walk: &mut Walk, direction: *mut Direction) {
    let context: *mut Walk = walk;
    // SAFETY: the caller passes a pointer into a checked map value; the callback gets `context` back.
    unsafe {
        let from = (*direction).at;
        bpf_loop(MAX_STEPS, frame::<EGRESS> as *mut c_void, context.cast(), 0);
        (*direction).offset += (*direction).at.wrapping_sub(from) as u64;
        if (*direction).chunk.is_end() {
            (*direction).phase = phase::HEAD;
            announce::elided::<EGRESS>(walk.connection, direction, walk.now, flag::END_OF_MESSAGE);
        } else if (*direction).at < walk.segment.length {
            lose(segment::hook::<EGRESS>(), Reason::Budget);
            (*direction).phase = phase::UNSYNCED;
            (*direction).stop = 1;
        }
    }
}

unsafe extern "C" fn frame<const EGRESS: bool>(_index: u64, walk: *mut Walk) -> i64 {
    // SAFETY: `step` passes a valid walk; the helper checks the packet's bounds.
    unsafe {
        let walk = &mut *walk;
        let direction = segment::direction::<EGRESS>(walk.connection);
        let at = (*direction).at;
        if at >= walk.segment.length {
            return 1;
        }
        if (*direction).chunk.in_data() {
            let taken = (*direction)
                .chunk
                .remaining
                .min((walk.segment.length - at) as u64);
            (*direction).chunk.skip(taken);
            (*direction).content += taken;
            (*direction).at = at + taken as u32;
            return 0;
        }
        let mut byte = 0_u8;
        let offset = walk.segment.payload.wrapping_add(at);
        if bpf_skb_load_bytes(walk.skb.cast(), offset, (&raw mut byte).cast(), 1) != 0 {
            return 1;
        }
        (*direction).chunk.push(byte);
        if (*direction).chunk.is_failed() {
            return 1;
        }
        (*direction).at = at + 1;
        (*direction).chunk.is_end() as i64
    }
}
