//! Saying something at most once per 10 s, with the count of all that went unsaid.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least time between two lines about the same thing.
const INTERVAL: Duration = Duration::from_secs(10);

/// One thing to say.
#[derive(Default)]
pub(super) struct Report {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    unsaid: usize,
}

impl Report {
    /// Adds to the count; returns what to say now, if it is time.
    pub(super) fn add(&self, count: usize) -> Option<usize> {
        self.add_at(count, Instant::now())
    }

    fn add_at(&self, count: usize, now: Instant) -> Option<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unsaid += count;
        if state
            .last
            .is_some_and(|last| now.duration_since(last) < INTERVAL)
        {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_first_at_once_and_the_rest_after_the_interval() {
        let report = Report::default();
        let start = Instant::now();
        assert_eq!(report.add_at(3, start), Some(3));
        assert_eq!(report.add_at(4, start + Duration::from_secs(9)), None);
        assert_eq!(report.add_at(5, start + INTERVAL), Some(9));
        assert_eq!(report.add_at(1, start + INTERVAL), None);
    }
}
