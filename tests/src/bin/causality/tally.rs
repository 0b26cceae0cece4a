//! Right, wrong, missing.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::callee::Call;
use super::load;

/// So many wrong calls are shown.
const EXAMPLES: usize = 3;

/// Whose are the traces? A request that came with a trace-id is known by it; one that came without, by its SERVER span.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    requests: HashMap<String, String>,
}

impl Owners {
    /// From pairs of trace and request.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            requests: pairs.into_iter().collect(),
        }
    }

    fn of<'a>(&'a self, trace: &'a str) -> Option<&'a str> {
        let known = self.requests.get(trace).map(String::as_str);
        known.or_else(|| load::is_sent(trace).then_some(trace))
    }
}

/// What became of the calls, by one judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// In the trace of the request that caused them.
    pub(crate) right: usize,
    /// In the trace of another request, whenever that was sent; or told twice.
    pub(crate) wrong: usize,
    /// In a new trace, or in none.
    pub(crate) missing: usize,
    /// Some of the wrong ones, in words.
    pub(crate) examples: Vec<String>,
}

/// One call's outcome.
enum Verdict {
    Right,
    Missing,
    Wrong(String),
}

/// What calls are judged by.
pub(crate) struct Judge<'j> {
    /// Requests that were answered, by number.
    pub(crate) sent: &'j [String],
    /// Calls of each.
    pub(crate) each: usize,
    /// A call may be made again: then each time counts.
    pub(crate) retries: bool,
    /// Calls whose first part this is are for no request: those of a poller.
    pub(crate) background: &'j str,
    /// Whose traces they are.
    pub(crate) owners: &'j Owners,
}

impl Judge<'_> {
    /// Judges calls; one that was not seen at all is missing.
    pub(crate) fn tally(&self, calls: &[Call]) -> Tally {
        let sent: HashSet<&str> = self.sent.iter().map(String::as_str).collect();
        let mut by_name: HashMap<(&str, usize), Vec<Option<&str>>> = HashMap::new();
        let mut shared: HashMap<&str, HashSet<&str>> = HashMap::new();
        for call in calls {
            let id = caller(&call.name);
            if !sent.contains(id) && id != self.background {
                continue;
            }
            let trace = call.trace.as_deref();
            let mut time = 0;
            while self.retries && by_name.contains_key(&(call.name.as_str(), time)) {
                time += 1;
            }
            by_name.entry((&call.name, time)).or_default().push(trace);
            shared
                .entry(trace.unwrap_or_default())
                .or_default()
                .insert(id);
        }
        let mut tally = Tally::default();
        let mut seen = 0;
        for ((name, _), traces) in &by_name {
            let id = caller(name);
            let verdict = self.verdict(id, traces, &shared);
            if id == self.background {
                tally.count_background(name, verdict);
            } else {
                seen += 1;
                tally.count(name, verdict);
            }
        }
        tally.missing += (sent.len() * self.each).saturating_sub(seen);
        tally
    }

    /// How many of the calls that arrived no span tells of.
    pub(crate) fn unseen(&self, arrived: &[Call], told: &[Call]) -> usize {
        let sent: HashSet<&str> = self.sent.iter().map(String::as_str).collect();
        let told: HashSet<&str> = told.iter().map(|call| call.name.as_str()).collect();
        let arrived: HashSet<&str> = arrived.iter().map(|call| call.name.as_str()).collect();
        let unseen = arrived.difference(&told);
        unseen.filter(|name| sent.contains(caller(name))).count()
    }

    fn verdict(
        &self,
        id: &str,
        traces: &[Option<&str>],
        shared: &HashMap<&str, HashSet<&str>>,
    ) -> Verdict {
        let trace = match traces {
            [None] => return Verdict::Missing,
            [Some("several")] => return Verdict::Wrong("several traceparents".to_owned()),
            [Some(trace)] => *trace,
            _ => return Verdict::Wrong(format!("told {} times", traces.len())),
        };
        match self.owners.of(trace) {
            Some(owner) if owner == id => Verdict::Right,
            Some(owner) => Verdict::Wrong(format!("in the trace of {owner}")),
            None if shared.get(trace).is_some_and(|ids| ids.len() > 1) => {
                Verdict::Wrong(format!("in trace {trace}, as are other requests' calls"))
            }
            None => Verdict::Missing,
        }
    }
}

