//! Message heads: the start line and the few fields the agent needs (RFC 9112 sections 2 to 5).

/// Fields that are kept of a head; all others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `Host` (RFC 9110 section 7.2).
    Host,
    /// `User-Agent` (RFC 9110 section 10.1.5).
    UserAgent,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `X-Forwarded-Proto`.
    XForwardedProto,
    /// `traceparent` (W3C Trace Context).
    Traceparent,
    /// `tracestate` (W3C Trace Context).
    Tracestate,
}

/// Why bytes are not a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// Not HTTP/1.x as RFC 9112 has it.
    Malformed,
    /// No end of the head in the bytes given.
    Incomplete,
}

/// Request line and kept fields.
#[derive(Clone, Debug)]
pub struct RequestHead {}

impl RequestHead {
    /// Parses one complete head, up to and with the empty line.
    pub fn parse(_head: &[u8]) -> Result<Self, HeadError> {
        Err(HeadError::Malformed)
    }
    /// The method token, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        ""
    }
    /// The request target in whatever form it came (RFC 9112 section 3.2).
    #[must_use]
    pub fn target(&self) -> &[u8] {
        b""
    }
    /// 0 or 1.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        1
    }
    /// The first line of this field, without surrounding white space.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&[u8]> {
        self.fields(field).next()
    }
    /// Every line of this field in order.
    pub fn fields(&self, _field: Field) -> impl Iterator<Item = &[u8]> {
        std::iter::empty()
    }
}

/// Status line of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Three digits (RFC 9110 section 15), 100 to 999.
    pub status: u16,
    /// 0 or 1.
    pub minor_version: u8,
}
