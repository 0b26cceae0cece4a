//! Remote procedure calls over HTTP in the words of the OpenTelemetry RPC semantic conventions (release candidate).
//!
//! The names are those of the conventions' crate: `rpc.system.name`, the fully-qualified `rpc.method` (which `rpc.service` went
//! into), `rpc.response.status_code` as text. What is recognised is what the request says of itself; a call looks like plain
//! HTTP otherwise and is taken as that. Metadata and messages are not recorded.

use std::borrow::Cow;

use opentelemetry_semantic_conventions::attribute as key;
use sonde_protocols::Exchange;
use sonde_protocols::exchange::{Field, RequestHead};

use self::method::Method;
use self::outcome::Outcome;
use self::system::System;
use super::convention::Description;
use super::http::{self, address};
use super::{Attribute, ConnectionFacts, Role, Status, Value, forwarded, own, redact};

mod code;
mod connect;
mod grpc;
mod message;
mod method;
mod outcome;
mod system;
#[cfg(test)]
mod tests;
mod timeout;

/// An exchange as a remote procedure call, if it is one.
pub(super) fn describe(exchange: &Exchange, connection: &ConnectionFacts) -> Option<Description> {
    let system = System::of(exchange)?;
    let mut attributes = Vec::with_capacity(16);
    attributes.push((key::RPC_SYSTEM_NAME, Value::Str(system.name().into())));
    let method = exchange
        .request
        .target()
        .map(|path| Method::of(path, system));
    let name = match &method {
        Some(Method::Named(name)) => name.clone(),
        _ => system.name().to_owned(),
    };
    push_method(&mut attributes, method);
    push_addresses(&mut attributes, &exchange.request, connection);
    http::push_sizes(&mut attributes, exchange);
    push_messages(&mut attributes, exchange, system);
    let outcome = match system {
        System::Grpc | System::GrpcWeb => grpc::outcome(exchange, system, connection),
        System::ConnectUnary | System::ConnectStreaming => {
            connect::outcome(exchange, system, connection)
        }
    };
    let status = push_outcome(&mut attributes, exchange, outcome);
    Some(Description {
        name,
        status,
        attributes,
    })
}

/// Without a path that was seen there is no method: nothing is said rather than guessed.
fn push_method(attributes: &mut Vec<Attribute>, method: Option<Method>) {
    match method {
        Some(Method::Named(name)) => attributes.push((key::RPC_METHOD, owned(name))),
        Some(Method::Other(original)) => {
            attributes.push((key::RPC_METHOD, Value::Str("_OTHER".into())));
            attributes.push((key::RPC_METHOD_ORIGINAL, owned(original)));
        }
        None => {}
    }
}

/// `server.*` is what the client called the server, never an address of the network but where a client gave none. A port that
/// the authority does not name is left out.
fn push_addresses(
    attributes: &mut Vec<Attribute>,
    request: &RequestHead,
    connection: &ConnectionFacts,
) {
    let authority = http::text(request, Field::Host);
    if let Some(authority) = authority {
        let (host, port) = forwarded::host_port(redact::without_credentials(&authority));
        attributes.push((key::SERVER_ADDRESS, owned(host.to_owned())));
        if let Some(port) = port {
            attributes.push((key::SERVER_PORT, Value::Int(port.into())));
        }
    } else if connection.role == Role::Client {
        let remote = connection.remote;
        attributes.push((
            key::SERVER_ADDRESS,
            owned(remote.ip().to_canonical().to_string()),
        ));
        attributes.push((key::SERVER_PORT, Value::Int(remote.port().into())));
    }
    address::push_peer(attributes, connection);
}

/// Only gRPC's messages are counted on their way.
fn push_messages(attributes: &mut Vec<Attribute>, exchange: &Exchange, system: System) {
    if system != System::Grpc {
        return;
    }
    for (key, body) in [
        (own::REQUEST_MESSAGES, exchange.request_body),
        (own::RESPONSE_MESSAGES, exchange.response_body),
    ] {
        if let Some(count) = body.messages {
            attributes.push((key, Value::Int(count.into())));
        }
    }
}

/// The status of the call, that of HTTP where it is not the usual one, and whether either is an error.
fn push_outcome(attributes: &mut Vec<Attribute>, exchange: &Exchange, outcome: Outcome) -> Status {
    if let Some(code) = outcome.code {
        attributes.push((key::RPC_RESPONSE_STATUS_CODE, Value::Str(code.into())));
    }
    let response = exchange.response.as_ref();
    let status = response.and_then(|response| response.status);
    if let Some(status) = status.filter(|status| *status != 200) {
        attributes.push((key::HTTP_RESPONSE_STATUS_CODE, Value::Int(status.into())));
    }
    let Some(error) = outcome.error else {
        return Status::Unset;
    };
    attributes.push((key::ERROR_TYPE, Value::Str(error)));
    Status::Error(outcome.description)
}

fn owned(text: String) -> Value {
    Value::Str(Cow::Owned(text))
}
