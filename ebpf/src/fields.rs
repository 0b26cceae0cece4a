//! The fields that are written into a request: `traceparent`, and the `tracestate` and `baggage` that came in with the one it
//! is sent for.

use crate::received::{self, Slot};
use aya_ebpf::{bindings::sk_msg_md, helpers::generated::bpf_loop};
use core::{arch::asm, ffi::c_void};
use sonde_common::{baggage, context::SpanContext, http1::HeadScan, traceparent, tracestate};

/// Bytes of the first line.
const LINE: u32 = traceparent::LINE as u32;
/// Bytes copied at a time.
const WORD: u32 = 8;
/// Bytes of the longest line that is copied.
const LONGEST: u32 = baggage::LINE as u32;
/// Bytes of all lines at most.
const MOST: u32 = LINE + (tracestate::LINE + baggage::LINE) as u32;

/// What is written into a request.
pub struct Fields {
    /// Bytes of all lines.
    pub length: u32,
    /// Bytes of the line of `tracestate`, and of that of `baggage`.
    tracestate: u32,
    baggage: u32,
    /// What came in with the request at hand, or null.
    slot: *mut Slot,
    handle: u64,
}

impl Fields {
    /// Lines of the application's own stay the only ones.
    #[inline(always)]
    pub unsafe fn of(head: &HeadScan, handle: u64) -> Self {
        let mut fields = Self {
            length: LINE,
            tracestate: 0,
            baggage: 0,
            slot: core::ptr::null_mut(),
            handle,
        };
        let Some(slot) = received::of(handle) else {
            return fields;
        };
        fields.slot = slot;
        // SAFETY: a map value.
        unsafe {
            if head.state_at == 0 {
                fields.tracestate = (*slot).tracestate;
            }
            if !head.has_baggage() {
                fields.baggage = (*slot).baggage;
            }
        }
        fields.length += fields.tracestate + fields.baggage;
        fields
    }

    /// Writes them at the beginning of what is readable of the message. False if they do not fit, or if another request
    /// has taken the slot over.
    #[inline(always)]
    pub unsafe fn write(&self, msg: *mut sk_msg_md, span: &SpanContext) -> bool {
        // SAFETY: `of` has taken the slot from the map; `msg` is the program's context.
        unsafe {
            if !fill(msg, span) {
                return false;
            }
            if self.slot.is_null() {
                return true;
            }
            let received = &raw mut (*self.slot).received;
            let state = (&raw const (*received).tracestate.line).cast();
            let baggage = (&raw const (*received).baggage.line).cast();
            copy(msg, state, self.tracestate, LINE)
                && copy(msg, baggage, self.baggage, LINE + self.tracestate)
                && (&raw const (*self.slot).handle).read_volatile() == self.handle
        }
    }
}

#[inline(always)]
unsafe fn fill(msg: *mut sk_msg_md, span: &SpanContext) -> bool {
    // SAFETY: the caller passes the program's context; each access is checked against `data_end`.
    unsafe {
        let data = (*msg).__bindgen_anon_1.data as usize;
        if data + traceparent::LINE > (*msg).__bindgen_anon_2.data_end as usize {
            return false;
        }
        traceparent::line(span, |at, word| {
            let to = data + at;
            if at + 8 <= traceparent::LINE {
                store(to, word);
            } else {
                (to as *mut u32).write_unaligned(word as u32);
                ((to + 4) as *mut u16).write_unaligned((word >> 32) as u16);
            }
        });
        true
    }
}

/// One unaligned store; the compiler would make eight of it.
#[inline(always)]
unsafe fn store(to: usize, word: u64) {
    // SAFETY: the caller has checked that there is room for a word.
    unsafe { asm!("*(u64 *)({0} + 0) = {1}", in(reg) to, in(reg) word) };
}

/// A copy into the message at hand.
#[repr(C)]
struct Copy {
    msg: *mut sk_msg_md,
    line: *const u8,
    /// Bytes of the line.
    length: u32,
    /// Where it goes in what is readable of the message.
    to: u32,
}

/// Copies a line by words, the last of which may overlap the one before. False if it does not fit.
#[inline(always)]
unsafe fn copy(msg: *mut sk_msg_md, line: *const u8, length: u32, to: u32) -> bool {
    if length == 0 {
        return true;
    }
    let mut copy = Copy {
        msg,
        line,
        length,
        to,
    };
    let words = length.wrapping_add(WORD - 1) / WORD;
    // SAFETY: the callback gets `copy` back, which outlives the call.
    let steps =
        unsafe { bpf_loop(words, copy_step as *mut c_void, (&raw mut copy).cast(), 0) } as u32;
    steps == words && copy.length != 0
}

/// One word; where it does not fit the length becomes zero.
unsafe extern "C" fn copy_step(index: u64, copy: *mut Copy) -> i64 {
    // SAFETY: `copy` passes a valid copy of a line in a checked map value; the store is checked against `data_end`.
    unsafe {
        let last = (*copy).length.wrapping_sub(WORD);
        let at = (index as u32 * WORD).min(last);
        let to = (*copy).to.wrapping_add(at);
        if at > LONGEST - WORD || to > MOST {
            (*copy).length = 0;
            return 1;
        }
        let msg = (*copy).msg;
        let data = (*msg).__bindgen_anon_1.data as usize + to as usize;
        if data + WORD as usize > (*msg).__bindgen_anon_2.data_end as usize {
            (*copy).length = 0;
            return 1;
        }
        let word: u64;
        let from = (*copy).line.add(at as usize);
        asm!("{0} = *(u64 *)({1} + 0)", out(reg) word, in(reg) from);
        store(data, word);
        0
    }
}
