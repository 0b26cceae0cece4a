//! The TCP option that carries a span context beside the bytes of a connection, for what has no header
//! to put it in: its layout, and what a socket remembers of it.
//!
//! The layout is that of OpenTelemetry eBPF Instrumentation, so that mixed clusters join up: kind 25,
//! length, trace id, span id. Length 26 means sampled; length 27 has the trace-flags behind the ids.
//! Readers that know only the first form pass over the second, and so begin a trace of their own.

use crate::connection::Sent;
use crate::context::{SAMPLED, SpanContext};
use crate::traceparent::Traceparent;

/// Option kind; RFC 9293 section 3.1 leaves it to nobody.
pub const KIND: u8 = 25;
/// Length without flags: the context is sampled.
pub const LENGTH: u8 = 26;
/// Length with flags.
pub const LENGTH_WITH_FLAGS: u8 = 27;
/// What either form takes in a TCP header, whose options end at a multiple of four bytes.
pub const ROOM: u32 = 28;
/// Most options a TCP header has, in bytes.
pub const MAX_OPTIONS: u32 = 40;

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;

/// Values of [`Sending::state`].
pub mod sending {
    /// Nothing waits.
    pub const IDLE: u8 = 0;
    /// A context waits for its segment, or for the segment's acknowledgement.
    pub const ARMED: u8 = 1;
    /// The application names contexts itself: none is sent beside its own.
    pub const NEVER: u8 = 2;
}

/// The option of one socket on its way out. Written with the socket locked.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// The request that it is sent with, and its span.
    pub sent: Sent,
    /// TCP sequence number of the request's first byte: the option goes with the segment that holds it.
    pub sequence: u32,
    /// A value of [`sending`].
    pub state: u8,
    /// 1 if the kernel's latest answer to "how large may a segment be" left room for the option.
    pub has_room: u8,
    /// Padding.
    pub reserved: [u8; 2],
}

/// What the newest option of one socket said. Written by the ingress hook.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The context; a trace-id of zeros: there was none.
    pub told: Traceparent,
    /// TCP sequence number of the first byte it came with.
    pub sequence: u32,
    /// How many bytes it came with: the segments of one large packet all bring the same option.
    pub length: u32,
}

const _: () = assert!(size_of::<Sending>() == 56);
const _: () = assert!(size_of::<Received>() == 40);

impl Received {
    /// The context of a request whose first byte is `sequence`.
    #[inline(always)]
    #[must_use]
    pub const fn of(&self, sequence: u32) -> Option<&Traceparent> {
        if holds(self.sequence, self.length, sequence) {
            Some(&self.told)
        } else {
            None
        }
    }
}

/// Whether a segment of `length` bytes from `first` on holds the byte `sequence`.
#[inline(always)]
#[must_use]
pub const fn holds(first: u32, length: u32, sequence: u32) -> bool {
    sequence.wrapping_sub(first) < length
}

/// The option for `context`, and how many of the bytes are it.
#[inline(always)]
#[must_use]
pub fn encode(context: &SpanContext) -> ([u8; ROOM as usize], u8) {
    let sampled = context.flags & SAMPLED != 0;
    let length = if sampled { LENGTH } else { LENGTH_WITH_FLAGS };
    let mut option = [0; ROOM as usize];
    option[0] = KIND;
    option[1] = length;
    option[2..18].copy_from_slice(&context.trace_id);
    option[18..26].copy_from_slice(&context.span_id);
    option[26] = context.flags;
    (option, length)
}

/// Where the next option begins behind the one at `at`, or `None` at the end of the list.
#[inline(always)]
#[must_use]
pub const fn next(at: u32, kind: u8, length: u8) -> Option<u32> {
    match kind {
        END_OF_OPTIONS => None,
        NO_OPERATION => Some(at + 1),
        _ if length < 2 => None,
        _ => Some(at + length as u32),
    }
}

/// Whether an option of this kind and length carries a context.
#[inline(always)]
#[must_use]
pub const fn is_context(kind: u8, length: u8) -> bool {
    kind == KIND && (length == LENGTH || length == LENGTH_WITH_FLAGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: SpanContext = SpanContext {
        trace_id: [7; 16],
        span_id: [9; 8],
        flags: SAMPLED,
        origin: crate::context::origin::OPTION,
        ..SpanContext::NONE
    };

    #[test]
    fn sampled_has_the_short_form() {
        let (option, length) = encode(&CONTEXT);
        assert_eq!((option[0], option[1], length), (25, 26, 26));
        assert_eq!(option[2..18], [7; 16]);
        assert_eq!(option[18..26], [9; 8]);
        assert!(is_context(option[0], option[1]));
    }

    #[test]
    fn unsampled_says_so() {
        let (option, length) = encode(&SpanContext {
            flags: 2,
            ..CONTEXT
        });
        assert_eq!((option[1], length, option[26]), (27, 27, 2));
        assert!(is_context(option[0], option[1]));
    }

    #[test]
    fn other_options_are_passed_over() {
        for (kind, length, behind) in [
            (1, 99, Some(5)),
            (0, 0, None),
            (8, 10, Some(14)),
            (8, 1, None),
            (8, 0, None),
            (25, 26, Some(30)),
        ] {
            assert_eq!(next(4, kind, length), behind, "{kind} {length}");
        }
        assert!(!is_context(25, 25) && !is_context(25, 28) && !is_context(8, 26));
    }

    #[test]
    fn a_segment_holds_its_bytes_also_where_numbers_wrap() {
        assert!(holds(u32::MAX, 3, 1));
        assert!(!holds(u32::MAX, 3, 2));
        assert!(!holds(10, 5, 9));
        assert!(!holds(10, 0, 10));
    }
}
