//! What must hold for any split, loss or corruption of the bytes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// How a body is framed.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Length,
    Chunked,
}

/// One request and its response; `number` is in the target and in the response's size.
#[derive(Clone, Debug)]
struct Plan {
    head: bool,
    request: (Coding, u16),
    response: (Coding, u16),
    interim: bool,
}

/// Bytes of a message: those of the head, then those of the body.
#[derive(Clone, Debug)]
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
    content: u64,
}

impl Message {
    fn new(start: &str, (coding, size): (Coding, u16), has_body: bool) -> Self {
        let (field, mut body) = match coding {
            Coding::Length => (format!("Content-Length: {size}"), vec![b'.'; size.into()]),
            Coding::Chunked => ("Transfer-Encoding: chunked".to_owned(), chunked(size)),
        };
        if !has_body {
            body.clear();
        }
        Self {
            head: format!("{start}\r\nX-Filler: {}\r\n{field}\r\n\r\n", "f".repeat(40))
                .into_bytes(),
            content: if has_body { size.into() } else { 0 },
            body,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.body].concat()
    }
}

fn chunked(size: u16) -> Vec<u8> {
    let mut body = Vec::new();
    let mut left = usize::from(size);
    while left > 0 {
        let next = left.min(70);
        body.extend_from_slice(format!("{next:x};e=1\r\n{}\r\n", ".".repeat(next)).as_bytes());
        left -= next;
    }
    body.extend_from_slice(b"0\r\nTrailer: t\r\n\r\n");
    body
}

impl Plan {
    fn request(&self, number: usize) -> Message {
        let method = if self.head { "HEAD" } else { "POST" };
        Message::new(&format!("{method} /{number} HTTP/1.1"), self.request, true)
    }

    /// The status identifies the request.
    fn response(&self, number: usize) -> Message {
        let interim = if self.interim {
            "HTTP/1.1 103 Early Hints\r\n\r\n"
        } else {
            ""
        };
        let status = 400 + number;
        Message::new(
            &format!("{interim}HTTP/1.1 {status} S"),
            self.response,
            !self.head,
        )
    }
}

fn coding() -> impl Strategy<Value = (Coding, u16)> {
    let coding = prop_oneof![Just(Coding::Length), Just(Coding::Chunked)];
    (coding, prop_oneof![Just(0), 0..300_u16])
}

fn plan() -> impl Strategy<Value = Plan> {
    (any::<bool>(), coding(), coding(), any::<bool>()).prop_map(
        |(head, request, response, interim)| Plan {
            head,
            request,
            response,
            interim,
        },
    )
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    vec(plan(), 1..LIMITS.in_flight)
}

/// Pieces of these lengths in turn.
fn split<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*length).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// All requests, then all responses or turn by turn; the clock stands still within a direction.
fn heard(plans: &[Plan], lengths: &[usize], pipelined: bool) -> Heard {
    let mut connection = Connection::new(LIMITS);
    let mut heard = Heard::default();
    let mut push = |direction, bytes: &[u8], at| {
        for piece in split(bytes, lengths) {
            connection.push(direction, Chunk::Bytes(piece), Timestamp(at), &mut heard);
        }
    };
    let requests: Vec<_> = (0..)
        .zip(plans)
        .map(|(n, plan)| plan.request(n).bytes())
        .collect();
    let responses: Vec<_> = (0..)
        .zip(plans)
        .map(|(n, plan)| plan.response(n).bytes())
        .collect();
    if pipelined {
        push(Direction::Request, &requests.concat(), 1);
        push(Direction::Response, &responses.concat(), 2);
    } else {
        for (at, (request, response)) in (1..).zip(requests.iter().zip(&responses)) {
            push(Direction::Request, request, at * 2);
            push(Direction::Response, response, at * 2 + 1);
        }
    }
    heard
}

fn number(exchange: &Exchange) -> usize {
    target(&exchange.request)[1..].parse().unwrap()
}

/// No response but its own.
fn assert_own(exchange: &Exchange) {
    if let Some(response) = &exchange.response {
        assert_eq!(
            response.status.map(usize::from),
            Some(400 + number(exchange))
        );
    }
}

/// One step on a damaged connection.
#[derive(Clone, Debug)]
enum Damage {
    None,
    /// Bytes from a place on are missing; whether their number is told.
    Hole(usize, usize, bool),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        3 => Just(Damage::None),
        2 => (0..500_usize, 1..500_usize, any::<bool>())
            .prop_map(|(from, length, told)| Damage::Hole(from, length, told)),
    ]
}

