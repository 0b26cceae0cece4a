//! The status of a gRPC call: what the server told, else what a client makes of how the stream ended.

use std::borrow::Cow;

use sonde_protocols::Exchange;
use sonde_protocols::exchange::{self, Field, Fields};

use super::code::Code;
use super::outcome::Outcome;
use super::system::System;
use super::{message, timeout};
use crate::spans::{ConnectionFacts, Role, failure};

/// How a call ended.
pub(super) fn outcome(
    exchange: &Exchange,
    system: System,
    connection: &ConnectionFacts,
) -> Outcome {
    let role = connection.role;
    let told = told(exchange);
    let status = told.and_then(|fields| fields.field(Field::GrpcStatus));
    let code = match status {
        Some(status) => Some(as_seen(Code::parse(status), exchange, role)),
        None => inferred(exchange, system),
    };
    let Some(code) = code else {
        return Outcome {
            error: failure::error_type(exchange, connection),
            ..Outcome::default()
        };
    };
    let is_error = code.is_error(role);
    let description = told
        .filter(|_| is_error && status.is_some())
        .and_then(|fields| fields.field(Field::GrpcMessage))
        .map(message::decode);
    Outcome {
        code: Some(code.grpc_name()),
        error: is_error.then(|| Cow::Borrowed(code.grpc_name())),
        description: description.unwrap_or_default().into(),
    }
}

/// A server that watches the deadline as well may answer that it cancelled the call (tonic does). Its client has given up by then,
/// and calls it by its reason.
fn as_seen(told: Code, exchange: &Exchange, role: Role) -> Code {
    let gave_up = role == Role::Client && told == Code::Cancelled;
    if gave_up && timeout::is_exceeded(exchange) {
        return Code::DeadlineExceeded;
    }
    told
}

/// Where a server tells the status: the trailers, or the head of a response that has none (Trailers-Only).
fn told(exchange: &Exchange) -> Option<&Fields> {
    let head = exchange.response.as_ref().map(|response| &response.fields);
    exchange.trailers.as_ref().or(head)
}

/// The status of a call whose server told none.
fn inferred(exchange: &Exchange, system: System) -> Option<Code> {
    match exchange.outcome {
        exchange::Outcome::Refused => Some(Code::Unavailable),
        exchange::Outcome::Reset => Code::of_reset(exchange.reset?, timeout::has_passed(exchange)),
        exchange::Outcome::Complete => untold(exchange, system),
        _ => None,
    }
}

/// The response is whole and has no status, or none that could be read.
fn untold(exchange: &Exchange, system: System) -> Option<Code> {
    if told(exchange)?.has_unknown() {
        return None;
    }
    let status = exchange.response.as_ref()?.status?;
    // gRPC-Web tells it in the last message of the content, which is not captured.
    (system != System::GrpcWeb || status != 200).then(|| Code::of_http(status))
}
