//! Span ids that tell who issued them: the upper 16 bits are a check of the lower 48, which are random.
//!
//! A field that a service passes on names a span of somebody else; one that its own tracer wrote names a span of its own. An id with
//! the mark is an agent's, on whichever machine, and is never taken for a tracer's. One in 65,536 ids of others has it by chance: their
//! spans are then parents instead of being adopted, which is right as well. The mark is no secret and proves nothing about trust.

/// The random bits.
const RANDOM: u64 = (1 << 48) - 1;
/// One of them, always set: no id is zero.
const NOT_ZERO: u64 = 1 << 17;
/// Odd, with well mixed bits; not the factor of [`crate::table`], so that ids spread over its buckets.
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// An id, in memory order, made of 48 of these bits.
#[inline(always)]
#[must_use]
pub const fn marked(random: u64) -> u64 {
    let low = random & RANDOM | NOT_ZERO;
    low | check(low)
}

/// Has an agent issued the id?
#[inline(always)]
#[must_use]
pub const fn is_marked(id: u64) -> bool {
    check(id & RANDOM) == id & !RANDOM
}

/// The upper 16 bits for the lower 48.
#[inline(always)]
const fn check(low: u64) -> u64 {
    low.wrapping_mul(FACTOR) & !RANDOM
}

#[cfg(test)]
mod tests {
    use super::{is_marked, marked};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_issued_id_is_recognised(random in any::<u64>()) {
            prop_assert!(is_marked(marked(random)));
            prop_assert_ne!(marked(random), 0);
        }

        #[test]
        fn a_changed_id_is_not(random in any::<u64>(), bit in 48_u32..64) {
            prop_assert!(!is_marked(marked(random) ^ (1 << bit)));
        }
    }

    #[test]
    fn others_have_the_mark_by_chance_only() {
        let mut state = 1_u64;
        let found = (0..1_000_000).filter(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            is_marked(state ^ state >> 29)
        });
        let found = found.count();
        assert!(found < 60, "{found} of a million, 15 expected");
    }
}
