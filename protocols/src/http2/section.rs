//! A field section (RFC 9113 section 8.2 and 8.3) while its block is decoded, and the head it makes.

use std::ops::Range;

use crate::Direction;
use crate::exchange::{Field, Fields, RequestHead, RequestLine, ResponseHead, Version};
use crate::hpack::Line;

/// More than this of the space is given back after a section.
const SPACE: usize = 4096;

/// What is kept of a section. Its space is used for one after the other.
#[derive(Debug, Default)]
pub(super) struct Section {
    text: Vec<u8>,
    fields: Vec<(Field, Range<usize>)>,
    method: Option<Range<usize>>,
    scheme: Option<Range<usize>>,
    authority: Option<Range<usize>>,
    path: Option<Range<usize>>,
    /// `:status`, if it is known.
    pub(super) status: Option<u16>,
    /// It has a pseudo-header field: it is the head of a message, no trailer section.
    pub(super) begins_message: bool,
    /// It has fields that are not known.
    pub(super) unknown: bool,
    /// It had more to keep than may be kept.
    pub(super) too_large: bool,
}

impl Section {
    /// Makes room for the next.
    pub(super) fn clear(&mut self) {
        let (mut text, mut fields) = (
            std::mem::take(&mut self.text),
            std::mem::take(&mut self.fields),
        );
        text.clear();
        text.shrink_to(SPACE);
        fields.clear();
        fields.shrink_to(SPACE / size_of::<(Field, Range<usize>)>());
        *self = Self {
            text,
            fields,
            ..Self::default()
        };
    }

    /// Keeps what is needed of a field, as long as it all stays within `limit` bytes.
    pub(super) fn take(&mut self, line: Line<'_>, direction: Direction, limit: usize) {
        let (Some(name), Some(value)) = (line.name, line.value) else {
            self.unknown = true;
            self.begins_message |= line.name.is_some_and(|name| name.starts_with(b":"));
            return;
        };
        if name.starts_with(b":") {
            self.pseudo(name, value, limit);
            return;
        }
        let field = match direction {
            Direction::Request => Field::of_request(name),
            Direction::Response => Field::of_response(name),
        };
        let Some(field) = field else { return };
        if let Some(range) = self.keep(value, limit) {
            self.fields.push((field, range));
        }
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8], limit: usize) {
        self.begins_message = true;
        if name == b":status" {
            self.status = status(value);
            return;
        }
        let Some(range) = self.keep(value, limit) else {
            return;
        };
        match name {
            b":method" => self.method = Some(range),
            b":scheme" => self.scheme = Some(range),
            b":authority" => self.authority = Some(range),
            b":path" => self.path = Some(range),
            _ => {}
        }
    }

    fn keep(&mut self, value: &[u8], limit: usize) -> Option<Range<usize>> {
        // A field counts more than its text, so that empty ones are bounded as well.
        let fields = self.fields.len().saturating_mul(32);
        let from = self.text.len();
        let size = from.saturating_add(fields).saturating_add(value.len());
        if size > limit {
            self.too_large = true;
            self.unknown = true;
            return None;
        }
        self.text.extend_from_slice(value);
        Some(from..self.text.len())
    }

    /// The head of a request; `None` if the section is known and is none.
    pub(super) fn request(&self) -> Option<RequestHead> {
        let method = self
            .bytes(self.method.as_ref())
            .and_then(|method| std::str::from_utf8(method).ok())
            .filter(|method| !method.is_empty());
        if method.is_none() && !self.unknown {
            return None;
        }
        let authority = self.bytes(self.authority.as_ref());
        let target = match method {
            Some("CONNECT") => self.bytes(self.path.as_ref()).or(authority),
            _ => self.bytes(self.path.as_ref()),
        };
        let line = RequestLine {
            version: Version::Http2,
            method,
            target,
            scheme: self
                .bytes(self.scheme.as_ref())
                .and_then(|scheme| std::str::from_utf8(scheme).ok()),
            unknown: self.unknown,
        };
        let has_host = self.fields.iter().any(|(field, _)| *field == Field::Host);
        let host = authority
            .filter(|_| !has_host)
            .map(|authority| (Field::Host, authority));
        RequestHead::keep(line, host.into_iter().chain(self.kept()))
    }

    /// The head of a response.
    pub(super) fn response(&self) -> ResponseHead {
        ResponseHead {
            status: self.status,
            version: Version::Http2,
            fields: self.trailers(),
        }
    }

    /// The kept fields alone.
    pub(super) fn trailers(&self) -> Fields {
        Fields::keep(self.unknown, self.kept()).unwrap_or_default()
    }

    /// Heap bytes held.
    pub(super) fn footprint(&self) -> usize {
        let slots = size_of::<(Field, Range<usize>)>();
        let fields = self.fields.capacity().saturating_mul(slots);
        self.text.capacity().saturating_add(fields)
    }

    fn kept(&self) -> impl Iterator<Item = (Field, &[u8])> + Clone {
        let kept = self.fields.iter();
        kept.filter_map(|(field, range)| Some((*field, self.bytes(Some(range))?)))
    }

    fn bytes(&self, range: Option<&Range<usize>>) -> Option<&[u8]> {
        self.text.get(range?.clone())
    }
}

/// Three digits, 100 or more.
fn status(value: &[u8]) -> Option<u16> {
    let digits = <[u8; 3]>::try_from(value).ok()?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = std::str::from_utf8(&digits).ok()?.parse().ok()?;
    (status >= 100).then_some(status)
}
