//! Right, wrong, missing.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::callee::Call;

/// What became of the calls, by one judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// In the trace of the request that caused them.
    pub(crate) right: usize,
    /// In the trace of another request.
    pub(crate) other: usize,
    /// In a new trace.
    pub(crate) fresh: usize,
    /// Without a trace.
    pub(crate) none: usize,
}

impl Tally {
    /// Judges calls by the traces that were sent; a call that was not seen at all has none.
    pub(crate) fn of(calls: &[Call], sent: &[String], each: usize) -> Self {
        let sent: HashSet<&str> = sent.iter().map(String::as_str).collect();
        let mut tally = Self::default();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for call in calls {
            let (id, _) = call.name.split_once('/').unwrap_or_default();
            if !sent.contains(id) {
                continue;
            }
            *seen.entry(id).or_default() += 1;
            match call.trace.as_deref() {
                None => tally.none += 1,
                Some(trace) if trace == id => tally.right += 1,
                Some(trace) if sent.contains(trace) || trace == "several" => tally.other += 1,
                Some(_) => tally.fresh += 1,
            }
        }
        let calls: usize = seen.values().sum();
        tally.none += (sent.len() * each).saturating_sub(calls);
        tally
    }

    /// Share of the right ones, in per cent.
    pub(crate) fn share(&self) -> f64 {
        let all = self.right + self.other + self.fresh + self.none;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
        let share = 100.0 * self.right as f64 / all.max(1) as f64;
        share
    }

    /// Share of the wrong ones, in per cent.
    pub(crate) fn wrong(&self) -> f64 {
        let all = self.right + self.other + self.fresh + self.none;
        #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
        let share = 100.0 * self.other as f64 / all.max(1) as f64;
        share
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.fresh + self.none;
        write!(
            formatter,
            "{:.2} % right, {} wrong, {missing} missing",
            self.share(),
            self.other
        )
    }
}
