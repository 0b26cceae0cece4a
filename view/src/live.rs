//! The live tail: new traces at a bounded rate, to whoever listens.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::store::Summary;

/// Traces shown in a second at most.
const RATE: usize = 20;
/// Events that a slow listener may be behind.
const BACKLOG: usize = 64;

/// A new trace.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// The trace in a line.
    #[serde(flatten)]
    pub trace: Summary,
    /// Traces that were not shown since the last event.
    pub dropped: u64,
}

/// Where events come from.
#[derive(Debug)]
pub(crate) struct Live {
    sender: broadcast::Sender<Event>,
    pace: Mutex<Pace>,
}

#[derive(Debug, Default)]
struct Pace {
    second: u64,
    shown: usize,
    dropped: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            pace: Mutex::default(),
        }
    }
}

impl Live {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// How many traces may be shown now.
    pub(crate) fn room(&self, now_ms: u64) -> usize {
        let mut pace = self.pace();
        if pace.second != now_ms / 1_000 {
            pace.second = now_ms / 1_000;
            pace.shown = 0;
        }
        RATE - pace.shown.min(RATE)
    }

    /// Shows traces, no more than there was room for; `dropped` others were not made.
    pub(crate) fn announce(&self, traces: Vec<Summary>, dropped: u64) {
        let mut pace = self.pace();
        for trace in traces {
            pace.shown += 1;
            let dropped = std::mem::take(&mut pace.dropped);
            // Nobody listens: nobody misses it.
            let _unheard = self.sender.send(Event { trace, dropped });
        }
        pace.dropped += dropped;
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
