//! HTTP exchanges to spans (OpenTelemetry HTTP semantic conventions, stable).
//!
//! The mapper takes what is on the wire as it is: it knows no router, no TLS, and trusts proxies' fields no more than the convention asks.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use opentelemetry_semantic_conventions::attribute as key;
use sonde_common::context::SpanContext;
use sonde_protocols::Timestamp;
use sonde_protocols::exchange::{Exchange, Field, Outcome, RequestHead};

use self::place::Place;
use self::target::Target;
use super::{
    Attribute, IdGenerator, Kind, Resource, Role, Span, Status, Value, route, trace_context,
};

mod address;
mod place;
mod target;
#[cfg(test)]
mod tests;

/// Milliseconds (Double) from the first byte of a request at the machine until its process first read of it.
/// The conventions have no attribute for it; the unit is in the name, as an attribute carries none.
pub const QUEUE_DURATION_MS: &str = "sonde.queue.duration_ms";
/// True on a span that was exported before its exchange had ended; the conventions have none for it.
pub const IN_FLIGHT: &str = "sonde.span.in_flight";
/// True on a span whose end was not seen, because captured bytes were lost: its duration is a lower bound.
pub const END_LOST: &str = "sonde.span.end_lost";
/// `error.type` of an exchange whose connection ended before the response did.
pub const ERROR_CLOSED: &str = "connection_closed";
/// `error.type` of an exchange whose connection was reset before the response ended.
pub const ERROR_RESET: &str = "connection_reset";

/// The connection of an exchange, from the instrumented process.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts {
    /// Which end the process holds.
    pub role: Role,
    /// Its own address.
    pub local: SocketAddr,
    /// The other end's address.
    pub remote: SocketAddr,
}

/// How the monotonic clock relates to the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds to add to a [`Timestamp`] for nanoseconds since the epoch.
    pub unix_minus_monotonic_nanos: i64,
}

impl Clock {
    /// Nanoseconds since the epoch, saturating.
    #[must_use]
    pub fn unix_nanos(self, at: Timestamp) -> u64 {
        at.0.saturating_add_signed(self.unix_minus_monotonic_nanos)
    }
}

/// What the operator chose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Query keys to redact beside [`super::redact::SENSITIVE_KEYS`]; case-sensitive.
    pub redact_query: Vec<String>,
}

/// The first line of a field as text, if it is not empty.
fn text(request: &RequestHead, field: Field) -> Option<Cow<'_, str>> {
    request
        .field(field)
        .filter(|line| !line.is_empty())
        .map(String::from_utf8_lossy)
}

/// The span of one exchange.
pub fn build(
    exchange: &Exchange,
    context: Option<&SpanContext>,
    connection: &ConnectionFacts,
    resource: &Arc<Resource>,
    clock: Clock,
    options: &Options,
    ids: &mut IdGenerator,
) -> Span {
    let request = &exchange.request;
    let request_method = request.method().unwrap_or_default();
    let raw_target = String::from_utf8_lossy(request.target().unwrap_or_default());
    let target = Target::parse(request_method, &raw_target);
    let template = target.path.and_then(route::template);
    let mut attributes = Vec::with_capacity(24);
    let method = push_method(&mut attributes, request_method);
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
    let status = push_outcome(&mut attributes, exchange, connection.role);
    push_queue(&mut attributes, exchange, connection.role);

    let told = trace_context::parse(
        request.fields(Field::Traceparent),
        request.fields(Field::Tracestate),
    );
    let place = Place::of(context, told, connection.role, ids);
    let start_unix_nanos = clock.unix_nanos(exchange.request_started);
    Span {
        trace_id: place.trace_id,
        span_id: place.span_id,
        parent_span_id: place.parent,
        trace_flags: place.flags,
        parent_is_remote: place.parent.is_some() && connection.role == Role::Server,
        trace_state: place.state,
        link: place.link,
        kind: match connection.role {
            Role::Server => Kind::Server,
            Role::Client => Kind::Client,
        },
        name,
        start_unix_nanos,
        end_unix_nanos: clock.unix_nanos(exchange.ended).max(start_unix_nanos),
        status,
        attributes,
        resource: Arc::clone(resource),
    }
}

/// The methods the convention knows: RFC 9110, PATCH and QUERY; compared case-sensitively.
fn known_method(method: &str) -> Option<&'static str> {
    const KNOWN: [&str; 10] = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
    ];
    KNOWN.into_iter().find(|known| *known == method)
}

fn push_method(attributes: &mut Vec<Attribute>, method: &str) -> Option<&'static str> {
    let known = known_method(method);
    attributes.push((
        key::HTTP_REQUEST_METHOD,
        Value::Str(known.unwrap_or("_OTHER").into()),
    ));
    if known.is_none() {
        attributes.push((
            key::HTTP_REQUEST_METHOD_ORIGINAL,
            Value::Str(method.to_owned().into()),
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
    // An empty request body is as good as none: most requests have none, and framing tells them not apart.
    if exchange.request_body.complete && exchange.request_body.size > 0 {
        attributes.push((
            key::HTTP_REQUEST_BODY_SIZE,
            size(exchange.request_body.size),
        ));
    }
    if let Some(status) = response.and_then(|response| response.status) {
        attributes.push((key::HTTP_RESPONSE_STATUS_CODE, Value::Int(status.into())));
    }
    if response.is_some() && exchange.response_body.complete {
        attributes.push((
            key::HTTP_RESPONSE_BODY_SIZE,
            size(exchange.response_body.size),
        ));
    }
}

fn size(bytes: u64) -> Value {
    Value::Int(i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// `error.type` and the status. What only the agent does not know (in flight, lost) is no error of the service.
fn push_outcome(attributes: &mut Vec<Attribute>, exchange: &Exchange, role: Role) -> Status {
    match exchange.outcome {
        Outcome::InFlight => attributes.push((IN_FLIGHT, Value::Bool(true))),
        Outcome::Lost => attributes.push((END_LOST, Value::Bool(true))),
        _ => {}
    }
    let limit = match role {
        Role::Server => 500,
        Role::Client => 400,
    };
    let response = exchange.response.as_ref();
    let error = match (
        response.and_then(|response| response.status),
        exchange.outcome,
    ) {
        (Some(status), _) if status >= limit => Cow::Owned(status.to_string()),
        (_, Outcome::Closed) => Cow::Borrowed(ERROR_CLOSED),
        (_, Outcome::Reset) => Cow::Borrowed(ERROR_RESET),
        _ => return Status::Unset,
    };
    attributes.push((key::ERROR_TYPE, Value::Str(error)));
    Status::Error(Cow::Borrowed(""))
}

fn push_queue(attributes: &mut Vec<Attribute>, exchange: &Exchange, role: Role) {
    if let (Role::Server, Some(read)) = (role, exchange.request_read) {
        let nanos = read.0.saturating_sub(exchange.request_started.0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "53 bits of nanoseconds are 104 days"
        )]
        let millis = nanos as f64 / 1e6;
        attributes.push((QUEUE_DURATION_MS, Value::Double(millis)));
    }
}
