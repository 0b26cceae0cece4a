extern crate std;

use super::*;
use proptest::prelude::*;
use std::{format, string::String};

struct Slice<'a>(&'a [u8]);

impl Window for Slice<'_> {
    fn word(&self, at: u32) -> u64 {
        let mut bytes = [0xa5; 8];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(at as usize)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

const ALL: u32 = known::B3 | known::B3_MULTI | known::JAEGER | known::DATADOG;

fn read(bit: u32, lines: &str) -> Told {
    let mut propagators = Propagators::START;
    for line in lines.lines() {
        let (code, length) = Propagators::field(ALL, &Slice(line.as_bytes()), 0, line.len() as u32)
            .unwrap_or_else(|| panic!("no field: {line}"));
        assert!(code < CODES);
        propagators.begin(code);
        for byte in line[length as usize..].trim().bytes() {
            propagators.byte(code, byte);
        }
        propagators.end(code);
    }
    propagators.told(bit)
}

/// Ids as text and the decision; without ids only that.
fn text(told: Told) -> String {
    let parent = match told {
        Told::Nothing => return String::from("nothing"),
        Told::Invalid => return String::from("invalid"),
        Told::Parent(parent) => parent,
    };
    let number = |number: u64| u64::from_be_bytes(number.to_le_bytes());
    let [high, low] = parent.told.trace_id.map(number);
    let span = number(parent.told.parent_id);
    let decision = ["deferred", "drop", "keep"][parent.decision as usize];
    assert_eq!(parent.told.flags == SAMPLED, decision == "keep");
    if !parent.told.is_valid() {
        assert_eq!((high, low, span), (0, 0, 0));
        return String::from(decision);
    }
    format!("{high:016x}{low:016x} {span:016x} {decision}")
}

fn check(bit: u32, cases: &[(&str, &str)]) {
    for (lines, expected) in cases {
        assert_eq!(text(read(bit, lines)), *expected, "{lines}");
    }
}

const LONG: &str = "80f198ee56343ba864fe8b2a57d3eff7 e457b5a2e4d86bd1";
const SHORT: &str = "000000000000000064fe8b2a57d3eff7 e457b5a2e4d86bd1";

#[test]
fn b3_in_one_field() {
    let long = |state: &str| format!("{LONG} {state}");
    check(
        known::B3,
        &[
            (
                "b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
                &long("keep"),
            ),
            (
                "B3:80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0",
                &long("drop"),
            ),
            (
                "b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d",
                &long("keep"),
            ),
            (
                "b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1",
                &long("deferred"),
            ),
            (
                "b3: 64fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
                &format!("{SHORT} keep"),
            ),
            ("b3: 0", "drop"),
            ("b3: 1", "keep"),
            ("b3: d", "keep"),
            ("b3: 2", "invalid"),
            ("b3:", "invalid"),
            ("b3: -", "invalid"),
            ("b3: 64fe8b2a57d3eff7", "invalid"),
            ("b3: 64fe8b2a57d3eff7-", "invalid"),
            ("b3: 64fe8b2a57d3eff-e457b5a2e4d86bd1-1", "invalid"),
            ("b3: 64fe8b2a57d3eff7-e457b5a2e4d86bd-1", "invalid"),
            ("b3: 64FE8b2a57d3eff7-e457b5a2e4d86bd1-1", "invalid"),
            ("b3: 64fe8b2a57d3eff7-e457b5a2e4d86bd1-2", "invalid"),
            ("b3: 64fe8b2a57d3eff7-e457b5a2e4d86bd1-1-", "invalid"),
            (
                "b3: 64fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90-1",
                "invalid",
            ),
            ("b3: 0000000000000000-e457b5a2e4d86bd1-1", "invalid"),
            ("b3: 64fe8b2a57d3eff7-0000000000000000-1", "invalid"),
            ("b3: 0\nb3: 0", "invalid"),
            ("x-b3-sampled: 1", "nothing"),
        ],
    );
}

#[test]
fn b3_in_several_fields() {
    let ids = "X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7\nX-B3-SpanId: e457b5a2e4d86bd1\n";
    let with = |more: &str| text(read(known::B3_MULTI, &format!("{ids}{more}")));
    assert_eq!(with(""), format!("{LONG} deferred"));
    assert_eq!(with("x-b3-sampled: 1"), format!("{LONG} keep"));
    assert_eq!(with("x-b3-sampled: true"), format!("{LONG} keep"));
    assert_eq!(with("x-b3-sampled: 0"), format!("{LONG} drop"));
    assert_eq!(with("x-b3-sampled: false"), format!("{LONG} drop"));
    assert_eq!(with("x-b3-flags: 1"), format!("{LONG} keep"));
    assert_eq!(
        with("x-b3-flags: 1\nx-b3-sampled: 0"),
        format!("{LONG} keep")
    );
    assert_eq!(with("x-b3-flags: 0"), format!("{LONG} deferred"));
    assert_eq!(with("x-b3-sampled: maybe"), "invalid");
    assert_eq!(with("x-b3-flags: 11"), "invalid");
    assert_eq!(with(ids), "invalid");
    check(
        known::B3_MULTI,
        &[
            ("x-b3-sampled: 0", "drop"),
            ("x-b3-traceid: 64fe8b2a57d3eff7", "invalid"),
            ("x-b3-spanid: 64fe8b2a57d3eff7", "invalid"),
            (
                "x-b3-traceid: 64fe8b2a57d3eff7\nx-b3-spanid: e457b5a2e4d86bd1",
                &format!("{SHORT} deferred"),
            ),
            (
                "x-b3-traceid: 0000000000000000\nx-b3-spanid: e457b5a2e4d86bd1",
                "invalid",
            ),
            ("x-b3-traceid: x\nx-b3-spanid: e457b5a2e4d86bd1", "invalid"),
            ("x-b3-traceid:\nx-b3-spanid: e457b5a2e4d86bd1", "invalid"),
            ("b3: 0", "nothing"),
        ],
    );
}

#[test]
fn jaeger() {
    let long = |state: &str| format!("{LONG} {state}");
    check(
        known::JAEGER,
        &[
            (
                "uber-trace-id: 80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1",
                &long("keep"),
            ),
            (
                "Uber-Trace-Id: 80F198EE56343BA864FE8B2A57D3EFF7%3Ae457b5a2e4d86bd1%3a05e3ac9a4f6e3b90%3A3",
                &long("keep"),
            ),
            (
                "uber-trace-id: 80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1::00",
                &long("drop"),
            ),
            (
                "uber-trace-id: 64fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1",
                &format!("{SHORT} keep"),
            ),
            (
                "uber-trace-id: 1:2:0:1",
                "00000000000000000000000000000001 0000000000000002 keep",
            ),
            (
                "uber-trace-id: 1:2:0:2",
                "00000000000000000000000000000001 0000000000000002 keep",
            ),
            ("uber-trace-id: 0:2:0:1", "invalid"),
            ("uber-trace-id: 1:0:0:1", "invalid"),
            ("uber-trace-id: :2:0:1", "invalid"),
            ("uber-trace-id: 1:2:0:", "invalid"),
            ("uber-trace-id: 1:2:0:001", "invalid"),
            ("uber-trace-id: 1:2:1", "invalid"),
            ("uber-trace-id: 1:2:0:1:1", "invalid"),
            ("uber-trace-id: 1:2%0:1", "invalid"),
            ("uber-trace-id: 1:2:0:1%3", "invalid"),
            (
                "uber-trace-id: 180f198ee56343ba864fe8b2a57d3eff7:2:0:1",
                "invalid",
            ),
            ("uber-trace-id: 1:1e457b5a2e4d86bd1:0:1", "invalid"),
            ("uber-trace-id:", "invalid"),
            ("uber-trace-id: 1:2:0:1\nuber-trace-id: 1:2:0:1", "invalid"),
        ],
    );
}

#[test]
fn datadog() {
    let low = "0000000000000000000000000000007b 00000000000001c8";
    let ids = "x-datadog-trace-id: 123\nx-datadog-parent-id: 456\n";
    let with = |more: &str| text(read(known::DATADOG, &format!("{ids}{more}")));
    assert_eq!(with(""), format!("{low} deferred"));
    for (priority, decision) in [("2", "keep"), ("1", "keep"), ("0", "drop"), ("-1", "drop")] {
        let more = format!("x-datadog-sampling-priority: {priority}");
        assert_eq!(with(&more), format!("{low} {decision}"));
    }
    for more in ["-", "--1", "x", "", "1-"] {
        let more = format!("x-datadog-sampling-priority: {more}");
        assert_eq!(with(&more), "invalid", "{more}");
    }
    let high = "640cfd8d000000000000 00000000007b";
    let high = format!("{} 00000000000001c8 deferred", high.replace(' ', ""));
    for tags in [
        "_dd.p.tid=640cfd8d00000000",
        "_dd.p.dm=-1,_dd.p.tid=640cfd8d00000000,_dd.p.x=y",
        "_dd.p.tid=x,_dd.p.tid=640cfd8d00000000",
    ] {
        assert_eq!(with(&format!("X-Datadog-Tags: {tags}")), high, "{tags}");
    }
    for tags in [
        "_dd.p.tid=640cfd8d0000000",
        "_dd.p.tid=640cfd8d000000000",
        "_dd.p.tid=640CFD8D00000000",
        "_dd.p.tie=640cfd8d00000000",
        "x_dd.p.tid=640cfd8d00000000",
        "",
    ] {
        let more = format!("x-datadog-tags: {tags}");
        assert_eq!(with(&more), format!("{low} deferred"), "{tags}");
    }
    check(
        known::DATADOG,
        &[
            (
                "x-datadog-parent-id: 18446744073709551615\nx-datadog-trace-id: 18446744073709551615",
                "0000000000000000ffffffffffffffff ffffffffffffffff deferred",
            ),
            (
                "x-datadog-trace-id: 18446744073709551616\nx-datadog-parent-id: 1",
                "invalid",
            ),
            (
                "x-datadog-trace-id: 99999999999999999999\nx-datadog-parent-id: 1",
                "invalid",
            ),
            ("x-datadog-trace-id: 1\nx-datadog-parent-id: 0", "invalid"),
            ("x-datadog-trace-id: 0\nx-datadog-parent-id: 1", "invalid"),
            ("x-datadog-trace-id: 1", "invalid"),
            ("x-datadog-trace-id: 1a\nx-datadog-parent-id: 1", "invalid"),
            ("x-datadog-trace-id:\nx-datadog-parent-id: 1", "invalid"),
            (
                "x-datadog-trace-id: 1\nx-datadog-trace-id: 1\nx-datadog-parent-id: 1",
                "invalid",
            ),
            ("x-datadog-sampling-priority: 1", "nothing"),
        ],
    );
}

proptest! {
    #[test]
    fn ids_are_found_again(high: u64, low in 1_u64.., span in 1_u64..) {
        let expected = format!("{high:016x}{low:016x} {span:016x} keep");
        let trace = format!("{high:016x}{low:016x}");
        prop_assert_eq!(text(read(known::B3, &format!("b3: {trace}-{span:016x}-1"))), &*expected);
        let multi = format!("x-b3-spanid: {span:016x}\nx-b3-traceid: {trace}\nx-b3-sampled: 1");
        prop_assert_eq!(text(read(known::B3_MULTI, &multi)), &*expected);
        let number = u128::from(high) << 64 | u128::from(low);
        let jaeger = format!("uber-trace-id: {number:x}:{span:x}:0:1");
        prop_assert_eq!(text(read(known::JAEGER, &jaeger)), &*expected);
        let datadog = format!("x-datadog-trace-id: {low}\nx-datadog-parent-id: {span}\nx-datadog-tags: _dd.p.tid={high:016x}\nx-datadog-sampling-priority: 1");
        prop_assert_eq!(text(read(known::DATADOG, &datadog)), &*expected);
    }

    #[test]
    fn nothing_panics(bytes: std::vec::Vec<(u8, u8)>) {
        let mut propagators = Propagators::START;
        for (code, byte) in bytes {
            match byte {
                0 => propagators.begin(code),
                1 => propagators.end(code),
                _ => propagators.byte(code, byte),
            }
        }
        for bit in [known::B3, known::B3_MULTI, known::JAEGER, known::DATADOG, 0] {
            let _ = text(match propagators.told(bit) {
                Told::Parent(parent) if !parent.told.is_valid() => Told::Parent(Parent::decided(parent.decision)),
                told => told,
            });
        }
    }
}
