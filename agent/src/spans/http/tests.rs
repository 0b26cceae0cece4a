//! Tables over the attribute rules.

use std::sync::Arc;

use sonde_protocols::exchange::{Body, Outcome, ResponseHead, Version};
use sonde_protocols::{Direction, Timestamp};

use super::*;
use crate::spans::own::{END_LOST, ERROR_CLOSED, ERROR_RESET, IN_FLIGHT, QUEUE_DURATION_MS};
use crate::spans::wire::Stream;
use crate::spans::{Clock, Memory, Span, build, own};

fn exchange(head: &str, status: Option<u16>, outcome: Outcome) -> Exchange {
    Exchange {
        request_read: Some(Timestamp(3_500_000)),
        request_body: Body {
            complete: true,
            ..Body::default()
        },
        response: status.map(|status| ResponseHead::new(status, Version::Http11)),
        response_body: Body {
            size: 7,
            complete: outcome == Outcome::Complete,
            messages: None,
        },
        ended: Timestamp(9_000_000),
        outcome,
        ..Exchange::begin(
            RequestHead::parse(head.as_bytes()).unwrap(),
            Timestamp(1_000_000),
        )
    }
}

fn span(role: Role, exchange: &Exchange) -> Span {
    built(role, exchange, None, None)
}

/// The span of an exchange whose connection this end has ended.
fn ended(role: Role, exchange: &Exchange, ended_by: Option<Direction>) -> Span {
    built(role, exchange, ended_by, None)
}

/// The span where the other end has said whose connection it passes on.
fn proxied(role: Role, exchange: &Exchange, proxied: Option<&str>) -> Span {
    built(role, exchange, None, proxied)
}

fn built(
    role: Role,
    exchange: &Exchange,
    ended_by: Option<Direction>,
    proxied: Option<&str>,
) -> Span {
    let connection = ConnectionFacts {
        role,
        local: "[::ffff:10.0.0.1]:8080".parse().unwrap(),
        remote: "[::ffff:10.0.0.2]:4000".parse().unwrap(),
        ended_by,
        proxied: proxied.map(|client| client.parse().unwrap()),
    };
    let options = Options {
        redact_query: vec!["token".to_owned()],
    };
    let clock = Clock {
        unix_minus_monotonic_nanos: 100,
    };
    build(
        exchange,
        None,
        &connection,
        &Arc::default(),
        clock,
        &options,
        &mut Memory::default(),
    )
}

fn shown(span: &Span, key: &str) -> String {
    let found: Vec<_> = span
        .attributes
        .iter()
        .filter(|(name, _)| *name == key)
        .collect();
    assert!(found.len() <= 1, "{key} is there twice");
    match found.first() {
        None => "-".to_owned(),
        Some((_, Value::Str(text))) => text.to_string(),
        Some((_, Value::Int(number))) => number.to_string(),
        Some((_, other)) => format!("{other:?}"),
    }
}

fn check(role: Role, head: &str, expected: &[(&str, &str)]) {
    let span = span(
        role,
        &exchange(&format!("{head}\r\n\r\n"), Some(200), Outcome::Complete),
    );
    for (key, value) in expected {
        assert_eq!(shown(&span, key), *value, "{key} of {head:?}");
    }
}

#[test]
fn client_of_a_proxied_connection() {
    let told = Some("198.51.100.7:5000");
    let attributes = |role, fields: &str| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let span = proxied(role, &exchange(&head, Some(200), Outcome::Complete), told);
        [
            key::CLIENT_ADDRESS,
            key::CLIENT_PORT,
            key::NETWORK_PEER_ADDRESS,
            key::NETWORK_PEER_PORT,
        ]
        .map(|key| shown(&span, key))
    };
    assert_eq!(
        attributes(Role::Server, ""),
        ["198.51.100.7", "5000", "10.0.0.2", "4000"]
    );
    // A proxy before the one that wrote the header is nearer to the client.
    assert_eq!(
        attributes(Role::Server, "X-Forwarded-For: 192.0.2.1\r\n"),
        ["192.0.2.1", "-", "10.0.0.2", "4000"]
    );
    assert_eq!(attributes(Role::Client, ""), ["-", "-", "10.0.0.2", "4000"]);
}

