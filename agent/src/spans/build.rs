//! The span of an exchange: place in its trace, times and what every convention has in common.

use std::net::SocketAddr;
use std::sync::Arc;

use sonde_common::context::SpanContext;
use sonde_protocols::exchange::{Field, Outcome};
use sonde_protocols::{Direction, Exchange, Timestamp};

use super::place::Place;
use super::{
    Attribute, IdGenerator, Kind, Resource, Role, Routes, Span, Value, convention, failure, own,
    trace_context,
};

/// The connection of an exchange, from the instrumented process.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts {
    /// Which end the process holds.
    pub role: Role,
    /// Its own address.
    pub local: SocketAddr,
    /// The other end's address.
    pub remote: SocketAddr,
    /// The end that was the first to end it, by the direction it sends in; none if it goes on, or nobody saw that.
    pub ended_by: Option<Direction>,
    /// Whose connection the other end passes on, where it has said so before the first request.
    pub proxied: Option<SocketAddr>,
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

/// What goes on from span to span.
#[derive(Debug, Default)]
pub struct Memory {
    /// Source of ids.
    pub ids: IdGenerator,
    /// What the paths of services were.
    pub routes: Routes,
}

/// The span of one exchange.
pub fn build(
    exchange: &Exchange,
    context: Option<&SpanContext>,
    connection: &ConnectionFacts,
    resource: &Arc<Resource>,
    clock: Clock,
    options: &Options,
    memory: &mut Memory,
) -> Span {
    let mut description = convention::describe(exchange, connection, options, &mut |path| {
        let service = &resource.service_name;
        memory.routes.route(service, connection.role, path)
    });
    push_own(&mut description.attributes, exchange, connection);
    let request = &exchange.request;
    let told = trace_context::parse(
        request.fields(Field::Traceparent),
        request.fields(Field::Tracestate),
    );
    let place = Place::of(context, told, &mut memory.ids);
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
        name: description.name,
        start_unix_nanos,
        end_unix_nanos: clock.unix_nanos(exchange.ended).max(start_unix_nanos),
        status: description.status,
        attributes: description.attributes,
        resource: Arc::clone(resource),
    }
}

/// What only the observer knows, or does not know.
fn push_own(attributes: &mut Vec<Attribute>, exchange: &Exchange, connection: &ConnectionFacts) {
    match exchange.outcome {
        Outcome::InFlight => attributes.push((own::IN_FLIGHT, Value::Bool(true))),
        Outcome::Lost => attributes.push((own::END_LOST, Value::Bool(true))),
        _ => {}
    }
    let request = &exchange.request;
    if request.method().is_none() || request.target().is_none() {
        attributes.push((own::HEAD_INCOMPLETE, Value::Bool(true)));
    }
    if let Some(reset) = exchange.reset {
        let code = failure::error_code(reset.code);
        attributes.push((own::RESET_CODE, Value::Str(code)));
        attributes.push((own::RESET_BY, end(reset.by)));
    }
    if let Some(by) = failure::cut_off_by(exchange, connection) {
        attributes.push((own::ENDED_BY, end(by)));
    }
    if let (Role::Server, Some(read)) = (connection.role, exchange.request_read) {
        let nanos = read.0.saturating_sub(exchange.request_started.0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "53 bits of nanoseconds are 104 days"
        )]
        let millis = nanos as f64 / 1e6;
        attributes.push((own::QUEUE_DURATION_MS, Value::Double(millis)));
    }
}

/// The end that sends in a direction.
fn end(direction: Direction) -> Value {
    let name = match direction {
        Direction::Request => "client",
        Direction::Response => "server",
    };
    Value::Str(name.into())
}
