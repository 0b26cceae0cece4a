//! What happened in each of the last seconds, as far as anything did.

use std::collections::VecDeque;

use super::histogram::{Dense, Sparse};

#[derive(Debug)]
struct Slot {
    /// Its first second since 1970.
    second: u32,
    requests: u32,
    errors: u32,
    histogram: Sparse,
}

/// Slots by time, without empty ones.
#[derive(Debug)]
pub(crate) struct Series {
    /// Seconds in a slot.
    width: u32,
    slots: VecDeque<Slot>,
    touched: u32,
}

/// A sum of slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    /// Seconds that the sum is of.
    pub(crate) seconds: u32,
    /// Requests.
    pub(crate) requests: u64,
    /// Those that failed.
    pub(crate) errors: u64,
    /// Their durations.
    pub(crate) histogram: Dense,
}

/// A slot as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Seconds since 1970.
    pub(crate) second: u32,
    /// Requests.
    pub(crate) requests: u32,
    /// Those that failed.
    pub(crate) errors: u32,
    /// 95 % were faster.
    pub(crate) p95_ms: Option<f64>,
}

impl Series {
    pub(super) fn new(width: u32) -> Self {
        Self {
            width,
            slots: VecDeque::new(),
            touched: 0,
        }
    }

    /// Counts a request; returns the bytes that the series grew by.
    pub(super) fn record(&mut self, second: u32, duration: u64, error: bool) -> usize {
        self.touch(second);
        let second = second - second % self.width;
        let mut place = self.slots.len();
        while place > 0 && self.slots[place - 1].second > second {
            place -= 1;
        }
        let mut grown = 0;
        if place > 0 && self.slots[place - 1].second == second {
            place -= 1;
        } else {
            let before = self.slots.capacity();
            if self.slots.len() == before {
                self.slots.reserve_exact(before.clamp(2, 64));
            }
            let slot = Slot {
                second,
                requests: 0,
                errors: 0,
                histogram: Sparse::default(),
            };
            self.slots.insert(place, slot);
            grown += (self.slots.capacity() - before) * size_of::<Slot>();
        }
        let slot = &mut self.slots[place];
        slot.requests = slot.requests.saturating_add(1);
        slot.errors = slot.errors.saturating_add(u32::from(error));
        grown + slot.histogram.record(duration)
    }

    /// Notes that there was something.
    pub(super) fn touch(&mut self, second: u32) {
        self.touched = self.touched.max(second);
    }

    /// Whether there was something since then.
    pub(super) const fn is_alive(&self, since: u32) -> bool {
        self.touched >= since
    }

    /// Drops slots that ended before `since`; returns the bytes freed.
    pub(super) fn forget(&mut self, since: u32) -> usize {
        let mut freed = 0;
        while let Some(slot) = self.slots.front()
            && slot.second + self.width <= since
        {
            freed += slot.histogram.bytes();
            self.slots.pop_front();
        }
        if self.slots.capacity() > 2 * self.slots.len() + 64 || self.slots.is_empty() {
            let before = self.slots.capacity();
            self.slots.shrink_to(self.slots.len());
            freed += (before - self.slots.capacity()) * size_of::<Slot>();
        }
        freed
    }

    /// Where the last `window` seconds begin, this one included: at the beginning of a slot.
    fn begin(&self, now: u32, window: u32) -> u32 {
        let since = (now + 1).saturating_sub(window);
        since - since % self.width
    }

    fn last(&self, now: u32, window: u32) -> impl Iterator<Item = &Slot> {
        let begin = self.begin(now, window);
        let first = self.slots.partition_point(|slot| slot.second < begin);
        self.slots.range(first..)
    }

    /// The sum of the last `window` seconds.
    pub(crate) fn totals(&self, now: u32, window: u32) -> Totals {
        let mut totals = Totals::default();
        for slot in self.last(now, window) {
            totals.requests += u64::from(slot.requests);
            totals.errors += u64::from(slot.errors);
            totals.histogram.add(&slot.histogram);
        }
        totals.seconds = now + 1 - self.begin(now, window);
        totals
    }

    /// The slots of the last `window` seconds that are not empty.
    pub(crate) fn points(&self, now: u32, window: u32) -> impl Iterator<Item = Point> {
        self.last(now, window).map(|slot| {
            let mut histogram = Dense::default();
            histogram.add(&slot.histogram);
            Point {
                second: slot.second,
                requests: slot.requests,
                errors: slot.errors,
                p95_ms: histogram.quantile_ms(0.95),
            }
        })
    }
}