#[test]
fn server_attributes() {
    use Role::Server;
    check(
        Server,
        "GET /users/42?token=x&a=1 HTTP/1.1\r\nHost: shop:81\r\nUser-Agent: curl/8",
        &[
            (key::HTTP_REQUEST_METHOD, "GET"),
            (key::HTTP_ROUTE, "/users/{id}"),
            (key::URL_PATH, "/users/42"),
            (key::URL_QUERY, "token=REDACTED&a=1"),
            (key::URL_SCHEME, "http"),
            (key::SERVER_ADDRESS, "shop"),
            (key::SERVER_PORT, "81"),
            (key::CLIENT_ADDRESS, "10.0.0.2"),
            (key::NETWORK_PEER_PORT, "4000"),
            (key::NETWORK_PROTOCOL_VERSION, "1.1"),
            (key::USER_AGENT_ORIGINAL, "curl/8"),
            (key::HTTP_REQUEST_BODY_SIZE, "-"),
            (key::HTTP_RESPONSE_BODY_SIZE, "7"),
            (key::URL_FULL, "-"),
            (QUEUE_DURATION_MS, "Double(2.5)"),
        ],
    );
    check(
        Server,
        "get / HTTP/1.1\r\nHost: a\r\nForwarded: for=\"[2001:db8::1]:9\";proto=https;host=b",
        &[
            (key::HTTP_REQUEST_METHOD, "_OTHER"),
            (key::HTTP_REQUEST_METHOD_ORIGINAL, "get"),
            (key::CLIENT_ADDRESS, "2001:db8::1"),
            (key::CLIENT_PORT, "9"),
            (key::SERVER_ADDRESS, "b"),
            (key::SERVER_PORT, "443"),
        ],
    );
    check(
        Server,
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1, 10.0.0.9",
        &[
            (key::HTTP_ROUTE, "-"),
            (key::CLIENT_ADDRESS, "192.0.2.1"),
            (key::NETWORK_PEER_ADDRESS, "10.0.0.2"),
        ],
    );
}

#[test]
fn client_url() {
    for (head, url) in [
        (
            "GET /a?sig=x HTTP/1.1\r\nHost: h:81",
            "http://h:81/a?sig=REDACTED",
        ),
        (
            "GET http://u:p@h/a HTTP/1.1\r\nHost: h",
            "http://REDACTED:REDACTED@h/a",
        ),
        ("GET /a HTTP/1.0", "http://10.0.0.2:4000/a"),
        ("OPTIONS * HTTP/1.1\r\nHost: h", "http://h"),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h:443", "//h:443"),
    ] {
        check(
            Role::Client,
            head,
            &[
                (key::URL_FULL, url),
                (key::HTTP_ROUTE, "-"),
                (QUEUE_DURATION_MS, "-"),
            ],
        );
    }
}

#[test]
fn status_and_error_type() {
    for (role, status, outcome, error) in [
        (Role::Server, Some(404), Outcome::Complete, "-"),
        (Role::Client, Some(404), Outcome::Complete, "404"),
        (Role::Server, Some(503), Outcome::Complete, "503"),
        (Role::Server, None, Outcome::Closed, ERROR_CLOSED),
        (Role::Client, Some(200), Outcome::Reset, ERROR_RESET),
        (Role::Server, None, Outcome::InFlight, "-"),
        (Role::Client, None, Outcome::Lost, "-"),
    ] {
        let span = span(
            role,
            &exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n", status, outcome),
        );
        let marked = |key: &str| span.attributes.iter().any(|(name, _)| *name == key);
        assert_eq!(marked(IN_FLIGHT), outcome == Outcome::InFlight);
        assert_eq!(marked(END_LOST), outcome == Outcome::Lost);
        assert_eq!(
            shown(&span, key::ERROR_TYPE),
            error,
            "{status:?} {outcome:?}"
        );
        assert_eq!(
            span.status == Status::Unset,
            error == "-",
            "{status:?} {outcome:?}"
        );
    }
}

