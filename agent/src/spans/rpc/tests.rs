//! Tables over recognition and attributes.

mod status;

use sonde_protocols::exchange::{Body, Outcome as Ending, Reset};
use sonde_protocols::{Chunk, Direction, Timestamp, http1};

use super::*;
use crate::spans::wire::{Exchanges, Stream};

const SECOND: u64 = 1_000_000_000;

/// One request and its response over HTTP/1.
fn exchange(request: &str, response: &str) -> Exchange {
    let mut connection = http1::Connection::new(http1::Limits {
        head_bytes: 4096,
        in_flight: 1,
    });
    let mut done = Exchanges::default();
    let head = |text: &str| format!("{text}\r\ncontent-length: 0\r\n\r\n");
    for (direction, text, at) in [
        (Direction::Request, head(request), 0),
        (Direction::Response, head(response), SECOND),
    ] {
        let at = Timestamp(at);
        connection.push(direction, Chunk::Bytes(text.as_bytes()), at, &mut done);
    }
    done.0.remove(0)
}

fn call(status: u16, response: &str, trailers: Option<&str>) -> Exchange {
    let request = "POST /a.B/C HTTP/1.1\r\nhost: h\r\ngrpc-timeout: 1S";
    let of =
        |status: u16, fields: &str| exchange(request, &format!("HTTP/1.1 {status} X\r\n{fields}"));
    let mut call = of(status, response);
    call.trailers = trailers.map(|lines| of(200, lines).response.unwrap().fields);
    call
}

fn reset(by: Direction, code: u32, after: u64) -> Exchange {
    let mut call = call(200, "x: y", None);
    call.ended = Timestamp(after);
    call.outcome = Ending::Reset;
    call.reset = Some(Reset { by, code });
    call
}

fn facts(role: Role, ended_by: Option<Direction>) -> ConnectionFacts {
    ConnectionFacts {
        role,
        local: "10.0.0.1:8080".parse().unwrap(),
        remote: "10.0.0.2:4000".parse().unwrap(),
        ended_by,
        proxied: None,
    }
}

fn ended(outcome: Ending) -> Exchange {
    let mut call = call(200, "x: y", None);
    call.response = None;
    call.outcome = outcome;
    call
}

#[test]
fn systems_of_requests() {
    let call = |line: &str, fields: &str| {
        let request = format!("{line} HTTP/1.1\r\nhost: h\r\n{fields}");
        System::of(&exchange(&request, "HTTP/1.1 200 OK"))
    };
    for (media_type, expected) in [
        ("application/grpc-web", Some(System::GrpcWeb)),
        ("Application/GRPC-Web+proto", Some(System::GrpcWeb)),
        ("application/grpc-web-text", Some(System::GrpcWeb)),
        (
            "application/grpc-web-text+proto; charset=x",
            Some(System::GrpcWeb),
        ),
        ("application/connect+json", Some(System::ConnectStreaming)),
        ("application/connect+", None),
        ("application/connect", None),
        ("application/grpc-webby", None),
        // gRPC itself needs HTTP/2.
        ("application/grpc", None),
        ("application/json", None),
        ("text/grpc-web", None),
        ("", None),
    ] {
        let field = format!("content-type: {media_type}");
        assert_eq!(call("POST /a.B/C", &field), expected, "{media_type}");
        assert_eq!(call("PUT /a.B/C", &field), None, "{media_type}");
    }
    for (line, fields, expected) in [
        (
            "POST /a.B/C",
            "content-type: application/proto\r\nconnect-protocol-version: 1",
            Some(System::ConnectUnary),
        ),
        ("POST /a.B/C", "connect-protocol-version: 1", None),
        (
            "POST /a.B/C",
            "content-type: application/json\r\nconnect-protocol-version: 2",
            None,
        ),
        (
            "GET /a.B/C?encoding=json&message=%7B%7D&connect=v1",
            "x: y",
            Some(System::ConnectUnary),
        ),
        ("GET /a.B/C?encoding=json&message=%7B%7D", "x: y", None),
        ("GET /a.B/C?connect=v1", "x: y", None),
    ] {
        assert_eq!(call(line, fields), expected, "{line} {fields}");
    }
}

/// The path of every gRPC call.
const POST: &[&[u8]] = &[b":method: POST", b":scheme: http", b":path: /a.B/C"];
const GRPC: &[u8] = b"content-type: application/grpc";

