//! The seventeen status codes of gRPC, which are Connect's error codes too.

use sonde_protocols::exchange::Reset;

use crate::spans::Role;
use crate::spans::failure::code as h2;

/// Status codes (gRPC `statuscodes.md`), in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

/// Each code with its name in gRPC and in Connect, by number.
const CODES: [(Code, &str, &str); 17] = [
    (Code::Ok, "OK", "OK"),
    (Code::Cancelled, "CANCELLED", "canceled"),
    (Code::Unknown, "UNKNOWN", "unknown"),
    (
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        "invalid_argument",
    ),
    (
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "deadline_exceeded",
    ),
    (Code::NotFound, "NOT_FOUND", "not_found"),
    (Code::AlreadyExists, "ALREADY_EXISTS", "already_exists"),
    (
        Code::PermissionDenied,
        "PERMISSION_DENIED",
        "permission_denied",
    ),
    (
        Code::ResourceExhausted,
        "RESOURCE_EXHAUSTED",
        "resource_exhausted",
    ),
    (
        Code::FailedPrecondition,
        "FAILED_PRECONDITION",
        "failed_precondition",
    ),
    (Code::Aborted, "ABORTED", "aborted"),
    (Code::OutOfRange, "OUT_OF_RANGE", "out_of_range"),
    (Code::Unimplemented, "UNIMPLEMENTED", "unimplemented"),
    (Code::Internal, "INTERNAL", "internal"),
    (Code::Unavailable, "UNAVAILABLE", "unavailable"),
    (Code::DataLoss, "DATA_LOSS", "data_loss"),
    (Code::Unauthenticated, "UNAUTHENTICATED", "unauthenticated"),
];

impl Code {
    /// As `grpc-status` has it. What is no number or beyond the known ones is UNKNOWN.
    pub(super) fn parse(status: &[u8]) -> Self {
        let number = std::str::from_utf8(status)
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        number
            .and_then(|number| CODES.get(number))
            .map_or(Self::Unknown, |(code, _, _)| *code)
    }

    /// The name gRPC writes it with.
    pub(super) fn grpc_name(self) -> &'static str {
        CODES.get(self as usize).map_or("", |(_, name, _)| name)
    }

    /// The name Connect writes it with; the convention calls success `OK` in both.
    pub(super) fn connect_name(self) -> &'static str {
        CODES.get(self as usize).map_or("", |(_, _, name)| name)
    }

    /// Whether the convention takes it for an error of this side: a client's is everything but success, a server's what
    /// is not the client's doing.
    pub(super) fn is_error(self, role: Role) -> bool {
        match role {
            Role::Client => self != Self::Ok,
            Role::Server => matches!(
                self,
                Self::Unknown
                    | Self::DeadlineExceeded
                    | Self::Unimplemented
                    | Self::Internal
                    | Self::Unavailable
                    | Self::DataLoss
            ),
        }
    }

    /// What a client makes of a response that tells no status (`http-grpc-status-mapping.md`).
    pub(super) fn of_http(status: u16) -> Self {
        match status {
            400 | 431 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What a client makes of an RST_STREAM ("Errors" in `PROTOCOL-HTTP2.md`); `None` where that has no mapping.
    pub(super) fn of_reset(reset: Reset, deadline_has_passed: bool) -> Option<Self> {
        Some(match reset.code {
            h2::STREAM_CLOSED => return None,
            h2::CANCEL if deadline_has_passed => Self::DeadlineExceeded,
            h2::CANCEL => Self::Cancelled,
            h2::REFUSED_STREAM => Self::Unavailable,
            h2::ENHANCE_YOUR_CALM => Self::ResourceExhausted,
            h2::INADEQUATE_SECURITY => Self::PermissionDenied,
            _ => Self::Internal,
        })
    }
}
