//! Any split of the bytes, any interleaving of streams, any bytes at all.

use proptest::prelude::*;

use super::wire::messages;
use super::*;

/// What one stream does.
#[derive(Clone, Debug)]
struct Plan {
    asked: Vec<usize>,
    answered: Vec<usize>,
    trailers: bool,
    interim: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let counts = || proptest::collection::vec(0..3_usize, 1..4);
    (counts(), counts(), any::<bool>(), any::<bool>()).prop_map(
        |(asked, answered, trailers, interim)| Plan {
            asked,
            answered,
            trailers,
            interim,
        },
    )
}

impl Plan {
    fn wanted(&self, id: u32) -> String {
        let body = |counts: &[usize]| {
            let count: usize = counts.iter().sum();
            format!("{}/{count}", count * 8)
        };
        format!(
            "{id} /{id} 200 {} {} Complete",
            body(&self.asked),
            body(&self.answered)
        )
    }

    /// Does the next step of one direction; false if there is none.
    fn step(&self, watched: &mut Watched, id: u32, direction: Direction, step: usize) -> bool {
        let counts = match direction {
            Direction::Request => &self.asked,
            Direction::Response => &self.answered,
        };
        if step == 0 {
            self.begin(watched, id, direction);
            return true;
        }
        let trailers = self.trailers && direction == Direction::Response;
        match counts.get(step - 1) {
            Some(&count) => {
                let last = step == counts.len() && !trailers;
                let content = messages(count);
                watched.wire(direction, &frame(DATA, u8::from(last), id, &content));
                true
            }
            None if trailers && step == counts.len() + 1 => {
                watched.answer(id, END_STREAM, TRAILERS);
                true
            }
            None => false,
        }
    }

    fn begin(&self, watched: &mut Watched, id: u32, direction: Direction) {
        if direction == Direction::Request {
            let path = format!("/{id}");
            let fields = [
                (":method", "POST"),
                (":path", &path),
                ("content-type", "application/grpc"),
            ];
            watched.ask(id, 0, &fields);
            return;
        }
        if self.interim {
            watched.answer(id, 0, &[(":status", "100")]);
        }
        watched.answer(id, 0, OK);
    }
}

/// One direction's digest whole.
fn digest_of(plans: &[Plan], direction: Direction) -> Vec<u8> {
    let mut watched = Watched::new();
    let mut digest = Vec::new();
    for (number, plan) in (0_u32..).zip(plans) {
        let id = number * 2 + 1;
        let path = format!("/{id}");
        let request = [
            (":method", "POST"),
            (":path", path.as_str()),
            ("content-type", "application/grpc"),
        ];
        let (fields, counts): (&[(&str, &str)], _) = match direction {
            Direction::Request => (&request, &plan.asked),
            Direction::Response => (OK, &plan.answered),
        };
        let mut wire = frame(HEADERS, END_HEADERS, id, &watched.block(direction, fields));
        for (at, &count) in counts.iter().enumerate() {
            let last = u8::from(at + 1 == counts.len());
            wire.extend(frame(DATA, last, id, &messages(count)));
        }
        digest.extend(watched.digesters[direction as usize].digest(&wire));
        if direction == Direction::Request {
            digest.extend(super::wire::label(id, 9));
        }
    }
    digest
}

/// The exchanges without the times, which tell the pieces.
fn told(requests: &[u8], responses: &[u8], pieces: &[usize]) -> Vec<String> {
    let mut watched = Watched::new();
    let mut sizes = pieces.iter().cycle();
    for (direction, mut rest) in [
        (Direction::Request, requests),
        (Direction::Response, responses),
    ] {
        while !rest.is_empty() {
            let size = *sizes.next().unwrap();
            let (piece, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            watched.push(direction, Chunk::Bytes(piece));
        }
    }
    assert_eq!(watched.heard.anomalies, []);
    let labelled = |exchange: &Exchange| exchange.label == Some([9; 40]);
    assert!(watched.heard.exchanges.iter().all(labelled));
    watched.summary()
}

proptest! {
    #[test]
    fn any_split(plans in proptest::collection::vec(plan(), 1..6), pieces in proptest::collection::vec(1..40_usize, 1..8)) {
        let requests = digest_of(&plans, Direction::Request);
        let responses = digest_of(&plans, Direction::Response);
        let wanted: Vec<_> = (0_u32..).zip(&plans).map(|(number, plan)| plan.wanted(number * 2 + 1)).collect();
        prop_assert_eq!(told(&requests, &responses, &[usize::MAX]), wanted.clone());
        prop_assert_eq!(told(&requests, &responses, &pieces), wanted);
    }

    #[test]
    fn any_interleaving(
        plans in proptest::collection::vec(plan(), 1..8),
        turns in proptest::collection::vec((any::<u8>(), any::<bool>()), 0..200),
    ) {
        let mut watched = Watched::new();
        let mut steps = vec![[0_usize; 2]; plans.len()];
        let mut begun = 0;
        let rest = (0..plans.len()).flat_map(|number| (0..6).flat_map(move |_| [(number, false), (number, true)]));
        let turns = turns.into_iter().map(|(stream, answer)| (usize::from(stream) % plans.len(), answer));
        for (number, answer) in turns.chain(rest) {
            let direction = if answer { Direction::Response } else { Direction::Request };
            // Streams begin in order, and are answered once they have.
            let number = if number > begun { begun } else { number };
            if answer && steps[number][0] == 0 {
                continue;
            }
            let id = u32::try_from(number).unwrap() * 2 + 1;
            if plans[number].step(&mut watched, id, direction, steps[number][usize::from(answer)]) {
                steps[number][usize::from(answer)] += 1;
            }
            begun = begun.max(number + 1).min(plans.len() - 1);
        }
        let mut wanted: Vec<_> = (0_u32..).zip(&plans).map(|(number, plan)| plan.wanted(number * 2 + 1)).collect();
        let mut found = watched.summary();
        wanted.sort();
        found.sort();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(&watched.heard.anomalies, &[]);
    }

    #[test]
    fn any_bytes(pieces in proptest::collection::vec((any::<bool>(), 0..12_u8, any::<u8>(), 0..5_u32, proptest::collection::vec(any::<u8>(), 0..48), any::<bool>()), 0..40)) {
        let limits = Limits { head_bytes: 64, table_bytes: 128, streams: 3 };
        let mut watched = Watched::within(limits);
        for (answer, kind, flags, stream, payload, raw) in pieces {
            let direction = if answer { Direction::Response } else { Direction::Request };
            let bytes = if raw { payload } else { frame(kind, flags, stream, &payload) };
            watched.push(direction, Chunk::Bytes(&bytes));
            if kind == 11 {
                watched.push(direction, Chunk::Gap(1));
            }
            prop_assert!(watched.connection.footprint() < 16 * 1024);
        }
        watched.close(Close::Finished);
        for exchange in &watched.heard.exchanges {
            prop_assert!(exchange.request_started <= exchange.ended);
            prop_assert_eq!(exchange.response.is_some(), exchange.response_started.is_some());
        }
    }
}
