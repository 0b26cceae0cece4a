//! Batches that wait for one exporter, bounded by bytes.
//!
//! The oldest is dropped first: after an outage the newest spans are worth more. Nothing here waits for the
//! backend, so the thread that makes spans never does.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::batch::Batch;
use super::report::Report;
use crate::health::{ExporterHealth, Reason};

/// While shutting down, a failed request is repeated at least this often until the time is up.
const HURRIED_RETRY: Duration = Duration::from_millis(200);

/// The queue of one exporter.
pub(super) struct Queue {
    limit: usize,
    state: Mutex<State>,
    filled: Notify,
    closed: watch::Sender<bool>,
    health: ExporterHealth,
    drops: Report,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Batch>,
    waiting_bytes: usize,
    taken_bytes: usize,
    taken_spans: usize,
    abandoned: bool,
}

impl State {
    fn drop_oldest(&mut self) -> Option<Batch> {
        let batch = self.waiting.pop_front()?;
        self.waiting_bytes -= batch.body.len();
        Some(batch)
    }
}

impl Queue {
    /// A queue that holds at most `limit` bytes, those of requests in flight included, and one batch more.
    pub(super) fn new(limit: usize, health: ExporterHealth) -> Self {
        let (closed, _) = watch::channel(false);
        Self {
            limit,
            state: Mutex::default(),
            filled: Notify::new(),
            closed,
            health,
            drops: Report::default(),
        }
    }

    /// What is counted about the exporter.
    pub(super) fn health(&self) -> &ExporterHealth {
        &self.health
    }

    /// Appends a batch, dropping the oldest ones that leave no room for it.
    pub(super) fn push(&self, batch: Batch) {
        let mut dropped = 0;
        {
            let mut state = self.lock();
            if state.abandoned {
                drop(state);
                return self.count_drop(batch.spans, Reason::Closed);
            }
            self.health.queued(batch.body.len(), batch.spans);
            state.waiting_bytes += batch.body.len();
            state.waiting.push_back(batch);
            while state.waiting_bytes + state.taken_bytes > self.limit
                && (state.waiting.len() > 1 || state.taken_bytes >= self.limit)
            {
                let Some(oldest) = state.drop_oldest() else {
                    break;
                };
                self.health.unqueued(oldest.body.len(), oldest.spans);
                dropped += oldest.spans;
            }
        }
        self.filled.notify_one();
        self.count_drop(dropped, Reason::QueueFull);
    }

    /// Takes the oldest batch, waiting for one; `None` when the queue is closed and empty, or abandoned.
    /// Every batch taken must be given to [`Queue::finish`] or [`Queue::put_back`].
    pub(super) async fn take(&self) -> Option<Batch> {
        let mut closed = self.closed.subscribe();
        loop {
            if let Some(batch) = self.try_take() {
                return Some(batch);
            }
            if *closed.borrow() {
                return None;
            }
            tokio::select! {
                () = self.filled.notified() => {}
                _ = closed.changed() => {}
            }
        }
    }

    fn try_take(&self) -> Option<Batch> {
        let mut state = self.lock();
        let batch = state.drop_oldest()?;
        state.taken_bytes += batch.body.len();
        state.taken_spans += batch.spans;
        Some(batch)
    }

    /// The batch is out of the agent's hands: delivered, refused for good, or given up.
    pub(super) fn finish(&self, batch: &Batch) {
        let mut state = self.lock();
        if state.abandoned {
            return;
        }
        state.taken_bytes -= batch.body.len();
        state.taken_spans -= batch.spans;
        self.health.unqueued(batch.body.len(), batch.spans);
    }

    /// The batch goes back to the front, to be tried again, unless newer ones have filled the queue.
    pub(super) fn put_back(&self, batch: Batch) {
        let mut dropped = 0;
        {
            let mut state = self.lock();
            if state.abandoned {
                return;
            }
            state.taken_bytes -= batch.body.len();
            state.taken_spans -= batch.spans;
            if state.waiting_bytes + state.taken_bytes + batch.body.len() > self.limit
                && !state.waiting.is_empty()
            {
                self.health.unqueued(batch.body.len(), batch.spans);
                dropped = batch.spans;
            } else {
                state.waiting_bytes += batch.body.len();
                state.waiting.push_front(batch);
            }
        }
        self.filled.notify_one();
        self.count_drop(dropped, Reason::QueueFull);
    }

    /// Nothing more will be pushed; takers end when the queue is empty.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Drops all that is left, in flight or not, and counts it; returns the number of spans.
    pub(super) fn abandon(&self, reason: Reason) -> usize {
        self.close();
        let (spans, bytes) = {
            let mut state = self.lock();
            if std::mem::replace(&mut state.abandoned, true) {
                return 0;
            }
            let waiting = state
                .waiting
                .drain(..)
                .map(|batch| batch.spans)
                .sum::<usize>();
            let bytes = state.waiting_bytes + state.taken_bytes;
            state.waiting_bytes = 0;
            (waiting + state.taken_spans, bytes)
        };
        self.health.unqueued(bytes, spans);
        self.count_drop(spans, reason);
        spans
    }

    /// Waits before another try. Closing the queue ends the wait, for there is little time left then.
    pub(super) async fn pause(&self, delay: Duration) {
        let mut closed = self.closed.subscribe();
        if *closed.borrow() {
            return tokio::time::sleep(delay.min(HURRIED_RETRY)).await;
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = closed.changed() => {}
        }
    }

    /// Counts spans as dropped and says so, at most once per 10 s.
    pub(super) fn count_drop(&self, spans: usize, reason: Reason) {
        if spans == 0 {
            return;
        }
        self.health.dropped(reason, spans);
        if let Some(total) = self.drops.add(spans) {
            tracing::warn!(
                exporter = self.health.name(),
                reason = reason.as_str(),
                spans = total,
                "dropped spans"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
