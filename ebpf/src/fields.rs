//! The fields that are written into a request: `traceparent`, and the `tracestate` that came in with the one it is sent
//! for.

use crate::tracestate;
use aya_ebpf::bindings::sk_msg_md;
use sonde_common::{context::SpanContext, http1::HeadScan, traceparent, tracestate::State};

/// Bytes of the first line.
const LINE: u32 = traceparent::LINE as u32;

/// What is written into a request.
pub struct Fields {
    /// Bytes of all lines.
    pub length: u32,
    /// The line of `tracestate` that came in with the request at hand, or null.
    state: *mut State,
    handle: u64,
}

impl Fields {
    /// A `tracestate` of the application's own stays the only one.
    #[inline(always)]
    pub unsafe fn of(head: &HeadScan, handle: u64) -> Self {
        let kept = match head.state_at {
            0 => tracestate::line(handle),
            _ => None,
        };
        let state = kept.unwrap_or(core::ptr::null_mut());
        // SAFETY: a map value.
        let length = kept.map_or(0, |state| unsafe { (*state).length });
        Self {
            length: LINE + length,
            state,
            handle,
        }
    }

    /// Writes them at the beginning of what is readable of the message.
    #[inline(always)]
    pub unsafe fn write(&self, msg: *mut sk_msg_md, span: &SpanContext) -> bool {
        // SAFETY: `of` has taken the state from the map; `msg` is the program's context.
        unsafe {
            fill(msg, span)
                && (self.state.is_null()
                    || tracestate::write(msg, self.state, self.length - LINE, self.handle))
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
            let to = (data + at) as *mut u64;
            if at + 8 <= traceparent::LINE {
                to.write_unaligned(word);
            } else {
                to.cast::<u32>().write_unaligned(word as u32);
                to.cast::<u16>().add(2).write_unaligned((word >> 32) as u16);
            }
        });
        true
    }
}
