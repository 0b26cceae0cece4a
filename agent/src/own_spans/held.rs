//! Spans of processes about which it is not decided whether they make their own: kept back for that long, so that a service
//! with a tracer has no span twice from its first request on, and one without loses none.

use std::collections::VecDeque;

use crate::spans::Span;

/// Most spans kept back; beyond, the oldest is let go.
const MOST: usize = 1024;

/// The spans, in the order in which they came.
#[derive(Debug, Default)]
pub struct Held {
    spans: VecDeque<(u32, Span)>,
}

impl Held {
    /// Keeps a span of a process back; gives one that had to make room.
    pub fn keep(&mut self, tgid: u32, span: Span) -> Option<Span> {
        self.spans.push_back((tgid, span));
        (self.spans.len() > MOST)
            .then(|| self.spans.pop_front())
            .flatten()
            .map(|(_, span)| span)
    }

    /// Nothing is kept back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The process makes its own: gives how many were dropped.
    pub fn drop_of(&mut self, tgid: u32) -> usize {
        let before = self.spans.len();
        self.spans.retain(|(owner, _)| *owner != tgid);
        before - self.spans.len()
    }

    /// Lets go those of the processes that `is_free` says of.
    pub fn release(&mut self, is_free: impl Fn(u32) -> bool, out: &mut Vec<Span>) {
        let (free, kept): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.spans)
            .into_iter()
            .partition(|(owner, _)| is_free(*owner));
        self.spans = kept;
        out.extend(free.into_iter().map(|(_, span)| span));
    }
}
