extern crate std;

use super::*;
use crate::field::LONGEST;
use crate::propagator::{Told, known};
use proptest::prelude::*;
use std::{boxed::Box, format, string::String, vec::Vec};

struct Slice<'a>(&'a [u8]);

impl Window for Slice<'_> {
    fn word(&self, at: u32) -> u64 {
        let mut bytes = [b':'; 8];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(at as usize)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

const ALL: u32 = wanted::TRACESTATE
    | wanted::BAGGAGE
    | known::B3
    | known::B3_MULTI
    | known::JAEGER
    | known::DATADOG;

/// Reads `head` by windows of the given sizes, the way the BPF program does.
fn read(head: &str, wanted: u32, mut sizes: impl Iterator<Item = usize>) -> Box<Received> {
    let mut received = Box::new(Received {
        tracestate: crate::tracestate::List::EMPTY,
        baggage: crate::baggage::List::EMPTY,
        propagators: Propagators::START,
        wanted: 0,
        place: 9,
        code: 9,
        reserved: [0; 2],
    });
    received.start(wanted, false);
    let (mut from, bytes) = (0, head.as_bytes());
    while from < bytes.len() {
        let size = sizes.next().unwrap_or(256).max(LONGEST as usize);
        let window = &bytes[from..bytes.len().min(from + size)];
        let (mut at, end) = (0, window.len() as u32);
        let is_last = from + window.len() == bytes.len();
        while at < end && (is_last || !received.is_at_line() || end - at >= LONGEST) {
            at = received.step(&Slice(window), at, end);
            assert!(at <= end);
        }
        from += at as usize;
    }
    received
}

fn lines(received: &mut Received) -> (String, String) {
    let state = received.tracestate.finish() as usize;
    let baggage = received.baggage.finish() as usize;
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    (
        text(&received.tracestate.line[..state]),
        text(&received.baggage.line[..baggage]),
    )
}

const HEAD: &str = "GET /b3:?tracestate: HTTP/1.1\r\nHost: tracestate: x=1\r\nTraceState:a=1\r\n\
    x-b3-traceid-too: 1\r\nBaggage: k=v\r\ntracestates: c=1\r\ntracestate: b=2 \t\r\nbaggage:l=w\r\n\
    b3:\t80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1 \r\nuber-trace-id: 1:2 :0:1\r\n\
    Cookie: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n\
    X-Datadog-Sampling-Priority: 1\r\nx-datadog-trace-id: 12\r\nx-datadog-parent-id: 34\r\n\r\n";

#[test]
fn lines_are_told_by_their_names() {
    let mut received = read(HEAD, ALL, std::iter::empty());
    let all = ("tracestate: a=1,b=2\r\n", "baggage: k=v,l=w\r\n");
    let (state, baggage) = lines(&mut received);
    assert_eq!((&*state, &*baggage), all);
    let told = |bit| received.propagators.told(bit);
    assert!(matches!(told(known::B3), Told::Parent(_)));
    assert_eq!(told(known::B3_MULTI), Told::Nothing);
    // A blank in a value does not vanish.
    assert_eq!(told(known::JAEGER), Told::Invalid);
    assert!(matches!(told(known::DATADOG), Told::Parent(_)));
}

#[test]
fn only_what_is_wanted_is_read() {
    let mut received = read(HEAD, known::DATADOG, std::iter::empty());
    assert_eq!(lines(&mut received), Default::default());
    assert_eq!(received.propagators.told(known::B3), Told::Nothing);
    assert!(matches!(
        received.propagators.told(known::DATADOG),
        Told::Parent(_)
    ));
}

#[test]
fn one_line_is_read_from_its_value_on() {
    let mut received = read("", 0, std::iter::empty());
    received.start(wanted::TRACESTATE, true);
    let value = b" a=1\r\nb3: 0\r\n";
    let mut at = 0;
    while !received.is_at_line() {
        at = received.step(&Slice(value), at, value.len() as u32);
    }
    assert_eq!(
        (at, lines(&mut received).0.as_str()),
        (6, "tracestate: a=1\r\n")
    );
}

proptest! {
    #[test]
    fn any_windows_give_the_same(sizes in proptest::collection::vec(32_usize..90, 0..60), pad in "[a-z]{0,80}") {
        let head = HEAD.replace("Host", &format!("{pad}: x\r\nHost"));
        prop_assert_eq!(read(&head, ALL, sizes.into_iter()), read(&head, ALL, std::iter::empty()));
    }

    #[test]
    fn any_bytes_are_taken(parts in proptest::collection::vec((0_usize..9, "[ -~\t\r]{0,60}"), 0..20), sizes in proptest::collection::vec(32_usize..90, 0..40)) {
        const NAMES: [&str; 9] = ["tracestate", "baggage", "b3", "uber-trace-id", "x-b3-traceid", "x-b3-sampled", "x-datadog-tags", "x-datadog-trace-id", "x"];
        let head: Vec<String> = parts.iter().map(|(name, value)| format!("{}:{value}\n", NAMES[*name])).collect();
        let head = head.concat();
        let mut whole = read(&head, ALL, std::iter::empty());
        prop_assert_eq!(&read(&head, ALL, sizes.into_iter()), &whole);
        lines(&mut whole);
    }
}
