//! What the transport says of an exchange that did not come to its end.
//!
//! A client that gives up is no error, whatever way the protocol has to say so: a stream that it resets, a connection that it
//! closes or resets before the response is whole. What the server, or nobody, ended is one.

use std::borrow::Cow;

use sonde_protocols::exchange::{Outcome, Reset};
use sonde_protocols::{Direction, Exchange};

use super::ConnectionFacts;
use super::own::{ERROR_CLOSED, ERROR_RESET};

/// Error codes of HTTP/2 (RFC 9113 section 7).
pub(super) mod code {
    pub(crate) const NO_ERROR: u32 = 0x0;
    pub(crate) const STREAM_CLOSED: u32 = 0x5;
    pub(crate) const REFUSED_STREAM: u32 = 0x7;
    pub(crate) const CANCEL: u32 = 0x8;
    pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;
    pub(crate) const INADEQUATE_SECURITY: u32 = 0xc;
}

/// Names of the error codes, by code.
const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Name of an error code. Any number may be sent; the ones without a name are treated as INTERNAL_ERROR (section 7).
pub(super) fn error_code(code: u32) -> Cow<'static, str> {
    let name = usize::try_from(code)
        .ok()
        .and_then(|code| NAMES.get(code).copied());
    Cow::Borrowed(name.unwrap_or("INTERNAL_ERROR"))
}

/// The client gave up what it had asked for. The HTTP convention does not count that as an error.
fn is_cancelled(reset: Reset) -> bool {
    reset.by == Direction::Request && matches!(reset.code, code::CANCEL | code::NO_ERROR)
}

/// Which end ended the connection, if that cut the exchange off and was seen.
pub(super) fn cut_off_by(exchange: &Exchange, connection: &ConnectionFacts) -> Option<Direction> {
    match (exchange.outcome, exchange.reset) {
        (Outcome::Closed, _) | (Outcome::Reset, None) => connection.ended_by,
        _ => None,
    }
}

/// `error.type` of an exchange that was cut off. What only the agent does not know (in flight, lost) is no error.
pub(super) fn error_type(
    exchange: &Exchange,
    connection: &ConnectionFacts,
) -> Option<Cow<'static, str>> {
    if cut_off_by(exchange, connection) == Some(Direction::Request) {
        return None;
    }
    match (exchange.outcome, exchange.reset) {
        (Outcome::Closed, _) => Some(Cow::Borrowed(ERROR_CLOSED)),
        (Outcome::Refused, _) => Some(error_code(code::REFUSED_STREAM)),
        (Outcome::Reset, None) => Some(Cow::Borrowed(ERROR_RESET)),
        (Outcome::Reset, Some(reset)) => (!is_cancelled(reset)).then(|| error_code(reset.code)),
        _ => None,
    }
}
