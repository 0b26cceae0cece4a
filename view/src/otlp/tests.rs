use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use proptest::prelude::*;

use super::*;
use crate::testing::{request, span, text as pair};

/// Field `number` of a message, as bytes.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_message(&mut out, number, value);
    out
}

/// A request whose one span has these bytes behind its ids.
fn with_span(more: &[u8]) -> Vec<u8> {
    let mut span = field(1, &[7; 16]);
    span.extend(field(2, &[8; 8]));
    span.extend(more);
    field(1, &field(2, &field(2, &span)))
}

fn only(decoded: &Decoded) -> &Span {
    assert_eq!(decoded.groups.len(), 1, "{decoded:?}");
    assert_eq!(decoded.groups[0].1.len(), 1, "{decoded:?}");
    &decoded.groups[0].1[0]
}

#[test]
fn a_plain_request_is_read_as_it_is() {
    let mut sent = span(1, 2, 3, SpanKind::Server, 5);
    sent.attributes = vec![pair("a", "b")];
    let decoded = decode(&request("cart", vec![sent.clone()]));
    assert_eq!((decoded.malformed, decoded.shortened), (0, 0));
    assert_eq!(only(&decoded), &sent);
    assert_eq!(&*decoded.groups[0].0.service, "cart");
}

#[test]
fn odd_services_get_the_names_that_jaeger_gives() {
    let attribute = |value: &[u8]| {
        let mut pair = field(1, b"service.name");
        pair.extend(field(2, value));
        field(1, &field(1, &pair))
    };
    let cases = [
        (Vec::new(), "missing-service-name"),
        (attribute(&field(1, b"")), "empty-service-name"),
        (attribute(&[0x18, 5]), "service-name-wrong-type"),
        (attribute(&field(1, b"\xffx")), "\u{fffd}x"),
    ];
    for (resource, name) in cases {
        let mut resource_spans = resource;
        resource_spans.extend(field(
            2,
            &field(2, &span(1, 1, 0, SpanKind::Server, 1).encode_to_vec()),
        ));
        let decoded = decode(&field(1, &resource_spans));
        assert_eq!(&*decoded.groups[0].0.service, name);
    }
}

#[test]
fn text_that_is_no_utf8_is_replaced_and_its_batch_kept() {
    let mut pair = field(1, b"key\xff");
    pair.extend(field(2, &field(1, b"va\xc3\x28lue")));
    let mut span = field(5, b"na\xffme");
    span.extend(field(9, &pair));
    let mut batch = with_span(&span);
    batch.extend(request(
        "cart",
        vec![crate::testing::span(1, 1, 0, SpanKind::Client, 1)],
    ));
    let decoded = decode(&batch);
    assert_eq!(decoded.malformed, 0);
    assert_eq!(decoded.groups.len(), 2);
    let span = &decoded.groups[0].1[0];
    assert_eq!(span.name, "na\u{fffd}me");
    assert_eq!(span.attributes[0].key, "key\u{fffd}");
    let value = span.attributes[0].value.as_ref().unwrap();
    assert_eq!(text(value), "va\u{fffd}(lue");
}

#[test]
fn large_values_are_cut_at_a_character() {
    let mut large = span(1, 1, 0, SpanKind::Server, 1);
    large.attributes = vec![pair("a", &"ä".repeat(500_000)), pair("b", "kept")];
    let decoded = decode(&request("cart", vec![large]));
    let span = only(&decoded);
    let value = text(span.attributes[0].value.as_ref().unwrap());
    assert!(value.len() <= MAX_VALUE_BYTES && value.ends_with("… [cut]"));
    assert!(value.starts_with("ää"));
    assert_eq!(text(span.attributes[1].value.as_ref().unwrap()), "kept");
    assert!(decoded.shortened > 0);
}

#[test]
fn a_span_never_takes_more_than_its_share() {
    let mut large = span(1, 1, 0, SpanKind::Server, 1);
    large.attributes = (0..5_000)
        .map(|number| pair(&format!("key.{number}"), &"x".repeat(300)))
        .collect();
    let decoded = decode(&request("cart", vec![large]));
    let span = only(&decoded);
    assert!(
        span.encoded_len() <= clean::MAX_SPAN_BYTES,
        "{}",
        span.encoded_len()
    );
    let kept = span.attributes.len() as u64;
    assert!(kept > 100);
    assert_eq!(u64::from(span.dropped_attributes_count), 5_000 - kept);
}

#[test]
fn nesting_without_end_is_cut() {
    let mut value = field(1, b"inside");
    for _ in 0..2_000 {
        value = field(5, &field(1, &value));
    }
    let mut pair = field(1, b"deep");
    pair.extend(field(2, &value));
    let decoded = decode(&with_span(&field(9, &pair)));
    assert_eq!(only(&decoded).attributes[0].key, "deep");
}

#[test]
fn what_is_no_span_is_counted() {
    let mut no_ids = span(1, 1, 0, SpanKind::Server, 1);
    no_ids.trace_id = vec![0; 16];
    let mut short = span(1, 1, 0, SpanKind::Server, 1);
    short.span_id = vec![1; 7];
    let good = span(1, 1, 0, SpanKind::Server, 1);
    let decoded = decode(&request("cart", vec![no_ids, good, short]));
    assert_eq!(decoded.malformed, 2);
    assert_eq!(only(&decoded).span_id, 1_u64.to_be_bytes());

    let mut cut = request("cart", vec![span(1, 1, 0, SpanKind::Server, 1)]);
    cut.truncate(cut.len() - 3);
    assert_eq!(decode(&cut).malformed, 1);
    assert!(!is_message(&cut));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        decode(&bytes);
        decode(&with_span(&bytes));
    }

    /// What comes out is what went in, as JSON and as protobuf, whatever single byte is changed.
    #[test]
    fn any_change_of_a_request_is_survived(place in 0_usize..300, byte in any::<u8>()) {
        let mut sent = span(1, 2, 3, SpanKind::Server, 5);
        sent.attributes = vec![pair("a", "b"), pair("c", "d")];
        let mut bytes = request("cart", vec![sent]);
        let place = place % bytes.len();
        bytes[place] = byte;
        for (_, spans) in decode(&bytes).groups {
            for span in spans {
                prop_assert!(Span::decode(span.encode_to_vec().as_slice()).is_ok());
                prop_assert!(serde_json::to_string(&span).is_ok());
            }
        }
    }
}
