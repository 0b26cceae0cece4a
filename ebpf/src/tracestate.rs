//! Carries `tracestate` from a request that came in to those that are sent for it.
//!
//! The line is kept as it will be written, in a slot by the request's handle, which a later request may take
//! over. Nothing is kept of a value that is not a valid list, is too long, stands in several lines or did not come in one
//! segment. Whether a key repeats is not checked.

use crate::{context, maps::STATES, walk::Walk};
use aya_ebpf::{
    bindings::sk_msg_md,
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
};
use core::ffi::c_void;
use sonde_common::{
    http1::HeadScan,
    traceparent,
    tracestate::{Check, LINE, MAX, NAME, State, slot},
};

/// Keeps the value of a head that ends at `end` of the segment for the request `handle`.
#[inline(always)]
pub unsafe fn keep(walk: &Walk, head: &HeadScan, end: u32, handle: u64) {
    if head.state_at == 0 || head.has_several_states() || handle == 0 {
        return;
    }
    let behind = head.bytes.wrapping_sub(head.state_at);
    if behind > end {
        return;
    }
    let from = walk.segment.payload.wrapping_add(end).wrapping_sub(behind);
    let Some(state) = STATES.get_ptr_mut(slot(handle)) else {
        return;
    };
    // SAFETY: a map value; a slot is written by the one run that got its handle.
    unsafe {
        (*state).handle = 0;
        if load(walk, from, head.state_length, state) && check(state) {
            (*state).handle = handle;
        }
    }
}

/// Loads the value, without the blank before it and the carriage return behind it, into its line.
#[inline(always)]
unsafe fn load(walk: &Walk, from: u32, length: u32, state: *mut State) -> bool {
    // SAFETY: as in `keep`; the helper checks the packet's bounds.
    unsafe {
        let Some(first) = byte(walk, from) else {
            return false;
        };
        let Some(last) = byte(walk, from.wrapping_add(length).wrapping_sub(1)) else {
            return false;
        };
        let before = (first == b' ') as u32;
        let length = length
            .wrapping_sub(before)
            .wrapping_sub((last == b'\r') as u32);
        // The verifier wants 1..=MAX; read back so that the compiler cannot drop the mask as redundant.
        let length = core::ptr::read_volatile(&length);
        let masked = (length.wrapping_sub(1) & (MAX as u32 - 1)) + 1;
        if masked != length {
            return false;
        }
        let line = (&raw mut (*state).line).cast::<u8>();
        let value = line.add(NAME.len()).cast();
        if bpf_skb_load_bytes(walk.skb.cast(), from.wrapping_add(before), value, masked) != 0 {
            return false;
        }
        line.cast::<[u8; NAME.len()]>().write(*NAME);
        let line_end = value.cast::<u8>().add(masked as usize);
        line_end.write(b'\r');
        line_end.add(1).write(b'\n');
        (*state).length = masked + NAME.len() as u32 + 2;
        true
    }
}

#[inline(always)]
unsafe fn byte(walk: &Walk, at: u32) -> Option<u8> {
    let mut byte = 0_u8;
    // SAFETY: the helper checks the packet's bounds.
    let failed = unsafe { bpf_skb_load_bytes(walk.skb.cast(), at, (&raw mut byte).cast(), 1) };
    (failed == 0).then_some(byte)
}

/// Is the value a valid list?
#[inline(always)]
unsafe fn check(state: *mut State) -> bool {
    // SAFETY: as in `keep`.
    unsafe {
        (*state).check = Check::START;
        let length = (*state).length.wrapping_sub(NAME.len() as u32 + 2);
        let mut context = state;
        let checked = bpf_loop(
            length,
            check_step as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
        checked as u32 == length && (*state).check.is_end()
    }
}

/// One byte; a loop that ends before the last was refused.
unsafe extern "C" fn check_step(index: u64, context: *mut *mut State) -> i64 {
    // SAFETY: `check` passes a checked map value.
    unsafe {
        let state = &mut **context;
        let at = index as usize + NAME.len();
        if at >= LINE || !state.check.step(state.line[at]) {
            state.check = Check::START;
            return 1;
        }
        0
    }
}

/// The line that goes into a request sent for `handle`.
#[inline(always)]
pub fn line(handle: u64) -> Option<*mut State> {
    context::get(handle)?;
    let state = STATES.get_ptr_mut(slot(handle))?;
    // SAFETY: a map value.
    (unsafe { (*state).handle } == handle).then_some(state)
}

/// A copy into the message at hand.
#[repr(C)]
struct Copy {
    msg: *mut sk_msg_md,
    state: *mut State,
}

/// Writes the line behind a readable `traceparent`. False if it does not fit, or if another request has taken the
/// slot over.
#[inline(always)]
pub unsafe fn write(msg: *mut sk_msg_md, state: *mut State, length: u32, handle: u64) -> bool {
    let mut copy = Copy { msg, state };
    // SAFETY: the callback gets `copy` back, which outlives the call.
    unsafe {
        let written = bpf_loop(length, write_step as *mut c_void, (&raw mut copy).cast(), 0);
        let kept =
            (&raw const (*state).handle).read_volatile() == handle && (*state).length == length;
        kept && written as u32 == length && {
            let (data, end) = ends(msg);
            data + traceparent::LINE + length as usize <= end
        }
    }
}

unsafe extern "C" fn write_step(index: u64, copy: *mut Copy) -> i64 {
    // SAFETY: `write` passes a valid copy of a checked map value; the write is checked against `data_end`.
    unsafe {
        let index = index as usize;
        if index >= LINE {
            return 1;
        }
        let byte = (*(*copy).state).line[index];
        let (data, end) = ends((*copy).msg);
        let to = data + traceparent::LINE + index;
        if to + 1 > end {
            return 1;
        }
        (to as *mut u8).write(byte);
        0
    }
}

/// The readable bytes of the message.
#[inline(always)]
unsafe fn ends(msg: *mut sk_msg_md) -> (usize, usize) {
    // SAFETY: the caller passes the program's context.
    unsafe {
        (
            (*msg).__bindgen_anon_1.data as usize,
            (*msg).__bindgen_anon_2.data_end as usize,
        )
    }
}