#[test]
fn systems_of_http2_requests() {
    use Direction::{Request, Response};
    for (media_type, expected) in [
        ("application/grpc", Some(System::Grpc)),
        ("application/grpc+proto", Some(System::Grpc)),
        ("application/grpc;x=y", Some(System::Grpc)),
        ("application/grpc-web", Some(System::GrpcWeb)),
        ("application/connect+proto", Some(System::ConnectStreaming)),
        ("application/grpcs", None),
        ("application/json", None),
    ] {
        let field = format!("content-type: {media_type}");
        let of = |method: &[u8]| {
            let lines = [method, b":path: /a.B/C", field.as_bytes()];
            System::of(&Stream::new().headers(Request, true, &lines).end())
        };
        assert_eq!(of(b":method: POST"), expected, "{media_type}");
        assert_eq!(of(b":method: PUT"), None, "{media_type}");
    }
    // Where the media type was not seen the other side's word counts, and nothing else does.
    let unseen = |lines: &[&[u8]], trailers: Option<&[u8]>| {
        let request = [POST, &[&[0xc5]]].concat();
        let stream = Stream::joined_late().headers(Request, true, &request);
        let stream = stream.headers(Response, trailers.is_none(), lines);
        let exchange = match trailers {
            Some(line) => stream.headers(Response, true, &[line]).end(),
            None => stream.end(),
        };
        System::of(&exchange)
    };
    let ok: &[u8] = b":status: 200";
    assert_eq!(unseen(&[ok, GRPC], None), Some(System::Grpc));
    assert_eq!(
        unseen(&[ok, &[0xc6]], Some(b"grpc-status: 0")),
        Some(System::Grpc)
    );
    assert_eq!(unseen(&[ok], None), None);
    assert_eq!(unseen(&[ok, b"content-type: text/html"], None), None);
    assert_eq!(unseen(&[ok], Some(b"x: y")), None);
}

/// A server that cancels the call because its deadline has passed: the client has given up then, and for that reason.
#[test]
fn cancelled_by_a_server_after_the_deadline() {
    use Direction::{Request, Response};
    let address = "10.0.0.1:8080".parse().unwrap();
    let request = [POST, &[GRPC, b"grpc-timeout: 100m"]].concat();
    let told: &[&[u8]] = &[b":status: 200", GRPC, b"grpc-status: 1"];
    for (role, after, expected) in [
        (Role::Client, 101_000_000, "DEADLINE_EXCEEDED"),
        (Role::Client, 99_000_000, "CANCELLED"),
        (Role::Server, 101_000_000, "CANCELLED"),
    ] {
        let facts = ConnectionFacts {
            role,
            local: address,
            remote: address,
            ended_by: None,
            proxied: None,
        };
        let exchange = Stream::new()
            .headers(Request, true, &request)
            .at(after)
            .headers(Response, true, told)
            .end();
        let description = describe(&exchange, &facts).unwrap();
        let code = shown(&description, key::RPC_RESPONSE_STATUS_CODE);
        assert_eq!(code.as_deref(), Some(expected), "{role:?} {after}");
    }
}

#[test]
fn calls_over_http2() {
    use Direction::{Request, Response};
    let facts = |role| ConnectionFacts {
        role,
        local: "10.0.0.1:8080".parse().unwrap(),
        remote: "10.0.0.2:4000".parse().unwrap(),
        ended_by: None,
        proxied: None,
    };
    let check = |exchange: &Exchange, name: &str, expected: &[(&str, Option<&str>)]| {
        for role in [Role::Client, Role::Server] {
            let description = describe(exchange, &facts(role)).unwrap();
            assert_eq!(description.name, name);
            for (key, value) in expected {
                assert_eq!(shown(&description, key).as_deref(), *value, "{key} {name}");
            }
        }
    };
    let request = [POST, &[GRPC, b":authority: shop:50051"]].concat();
    let ok: &[&[u8]] = &[b":status: 200", GRPC];
    let stream = Stream::new()
        .headers(Request, false, &request)
        .data(Request, false, 12, 1)
        .headers(Response, false, ok)
        .data(Response, false, 30, 2)
        .data(Request, true, 24, 2)
        .data(Response, false, 10, 1)
        .headers(Response, true, &[b"grpc-status: 0", b"x: y"])
        .end();
    check(
        &stream,
        "a.B/C",
        &[
            (key::RPC_SYSTEM_NAME, Some("grpc")),
            (key::RPC_METHOD, Some("a.B/C")),
            (key::RPC_RESPONSE_STATUS_CODE, Some("OK")),
            (key::ERROR_TYPE, None),
            (own::REQUEST_MESSAGES, Some("3")),
            (own::RESPONSE_MESSAGES, Some("3")),
            (key::HTTP_REQUEST_BODY_SIZE, Some("36")),
            (key::HTTP_RESPONSE_BODY_SIZE, Some("40")),
            (key::SERVER_ADDRESS, Some("shop")),
            (key::SERVER_PORT, Some("50051")),
            (key::NETWORK_PROTOCOL_VERSION, None),
            (key::HTTP_REQUEST_METHOD, None),
        ],
    );
    let trailers_only = Stream::new()
        .headers(Request, true, &request)
        .headers(Response, true, &[ok, &[b"grpc-status: 13"]].concat())
        .end();
    check(
        &trailers_only,
        "a.B/C",
        &[
            (key::RPC_RESPONSE_STATUS_CODE, Some("INTERNAL")),
            (key::ERROR_TYPE, Some("INTERNAL")),
        ],
    );
    let deadline = |after| {
        let request = [&request[..], &[b"grpc-timeout: 100m"]].concat();
        Stream::new()
            .headers(Request, false, &request)
            .at(after)
            .reset(Request, 8)
    };
    let code = key::RPC_RESPONSE_STATUS_CODE;
    check(
        &deadline(100_000_000),
        "a.B/C",
        &[(code, Some("DEADLINE_EXCEEDED"))],
    );
    check(&deadline(50_000_000), "a.B/C", &[(code, Some("CANCELLED"))]);
    // Path and status are references to what was not seen.
    let late = Stream::joined_late()
        .headers(Request, true, &[b":method: POST", &[0xc5], GRPC])
        .headers(Response, false, ok)
        .headers(Response, true, &[&[0xc6]])
        .end();
    check(
        &late,
        "grpc",
        &[
            (key::RPC_SYSTEM_NAME, Some("grpc")),
            (key::RPC_METHOD, None),
            (code, None),
            (key::ERROR_TYPE, None),
        ],
    );
}