/// Whose call is it, by its name `ID/NUMBER`?
fn caller(name: &str) -> &str {
    name.split_once('/').map_or(name, |(id, _)| id)
}

impl Tally {
    fn count(&mut self, name: &str, verdict: Verdict) {
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::Missing => self.missing += 1,
            Verdict::Wrong(why) => {
                self.wrong += 1;
                if self.examples.len() < EXAMPLES {
                    self.examples.push(format!("call {name}: {why}"));
                }
            }
        }
    }

    /// A poller's calls belong to nobody: only a link counts.
    fn count_background(&mut self, name: &str, verdict: Verdict) {
        if let Verdict::Wrong(_) = verdict {
            self.count(name, verdict);
        }
    }

    /// Share of the right ones, in per cent.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand calls")]
    pub(crate) fn share(&self) -> f64 {
        let all = self.right + self.wrong + self.missing;
        100.0 * self.right as f64 / all.max(1) as f64
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
    use super::{Call, Judge, Owners, Tally};

    fn judged(calls: &[(&str, &str)], sent: &[&str], each: usize, owners: &Owners) -> Tally {
        let sent: Vec<String> = sent.iter().map(|id| (*id).to_owned()).collect();
        let calls: Vec<Call> = calls
            .iter()
            .map(|(name, trace)| Call {
                name: (*name).to_owned(),
                trace: (!trace.is_empty()).then(|| (*trace).to_owned()),
            })
            .collect();
        let judge = Judge {
            sent: &sent,
            each,
            retries: false,
            background: "background.1",
            owners,
        };
        let mut tally = judge.tally(&calls);
        tally.examples.clear();
        tally
    }

    fn counts(right: usize, wrong: usize, missing: usize) -> Tally {
        Tally {
            right,
            wrong,
            missing,
            examples: Vec::new(),
        }
    }

    #[test]
    fn leaks_repetitions_and_gaps_are_told_apart() {
        // A trace of the warm-up looks like one of this load's.
        let old = super::load::trace_id(1);
        let own = |id: &str| (id.to_owned(), id.to_owned());
        let calls = [
            ("a/1", "a"),
            ("a/2", &old),
            ("b/1", "new"),
            ("b/2", "b"),
            ("b/2", "b"),
            ("c/1", "c"),
            ("a/3", ""),
        ];
        let tally = judged(&calls, &["a", "b"], 3, &Owners::new([own("a"), own("b")]));
        assert_eq!(tally, counts(1, 2, 3));
    }

    #[test]
    fn a_request_without_a_trace_is_known_by_its_server_span() {
        let pair = |trace: &str, id: &str| (trace.to_owned(), id.to_owned());
        let owners = Owners::new([pair("x", "a"), pair("y", "b")]);
        let calls = [("a/1", "x"), ("b/1", "x"), ("c/1", "z")];
        assert_eq!(
            judged(&calls, &["a", "b", "c"], 1, &owners),
            counts(1, 1, 1)
        );
    }

    #[test]
    fn a_new_trace_with_calls_of_two_requests_is_wrong_for_both() {
        let calls = [("a/1", "new"), ("b/1", "new"), ("b/2", "other")];
        let owners = Owners::default();
        assert_eq!(judged(&calls, &["a", "b"], 2, &owners), counts(0, 2, 2));
    }

    #[test]
    fn calls_without_a_span_are_told_from_missing_links() {
        let call = |name: &str| Call {
            name: name.to_owned(),
            trace: None,
        };
        let judge = Judge {
            sent: &["a".to_owned()],
            each: 2,
            retries: false,
            background: "background.1",
            owners: &Owners::default(),
        };
        let arrived = ["a/1", "a/2", "b/1", "background.1/1"].map(call);
        assert_eq!(judge.unseen(&arrived, &[call("a/1")]), 1);
    }

    #[test]
    fn a_poller_s_calls_count_only_where_they_are_linked() {
        let owners = Owners::new([("x".to_owned(), "a".to_owned())]);
        let calls = [
            ("a/1", "x"),
            ("background.1/1", "new"),
            ("background.1/2", "x"),
        ];
        assert_eq!(judged(&calls, &["a"], 1, &owners), counts(1, 1, 0));
        let others = [("background.2/1", "x")];
        assert_eq!(judged(&others, &[], 1, &owners), counts(0, 0, 0));
    }
}
