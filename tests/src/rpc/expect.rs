//! What is right for a call that was made: the one place that says how its spans must look.

use super::{Call, Outcome};
use crate::span::{CLIENT, ERROR, SERVER, Span};

/// Two clocks that are read on one machine, and a client that takes its time before and after the socket calls.
const SLACK_NS: u64 = 3_000_000;
/// Codes that are an error on the server's side too.
const SERVER_ERRORS: [&str; 6] = [
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
];

/// Name of a status code.
pub fn code_name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code as usize).copied().unwrap_or("UNKNOWN")
}

/// The spans of one kind in the order of their start.
pub fn ordered(spans: &[Span], kind: u64) -> Vec<&Span> {
    let mut found: Vec<&Span> = spans.iter().filter(|span| span.kind == kind).collect();
    found.sort_by_key(|span| span.start_ns);
    found
}

/// Checks the spans of both sides against the call that caused them and what the client saw of it.
///
/// # Panics
/// When any field is wrong, naming the field, the call and the span.
pub fn check(client: &Span, server: &Span, call: &Call, outcome: Outcome, port: u16) {
    for (span, kind) in [(client, CLIENT), (server, SERVER)] {
        assert_eq!(span.kind, kind);
        check_one(span, call, outcome, port);
    }
    let about = format!("{call:?} {outcome:?}\n{client:#?}\n{server:#?}");
    assert_eq!(server.trace_id, client.trace_id, "one trace: {about}");
    assert_eq!(server.parent_span_id, client.span_id, "joined: {about}");
}

fn check_one(span: &Span, call: &Call, outcome: Outcome, port: u16) {
    let about = format!("{call:?} {outcome:?}\n{span:#?}");
    let equal =
        |what: &str, found: &str, wanted: &str| assert_eq!(found, wanted, "{what} of {about}");
    equal("name", &span.name, &call.full_method());
    equal("system", span.get("rpc.system.name"), "grpc");
    equal("method", span.get("rpc.method"), &call.full_method());
    equal("server.port", span.get("server.port"), &port.to_string());
    let code = code_name(outcome.code);
    equal("status code", span.get("rpc.response.status_code"), code);
    let is_error = outcome.code != 0 && (span.kind == CLIENT || SERVER_ERRORS.contains(&code));
    assert_eq!(span.status == ERROR, is_error, "status of {about}");
    equal(
        "error.type",
        span.get("error.type"),
        if is_error { code } else { "" },
    );
    check_messages(span, call, outcome, &about);
    check_time(span, call, outcome, &about);
    check_context(span, call, &about);
    for key in ["service.name", "process.pid", "host.name"] {
        assert!(!span.resource(key).is_empty(), "no {key}: {about}");
    }
}

/// All messages are counted; of a call that was given up only what is certain.
fn check_messages(span: &Span, call: &Call, outcome: Outcome, about: &str) {
    let count = |key: &str| span.get(key).parse::<usize>().ok();
    let requests = count("sonde.rpc.request.message.count");
    let replies = count("sonde.rpc.response.message.count");
    if call.cut == 0 && call.deadline == 0 {
        assert_eq!(requests, Some(call.requests()), "requests of {about}");
        assert_eq!(replies.unwrap_or(0), outcome.replies, "replies of {about}");
    }
    if outcome.replies > 0 && span.kind == CLIENT {
        assert!(replies >= Some(outcome.replies), "replies of {about}");
    }
}

/// The span lies inside what the client measured, and lasts as long as the stream.
fn check_time(span: &Span, call: &Call, outcome: Outcome, about: &str) {
    assert!(
        span.start_ns <= span.end_ns,
        "ends before its start: {about}"
    );
    assert!(
        span.start_ns + SLACK_NS >= outcome.start_ns,
        "starts before the client did: {about}"
    );
    // What the server learns of a call given up, it learns later.
    let given_up = call.cut > 0 || call.deadline > 0;
    assert!(
        given_up || span.end_ns <= outcome.end_ns + SLACK_NS,
        "ends after the client did: {about}"
    );
    let pauses = if given_up { 0 } else { outcome.replies };
    let least = f64::from(call.milliseconds) * pauses as f64;
    let least = least.max(f64::from(call.cut.max(call.deadline)) - 5.0);
    assert!(
        span.milliseconds() >= least - 1.0,
        "shorter than the stream: {about}"
    );
}

/// A context that the application sent is the client's span and the server's parent.
fn check_context(span: &Span, call: &Call, about: &str) {
    let Some(traceparent) = &call.traceparent else {
        return;
    };
    let fields: Vec<&str> = traceparent.split('-').collect();
    assert_eq!(span.trace_id, fields[1], "trace id of {about}");
    let named = if span.kind == SERVER {
        &span.parent_span_id
    } else {
        &span.span_id
    };
    assert_eq!(named, fields[2], "id named for {about}");
}
