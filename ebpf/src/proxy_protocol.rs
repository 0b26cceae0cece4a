//! The header of the PROXY protocol in front of a connection's first bytes: passed over, so that for all else the stream begins
//! behind it.
//!
//! The header's bytes count in no offset, and no record has them: what they say goes with the record that tells of the
//! connection. A header may go on in later segments, once the first has told it from a request; one whose first segment is
//! too short for that is no header, nor is one that turns out invalid in its first segment.
//!
//! It is read by a loop of its own before the walk, which the verifier would else see in twice as many states.

use crate::{http2::recognize, option, packet::Segment, segment};
use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, Direction, phase, role, state},
    proxy_protocol::HeaderScan,
    record::TENTATIVE,
};

/// Most bytes of a header that are read one by one: a whole one of version 1, or the addresses of version 2.
const STEPS: u32 = 128;

/// What the loop needs, and does not change; lives on the BPF stack.
#[repr(C)]
struct Context {
    skb: *mut __sk_buff,
    scan: *mut HeaderScan,
    /// Where the first byte lies in the packet, and how many there are.
    offset: u32,
    length: u32,
}

/// Passes over as much of a header as begins, or goes on, with the segment's new bytes: moves `at`.
#[inline(always)]
pub unsafe fn pass_over<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    segment: &Segment,
) {
    // SAFETY: the caller passes the program's context and a checked map value.
    unsafe {
        let direction = segment::direction::<EGRESS>(connection);
        let goes_on = (*direction).phase == phase::PROXY;
        if (*connection).state != state::NEW || !(goes_on || may_begin::<EGRESS>(connection)) {
            return;
        }
        let scan = &raw mut (*connection).proxied;
        let from = (*direction).at;
        let before = (*scan).bytes();
        let mut context = Context {
            skb,
            scan,
            offset: segment.payload.wrapping_add(from),
            length: segment.length.wrapping_sub(from),
        };
        bpf_loop(STEPS, step as *mut c_void, (&raw mut context).cast(), 0);
        if (*scan).is_failed() || (*scan).is_other() || (*scan).is_ambiguous() {
            return refuse(connection, direction, goes_on);
        }
        let at = from.wrapping_add((*scan).bytes().wrapping_sub(before));
        let rest = (*scan).rest().min(segment.length.wrapping_sub(at));
        if rest > 0 {
            (*scan).skip(rest);
        }
        (*direction).at = at.wrapping_add(rest);
        (*direction).phase = phase::PROXY;
        if (*scan).is_end() {
            (*direction).phase = phase::HEAD;
            end::<EGRESS>(skb, connection, direction, segment);
        }
    }
}

/// A header may come where nothing has, from the client.
#[inline(always)]
unsafe fn may_begin<const EGRESS: bool>(connection: *mut Connection) -> bool {
    // SAFETY: as in `pass_over`.
    unsafe {
        let direction = segment::direction::<EGRESS>(connection);
        let sends = if EGRESS { role::CLIENT } else { role::SERVER };
        (*connection).role == sends
            && (*connection).proxied.is_start()
            && (*direction).phase == phase::HEAD
            && (*direction).offset == 0
            && (*direction).at == 0
    }
}

/// The next byte; 1 ends the loop.
unsafe extern "C" fn step(index: u64, context: *mut Context) -> i64 {
    // SAFETY: `pass_over` passes a valid context and a checked map value; the helper checks the packet's bounds.
    unsafe {
        let scan = (*context).scan;
        let over = !(*scan).is_start() && !(*scan).is_open();
        if over || (*scan).rest() > 0 || index >= (*context).length as u64 {
            return 1;
        }
        let mut byte = 0_u8;
        let from = (*context).offset.wrapping_add(index as u32);
        if bpf_skb_load_bytes((*context).skb.cast(), from, (&raw mut byte).cast(), 1) != 0 {
            return 1;
        }
        (*scan).step(byte);
        0
    }
}

/// It is no header. Before the first segment's end that leaves everything as it was; later there is no footing any more.
#[inline(always)]
unsafe fn refuse(connection: *mut Connection, direction: *mut Direction, goes_on: bool) {
    // SAFETY: as in `pass_over`.
    unsafe {
        (*connection).proxied.refuse();
        if goes_on {
            (*connection).state = state::OPAQUE;
            (*direction).phase = phase::UNSYNCED;
        }
    }
}

/// The header has ended: what follows is looked at as a connection's first bytes are.
#[inline(always)]
unsafe fn end<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    direction: *mut Direction,
    segment: &Segment,
) {
    // SAFETY: as in `pass_over`.
    unsafe {
        let at = (*direction).at;
        let goes_on = at < segment.length;
        if EGRESS {
            let behind = segment.sequence.wrapping_add(at);
            let length = (*connection).proxied.bytes();
            option::passes_over(connection, behind, length, goes_on && at >= length);
        }
        if !goes_on || !recognize::may_be::<EGRESS>(skb, connection, segment, at) {
            return;
        }
        if (*connection).cookie & TENTATIVE != 0 {
            // At a listening socket HTTP/2 is left to be found later, by its frames.
            (*direction).phase = phase::UNSYNCED;
            (*direction).at = segment.length;
            return;
        }
        // As behind a response that has given the connection to another protocol: the walk has no part in it.
        (*connection).state = state::UPGRADED;
        (*direction).phase = phase::PROXY;
    }
}
