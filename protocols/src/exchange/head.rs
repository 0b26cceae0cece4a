//! Heads of requests and responses, as compact as they are many.

use super::field::{self, Field, Fields};

/// Version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As `network.protocol.version` and the standards write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
            Self::Http2 => "2",
        }
    }
}

/// Stands for the length of a part that is not known.
const UNKNOWN: u32 = u32::MAX;

/// What a request begins with, before it is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'h> {
    pub(crate) version: Version,
    pub(crate) method: Option<&'h str>,
    pub(crate) target: Option<&'h [u8]>,
    pub(crate) scheme: Option<&'h str>,
    /// Fields were there that could not be decoded.
    pub(crate) unknown: bool,
}

/// Request line and kept fields.
///
/// One allocation: method, target and scheme, then the kept fields.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHead {
    bytes: Box<[u8]>,
    method: u32,
    target: u32,
    scheme: u32,
    version: Version,
    unknown: bool,
}

impl RequestHead {
    /// A request of which nothing was seen: it began before the observer came, or in a hole.
    #[must_use]
    pub fn unknown(version: Version) -> Self {
        Self {
            bytes: Box::default(),
            method: UNKNOWN,
            target: UNKNOWN,
            scheme: UNKNOWN,
            version,
            unknown: true,
        }
    }

    /// The method token, as sent; `None` if it is not known (HTTP/2).
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        std::str::from_utf8(self.part(0, self.method)?).ok()
    }

    /// The request target in whatever form it came (RFC 9112 section 3.2); of HTTP/2 `:path`, of its CONNECT
    /// `:authority` (RFC 9113 section 8.5). `None` if it is not known (HTTP/2).
    #[must_use]
    pub fn target(&self) -> Option<&[u8]> {
        self.part(length(self.method), self.target)
    }

    /// `:scheme` (RFC 9113 section 8.3.1), if it was sent and is known; never of HTTP/1.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        let from = length(self.method).saturating_add(length(self.target));
        std::str::from_utf8(self.part(from, self.scheme)?).ok()
    }

    /// The version the request says.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Fields were there that could not be decoded (HTTP/2): one that is not found may have been among them.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// The first line of this field, without surrounding white space.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&[u8]> {
        self.fields(field).next()
    }

    /// Every line of this field in order.
    pub fn fields(&self, field: Field) -> impl Iterator<Item = &[u8]> {
        let lengths = [self.method, self.target, self.scheme].map(length);
        let from = lengths.into_iter().fold(0, usize::saturating_add);
        field::of(self.bytes.get(from..).unwrap_or_default(), field)
    }

    /// Heap bytes held.
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.len()
    }

    /// Packs a head; `None` if a part is too long for it.
    pub(crate) fn keep<'f>(
        line: RequestLine<'_>,
        kept: impl Iterator<Item = (Field, &'f [u8])> + Clone,
    ) -> Option<Self> {
        let parts = [
            line.method.map(str::as_bytes),
            line.target,
            line.scheme.map(str::as_bytes),
        ];
        let size = parts
            .iter()
            .flatten()
            .fold(field::packed(kept.clone()), |sum, part| {
                sum.saturating_add(part.len())
            });
        let mut bytes = Vec::with_capacity(size);
        let mut lengths = [UNKNOWN; 3];
        for (part, length) in parts.iter().zip(&mut lengths) {
            let Some(part) = part else { continue };
            *length = u32::try_from(part.len())
                .ok()
                .filter(|length| *length != UNKNOWN)?;
            bytes.extend_from_slice(part);
        }
        field::pack(&mut bytes, kept)?;
        let [method, target, scheme] = lengths;
        Some(Self {
            bytes: bytes.into_boxed_slice(),
            method,
            target,
            scheme,
            version: line.version,
            unknown: line.unknown,
        })
    }

    fn part(&self, from: usize, length: u32) -> Option<&[u8]> {
        if length == UNKNOWN {
            return None;
        }
        self.bytes.get(from..)?.get(..length as usize)
    }
}

/// Bytes a part takes.
fn length(part: u32) -> usize {
    if part == UNKNOWN { 0 } else { part as usize }
}

impl std::fmt::Debug for RequestHead {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RequestHead")
            .field("method", &self.method())
            .field("target", &self.target().map(String::from_utf8_lossy))
            .field("version", &self.version)
            .field("unknown", &self.unknown)
            .finish_non_exhaustive()
    }
}

/// Status and kept fields of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Three digits (RFC 9110 section 15), 100 to 999; `None` if it is not known (HTTP/2).
    pub status: Option<u16>,
    /// The version the response says.
    pub version: Version,
    /// Its kept fields. Of HTTP/1 responses `content-type` is kept only where it is one of gRPC-Web or Connect.
    pub fields: Fields,
}

impl ResponseHead {
    /// A response without kept fields.
    #[must_use]
    pub fn new(status: u16, version: Version) -> Self {
        Self {
            status: Some(status),
            version,
            fields: Fields::default(),
        }
    }

    /// The first line of this field, without surrounding white space.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&[u8]> {
        self.fields.field(field)
    }

    /// Heap bytes held.
    pub(crate) fn footprint(&self) -> usize {
        self.fields.footprint()
    }
}
