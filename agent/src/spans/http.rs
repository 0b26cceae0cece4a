//! HTTP exchanges in the words of the OpenTelemetry HTTP semantic conventions (stable).
//!
//! The mapper takes what is on the wire as it is: it knows no router, no TLS, and trusts proxies' fields no more than the convention asks.

use std::borrow::Cow;

use opentelemetry_semantic_conventions::attribute as key;
use sonde_protocols::exchange::{Exchange, Field, RequestHead};

use self::target::Target;
use super::convention::{Description, Route};
use super::{Attribute, ConnectionFacts, Options, Role, Status, Value, failure};

pub(super) mod address;
mod target;
#[cfg(test)]
mod tests;

/// The first line of a field as text, if it is not empty.
pub(super) fn text(request: &RequestHead, field: Field) -> Option<Cow<'_, str>> {
    request
        .field(field)
        .filter(|line| !line.is_empty())
        .map(String::from_utf8_lossy)
}

/// An exchange as HTTP, whatever it carries.
pub(super) fn describe(
    exchange: &Exchange,
    connection: &ConnectionFacts,
    options: &Options,
    route: &mut Route<'_>,
) -> Description {
    let request = &exchange.request;
    let raw_target = request.target().map(String::from_utf8_lossy);
    let target = Target::of(request, raw_target.as_deref());
    let template = target.path.and_then(route);
    let mut attributes = Vec::with_capacity(24);
    let method = push_method(&mut attributes, request.method());
    let name = span_name(method, template.as_deref());
    address::push(&mut attributes, request, &target, connection, options);
    if let Some(template) = template {
        let key = match connection.role {
            Role::Server => key::HTTP_ROUTE,
            Role::Client => key::URL_TEMPLATE,
        };
        attributes.push((key, Value::Str(template.into())));
    }
    push_message(&mut attributes, request, exchange);
    let status = push_outcome(&mut attributes, exchange, connection);
    Description {
        name,
        status,
        attributes,
    }
}

/// The methods the convention knows: RFC 9110, PATCH and QUERY; compared case-sensitively.
fn known_method(method: &str) -> Option<&'static str> {
    const KNOWN: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
    ];
    KNOWN.into_iter().find(|known| *known == method)
}

/// One that was not seen (HTTP/2) is `_OTHER` too, but there is no original to tell.
fn push_method(attributes: &mut Vec<Attribute>, method: Option<&str>) -> Option<&'static str> {
    let known = method.and_then(known_method);
    attributes.push((
        key::HTTP_REQUEST_METHOD,
        Value::Str(known.unwrap_or("_OTHER").into()),
    ));
    if let Some(original) = method.filter(|_| known.is_none()) {
        attributes.push((
            key::HTTP_REQUEST_METHOD_ORIGINAL,
            Value::Str(original.to_owned().into()),
        ));
    }
    known
}

fn span_name(method: Option<&str>, template: Option<&str>) -> String {
    let method = method.unwrap_or("HTTP");
    template.map_or_else(
        || method.to_owned(),
        |template| [method, template].join(" "),
    )
}

fn push_message(attributes: &mut Vec<Attribute>, request: &RequestHead, exchange: &Exchange) {
    let response = exchange.response.as_ref();
    let version = response.map_or(request.version(), |response| response.version);
    attributes.push((
        key::NETWORK_PROTOCOL_VERSION,
        Value::Str(version.as_str().into()),
    ));
    if let Some(agent) = text(request, Field::UserAgent) {
        attributes.push((
            key::USER_AGENT_ORIGINAL,
            Value::Str(agent.into_owned().into()),
        ));
    }
    push_sizes(attributes, exchange);
    if let Some(status) = response.and_then(|response| response.status) {
        attributes.push((key::HTTP_RESPONSE_STATUS_CODE, Value::Int(status.into())));
    }
}

/// Sizes of both bodies, where they were seen whole.
pub(super) fn push_sizes(attributes: &mut Vec<Attribute>, exchange: &Exchange) {
    let (request, response) = (exchange.request_body, exchange.response_body);
    // An empty request body is as good as none: most requests have none, and framing tells them not apart.
    if request.complete && request.size > 0 {
        attributes.push((key::HTTP_REQUEST_BODY_SIZE, size(request.size)));
    }
    if exchange.response.is_some() && response.complete {
        attributes.push((key::HTTP_RESPONSE_BODY_SIZE, size(response.size)));
    }
}

fn size(bytes: u64) -> Value {
    Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Whether the convention takes a status code for an error of this side.
pub(super) fn is_error(status: u16, role: Role) -> bool {
    let limit = match role {
        Role::Server => 500,
        Role::Client => 400,
    };
    status >= limit
}

/// `error.type` and the status.
fn push_outcome(
    attributes: &mut Vec<Attribute>,
    exchange: &Exchange,
    connection: &ConnectionFacts,
) -> Status {
    let response = exchange.response.as_ref();
    let error = response
        .and_then(|response| response.status)
        .filter(|status| is_error(*status, connection.role))
        .map(|status| Cow::Owned(status.to_string()))
        .or_else(|| failure::error_type(exchange, connection));
    let Some(error) = error else {
        return Status::Unset;
    };
    attributes.push((key::ERROR_TYPE, Value::Str(error)));
    Status::Error(Cow::Borrowed(""))
}
