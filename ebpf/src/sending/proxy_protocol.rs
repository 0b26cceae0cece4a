//! Passes over a header of the PROXY protocol, so that the first request is found behind it: in the same message, which the
//! program then sees again from there on, or in a later one.

use super::{FIRST_LOOK, NEXT, PROXY, Sending, reach};
use aya_ebpf::{
    bindings::sk_msg_md,
    helpers::generated::{bpf_loop, bpf_msg_apply_bytes, bpf_probe_read_kernel},
};
use core::ffi::c_void;
use sonde_common::connection::{Connection, phase};

/// Steps of a scan: more than any header takes.
const STEPS: u32 = 128;

/// True: the message begins with a header, or with a part of one, and is done with as far as that goes.
#[inline(always)]
pub unsafe fn pass(
    msg: *mut sk_msg_md,
    connection: *const Connection,
    sending: *mut Sending,
    sequence: u32,
) -> Option<bool> {
    // SAFETY: the caller passes the program's context and checked map values.
    unsafe {
        let scan = &raw mut (*sending).proxied;
        let goes_on = (*scan).is_open() && (*sending).sequence == sequence;
        if !goes_on && !((*scan).is_start() && is_first(connection, sequence)) {
            return Some(false);
        }
        reach(msg, sending, FIRST_LOOK)?;
        (*sending).at = 0;
        (*sending).end = (*msg).size;
        let mut context = sending;
        bpf_loop(STEPS, step as *mut c_void, (&raw mut context).cast(), 0);
        let (at, size) = ((*sending).at, (*msg).size);
        if (*scan).is_ambiguous() || (*scan).is_other() || (*scan).is_failed() {
            (*scan).refuse();
            return Some(false);
        }
        (*sending).inside = if (*scan).is_end() { NEXT } else { PROXY };
        (*sending).sequence = sequence.wrapping_add(at);
        if at < size {
            bpf_msg_apply_bytes(msg, at);
        }
        Some(true)
    }
}

/// Is it the first byte of the connection that goes out?
#[inline(always)]
unsafe fn is_first(connection: *const Connection, sequence: u32) -> bool {
    // SAFETY: as in `pass`. The egress hook does not run for this socket now: its lock is held.
    unsafe {
        let egress = &raw const (*connection).egress;
        let seen = (*egress).sequenced != 0 && (*egress).next_sequence == sequence;
        seen && (*egress).phase == phase::HEAD && (*connection).proxied.is_start()
    }
}

/// The next byte, or all that may be passed over by count; 1 ends the loop.
unsafe extern "C" fn step(_index: u64, context: *mut *mut Sending) -> i64 {
    // SAFETY: `pass` passes a checked map value; the helper fails on an address that is not there.
    unsafe {
        let sending = *context;
        let scan = &raw mut (*sending).proxied;
        let at = (*sending).at;
        let over = !(*scan).is_start() && !(*scan).is_open();
        if over || at >= (*sending).end {
            return 1;
        }
        let rest = (*scan).rest();
        if rest > 0 {
            let taken = rest.min((*sending).end - at);
            (*scan).skip(taken);
            (*sending).at = at.wrapping_add(taken);
            return 0;
        }
        let mut byte = 0_u8;
        let from = (*sending).data.wrapping_add(at as u64) as *const c_void;
        let unread = at >= (*sending).readable;
        if unread || bpf_probe_read_kernel((&raw mut byte).cast(), 1, from) != 0 {
            return 1;
        }
        (*scan).step(byte);
        (*sending).at = at.wrapping_add(1);
        0
    }
}
