//! Odd input, by name. The agent counts each; none of them stops a parser for good.

/// What was odd about the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anomaly {
    /// A message head that RFC 9112 does not allow.
    MalformedHead,
    /// A head longer than the configured maximum.
    HeadTooLarge,
    /// A chunk-size line that RFC 9112 section 7.1 does not allow.
    MalformedChunk,
    /// Conflicting or unusable Content-Length / Transfer-Encoding (RFC 9112 section 6.3).
    MalformedFraming,
    /// A response that no captured request waits for.
    ResponseWithoutRequest,
    /// Bytes were lost inside a message.
    Gap,
    /// More requests in flight on one connection than are kept.
    TooManyInFlight,
    /// A frame that RFC 9113 section 6 does not allow.
    MalformedFrame,
    /// A frame where there may be none: behind the end of its stream, or within a header block.
    UnexpectedFrame,
    /// A header block that RFC 7541 does not allow.
    MalformedHeaderBlock,
    /// A header block with fields that cannot be known, as the entries they refer to were not seen.
    UnknownField,
}

impl Anomaly {
    /// Every anomaly, for counters that start at zero.
    pub const ALL: [Self; 11] = [
        Self::MalformedHead,
        Self::HeadTooLarge,
        Self::MalformedChunk,
        Self::MalformedFraming,
        Self::ResponseWithoutRequest,
        Self::Gap,
        Self::TooManyInFlight,
        Self::MalformedFrame,
        Self::UnexpectedFrame,
        Self::MalformedHeaderBlock,
        Self::UnknownField,
    ];

    /// The name used as a metric label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedHead => "malformed_head",
            Self::HeadTooLarge => "head_too_large",
            Self::MalformedChunk => "malformed_chunk",
            Self::MalformedFraming => "malformed_framing",
            Self::ResponseWithoutRequest => "response_without_request",
            Self::Gap => "gap",
            Self::TooManyInFlight => "too_many_in_flight",
            Self::MalformedFrame => "malformed_frame",
            Self::UnexpectedFrame => "unexpected_frame",
            Self::MalformedHeaderBlock => "malformed_header_block",
            Self::UnknownField => "unknown_field",
        }
    }
}
