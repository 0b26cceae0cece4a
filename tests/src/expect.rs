//! What is right for a request that was made: the one place that says how a span must look.

use crate::client::{Outcome, Request};
use crate::span::{CLIENT, ERROR, SERVER, Span};

/// Two clocks that are read on one machine, and a client that takes its time before and after the socket calls.
const SLACK_NS: u64 = 2_000_000;

/// Checks one span against the request that caused it and what the client measured of it.
///
/// # Panics
/// When any field is wrong, naming the field, the request and the span.
pub fn check(span: &Span, request: &Request, outcome: Outcome, port: u16) {
    check_version(span, request, outcome, port, "1.1");
}

/// The same for another version of HTTP.
///
/// # Panics
/// When any field is wrong.
pub fn check_version(span: &Span, request: &Request, outcome: Outcome, port: u16, version: &str) {
    let about = format!("{} {} {outcome:?}\n{span:#?}", request.method, request.url);
    let equal =
        |what: &str, found: &str, wanted: &str| assert_eq!(found, wanted, "{what} of {about}");
    equal("method", span.get("http.request.method"), request.method);
    equal(
        "status code",
        span.get("http.response.status_code"),
        &outcome.status.to_string(),
    );
    equal("target", &span.target(), request.target());
    equal(
        "protocol version",
        span.get("network.protocol.version"),
        version,
    );
    equal("rpc.system.name", span.get("rpc.system.name"), "");
    equal("server.port", span.get("server.port"), &port.to_string());
    if request.body > 0 {
        equal(
            "request body size",
            span.get("http.request.body.size"),
            &request.body.to_string(),
        );
    }
    if outcome.body > 0 {
        equal(
            "response body size",
            span.get("http.response.body.size"),
            &outcome.body.to_string(),
        );
    }
    check_name(span, request, &about);
    check_error(span, outcome.status, &about);
    check_time(span, outcome, &about);
    check_resource(span, &about);
    check_parent(span, request, &about);
}

/// `{method} {route}` for a server, where numbers of the path are one parameter; `{method}` for a client, with or without a
/// template.
fn check_name(span: &Span, request: &Request, about: &str) {
    let route = template(request.path());
    let with_route = format!("{} {route}", request.method);
    if span.kind == SERVER {
        assert_eq!(span.get("http.route"), route, "route of {about}");
        assert_eq!(span.name, with_route, "name of {about}");
    } else {
        assert!(
            span.name == request.method || span.name == with_route,
            "name of {about}"
        );
    }
}

fn template(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| {
            if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) {
                "{id}"
            } else {
                part
            }
        })
        .collect();
    parts.join("/")
}

/// A server's span is an error from 500, a client's from 400.
fn check_error(span: &Span, status: u16, about: &str) {
    let error = status >= 500 || (span.kind == CLIENT && status >= 400);
    assert_eq!(span.status == ERROR, error, "status of {about}");
    let kind = if error {
        status.to_string()
    } else {
        String::new()
    };
    assert_eq!(span.get("error.type"), kind, "error.type of {about}");
}

/// The span lies inside what the client measured, and is not much shorter than a deliberately slow answer took.
fn check_time(span: &Span, outcome: Outcome, about: &str) {
    assert!(
        span.start_ns <= span.end_ns,
        "ends before it starts: {about}"
    );
    assert!(
        span.start_ns + SLACK_NS >= outcome.start_ns,
        "starts before the client did: {about}"
    );
    assert!(
        span.end_ns <= outcome.end_ns + SLACK_NS,
        "ends after the client did: {about}"
    );
    if let Some(asked) = span
        .target()
        .strip_prefix("/slow/")
        .and_then(|ms| ms.parse::<f64>().ok())
    {
        assert!(
            span.milliseconds() >= asked - 1.0,
            "shorter than the answer took: {about}"
        );
    }
}

fn check_resource(span: &Span, about: &str) {
    for key in [
        "service.name",
        "process.pid",
        "host.name",
        "telemetry.sdk.name",
    ] {
        assert!(!span.resource(key).is_empty(), "no {key}: {about}");
    }
    assert!(!span.scope.is_empty(), "the scope has no name: {about}");
    assert_eq!(span.trace_id.len(), 32, "trace id of {about}");
    assert_eq!(span.span_id.len(), 16, "span id of {about}");
}

