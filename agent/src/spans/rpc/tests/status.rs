//! Tables over status, error and description.

use super::*;

#[test]
fn status_of_grpc() {
    use Direction::{Request, Response};
    // Status, whether it is an error of the client, and of the server.
    let both = |exchange: Exchange, code: Option<&str>, errors: [Option<&str>; 2]| {
        for (role, error) in [Role::Client, Role::Server].into_iter().zip(errors) {
            let outcome = grpc::outcome(&exchange, System::Grpc, &facts(role, None));
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
fn a_client_that_leaves_is_no_error_and_a_server_is() {
    for (ending, error) in [
        (Ending::Closed, own::ERROR_CLOSED),
        (Ending::Reset, own::ERROR_RESET),
    ] {
        for (by, error) in [
            (Some(Direction::Request), None),
            (Some(Direction::Response), Some(error)),
            (None, Some(error)),
        ] {
            for role in [Role::Client, Role::Server] {
                let facts = facts(role, by);
                let called = grpc::outcome(&ended(ending), System::Grpc, &facts);
                let connected = connect::outcome(&ended(ending), System::ConnectUnary, &facts);
                assert_eq!(called.error.as_deref(), error, "{ending:?} {by:?}");
                assert_eq!(connected.error.as_deref(), error, "{ending:?} {by:?}");
            }
        }
    }
}

#[test]
fn description_of_grpc() {
    let failed = call(
        200,
        "x: y",
        Some("grpc-status: 13\r\ngrpc-message: no%20way"),
    );
    let found = |exchange, role| {
        let facts = facts(role, None);
        grpc::outcome(exchange, System::Grpc, &facts).description
    };
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
                System::GrpcWeb => grpc::outcome(&exchange, system, &facts(role, None)),
                _ => connect::outcome(&exchange, system, &facts(role, None)),
            };
            assert_eq!(outcome.code, code, "{system:?} {exchange:?}");
            assert_eq!(outcome.error.as_deref(), error, "{role:?} {exchange:?}");
        }
    }
}
