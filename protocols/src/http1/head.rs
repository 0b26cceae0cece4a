//! Message heads: the start line and the few fields the agent needs (RFC 9112 sections 2 to 5).
//!
//! Lines may end in a bare LF and empty lines before the start line are passed over (section 2.2).
//! Folded field lines (obs-fold, section 5.2) are taken in responses and refused in requests, where
//! the fields are kept and a fold would have to be rewritten.

use std::mem::MaybeUninit;

use super::framing::{Framing, FramingFields, MalformedFraming, Method};

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

impl Field {
    /// Names are case-insensitive (RFC 9110 section 5.1); most differ in length already.
    fn of(name: &str) -> Option<Self> {
        let (field, wanted) = match (name.len(), name.as_bytes().first()?) {
            (4, _) => (Self::Host, "host"),
            (10, b'u' | b'U') => (Self::UserAgent, "user-agent"),
            (10, _) => (Self::Tracestate, "tracestate"),
            (9, _) => (Self::Forwarded, "forwarded"),
            (11, _) => (Self::Traceparent, "traceparent"),
            (15, _) => (Self::XForwardedFor, "x-forwarded-for"),
            (17, _) => (Self::XForwardedProto, "x-forwarded-proto"),
            _ => return None,
        };
        name.eq_ignore_ascii_case(wanted).then_some(field)
    }
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

impl From<httparse::Error> for HeadError {
    fn from(_: httparse::Error) -> Self {
        Self::Malformed
    }
}

/// Request line and kept fields.
///
/// One allocation: method, target, then each kept field as its number, the length of its value in
/// four bytes (little endian) and the value.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHead {
    bytes: Box<[u8]>,
    method: u32,
    target: u32,
    minor_version: u8,
}

impl RequestHead {
    /// Parses one complete head, up to and with the empty line. What follows is not looked at.
    ///
    /// # Errors
    /// [`HeadError::Incomplete`] without the empty line, [`HeadError::Malformed`] for anything that is
    /// not an HTTP/1.0 or HTTP/1.1 request head.
    pub fn parse(head: &[u8]) -> Result<Self, HeadError> {
        parse_request(head).map(|request| request.head)
    }

    /// The method token, as sent.
    #[must_use]
    pub fn method(&self) -> &str {
        let (method, _) = self.split(self.method);
        std::str::from_utf8(method).unwrap_or_default()
    }

    /// The request target in whatever form it came (RFC 9112 section 3.2).
    #[must_use]
    pub fn target(&self) -> &[u8] {
        let (_, rest) = self.split(self.method);
        rest.get(..self.target as usize).unwrap_or_default()
    }

    /// 0 or 1.
    #[must_use]
    pub fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The first line of this field, without surrounding white space.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&[u8]> {
        self.fields(field).next()
    }

    /// Every line of this field in order.
    pub fn fields(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let (_, mut rest) = self.split(self.method.saturating_add(self.target));
        std::iter::from_fn(move || {
            let (&number, after) = rest.split_first()?;
            let (length, after) = after.split_first_chunk()?;
            let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some((number, value))
        })
        .filter_map(move |(number, value)| (number == field as u8).then_some(value))
    }

    /// Heap bytes held.
    pub(super) fn footprint(&self) -> usize {
        self.bytes.len()
    }

    fn split(&self, at: u32) -> (&[u8], &[u8]) {
        self.bytes.split_at_checked(at as usize).unwrap_or_default()
    }

