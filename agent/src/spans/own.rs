//! What the semantic conventions have no name for. An attribute carries no unit, so the unit is in the name.

/// Milliseconds (Double) from the first byte of a request at the machine until its process first read of it.
pub const QUEUE_DURATION_MS: &str = "sonde.queue.duration_ms";
/// True on a span that was exported before its exchange had ended.
pub const IN_FLIGHT: &str = "sonde.span.in_flight";
/// True on a span whose end was not seen, because captured bytes were lost: its duration is a lower bound.
pub const END_LOST: &str = "sonde.span.end_lost";
/// True on a span of a request whose method or target is not known: they were references to header fields that were sent
/// before the agent came (HPACK), or in a hole.
pub const HEAD_INCOMPLETE: &str = "sonde.request.head_incomplete";
/// Name of the error code (RFC 9113 section 7) of the RST_STREAM that ended an exchange early.
pub const RESET_CODE: &str = "sonde.http2.reset.code";
/// Who sent it: `client` or `server`.
pub const RESET_BY: &str = "sonde.http2.reset.by";
/// Which end, `client` or `server`, was the first to end the connection before the response was whole.
pub const ENDED_BY: &str = "sonde.connection.ended_by";
/// Messages of the request of a remote procedure call.
pub const REQUEST_MESSAGES: &str = "sonde.rpc.request.message.count";
/// Messages of the response of a remote procedure call.
pub const RESPONSE_MESSAGES: &str = "sonde.rpc.response.message.count";

/// `error.type` of an exchange whose connection ended before the response did.
pub const ERROR_CLOSED: &str = "connection_closed";
/// `error.type` of an exchange whose connection was reset before the response ended.
pub const ERROR_RESET: &str = "connection_reset";
