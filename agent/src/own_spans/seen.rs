//! What ids were seen before: the parents that requests have brought, by trace. Ids that agents issue need no memory, they are marked.
//!
//! A table of fixed size whose entries are overwritten by newer ones. What is forgotten is unknown, and proves nothing.

use sonde_common::span_id;

/// Traces remembered; a power of two.
const TRACES: usize = 1 << 12;
/// Parents remembered of each trace; of one with more, nothing is said.
const PARENTS: usize = 4;

/// Where an id comes from that an application put into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// Not known: no request of this trace was seen before, or more than are remembered.
    Unknown,
    /// It came with a request, or an agent has issued it.
    PassedOn,
    /// Requests of this trace have come in, with other ids, and no agent has issued it.
    Foreign,
}

/// The table.
#[derive(Debug)]
pub(super) struct Seen {
    traces: Box<[Trace]>,
}

/// Requests of one trace.
#[derive(Clone, Debug, Default)]
struct Trace {
    id: u64,
    /// Parent and time of each; the time of an empty one is 0.
    parents: [(u64, u64); PARENTS],
    /// There were more.
    overflow: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            traces: vec![Trace::default(); TRACES].into(),
        }
    }
}

impl Seen {
    /// A request has come in; a parent of 0 is none.
    pub(super) fn come_in(&mut self, trace: u64, parent: u64, at: u64) {
        let known = &mut self.traces[place(trace)];
        if known.id != trace {
            *known = Trace {
                id: trace,
                ..Trace::default()
            };
        }
        let is_same = |seen: &(u64, u64)| seen.1 != 0 && seen.0 == parent;
        if known.parents.iter().any(is_same) {
            return;
        }
        match known.parents.iter_mut().find(|(_, at)| *at == 0) {
            Some(free) => *free = (parent, at),
            None => known.overflow = true,
        }
    }

    /// Where the parent of a request comes from that was sent at a time. What came in later, as to the server that it was sent
    /// to, is no source of it.
    pub(super) fn whence(&self, trace: u64, parent: u64, sent_at: u64) -> Whence {
        if span_id::is_marked(parent) {
            return Whence::PassedOn;
        }
        let known = &self.traces[place(trace)];
        if known.id != trace || known.overflow {
            return Whence::Unknown;
        }
        let mut before = known
            .parents
            .iter()
            .filter(|(_, at)| *at != 0 && *at < sent_at)
            .peekable();
        if before.peek().is_none() {
            return Whence::Unknown;
        }
        if before.any(|(seen, _)| *seen == parent) {
            Whence::PassedOn
        } else {
            Whence::Foreign
        }
    }
}

/// Ids are random, as a rule; those of a sender that counts differ in their first or in their last bytes.
fn place(id: u64) -> usize {
    let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(mixed).unwrap_or_default() & (TRACES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sources() {
        let mut seen = Seen::default();
        seen.come_in(1, 11, 10);
        seen.come_in(1, 12, 20);
        seen.come_in(2, 0, 10);
        for parent in 21..=25 {
            seen.come_in(3, parent, 10);
        }
        let cases = [
            ("of no trace that came in", (9, 11, 30), Whence::Unknown),
            ("passed on", (1, 11, 30), Whence::PassedOn),
            (
                "of another request of the trace",
                (1, 12, 30),
                Whence::PassedOn,
            ),
            (
                "that came in later, at the callee",
                (1, 12, 15),
                Whence::Foreign,
            ),
            ("of its own", (1, 13, 30), Whence::Foreign),
            ("before anything came in", (1, 13, 5), Whence::Unknown),
            (
                "issued by an agent",
                (1, span_id::marked(100), 30),
                Whence::PassedOn,
            ),
            ("in a trace that began here", (2, 13, 30), Whence::Foreign),
            (
                "in a trace with many requests",
                (3, 13, 30),
                Whence::Unknown,
            ),
        ];
        for (name, (trace, parent, at), expected) in cases {
            assert_eq!(seen.whence(trace, parent, at), expected, "{name}");
        }
    }

    proptest! {
        /// As long as no other trace has taken the place of one: what came in is never taken for an id of the sender's own.
        #[test]
        fn what_came_in_is_never_foreign(
            mut requests in prop::collection::vec((1..6_000u64, 1..9u64), 1..400),
            issued: u64,
        ) {
            let mut owners = std::collections::BTreeMap::new();
            requests.retain(|(trace, _)| *owners.entry(place(*trace)).or_insert(*trace) == *trace);
            let mut seen = Seen::default();
            for (at, (trace, parent)) in requests.iter().enumerate() {
                seen.come_in(*trace, *parent, at as u64 + 1);
            }
            for (trace, parent) in requests {
                prop_assert_ne!(seen.whence(trace, parent, u64::MAX), Whence::Foreign);
            }
            prop_assert_eq!(seen.whence(1, span_id::marked(issued), u64::MAX), Whence::PassedOn);
        }
    }
}
