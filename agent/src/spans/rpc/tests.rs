//! Tables over recognition, status and attributes.

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

#[test]
fn calls_over_http2() {
    use Direction::{Request, Response};
    let facts = |role| ConnectionFacts {
        role,
        local: "10.0.0.1:8080".parse().unwrap(),
        remote: "10.0.0.2:4000".parse().unwrap(),
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

#[test]
fn status_of_grpc() {
    use Direction::{Request, Response};
    // Status, whether it is an error of the client, and of the server.
    let both = |exchange: Exchange, code: Option<&str>, errors: [Option<&str>; 2]| {
        for (role, error) in [Role::Client, Role::Server].into_iter().zip(errors) {
            let outcome = grpc::outcome(&exchange, System::Grpc, role);
            assert_eq!(outcome.code, code, "{role:?} {exchange:?}");
            assert_eq!(outcome.error.as_deref(), error, "{role:?} {exchange:?}");
        }
    };
    let same = |exchange, code: &str| both(exchange, Some(code), [Some(code); 2]);
    let clients = |exchange, code: &str| both(exchange, Some(code), [Some(code), None]);
    let trailers = |status: &str| call(200, "x: y", Some(&format!("grpc-status: {status}")));
    both(trailers("0"), Some("OK"), [None, None]);
    for (number, code) in [
        ("1", "CANCELLED"),
        ("3", "INVALID_ARGUMENT"),
        ("5", "NOT_FOUND"),
        ("6", "ALREADY_EXISTS"),
        ("7", "PERMISSION_DENIED"),
        ("8", "RESOURCE_EXHAUSTED"),
        ("9", "FAILED_PRECONDITION"),
        ("10", "ABORTED"),
        ("11", "OUT_OF_RANGE"),
        ("16", "UNAUTHENTICATED"),
    ] {
        clients(trailers(number), code);
    }
    for (number, code) in [
        ("2", "UNKNOWN"),
        ("4", "DEADLINE_EXCEEDED"),
        ("12", "UNIMPLEMENTED"),
        ("13", "INTERNAL"),
        ("14", "UNAVAILABLE"),
        ("15", "DATA_LOSS"),
        ("17", "UNKNOWN"),
        ("-1", "UNKNOWN"),
        ("x", "UNKNOWN"),
    ] {
        same(trailers(number), code);
    }
    // Trailers-Only; the trailers' word counts where there are both.
    clients(call(200, "grpc-status: 5", None), "NOT_FOUND");
    same(
        call(200, "grpc-status: 0", Some("grpc-status: 13")),
        "INTERNAL",
    );
    // None was told.
    for (status, code) in [
        (200, "UNKNOWN"),
        (400, "INTERNAL"),
        (404, "UNIMPLEMENTED"),
        (502, "UNAVAILABLE"),
        (500, "UNKNOWN"),
    ] {
        same(call(status, "x: y", None), code);
        same(call(status, "x: y", Some("x: y")), code);
    }
    clients(call(401, "x: y", None), "UNAUTHENTICATED");
    clients(call(403, "x: y", None), "PERMISSION_DENIED");
    // Resets; the request says that it waits for one second.
    clients(reset(Request, 8, SECOND / 2), "CANCELLED");
    same(reset(Request, 8, SECOND), "DEADLINE_EXCEEDED");
    same(reset(Response, 8, SECOND - 2_000_000), "DEADLINE_EXCEEDED");
    clients(reset(Response, 8, SECOND / 2), "CANCELLED");
    same(reset(Response, 7, 1), "UNAVAILABLE");
    same(reset(Response, 0, 1), "INTERNAL");
    same(reset(Request, 1, 1), "INTERNAL");
    same(reset(Response, 0xdead, 1), "INTERNAL");
    clients(reset(Response, 11, 1), "RESOURCE_EXHAUSTED");
    clients(reset(Response, 12, 1), "PERMISSION_DENIED");
    both(reset(Response, 5, 1), None, [Some("STREAM_CLOSED"); 2]);
    // The connection, and what only the agent does not know.
    both(ended(Ending::Closed), None, [Some(own::ERROR_CLOSED); 2]);
    both(ended(Ending::Reset), None, [Some(own::ERROR_RESET); 2]);
    both(ended(Ending::InFlight), None, [None; 2]);
    both(ended(Ending::Lost), None, [None; 2]);
    same(ended(Ending::Refused), "UNAVAILABLE");
}

#[test]
fn description_of_grpc() {
    let failed = call(
        200,
        "x: y",
        Some("grpc-status: 13\r\ngrpc-message: no%20way"),
    );
    let found = |exchange, role| grpc::outcome(exchange, System::Grpc, role).description;
    assert_eq!(found(&failed, Role::Server), "no way");
    let denied = call(200, "grpc-status: 7\r\ngrpc-message: you", None);
    assert_eq!(found(&denied, Role::Client), "you");
    assert_eq!(found(&denied, Role::Server), "");
}

#[test]
fn status_of_grpc_web_and_connect() {
    let unary = |status| call(status, "x: y", None);
    for (exchange, system, code, client, server) in [
        (unary(200), System::GrpcWeb, None, None, None),
        (
            call(200, "grpc-status: 5", None),
            System::GrpcWeb,
            Some("NOT_FOUND"),
            Some("NOT_FOUND"),
            None,
        ),
        (
            unary(503),
            System::GrpcWeb,
            Some("UNAVAILABLE"),
            Some("UNAVAILABLE"),
            Some("UNAVAILABLE"),
        ),
        (unary(200), System::ConnectUnary, Some("OK"), None, None),
        (
            unary(501),
            System::ConnectUnary,
            Some("unimplemented"),
            Some("unimplemented"),
            Some("unimplemented"),
        ),
        (
            unary(403),
            System::ConnectUnary,
            Some("permission_denied"),
            Some("permission_denied"),
            None,
        ),
        // Several codes share these.
        (unary(400), System::ConnectUnary, None, Some("400"), None),
        (unary(404), System::ConnectUnary, None, Some("404"), None),
        (
            unary(500),
            System::ConnectUnary,
            None,
            Some("500"),
            Some("500"),
        ),
        (unary(200), System::ConnectStreaming, None, None, None),
        (
            unary(404),
            System::ConnectStreaming,
            Some("unimplemented"),
            Some("unimplemented"),
            Some("unimplemented"),
        ),
        (
            ended(Ending::Refused),
            System::ConnectStreaming,
            Some("unavailable"),
            Some("unavailable"),
            Some("unavailable"),
        ),
        (
            ended(Ending::Closed),
            System::ConnectUnary,
            None,
            Some(own::ERROR_CLOSED),
            Some(own::ERROR_CLOSED),
        ),
        (
            reset(Direction::Request, 8, 1),
            System::ConnectUnary,
            None,
            None,
            None,
        ),
    ] {
        for (role, error) in [(Role::Client, client), (Role::Server, server)] {
            let outcome = match system {
                System::GrpcWeb => grpc::outcome(&exchange, system, role),
                _ => connect::outcome(&exchange, system, role),
            };
            assert_eq!(outcome.code, code, "{system:?} {exchange:?}");
            assert_eq!(outcome.error.as_deref(), error, "{role:?} {exchange:?}");
        }
    }
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