    fn keep(
        method: &str,
        target: &str,
        minor_version: u8,
        fields: &[httparse::Header<'_>],
    ) -> Option<Self> {
        let kept = || {
            fields
                .iter()
                .filter_map(|field| Some((Field::of(field.name)?, field.value)))
        };
        let size = kept().fold(
            method.len().saturating_add(target.len()),
            |sum, (_, value)| sum.saturating_add(value.len()).saturating_add(5),
        );
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(method.as_bytes());
        bytes.extend_from_slice(target.as_bytes());
        for (field, value) in kept() {
            bytes.push(field as u8);
            bytes.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(value);
        }
        Some(Self {
            bytes: bytes.into_boxed_slice(),
            method: u32::try_from(method.len()).ok()?,
            target: u32::try_from(target.len()).ok()?,
            minor_version,
        })
    }
}

impl std::fmt::Debug for RequestHead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RequestHead")
            .field("method", &self.method())
            .field("target", &String::from_utf8_lossy(self.target()))
            .field("minor_version", &self.minor_version)
            .finish_non_exhaustive()
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

/// A request head and what it says about the stream.
pub(super) struct ParsedRequest {
    pub(super) head: RequestHead,
    pub(super) method: Method,
    pub(super) framing: Result<Framing, MalformedFraming>,
    /// Bytes of the head.
    pub(super) length: usize,
}

/// A response head and what it says about the stream.
pub(super) struct ParsedResponse {
    pub(super) head: ResponseHead,
    pub(super) framing: FramingFields,
    /// Bytes of the head.
    pub(super) length: usize,
}

type Slots<'b> = [MaybeUninit<httparse::Header<'b>>];

/// Heads with more fields are parsed a second time, with room for every line.
const USUAL_FIELDS: usize = 128;

/// Calls `read` with room for the usual number of fields, then if need be for as many as there are lines.
fn with_slots<'b, T>(
    bytes: &'b [u8],
    mut read: impl FnMut(&mut Slots<'b>) -> Result<T, httparse::Error>,
) -> Result<T, httparse::Error> {
    let mut usual = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
    match read(&mut usual) {
        Err(httparse::Error::TooManyHeaders) => {}
        result => return result,
    }
    let lines = memchr::memchr_iter(b'\n', bytes).count();
    let mut every = Vec::new();
    every.resize_with(lines, MaybeUninit::uninit);
    read(&mut every)
}

/// Parses the head that `bytes` begin with.
pub(super) fn parse_request(bytes: &[u8]) -> Result<ParsedRequest, HeadError> {
    let parsed = with_slots(bytes, |slots| {
        let mut request = httparse::Request::new(&mut []);
        let status = request.parse_with_uninit_headers(bytes, slots)?;
        let httparse::Status::Complete(length) = status else {
            return Ok(Err(HeadError::Incomplete));
        };
        Ok(request_of(&request, length).ok_or(HeadError::Malformed))
    });
    parsed?
}

fn request_of(request: &httparse::Request<'_, '_>, length: usize) -> Option<ParsedRequest> {
    let method = request.method?;
    let mut framing = FramingFields::default();
    for field in &*request.headers {
        framing.note(field.name, field.value);
    }
    let head = RequestHead::keep(method, request.path?, request.version?, request.headers)?;
    Some(ParsedRequest {
        head,
        method: Method::of(method),
        framing: framing.of_request(),
        length,
    })
}

/// Parses the head that `bytes` begin with.
pub(super) fn parse_response(bytes: &[u8]) -> Result<ParsedResponse, HeadError> {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true);
    let parsed = with_slots(bytes, |slots| {
        let mut response = httparse::Response::new(&mut []);
        let status = config.parse_response_with_uninit_headers(&mut response, bytes, slots)?;
        let httparse::Status::Complete(length) = status else {
            return Ok(Err(HeadError::Incomplete));
        };
        Ok(response_of(&response, length).ok_or(HeadError::Malformed))
    });
    parsed?
}

fn response_of(response: &httparse::Response<'_, '_>, length: usize) -> Option<ParsedResponse> {
    let status = response.code.filter(|status| *status >= 100)?;
    let mut framing = FramingFields::default();
    for field in &*response.headers {
        framing.note(field.name, field.value);
    }
    Some(ParsedResponse {
        head: ResponseHead {
            status,
            minor_version: response.version?,
        },
        framing,
        length,
    })
}

#[cfg(test)]
mod tests;
