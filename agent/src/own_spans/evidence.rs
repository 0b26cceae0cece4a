//! When the requests of one process prove that it has a tracer, and when they no longer do.
//!
//! Declared after [`SEVERAL`] requests with parents of its own, over more than one connection or over some time, with hardly
//! any to the contrary, and only if the process serves requests itself. Withdrawn when most of its newer requests are to the
//! contrary, or when for long none has confirmed it. Pure, and of one size; time is an argument.

/// Requests with a parent of the process's own that prove a tracer.
const SEVERAL: u32 = 5;
/// Of this many requests in a row.
const WINDOW: u32 = u32::BITS;
/// On one connection, they must lie this far apart: two seconds, in nanoseconds.
const APART: u64 = 2_000_000_000;
/// How long the matter may be open after the newest of them.
const OPEN: u64 = 10_000_000_000;
/// Without another one for so long, and for so many exchanges, they no longer count.
const SILENCE: u64 = 600_000_000_000;
const SILENT_EXCHANGES: u32 = 100;

/// A request that the process has sent in the course of one that it had received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It names a parent of the process's own.
    Traced {
        /// The parent.
        id: u64,
        /// Cookie of the connection.
        connection: u64,
    },
    /// It does not.
    Untraced,
}

/// What has changed about a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It makes its own spans.
    Declared,
    /// It sends requests without a parent of its own.
    Contradicted,
    /// For long, nothing has confirmed that it makes its own spans.
    Silent,
}

/// What is known of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing says that it makes spans.
    Untraced,
    /// Something does, and it is not decided.
    Open,
    /// It makes its own spans.
    Traced,
}

/// What the newest requests of a process say.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// The newest requests, the last one in the lowest bit; 1: a parent of its own.
    window: u32,
    /// How many of the window there have been.
    length: u32,
    /// The newest parents: one that is sent again, as by a retry, is no second proof.
    ids: [u64; SEVERAL as usize],
    /// Time and connection of the first in a row.
    first: Option<(u64, u64)>,
    /// Time of the newest.
    newest: u64,
    /// Exchanges since the newest.
    silent: u32,
    /// They were on more than one connection.
    several_connections: bool,
    /// The process has answered a request.
    serves: bool,
    declared: bool,
}

impl Evidence {
    /// The process sends a request.
    pub(super) fn call(&mut self, call: Call, at: u64) -> Option<Change> {
        match call {
            Call::Traced { id, connection } => {
                if self.ids.contains(&id) {
                    return None;
                }
                self.ids.rotate_right(1);
                self.ids[0] = id;
                self.note(true);
                self.confirm(connection, at);
            }
            Call::Untraced => self.note(false),
        }
        self.decide()
    }

    /// An exchange of the process has ended.
    pub(super) fn exchange(&mut self, serves: bool, at: u64) -> Option<Change> {
        self.serves |= serves;
        self.silent = self.silent.saturating_add(1);
        let silence = at.saturating_sub(self.newest) >= SILENCE;
        if silence && self.silent >= SILENT_EXCHANGES {
            return self.withdraw(Change::Silent);
        }
        self.decide()
    }

    pub(super) fn standing(&self, now: u64) -> Standing {
        if self.declared {
            return Standing::Traced;
        }
        let is_new = now.saturating_sub(self.newest) < OPEN;
        if is_new && self.is_consistent() {
            Standing::Open
        } else {
            Standing::Untraced
        }
    }

    pub(super) const fn is_traced(&self) -> bool {
        self.declared
    }

    fn note(&mut self, traced: bool) {
        self.window = self.window << 1 | u32::from(traced);
        self.length = (self.length + 1).min(WINDOW);
        if self.window == 0 {
            self.first = None;
            self.several_connections = false;
        }
    }

    fn confirm(&mut self, connection: u64, at: u64) {
        let (_, first) = *self.first.get_or_insert((at, connection));
        self.several_connections |= connection != first;
        self.newest = self.newest.max(at);
        self.silent = 0;
    }

    fn decide(&mut self) -> Option<Change> {
        let traced = self.window.count_ones();
        if self.declared {
            let contradicted = self.length >= SEVERAL && 2 * traced < self.length;
            return contradicted
                .then(|| self.withdraw(Change::Contradicted))
                .flatten();
        }
        let began = self.first.map_or(self.newest, |(at, _)| at);
        let independent = self.several_connections || self.newest.saturating_sub(began) >= APART;
        let proven = traced >= SEVERAL && self.is_consistent() && independent && self.serves;
        proven.then(|| {
            self.declared = true;
            Change::Declared
        })
    }

    /// Nine of ten: a tracer may leave out a request, such as one that it was told to ignore.
    const fn is_consistent(&self) -> bool {
        self.window != 0 && 10 * self.window.count_ones() >= 9 * self.length
    }

