//! The status of a Connect call, as far as HTTP tells it: the code itself is in the content, which is not captured.

use std::borrow::Cow;

use sonde_protocols::Exchange;
use sonde_protocols::exchange;

use super::code::Code;
use super::outcome::Outcome;
use super::system::System;
use crate::spans::{ConnectionFacts, failure, http};

/// How a call ended.
pub(super) fn outcome(
    exchange: &Exchange,
    system: System,
    connection: &ConnectionFacts,
) -> Outcome {
    let role = connection.role;
    let response = exchange.response.as_ref();
    let status = response.and_then(|response| response.status);
    let code = match exchange.outcome {
        exchange::Outcome::Refused => Some(Code::Unavailable),
        exchange::Outcome::Complete => status.and_then(|status| told(status, system)),
        _ => None,
    };
    let Some(code) = code else {
        let of_status = status
            .filter(|status| http::is_error(*status, role))
            .map(|status| Cow::Owned(status.to_string()));
        return Outcome {
            error: of_status.or_else(|| failure::error_type(exchange, connection)),
            ..Outcome::default()
        };
    };
    let name = code.connect_name();
    Outcome {
        code: Some(name),
        error: code.is_error(role).then_some(Cow::Borrowed(name)),
        description: Cow::Borrowed(""),
    }
}

/// The code a status of HTTP stands for, if it stands for one only.
fn told(status: u16, system: System) -> Option<Code> {
    match (system, status) {
        // Streams tell theirs in the last message, always under 200; anything else is not Connect's own answer.
        (System::ConnectStreaming, 200) => None,
        (System::ConnectStreaming, _) => Some(Code::of_http(status)),
        (_, 200) => Some(Code::Ok),
        (_, 401) => Some(Code::Unauthenticated),
        (_, 403) => Some(Code::PermissionDenied),
        (_, 499) => Some(Code::Cancelled),
        (_, 501) => Some(Code::Unimplemented),
        (_, 502 | 503) => Some(Code::Unavailable),
        _ => None,
    }
}
