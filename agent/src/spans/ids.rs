//! Random trace and span ids: xoshiro256++, seeded once from the operating system. Not for secrets.

use std::hash::{BuildHasher, RandomState};

use sonde_common::span_id;

use super::{SpanId, TraceId};

/// Source of ids; one per thread that builds spans.
#[derive(Clone, Debug)]
pub struct IdGenerator {
    state: [u64; 4],
}

impl IdGenerator {
    /// Seeded by the keys of std's [`RandomState`], which come from the operating system.
    #[must_use]
    pub fn new() -> Self {
        let seed = RandomState::new();
        let mut state = [0, 1, 2, 3].map(|word: u64| seed.hash_one(word));
        // The one state xoshiro never leaves is all zero.
        state[0] |= 1;
        Self { state }
    }

    /// A trace id, never all zero.
    pub fn trace_id(&mut self) -> TraceId {
        let (high, low) = (self.non_zero(), self.non_zero());
        TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }

    /// A span id, never all zero, with the mark of ids that agents issue.
    pub fn span_id(&mut self) -> SpanId {
        SpanId(span_id::marked(self.next()).to_ne_bytes())
    }

    fn non_zero(&mut self) -> u64 {
        self.next().max(1)
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }
}

impl Default for IdGenerator {
    fn default() -> Self {
        Self::new()
    }
}
