//! The sampler: decides once, where a trace begins, whether it is recorded (W3C trace-flags, bit 0).

use crate::maps::config;
use sonde_common::{config::sampler, context::SAMPLED};

/// The random part of a trace-id: its last seven bytes (W3C Trace Context Level 2 section 3.2.2.3).
const RANDOM_PART: u64 = (1 << 56) - 1;

/// trace-flags of a trace that begins here.
#[inline(always)]
pub fn begin(trace_id: &[u8; 16]) -> u8 {
    let sampled = match config().sampler {
        sampler::ALWAYS_ON => true,
        sampler::ALWAYS_OFF => false,
        _ => {
            let [.., a, b, c, d, e, f, g, h] = *trace_id;
            u64::from_be_bytes([a, b, c, d, e, f, g, h]) & RANDOM_PART < config().ratio
        }
    };
    if sampled { SAMPLED } else { 0 }
}

/// trace-flags of a trace that began elsewhere.
#[inline(always)]
pub fn inherit(flags: u8, trace_id: &[u8; 16]) -> u8 {
    if config().parent_based != 0 {
        return flags;
    }
    flags & !SAMPLED | begin(trace_id)
}
