//! Whether the agent is alive and whether it is ready, as Kubernetes asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A pipeline that has not been heard of for so long is stuck: it is woken at least every second.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// Set by the pipeline, read by the health endpoints.
#[derive(Debug)]
pub struct Readiness {
    start: Instant,
    ready: AtomicBool,
    /// Milliseconds from `start` to the last heartbeat.
    heartbeat: AtomicU64,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            ready: AtomicBool::new(false),
            heartbeat: AtomicU64::new(0),
        }
    }
}

impl Readiness {
    /// Says whether all hooks are attached.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// All hooks are attached.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// The pipeline went round once more; to be called at least every second, cheap enough for every wake-up.
    pub fn heartbeat(&self) {
        self.heartbeat
            .store(self.elapsed_millis(Instant::now()), Ordering::Relaxed);
    }

    /// The pipeline was heard of in the last 10 s (the time since the start counts, too).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.is_alive_at(Instant::now())
    }

    pub(super) fn is_alive_at(&self, now: Instant) -> bool {
        let silent = self
            .elapsed_millis(now)
            .saturating_sub(self.heartbeat.load(Ordering::Relaxed));
        Duration::from_millis(silent) < STUCK_AFTER
    }

    fn elapsed_millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_pipeline_is_not_alive() {
        let readiness = Readiness::default();
        let start = readiness.start;
        assert!(readiness.is_alive_at(start + Duration::from_millis(9_999)));
        assert!(!readiness.is_alive_at(start + STUCK_AFTER));
        readiness.heartbeat.store(5_000, Ordering::Relaxed);
        assert!(readiness.is_alive_at(start + STUCK_AFTER));
    }
}
