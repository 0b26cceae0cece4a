//! Which system a call belongs to, by what its request says: media type and fields.

use sonde_protocols::Exchange;
use sonde_protocols::exchange::{Field, Version};

/// A system and its way to frame messages and to tell a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web, binary or text, over any version.
    GrpcWeb,
    /// Connect, one message each way without framing.
    ConnectUnary,
    /// Connect, framed messages.
    ConnectStreaming,
}

impl System {
    /// The value of `rpc.system.name`: a well-known one of the convention.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Grpc | Self::GrpcWeb => "grpc",
            Self::ConnectUnary | Self::ConnectStreaming => "connectrpc",
        }
    }

    /// The system of an exchange; `None`: HTTP and nothing known on top of it.
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        let request = &exchange.request;
        match request.method() {
            Some("GET") => return Self::of_get(exchange),
            // All else is POST; over HTTP/2 the method may not have been seen.
            Some("POST") | None => {}
            Some(_) => return None,
        }
        match request.field(Field::ContentType) {
            Some(media_type) => Self::of_media_type(media_type, request.version())
                .or_else(|| Self::of_connect_field(exchange)),
            None if request.has_unknown() => Self::of_response(exchange),
            None => None,
        }
    }

    fn of_media_type(value: &[u8], version: Version) -> Option<Self> {
        let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let subtype = strip_ignoring_case(essence, b"application/")?;
        if strip_ignoring_case(subtype, b"connect+").is_some_and(|codec| !codec.is_empty()) {
            return Some(Self::ConnectStreaming);
        }
        let suffix = strip_ignoring_case(subtype, b"grpc")?;
        let is_end = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"+");
        if is_end(suffix) {
            return (version == Version::Http2).then_some(Self::Grpc);
        }
        let rest = strip_ignoring_case(suffix, b"-web")?;
        let rest = strip_ignoring_case(rest, b"-text").unwrap_or(rest);
        is_end(rest).then_some(Self::GrpcWeb)
    }

    /// Unary requests have media types that others use too: only those that name the protocol are taken.
    fn of_connect_field(exchange: &Exchange) -> Option<Self> {
        let version = exchange.request.field(Field::ConnectProtocolVersion)?;
        (version == b"1").then_some(Self::ConnectUnary)
    }

    /// A unary call as a GET says so in its query.
    fn of_get(exchange: &Exchange) -> Option<Self> {
        let target = exchange.request.target()?;
        let at = memchr::memchr(b'?', target)?;
        let has = |wanted: fn(&[u8]) -> bool| {
            target
                .get(at + 1..)
                .unwrap_or_default()
                .split(|byte| *byte == b'&')
                .any(wanted)
        };
        let is_call = has(|pair| pair == b"connect=v1")
            && has(|pair| pair.starts_with(b"encoding="))
            && has(|pair| pair.starts_with(b"message="));
        is_call.then_some(Self::ConnectUnary)
    }

    /// What the request says was not seen: a response does not answer in these words unless it was asked in them.
    fn of_response(exchange: &Exchange) -> Option<Self> {
        let version = exchange.request.version();
        let response = exchange.response.as_ref();
        if let Some(media_type) = response.and_then(|response| response.field(Field::ContentType)) {
            return Self::of_media_type(media_type, version);
        }
        let status = exchange.trailers.as_ref()?.field(Field::GrpcStatus);
        (status.is_some() && version == Version::Http2).then_some(Self::Grpc)
    }
}

/// The rest behind a prefix; media types are case-insensitive (RFC 9110 section 8.3.1).
fn strip_ignoring_case<'v>(value: &'v [u8], prefix: &[u8]) -> Option<&'v [u8]> {
    let (start, rest) = value.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
