//! Walks the messages in one segment: heads are captured, bodies counted.

use crate::{announce, chunked, head, maps::lose, packet::Segment, segment};
use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_loop};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, phase},
    loss::Reason,
    record::flag,
};

/// Most pieces (heads, bodies, windows of a head) that are walked in one segment.
const MAX_STEPS: u32 = 512;

/// The state of a walk; lives on the BPF stack.
#[repr(C)]
pub struct Walk {
    /// The packet.
    pub skb: *mut __sk_buff,
    /// The socket's value.
    pub connection: *mut Connection,
    /// `bpf_ktime_get_ns` at the start.
    pub now: u64,
    /// Where the payload lies.
    pub segment: Segment,
}

impl Walk {
    /// The socket; null never happens here, but the verifier asks.
    #[inline(always)]
    pub fn sk(&self) -> *mut c_void {
        // SAFETY: `skb` is the program's context.
        unsafe { (*self.skb).__bindgen_anon_2.sk.cast() }
    }
}

/// Walks to the end of the segment, or as far as it makes sense.
#[inline(always)]
pub fn run<const EGRESS: bool>(walk: &mut Walk) {
    let context: *mut Walk = walk;
    let direction = segment::direction::<EGRESS>(walk.connection);
    // SAFETY: the callback gets `context` back, which outlives the call; `direction` points into the
    // checked map value.
    unsafe {
        (*direction).stop = 0;
        bpf_loop(MAX_STEPS, step::<EGRESS> as *mut c_void, context.cast(), 0);
        if (*direction).stop == 0 && (*direction).at < walk.segment.length {
            lose(segment::hook::<EGRESS>(), Reason::Budget);
            (*direction).phase = phase::UNSYNCED;
        }
    }
}

/// One piece; 1 ends the loop.
unsafe extern "C" fn step<const EGRESS: bool>(_index: u64, walk: *mut Walk) -> i64 {
    // SAFETY: `run` passes a valid walk; the connection is a checked map value.
    unsafe {
        let walk = &mut *walk;
        let direction = segment::direction::<EGRESS>(walk.connection);
        let at = (*direction).at;
        if at >= walk.segment.length || (*direction).stop != 0 {
            return 1;
        }
        let left = (walk.segment.length - at) as u64;
        match (*direction).phase {
            phase::HEAD => head::capture::<EGRESS>(walk, direction),
            phase::UNSYNCED if at == 0 => head::capture::<EGRESS>(walk, direction),
            phase::BODY => {
                let taken = left.min((*direction).remaining);
                (*direction).remaining -= taken;
                (*direction).offset += taken;
                (*direction).content += taken;
                (*direction).at = at + taken as u32;
                if (*direction).remaining == 0 {
                    (*direction).phase = phase::HEAD;
                    announce::elided::<EGRESS>(
                        walk.connection,
                        direction,
                        walk.now,
                        flag::END_OF_MESSAGE,
                    );
                }
            }
            phase::CHUNKED => chunked::step::<EGRESS>(walk, direction),
            phase::UNTIL_CLOSE => {
                (*direction).offset += left;
                (*direction).content += left;
                (*direction).at = walk.segment.length;
            }
            _ => (*direction).stop = 1,
        }
        0
    }
}
