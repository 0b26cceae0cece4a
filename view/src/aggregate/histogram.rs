//! Durations in buckets whose width is a sixteenth of their power of two: a quantile is right within 6 %, mostly 3 %.
//!
//! A histogram of a second or of five holds few different buckets, so it is a short sorted list; only sums are dense. That
//! is what a general histogram crate does not offer: HdrHistogram takes kilobytes for each.

/// Buckets in an octave.
const STEPS: u64 = 16;
/// Up to 2^36 us, which is 19 hours.
const BUCKETS: usize = 33 * 16;

/// The histogram of one slot.
#[derive(Debug, Default)]
pub(super) struct Sparse {
    /// Bucket and count, by bucket.
    counts: Vec<(u16, u32)>,
}

impl Sparse {
    /// Counts a duration in nanoseconds; returns the bytes that it grew by.
    pub(super) fn record(&mut self, duration: u64) -> usize {
        let bucket = bucket(duration);
        match self.counts.binary_search_by_key(&bucket, |(key, _)| *key) {
            Ok(place) => {
                self.counts[place].1 = self.counts[place].1.saturating_add(1);
                0
            }
            Err(place) => {
                let before = self.bytes();
                if self.counts.len() == self.counts.capacity() {
                    self.counts.reserve_exact(self.counts.len().clamp(1, 8));
                }
                self.counts.insert(place, (bucket, 1));
                self.bytes() - before
            }
        }
    }

    /// What its list takes.
    pub(super) fn bytes(&self) -> usize {
        match self.counts.capacity() {
            0 => 0,
            entries => entries * size_of::<(u16, u32)>() + 16,
        }
    }
}

/// A sum of histograms.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Default for Dense {
    fn default() -> Self {
        Self {
            counts: Box::new([0; BUCKETS]),
            total: 0,
        }
    }
}

impl Dense {
    pub(super) fn add(&mut self, histogram: &Sparse) {
        for (bucket, count) in &histogram.counts {
            self.counts[usize::from(*bucket)] += u64::from(*count);
            self.total += u64::from(*count);
        }
    }

    /// The bucket that holds the quantile, and how far into it the quantile is, from 0 to 1.
    fn place(&self, quantile: f64) -> Option<(usize, f64)> {
        if self.total == 0 {
            return None;
        }
        let rank = quantile * self.total as f64;
        let mut below = 0.0;
        for (bucket, count) in self.counts.iter().enumerate() {
            let within = *count as f64;
            if within > 0.0 && below + within >= rank {
                return Some((bucket, (rank - below) / within));
            }
            below += within;
        }
        None
    }

    /// A quantile in milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let (bucket, within) = self.place(quantile)?;
        let (low, high) = (bound(bucket), bound(bucket + 1));
        Some((low as f64 + within * (high - low) as f64) / 1e3)
    }

    /// The end of the bucket that holds the quantile, in nanoseconds.
    pub(super) fn upper_bound(&self, quantile: f64) -> u64 {
        self.place(quantile)
            .map_or(u64::MAX, |(bucket, _)| bound(bucket + 1) * 1_000)
    }
}

fn bucket(duration: u64) -> u16 {
    let micros = duration / 1_000;
    if micros < STEPS {
        return micros as u16;
    }
    let octave = u64::from(micros.ilog2()) - 4;
    let step = (micros >> octave) - STEPS;
    let bucket = STEPS + octave * STEPS + step;
    bucket.min(BUCKETS as u64 - 1) as u16
}

/// Where a bucket begins, in microseconds.
fn bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (octave, step) = ((bucket - STEPS) / STEPS, (bucket - STEPS) % STEPS);
    (STEPS + step) << octave
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_within_its_bucket() {
        for micros in (0..100_000).chain([1 << 20, (1 << 35) + 7, (1 << 36) - 1]) {
            let bucket = usize::from(bucket(micros * 1_000));
            assert!(
                bound(bucket) <= micros && micros < bound(bucket + 1),
                "{micros}"
            );
        }
        assert_eq!(usize::from(bucket(u64::MAX)), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_right_within_a_bucket() {
        let mut slot = Sparse::default();
        for millis in 1..=1_000_u64 {
            slot.record(millis * 1_000_000);
        }
        let mut sum = Dense::default();
        sum.add(&slot);
        for quantile in [0.01, 0.5, 0.95, 0.99, 1.0] {
            let found = sum.quantile_ms(quantile).unwrap();
            let right = quantile * 1_000.0;
            assert!((found - right).abs() <= right * 0.07, "{quantile}: {found}");
        }
        assert_eq!(Dense::default().quantile_ms(0.5), None);
    }
}