fn push_damaged(
    watched: &mut Watched,
    direction: Direction,
    bytes: &[u8],
    damage: &Damage,
    lengths: &[usize],
) {
    let (before, lost, after) = match *damage {
        Damage::None => (bytes, None, &[][..]),
        Damage::Hole(from, length, told) => {
            let from = from.min(bytes.len());
            let to = (from + length).min(bytes.len());
            let lost = if told { (to - from) as u64 } else { 0 };
            (&bytes[..from], (to > from).then_some(lost), &bytes[to..])
        }
    };
    for piece in split(before, lengths) {
        watched.push(direction, Chunk::Bytes(piece));
    }
    if let Some(lost) = lost {
        watched.push(direction, Chunk::Gap(lost));
    }
    for piece in split(after, lengths) {
        watched.push(direction, Chunk::Bytes(piece));
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same(plans in plans(), lengths in vec(1..80_usize, 1..8), pipelined: bool) {
        let whole = heard(&plans, &[usize::MAX], pipelined);
        prop_assert_eq!(whole.exchanges.len(), plans.len());
        prop_assert!(whole.anomalies.is_empty());
        for ((number, plan), exchange) in (0..).zip(&plans).zip(&whole.exchanges) {
            assert_own(exchange);
            prop_assert_eq!(exchange.outcome, Outcome::Complete);
            prop_assert_eq!(exchange.request_body.size, plan.request(number).content);
            prop_assert_eq!(exchange.response_body.size, plan.response(number).content);
        }
        prop_assert_eq!(heard(&plans, &lengths, pipelined), whole);
    }

    #[test]
    fn elided_bodies_give_the_same(plans in plans(), keep in 0..80_usize, pieces in 1..4_u64) {
        let whole = heard(&plans, &[usize::MAX], false);
        let mut connection = Connection::new(LIMITS);
        let mut heard = Heard::default();
        let mut push = |direction, message: &Message, coding, at| {
            // The beginning of the body comes along with the head, of chunked ones only the head.
            let keep = match coding {
                Coding::Length => keep.min(message.body.len()),
                Coding::Chunked => 0,
            };
            let (kept, left) = message.body.split_at(keep);
            let at = Timestamp(at);
            let bytes = [&message.head[..], kept].concat();
            connection.push(direction, Chunk::Bytes(&bytes), at, &mut heard);
            let (bytes, content) = (left.len() as u64, message.content - keep as u64);
            for piece in 0..pieces {
                let share = |all: u64| all * (piece + 1) / pieces - all * piece / pieces;
                let elided = Elided {
                    bytes: share(bytes),
                    content: share(content),
                    end: piece + 1 == pieces,
                };
                if bytes > 0 {
                    connection.push(direction, Chunk::Elided(elided), at, &mut heard);
                }
            }
        };
        for ((number, plan), at) in (0..).zip(&plans).zip(1..) {
            push(Direction::Request, &plan.request(number), plan.request.0, at * 2);
            push(Direction::Response, &plan.response(number), plan.response.0, at * 2 + 1);
        }
        prop_assert_eq!(heard, whole);
    }

    #[test]
    fn a_hole_never_crosses_pairs(
        plans in vec((plan(), damage(), damage()), 2..12),
        lengths in vec(20..200_usize, 1..4),
        close: bool,
    ) {
        let mut watched = Watched::new();
        for ((plan, request, response), number) in plans.iter().zip(0..) {
            push_damaged(&mut watched, Direction::Request, &plan.request(number).bytes(), request, &lengths);
            push_damaged(&mut watched, Direction::Response, &plan.response(number).bytes(), response, &lengths);
        }
        if close {
            watched.close(Close::Finished);
        }
        watched.heard.exchanges.iter().for_each(assert_own);
    }

    /// A hole is often noticed only when the next bytes of its direction come.
    #[test]
    fn missing_messages_never_cross_pairs(
        plans in vec((plan(), any::<bool>(), any::<bool>()), 2..12),
        pipelined_first: bool,
    ) {
        let mut watched = Watched::new();
        if pipelined_first {
            let requests = [plans[0].0.request(90).bytes(), plans[0].0.request(91).bytes()];
            let responses = [plans[0].0.response(90).bytes(), plans[0].0.response(91).bytes()];
            watched.push(Direction::Request, Chunk::Bytes(&requests.concat()));
            watched.push(Direction::Response, Chunk::Bytes(&responses.concat()));
        }
        let mut owed = [false; 2];
        for ((plan, no_request, no_response), number) in plans.iter().zip(0..) {
            let request = (Direction::Request, plan.request(number).bytes(), *no_request);
            let response = (Direction::Response, plan.response(number).bytes(), *no_response);
            for (side, (direction, bytes, missing)) in [request, response].into_iter().enumerate() {
                if missing {
                    owed[side] = true;
                    continue;
                }
                if std::mem::take(&mut owed[side]) {
                    watched.push(direction, Chunk::Gap(0));
                }
                watched.push(direction, Chunk::Bytes(&bytes));
            }
        }
        watched.close(Close::Finished);
        watched.heard.exchanges.iter().for_each(assert_own);
    }

    #[test]
    fn damage_never_panics_and_memory_stays_bounded(
        plans in plans(),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
        lengths in vec(1..200_usize, 1..4),
        swap: bool,
    ) {
        let all = |message: fn(&Plan, usize) -> Message| {
            let bytes = (0..).zip(&plans).map(|(number, plan)| message(plan, number).bytes());
            bytes.collect::<Vec<_>>().concat()
        };
        let mut streams = [all(Plan::request), all(Plan::response)];
        for (index, byte) in &mutations {
            for stream in &mut streams {
                let at = index.index(stream.len());
                stream[at] = *byte;
            }
        }
        let directions = if swap {
            [Direction::Response, Direction::Request]
        } else {
            [Direction::Request, Direction::Response]
        };
        let mut watched = Watched::new();
        for (direction, stream) in directions.into_iter().zip(&streams) {
            for piece in split(&stream[..cut.index(stream.len())], &lengths) {
                watched.push(direction, Chunk::Bytes(piece));
                let bound = (LIMITS.in_flight + 4) * (LIMITS.head_bytes + 512);
                prop_assert!(watched.connection.footprint() <= bound);
            }
        }
        watched.close(Close::Finished);
        prop_assert_eq!(watched.connection.footprint(), 0);
        // One malformed head, chunk or framing a piece at most: nothing is counted byte by byte.
        prop_assert!(watched.heard.exchanges.len() <= plans.len() + mutations.len());
    }
}
