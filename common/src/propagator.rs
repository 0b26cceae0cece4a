//! Fields other than `traceparent` that name the parent of a request, for services whose callers have not moved to
//! W3C Trace Context yet.
//!
//! Read only: what goes out is `traceparent`. Each propagator takes the values of its fields byte by byte, so that a
//! BPF program can run it from `bpf_loop`, and gives the parent when the head has ended. A new one is a module, an entry
//! in the list below and a name in the agent's `--propagators`.

mod b3;
mod datadog;
mod jaeger;
mod number;

use crate::context::SAMPLED;
use crate::field::Name;
use crate::http1::Window;
use crate::traceparent::Traceparent;

/// What the sender has decided about sampling.
pub mod decision {
    /// Nothing: the sampler decides as for a new trace.
    pub const DEFERRED: u8 = 0;
    /// Not sampled.
    pub const DROP: u8 = 1;
    /// Sampled.
    pub const KEEP: u8 = 2;
}

/// What has become of a propagator's fields so far.
mod state {
    /// There was none.
    pub(super) const NOTHING: u8 = 0;
    /// What there was is valid.
    pub(super) const VALID: u8 = 1;
    /// It is not, for good.
    pub(super) const INVALID: u8 = 2;

    /// A field begins of which there may be one.
    #[inline(always)]
    pub(super) const fn only(before: u8) -> u8 {
        if before == NOTHING { VALID } else { INVALID }
    }
}

/// A parent as it is told. Without valid ids there is only the decision.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parent {
    /// Trace and span; its flags are those of the decision.
    pub told: Traceparent,
    /// A value of [`decision`].
    pub decision: u8,
    /// Padding.
    pub reserved: [u8; 7],
}

impl Parent {
    /// Of numbers whose most significant digits come first.
    #[inline(always)]
    const fn new(trace_id: [u64; 2], parent_id: u64, decision: u8) -> Self {
        let [high, low] = trace_id;
        Self {
            told: Traceparent {
                trace_id: [high.to_be(), low.to_be()],
                parent_id: parent_id.to_be(),
                flags: if decision == decision::KEEP {
                    SAMPLED
                } else {
                    0
                },
                version: 0,
                reserved: [0; 6],
            },
            decision,
            reserved: [0; 7],
        }
    }

    /// Only a decision.
    #[inline(always)]
    const fn decided(decision: u8) -> Self {
        Self::new([0; 2], 0, decision)
    }
}

/// What the fields of a head say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// There are none.
    Nothing,
    /// They are not as they should be.
    Invalid,
    /// Perhaps only the decision.
    Parent(Parent),
}

/// Reads the fields of one propagator in one head. All methods but the last are called in the order of the bytes.
trait Propagator: Copy {
    /// Before the head.
    const START: Self;
    /// Its fields; a line is told by its place here.
    const FIELDS: &'static [Name];
    /// A line of the field begins.
    fn begin(&mut self, field: u8);
    /// One byte of the value, blanks around it left out.
    fn byte(&mut self, field: u8, byte: u8);
    /// The line has ended.
    fn end(&mut self, field: u8);
    /// The head has ended.
    fn told(&self) -> Told;
}

/// Place of a field's propagator in a code; below it is the field's place.
const SHIFT: u32 = 3;

macro_rules! propagators {
    ($($(#[$about:meta])* $bit:ident = $number:literal, $member:ident: $parser:ty;)*) => {
        /// Names of the propagators, as bits.
        pub mod known {
            $($(#[$about])* pub const $bit: u32 = 1 << $number;)*
        }

        /// The state of all propagators in one head.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Propagators {
            $($member: $parser,)*
        }

        impl Propagators {
            /// Before the head.
            pub const START: Self = Self { $($member: <$parser as Propagator>::START,)* };

            /// Code of the field in the line at `at`, and bytes of its name, if one of the propagators `wanted` reads it.
            #[inline(always)]
            #[must_use]
            pub fn field(wanted: u32, window: &impl Window, at: u32, end: u32) -> Option<(u8, u32)> {
                $(if wanted & known::$bit != 0 {
                    for (field, name) in <$parser as Propagator>::FIELDS.iter().enumerate() {
                        if let Some(length) = name.of_line(window, at, end) {
                            return Some((($number << SHIFT | field) as u8, length));
                        }
                    }
                })*
                None
            }

            /// A line of a field begins.
            #[inline(always)]
            pub fn begin(&mut self, code: u8) {
                let field = code & ((1 << SHIFT) - 1);
                match code >> SHIFT {
                    $($number => self.$member.begin(field),)*
                    _ => {}
                }
            }

            /// One byte of its value, blanks around it left out.
            #[inline(always)]
            pub fn byte(&mut self, code: u8, byte: u8) {
                let field = code & ((1 << SHIFT) - 1);
                match code >> SHIFT {
                    $($number => self.$member.byte(field, byte),)*
                    _ => {}
                }
            }

            /// The line has ended.
            #[inline(always)]
            pub fn end(&mut self, code: u8) {
                let field = code & ((1 << SHIFT) - 1);
                match code >> SHIFT {
                    $($number => self.$member.end(field),)*
                    _ => {}
                }
            }

            /// What the propagator with this bit has read.
            #[inline(always)]
            #[must_use]
            pub fn told(&self, bit: u32) -> Told {
                match bit {
                    $(known::$bit => self.$member.told(),)*
                    _ => Told::Nothing,
                }
            }
        }

        /// How many there are.
        pub const COUNT: usize = [$($number),*].len();
    };
}

propagators! {
    /// `b3`.
    B3 = 0, b3: b3::Single;
    /// `X-B3-TraceId` and its like.
    B3_MULTI = 1, b3_multi: b3::Multi;
    /// `uber-trace-id`.
    JAEGER = 2, jaeger: jaeger::Jaeger;
    /// `x-datadog-trace-id` and its like.
    DATADOG = 3, datadog: datadog::Datadog;
}

/// Codes of fields lie below this.
pub const CODES: u8 = (COUNT << SHIFT) as u8;

#[cfg(test)]
#[path = "propagator_tests.rs"]
mod tests;
