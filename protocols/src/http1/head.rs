//! Message heads: the start line and the few fields the agent needs (RFC 9112 sections 2 to 5).
//!
//! Lines may end in a bare LF and empty lines before the start line are passed over (section 2.2).
//! Folded field lines (obs-fold, section 5.2) are taken in responses and refused in requests, where
//! the fields are kept and a fold would have to be rewritten.

use std::mem::MaybeUninit;

use super::framing::{Framing, FramingFields, MalformedFraming, Method};
use crate::exchange::{Field, Fields, RequestHead, RequestLine, ResponseHead, Version};

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

impl RequestHead {
    /// Parses one complete head, up to and with the empty line. What follows is not looked at.
    ///
    /// # Errors
    /// [`HeadError::Incomplete`] without the empty line, [`HeadError::Malformed`] for anything that is
    /// not an HTTP/1.0 or HTTP/1.1 request head.
    pub fn parse(head: &[u8]) -> Result<Self, HeadError> {
        parse_request(head).map(|request| request.head)
    }
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
    pub(super) status: u16,
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
    let line = RequestLine {
        version: version(request.version?),
        method: Some(method),
        target: Some(request.path?.as_bytes()),
        scheme: None,
        unknown: false,
    };
    let kept = request
        .headers
        .iter()
        .filter_map(|field| Some((Field::of_request(field.name.as_bytes())?, field.value)));
    let head = RequestHead::keep(line, kept)?;
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
    let kept = response.headers.iter().filter_map(kept_of_response);
    Some(ParsedResponse {
        head: ResponseHead {
            status: Some(status),
            version: version(response.version?),
            fields: Fields::keep(false, kept)?,
        },
        status,
        framing,
        length,
    })
}

/// Most responses have a content-type, and it says nothing that the request does not say, save under gRPC's kin.
fn kept_of_response<'h>(line: &httparse::Header<'h>) -> Option<(Field, &'h [u8])> {
    let field = Field::of_response(line.name.as_bytes())?;
    let kin = [&b"application/grpc"[..], b"application/connect"];
    let keep = field != Field::ContentType || kin.iter().any(|start| line.value.starts_with(start));
    keep.then_some((field, line.value))
}

fn version(minor: u8) -> Version {
    if minor == 0 {
        Version::Http10
    } else {
        Version::Http11
    }
}

#[cfg(test)]
mod tests;