/// The same as for streams of HTTP/2 (below): what the client gives up is no error.
#[test]
fn connections_that_are_ended_in_mid_response() {
    use Direction::{Request, Response};
    for (outcome, by, error, told) in [
        (Outcome::Closed, Some(Request), "-", "client"),
        (Outcome::Reset, Some(Request), "-", "client"),
        (Outcome::Closed, Some(Response), ERROR_CLOSED, "server"),
        (Outcome::Reset, Some(Response), ERROR_RESET, "server"),
        (Outcome::Closed, None, ERROR_CLOSED, "-"),
        (Outcome::Complete, Some(Request), "-", "-"),
        (Outcome::InFlight, Some(Request), "-", "-"),
    ] {
        for (role, status) in [(Role::Server, None), (Role::Client, Some(200))] {
            let head = "GET /events HTTP/1.1\r\nHost: h\r\n\r\n";
            let span = ended(role, &exchange(head, status, outcome), by);
            assert_eq!(shown(&span, key::ERROR_TYPE), error, "{outcome:?} {by:?}");
            assert_eq!(span.status == Status::Unset, error == "-");
            assert_eq!(shown(&span, own::ENDED_BY), told, "{outcome:?} {by:?}");
        }
    }
}

const REQUEST: &[&[u8]] = &[
    b":method: GET",
    b":scheme: https",
    b":path: /users/42?sig=x",
    b":authority: shop:81",
];

#[test]
fn http2_attributes() {
    let exchange = Stream::new()
        .headers(Direction::Request, true, REQUEST)
        .headers(Direction::Response, false, &[b":status: 404"])
        .data(Direction::Response, true, 7, 0)
        .end();
    for (role, expected) in [
        (
            Role::Server,
            &[
                (key::URL_SCHEME, "https"),
                (key::URL_PATH, "/users/42"),
                (key::URL_QUERY, "sig=REDACTED"),
                (key::HTTP_ROUTE, "/users/{id}"),
                (key::ERROR_TYPE, "-"),
            ][..],
        ),
        (
            Role::Client,
            &[
                (key::URL_FULL, "https://shop:81/users/42?sig=REDACTED"),
                (key::ERROR_TYPE, "404"),
            ],
        ),
    ] {
        let span = span(role, &exchange);
        assert_eq!(span.name, "GET /users/{id}");
        let common = [
            (key::NETWORK_PROTOCOL_VERSION, "2"),
            (key::SERVER_ADDRESS, "shop"),
            (key::SERVER_PORT, "81"),
            (key::HTTP_RESPONSE_STATUS_CODE, "404"),
            (key::HTTP_RESPONSE_BODY_SIZE, "7"),
            (key::RPC_SYSTEM_NAME, "-"),
            (own::HEAD_INCOMPLETE, "-"),
        ];
        for (key, value) in common.iter().chain(expected) {
            assert_eq!(shown(&span, key), *value, "{key} {role:?}");
        }
    }
}

