use sonde_common::context::{SpanContext, origin};

use super::{Change, Head, OwnSpans, Standing};
use crate::context::Sdk;
use crate::spans::Role;

const SERVICE: u32 = 7;
const PEER: u32 = 8;

/// Feeds heads, a millisecond apart.
struct Machine {
    own: OwnSpans,
    now: u64,
    changes: Vec<Change>,
}

impl Machine {
    fn new(sdk: Sdk) -> Self {
        Self {
            own: OwnSpans::new(sdk),
            now: 0,
            changes: Vec::new(),
        }
    }

    fn head(&mut self, tgid: u32, role: Role, ids: [u64; 3], origin: u8) {
        self.now += 1_000_000;
        let [trace, span, parent] = ids;
        let mut trace_id = [0; 16];
        trace_id[8..].copy_from_slice(&trace.to_ne_bytes());
        let change = self.own.head(&Head {
            tgid,
            role,
            connection: span,
            span: &SpanContext {
                trace_id,
                span_id: span.to_ne_bytes(),
                parent_id: parent.to_ne_bytes(),
                origin,
                ..SpanContext::NONE
            },
            at: self.now,
        });
        self.changes.extend(change);
    }

    /// The service is asked with a parent, and sends a request on with an id of `origin`; the peer is here and is seen to get it.
    fn request(&mut self, number: u64, origin: u8, passes_on: bool) {
        let (trace, parent) = (1_000 + number, 2_000 + number);
        self.head(
            SERVICE,
            Role::Server,
            [trace, 3_000 + number, parent],
            origin::HEADER,
        );
        let sent = if passes_on { parent } else { 4_000 + number };
        self.head(SERVICE, Role::Client, [trace, sent, 0], origin);
        self.head(
            PEER,
            Role::Server,
            [trace, 5_000 + number, sent],
            origin::HEADER,
        );
        for (tgid, role) in [
            (PEER, Role::Server),
            (SERVICE, Role::Client),
            (SERVICE, Role::Server),
        ] {
            self.changes
                .extend(self.own.exchanged(tgid, role, self.now));
        }
    }
}

#[test]
fn a_tracer_is_found_and_held_from_the_first_request_on() {
    let mut machine = Machine::new(Sdk::Auto);
    machine.request(1, origin::ADOPTED, false);
    assert_eq!(machine.own.standing(SERVICE, machine.now), Standing::Open);
    for number in 2..=10 {
        machine.request(number, origin::ADOPTED, false);
    }
    assert_eq!(machine.changes, [Change::Declared]);
    assert_eq!(machine.own.standing(SERVICE, machine.now), Standing::Traced);
    assert_eq!(machine.own.standing(PEER, machine.now), Standing::Untraced);
    assert_eq!(machine.own.traced(), 1);
    machine.own.forget(SERVICE);
    assert_eq!(
        machine.own.standing(SERVICE, machine.now),
        Standing::Untraced
    );
}

#[test]
fn who_passes_on_what_came_in_has_none() {
    let mut machine = Machine::new(Sdk::Auto);
    for number in 0..100 {
        machine.request(number, origin::ADOPTED, true);
        assert_eq!(
            machine.own.standing(SERVICE, machine.now),
            Standing::Untraced
        );
    }
    assert!(machine.changes.is_empty());
}

/// Two requests of one trace are open, and each goes on with the other's parent, as far as the kernel side could tell.
#[test]
fn interleaved_requests_of_one_trace_prove_nothing() {
    let mut machine = Machine::new(Sdk::Auto);
    for number in 0..100 {
        let trace = 10_000 + number / 4;
        let (parent, other) = (20_000 + number, 20_000 + (number ^ 1));
        machine.head(
            SERVICE,
            Role::Server,
            [trace, 30_000 + number, parent],
            origin::HEADER,
        );
        machine.head(
            SERVICE,
            Role::Server,
            [trace, 40_000 + number, other],
            origin::HEADER,
        );
        machine.head(SERVICE, Role::Client, [trace, other, 0], origin::ADOPTED);
        machine.own.exchanged(SERVICE, Role::Server, machine.now);
    }
    assert!(machine.changes.is_empty());
    assert_eq!(
        machine.own.standing(SERVICE, machine.now),
        Standing::Untraced
    );
}

#[test]
fn one_that_stops_is_no_longer_believed() {
    let mut machine = Machine::new(Sdk::Auto);
    for number in 0..10 {
        machine.request(number, origin::ADOPTED, false);
    }
    for number in 10..60 {
        machine.request(number, origin::CHAIN, false);
    }
    assert_eq!(machine.changes, [Change::Declared, Change::Contradicted]);
}

#[test]
fn the_operator_decides() {
    for (sdk, standing) in [
        (Sdk::Never, Standing::Untraced),
        (Sdk::Always, Standing::Traced),
    ] {
        let mut machine = Machine::new(sdk);
        for number in 0..20 {
            machine.request(number, origin::ADOPTED, false);
        }
        assert!(machine.changes.is_empty());
        assert_eq!(machine.own.standing(SERVICE, machine.now), standing);
    }
}
