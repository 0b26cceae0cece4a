//! Right, wrong, missing.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::callee::Call;
use super::load;

/// What became of the calls, by one judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// In the trace of the request that caused them.
    pub(crate) right: usize,
    /// In the trace of another request, whenever that was sent; or told twice.
    pub(crate) wrong: usize,
    /// In a new trace, or in none.
    pub(crate) missing: usize,
}

impl Tally {
    /// Judges calls by the traces that were sent; a call that was not seen at all is missing.
    pub(crate) fn of(calls: &[Call], sent: &[String], each: usize) -> Self {
        let mut by_name: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
        let sent: HashSet<&str> = sent.iter().map(String::as_str).collect();
        for call in calls {
            let (id, _) = call.name.split_once('/').unwrap_or_default();
            if sent.contains(id) {
                let traces = by_name.entry(&call.name).or_default();
                traces.push(call.trace.as_deref());
            }
        }
        let mut tally = Self::default();
        for (name, traces) in &by_name {
            let (id, _) = name.split_once('/').unwrap_or_default();
            match traces.as_slice() {
                [Some(trace)] if *trace == id => tally.right += 1,
                [None] => tally.missing += 1,
                [Some(trace)] if !load::is_sent(trace) && *trace != "several" => tally.missing += 1,
                _ => tally.wrong += 1,
            }
        }
        tally.missing += (sent.len() * each).saturating_sub(by_name.len());
        tally
    }

    /// Share of the right ones, in per cent.
    pub(crate) fn share(&self) -> f64 {
        self.part(self.right)
    }

    /// Share of the wrong ones, in per cent.
    pub(crate) fn wrong_share(&self) -> f64 {
        self.part(self.wrong)
    }

    #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
    fn part(&self, count: usize) -> f64 {
        let all = self.right + self.wrong + self.missing;
        100.0 * count as f64 / all.max(1) as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:.2} % right, {} wrong, {} missing",
            self.share(),
            self.wrong,
            self.missing
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Tally};

    #[test]
    fn leaks_repetitions_and_gaps_are_told_apart() {
        let sent: Vec<String> = ["a", "b"].map(str::to_owned).into();
        let call = |name: &str, trace: &str| Call {
            name: name.to_owned(),
            trace: (!trace.is_empty()).then(|| trace.to_owned()),
        };
        // A trace of the warm-up looks like one of this load's.
        let old = super::load::trace_id(1);
        let calls = [
            call("a/1", "a"),
            call("a/2", &old),
            call("b/1", "new"),
            call("b/2", "b"),
            call("b/2", "b"),
            call("c/1", "c"),
            call("a/3", ""),
        ];
        let tally = Tally::of(&calls, &sent, 3);
        let expected = Tally {
            right: 1,
            wrong: 2,
            missing: 3,
        };
        assert_eq!(tally, expected);
    }
}