#[test]
fn http2_heads_that_refer_to_what_was_not_seen() {
    // Method, path and authority are entries of a table that was filled before.
    let exchange = |lines: &[&[u8]]| {
        Stream::joined_late()
            .headers(Direction::Request, false, lines)
            .data(Direction::Request, true, 0, 0)
            .headers(Direction::Response, true, &[b":status: 200"])
            .end()
    };
    let nothing = exchange(&[&[0xbe], &[0xbf], &[0xc0]]);
    let no_path = exchange(&[&[0x82], &[0x86], &[0xbf], &[0xc0]]);
    let no_authority = exchange(&[&[0x82], &[0x86], &[0x84], &[0xc0]]);
    for (exchange, name, method, incomplete) in [
        (&nothing, "HTTP", "_OTHER", "Bool(true)"),
        (&no_path, "GET", "GET", "Bool(true)"),
        (&no_authority, "GET /", "GET", "-"),
    ] {
        for role in [Role::Server, Role::Client] {
            let span = span(role, exchange);
            assert_eq!(span.name, name);
            assert_eq!(span.status, Status::Unset);
            for (key, value) in [
                (key::HTTP_REQUEST_METHOD, method),
                (key::HTTP_REQUEST_METHOD_ORIGINAL, "-"),
                (key::URL_FULL, "-"),
                (own::HEAD_INCOMPLETE, incomplete),
            ] {
                assert_eq!(shown(&span, key), value, "{key} {name} {role:?}");
            }
            let path = shown(&span, key::URL_PATH);
            let known = role == Role::Server && name == "GET /";
            assert_eq!(path, if known { "/" } else { "-" });
        }
    }
    assert_eq!(shown(&span(Role::Server, &nothing), key::URL_SCHEME), "-");
    assert_eq!(
        shown(&span(Role::Server, &no_path), key::URL_SCHEME),
        "http"
    );
}

#[test]
fn http2_streams_that_are_reset() {
    use Direction::{Request, Response};
    for (by, code, error, name) in [
        (Request, 8, "-", "CANCEL"),
        (Request, 0, "-", "NO_ERROR"),
        (Request, 1, "PROTOCOL_ERROR", "PROTOCOL_ERROR"),
        (Response, 8, "CANCEL", "CANCEL"),
        (Response, 2, "INTERNAL_ERROR", "INTERNAL_ERROR"),
        (Response, 7, "REFUSED_STREAM", "REFUSED_STREAM"),
        (Response, 99, "INTERNAL_ERROR", "INTERNAL_ERROR"),
    ] {
        let exchange = Stream::new()
            .headers(Request, false, REQUEST)
            .reset(by, code);
        for role in [Role::Server, Role::Client] {
            let span = span(role, &exchange);
            assert_eq!(shown(&span, key::ERROR_TYPE), error, "{by:?} {code}");
            assert_eq!(span.status == Status::Unset, error == "-");
            assert_eq!(shown(&span, own::RESET_CODE), name);
            let sender = if by == Request { "client" } else { "server" };
            assert_eq!(shown(&span, own::RESET_BY), sender);
        }
    }
}

#[test]
fn times_names_and_trace() {
    let head = "PUT /o/7 HTTP/1.1\r\nHost: h\r\nTracestate: a=1\r\n\
        Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\n";
    let mut exchange = exchange(head, Some(200), Outcome::Complete);
    for role in [Role::Server, Role::Client] {
        let span = span(role, &exchange);
        assert_eq!(
            (span.start_unix_nanos, span.end_unix_nanos),
            (1_000_100, 9_000_100)
        );
        assert_eq!(
            (
                span.name.as_str(),
                span.trace_flags,
                span.trace_state.as_str()
            ),
            ("PUT /o/{id}", 0, "a=1")
        );
        // The id on the wire may be that of another span: it is nobody's own.
        assert_eq!(span.parent_span_id.map(|id| id.0[7]), Some(0x31));
        assert_ne!(Some(span.span_id), span.parent_span_id);
        assert_eq!(span.trace_id.0[0], 0x0a);
    }
    exchange.ended = Timestamp(0);
    let span = span(Role::Server, &exchange);
    assert_eq!(span.end_unix_nanos, span.start_unix_nanos);
}

#[test]
fn a_trace_that_begins_here_is_random() {
    let head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let span = span(Role::Client, &exchange(head, Some(200), Outcome::Complete));
    assert_eq!((span.trace_flags, span.parent_span_id), (3, None));
}
