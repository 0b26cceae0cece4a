//! What the view counts about itself: plain atomics, which the agent copies into its own metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::Class;

/// Why spans are not in the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// More came than could be taken in.
    QueueFull,
    /// The bytes were no span, or its ids were not valid.
    Malformed,
    /// Their trace had too many spans or bytes already.
    TraceTooLarge,
    /// They are shown, but could not be written to the data directory in time.
    NotPersisted,
}

impl Loss {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::QueueFull,
        Self::Malformed,
        Self::TraceTooLarge,
        Self::NotPersisted,
    ];

    /// The word for labels.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Malformed => "malformed",
            Self::TraceTooLarge => "trace_too_large",
            Self::NotPersisted => "not_persisted",
        }
    }
}

/// The words for [`Class`] as a reason of an eviction.
pub(crate) const CLASSES: [&str; 3] = ["plain", "slow", "error"];

/// Totals since the start, and gauges.
#[derive(Debug, Default)]
pub struct Counters {
    lost: [AtomicU64; Loss::ALL.len()],
    evicted: [AtomicU64; CLASSES.len()],
    /// Spans taken in.
    pub spans: AtomicU64,
    /// Spans that were there already.
    pub duplicates: AtomicU64,
    /// Values that were cut, attributes, events and links left out.
    pub shortened: AtomicU64,
    /// Spans whose transaction is on the disk, of those taken in since the start.
    pub persisted_spans: AtomicU64,
    /// Traces that are kept now.
    pub stored_traces: AtomicU64,
    /// Spans that are kept now.
    pub stored_spans: AtomicU64,
    /// Bytes that are taken now.
    pub stored_bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn lose(&self, reason: Loss, spans: u64) {
        self.lost[reason as usize].fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn evict(&self, class: Class) {
        self.evicted[class as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Spans lost, by reason.
    pub fn losses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Loss::ALL.iter().map(|reason| {
            (
                reason.as_str(),
                self.lost[*reason as usize].load(Ordering::Relaxed),
            )
        })
    }

    /// Traces evicted, by what they were.
    pub fn evictions(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CLASSES
            .iter()
            .zip(&self.evicted)
            .map(|(class, count)| (*class, count.load(Ordering::Relaxed)))
    }
}