    /// All begins anew; whether the process serves is no evidence.
    fn withdraw(&mut self, why: Change) -> Option<Change> {
        let was = self.declared;
        *self = Self {
            serves: self.serves,
            ..Self::default()
        };
        was.then_some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn traced(id: u64, connection: u64) -> Call {
        Call::Traced { id, connection }
    }

    fn serving() -> Evidence {
        Evidence {
            serves: true,
            ..Evidence::default()
        }
    }

    /// Feeds calls a millisecond apart; gives the place of each change.
    fn changes(evidence: &mut Evidence, calls: &[Call]) -> Vec<(usize, Change)> {
        let mut at = SECOND;
        let mut seen = Vec::new();
        for (place, call) in calls.iter().enumerate() {
            at += 1_000_000;
            seen.extend(evidence.call(*call, at).map(|change| (place, change)));
        }
        seen
    }

    #[test]
    fn what_proves_a_tracer() {
        let many = |number: u64, connections: u64| -> Vec<Call> {
            (1..=number)
                .map(|id| traced(id, id % connections))
                .collect()
        };
        let with = |mut calls: Vec<Call>, contrary: usize| {
            calls.splice(2..2, std::iter::repeat_n(Call::Untraced, contrary));
            calls
        };
        let cases = [
            ("one", many(1, 2), None),
            ("four", many(4, 2), None),
            ("five", many(5, 2), Some(4)),
            ("on one connection, at once", many(30, 1), None),
            ("the same parent again", vec![traced(7, 1); 30], None),
            (
                "two parents in turn",
                [traced(7, 1), traced(8, 2)].repeat(20),
                None,
            ),
            (
                "one to the contrary among ten",
                with(many(9, 2), 1),
                Some(9),
            ),
            (
                "every other one",
                (1..40)
                    .flat_map(|id| [traced(id, id), Call::Untraced])
                    .collect(),
                None,
            ),
            (
                "a third to the contrary",
                (0..40)
                    .map(|id| {
                        if id % 3 == 0 {
                            Call::Untraced
                        } else {
                            traced(id + 1, id)
                        }
                    })
                    .collect(),
                None,
            ),
        ];
        for (name, calls, expected) in cases {
            let seen = changes(&mut serving(), &calls);
            let wanted: Vec<_> = expected
                .map(|at| (at, Change::Declared))
                .into_iter()
                .collect();
            assert_eq!(seen, wanted, "{name}");
        }
    }

    #[test]
    fn time_stands_for_a_second_connection() {
        let mut evidence = serving();
        for id in 1..=4 {
            assert_eq!(evidence.call(traced(id, 1), SECOND), None);
        }
        assert_eq!(evidence.call(traced(5, 1), 2 * SECOND), None);
        let change = evidence.call(traced(6, 1), 3 * SECOND);
        assert_eq!(change, Some(Change::Declared));
    }

    #[test]
    fn a_client_alone_is_left_in_the_open() {
        let mut evidence = Evidence::default();
        for id in 1..100 {
            assert_eq!(evidence.call(traced(id, id), SECOND), None);
        }
        assert_eq!(evidence.standing(SECOND), Standing::Open);
        assert_eq!(evidence.standing(SECOND + OPEN), Standing::Untraced);
        assert_eq!(evidence.exchange(false, SECOND), None);
        assert_eq!(evidence.exchange(true, SECOND), Some(Change::Declared));
        assert_eq!(evidence.standing(SECOND + OPEN), Standing::Traced);
    }

    fn declared() -> Evidence {
        let mut evidence = serving();
        let calls: Vec<Call> = (1..=40).map(|id| traced(id, id)).collect();
        assert_eq!(changes(&mut evidence, &calls).len(), 1);
        evidence
    }

    #[test]
    fn contradiction_withdraws_it() {
        let mut evidence = declared();
        let seen = changes(&mut evidence, &[Call::Untraced; 40]);
        assert_eq!(seen, [(16, Change::Contradicted)]);
        assert_eq!(evidence.standing(2 * SECOND), Standing::Untraced);
        // The way back is longer than the first: what was to the contrary counts.
        let calls: Vec<Call> = (100..140).map(|id| traced(id, id)).collect();
        assert_eq!(changes(&mut evidence, &calls), [(28, Change::Declared)]);
    }

    #[test]
    fn silence_withdraws_it() {
        let mut evidence = declared();
        let late = 2 * SECOND + SILENCE;
        for _ in 1..SILENT_EXCHANGES {
            assert_eq!(evidence.exchange(true, late), None);
        }
        assert_eq!(evidence.exchange(true, late), Some(Change::Silent));
        // A process that only answers less than that in the time is believed on.
        let mut evidence = declared();
        assert_eq!(evidence.exchange(true, late), None);
        let call = evidence.call(traced(1_000, 1), late + SECOND);
        assert_eq!((call, evidence.silent), (None, 0));
    }

    fn any_call() -> impl Strategy<Value = Option<Call>> {
        prop_oneof![
            4 => (0..40u64, 0..3u64).prop_map(|(id, connection)| Some(traced(id, connection))),
            2 => Just(Some(Call::Untraced)),
            1 => Just(None),
        ]
    }

    proptest! {
        /// Whatever comes: declarations and withdrawals alternate, each declaration rests on enough parents that differ, and
        /// calls to the contrary end it.
        #[test]
        fn never_on_less(calls in prop::collection::vec((any_call(), 0..3 * SECOND), 0..200)) {
            let mut evidence = serving();
            let mut at = 0;
            let mut parents = std::collections::BTreeSet::new();
            for (call, pause) in calls {
                at += pause;
                let was = evidence.is_traced();
                let change = match call {
                    Some(call) => {
                        if let Call::Traced { id, .. } = call {
                            parents.insert(id);
                        }
                        evidence.call(call, at)
                    }
                    None => evidence.exchange(true, at),
                };
                match change {
                    Some(Change::Declared) => {
                        prop_assert!(!was && parents.len() >= SEVERAL as usize);
                    }
                    Some(_) => {
                        prop_assert!(was);
                        parents.clear();
                    }
                    None => prop_assert_eq!(was, evidence.is_traced()),
                }
            }
            for _ in 0..WINDOW {
                evidence.call(Call::Untraced, at);
            }
            prop_assert_eq!(evidence.standing(at), Standing::Untraced);
        }
    }
}