fn shown(description: &Description, key: &str) -> Option<String> {
    let mut found = description
        .attributes
        .iter()
        .filter(|(name, _)| *name == key);
    let first = found.next();
    assert!(found.next().is_none(), "{key} is there twice");
    Some(match &first?.1 {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

#[test]
fn attributes() {
    let facts = |role| ConnectionFacts {
        role,
        local: "10.0.0.1:8080".parse().unwrap(),
        remote: "[::ffff:10.0.0.2]:4000".parse().unwrap(),
        ended_by: None,
        proxied: None,
    };
    let check = |head: &str, role, name: &str, expected: &[(&str, Option<&str>)]| {
        let request = format!("{head}\r\ncontent-type: application/grpc-web");
        let mut exchange = exchange(&request, "HTTP/1.1 200 OK\r\ngrpc-status: 13");
        exchange.request_body = Body {
            size: 12,
            complete: true,
            messages: Some(1),
        };
        let description = describe(&exchange, &facts(role)).unwrap();
        assert_eq!(description.name, name, "{head}");
        for (key, value) in expected {
            assert_eq!(shown(&description, key).as_deref(), *value, "{key} {head}");
        }
    };
    check(
        "POST /x/a.B/C HTTP/1.1\r\nhost: u:p@shop:81",
        Role::Server,
        "a.B/C",
        &[
            (key::RPC_SYSTEM_NAME, Some("grpc")),
            (key::RPC_METHOD, Some("a.B/C")),
            (key::RPC_METHOD_ORIGINAL, None),
            (key::RPC_RESPONSE_STATUS_CODE, Some("INTERNAL")),
            (key::ERROR_TYPE, Some("INTERNAL")),
            (key::SERVER_ADDRESS, Some("shop")),
            (key::SERVER_PORT, Some("81")),
            (key::NETWORK_PEER_ADDRESS, Some("10.0.0.2")),
            (key::NETWORK_PEER_PORT, Some("4000")),
            (key::HTTP_REQUEST_BODY_SIZE, Some("12")),
            (key::HTTP_RESPONSE_STATUS_CODE, None),
            (own::REQUEST_MESSAGES, None),
            (key::URL_PATH, None),
        ],
    );
    check(
        "POST /C HTTP/1.1\r\nhost: shop",
        Role::Client,
        "grpc",
        &[
            (key::RPC_METHOD, Some("_OTHER")),
            (key::RPC_METHOD_ORIGINAL, Some("/C")),
            (key::SERVER_ADDRESS, Some("shop")),
            (key::SERVER_PORT, None),
        ],
    );
    check(
        "POST /B/C HTTP/1.0",
        Role::Client,
        "B/C",
        &[
            (key::SERVER_ADDRESS, Some("10.0.0.2")),
            (key::SERVER_PORT, Some("4000")),
        ],
    );
    check(
        "POST /B/C HTTP/1.0",
        Role::Server,
        "B/C",
        &[(key::SERVER_ADDRESS, None), (key::SERVER_PORT, None)],
    );
}
