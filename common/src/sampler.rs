//! Samplers as the kernel side keeps them: one entry for each service that has one of its own, and entry 0 for all others.
//!
//! A rate is a token bucket without a count: `spent` is the time up to which the bucket's tokens have been given away. A
//! trace takes one by moving it on by `interval`, which must not pass the present; what lies further back than `burst`
//! is forfeited.

/// Values of [`Sampler::kind`].
pub mod kind {
    /// Every trace.
    pub const ALWAYS_ON: u32 = 0;
    /// None.
    pub const ALWAYS_OFF: u32 = 1;
    /// A share of them, by trace-id.
    pub const RATIO: u32 = 2;
    /// So many a second.
    pub const RATE: u32 = 3;
}

/// Entries of the map of samplers. Services beyond share the first.
pub const SAMPLERS: u32 = 4096;

/// One entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sampler {
    /// A value of [`kind`].
    pub kind: u32,
    /// 1: it decides only where a trace begins.
    pub parent_based: u32,
    /// For [`kind::RATIO`]: traces whose random part is below this are sampled, of 2^56. For [`kind::RATE`]: nanoseconds
    /// that one trace takes.
    pub limit: u64,
    /// For [`kind::RATE`]: nanoseconds whose tokens the bucket holds.
    pub burst: u64,
    /// For [`kind::RATE`]: `bpf_ktime_get_ns` up to which the tokens are given away. The kernel side writes it.
    pub spent: u64,
}

const _: () = assert!(size_of::<Sampler>() == 32);

impl Sampler {
    /// What `spent` becomes if one more trace is sampled at `now`; `None`: the bucket is empty.
    #[inline(always)]
    #[must_use]
    pub const fn take(&self, spent: u64, now: u64) -> Option<u64> {
        let from = if now.wrapping_sub(spent).cast_signed() > self.burst.cast_signed() {
            now.wrapping_sub(self.burst)
        } else {
            spent
        };
        let left = now.wrapping_sub(from).cast_signed();
        if left < self.limit.cast_signed() {
            return None;
        }
        Some(from.wrapping_add(self.limit))
    }
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