/// A sent `traceparent` tells trace, flags and state; its id is that of the client's span and of the server's
/// parent.
fn check_parent(span: &Span, request: &Request, about: &str) {
    let Some(traceparent) = &request.traceparent else {
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
    let flags = u64::from_str_radix(fields[3], 16).unwrap_or_default();
    assert_eq!(span.flags & 0xff, flags, "flags of {about}");
    assert_eq!(
        span.trace_state,
        request.tracestate.as_deref().unwrap_or_default(),
        "tracestate of {about}"
    );
}

/// Finds exactly one span of this kind and target.
///
/// # Panics
/// When there is none or more than one.
pub fn only<'a>(spans: &'a [Span], kind: u64, target: &str) -> &'a Span {
    let found: Vec<&Span> = spans
        .iter()
        .filter(|span| span.kind == kind && span.target() == target)
        .collect();
    assert_eq!(
        found.len(),
        1,
        "spans of kind {kind} for {target}: {found:#?}"
    );
    found[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::parse_lines;

    const RIGHT: &str = r#"{"resourceSpans":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"shop"}},{"key":"process.pid","value":{"intValue":"7"}},
        {"key":"host.name","value":{"stringValue":"h"}},{"key":"telemetry.sdk.name","value":{"stringValue":"s"}},
        {"key":"telemetry.sdk.language","value":{"stringValue":"go"}}]},
        "scopeSpans":[{"scope":{"name":"scope"},"spans":[{"kind":2,"name":"GET /sized/{id}",
        "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","parentSpanId":"00f067aa0ba902b7",
        "traceState":"a=b","flags":257,"startTimeUnixNano":"1010000000","endTimeUnixNano":"1020000000",
        "status":{},"attributes":[
        {"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"http.route","value":{"stringValue":"/sized/{id}"}},
        {"key":"http.response.status_code","value":{"intValue":"200"}},{"key":"url.path","value":{"stringValue":"/sized/5"}},
        {"key":"url.query","value":{"stringValue":"n=1"}},{"key":"server.port","value":{"intValue":"80"}},
        {"key":"network.protocol.version","value":{"stringValue":"1.1"}},
        {"key":"http.response.body.size","value":{"intValue":"5"}}]}]}]}]}"#;

    fn checks(text: &str) -> bool {
        let line = text.replace('\n', "") + "\n";
        let spans = parse_lines(&line).expect("JSON");
        let mut request = Request::new("GET", "http://h/sized/5?n=1".to_owned());
        request.traceparent =
            Some("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01".to_owned());
        request.tracestate = Some("a=b".to_owned());
        let outcome = Outcome {
            status: 200,
            body: 5,
            start_ns: 1_009_000_000,
            end_ns: 1_021_000_000,
        };
        std::panic::catch_unwind(|| {
            check(
                only(&spans, SERVER, request.target()),
                &request,
                outcome,
                80,
            )
        })
        .is_ok()
    }

    #[test]
    fn a_right_span_passes_and_each_wrong_one_fails() {
        assert!(checks(RIGHT));
        let wrong = [
            ("\"kind\":2", "\"kind\":3"),
            ("\"name\":\"GET /sized/{id}\"", "\"name\":\"GET\""),
            (
                "0af7651916cd43dd8448eb211c80319c",
                "0af7651916cd43dd8448eb211c80319d",
            ),
            ("00f067aa0ba902b7", ""),
            ("a=b", "a=c"),
            ("257", "256"),
            ("1010000000", "1000000000"),
            ("1020000000", "1030000000"),
            ("\"status\":{}", "\"status\":{\"code\":2}"),
            ("\"intValue\":\"200\"", "\"intValue\":\"201\""),
            ("\"intValue\":\"5\"", "\"intValue\":\"6\""),
            ("\"intValue\":\"80\"", "\"intValue\":\"81\""),
            ("n=1", "n=2"),
            ("\"host.name\"", "\"other\""),
        ];
        for (from, to) in wrong {
            assert!(RIGHT.contains(from), "{from}");
            assert!(!checks(&RIGHT.replace(from, to)), "{from} -> {to}");
        }
    }
}
