//! The fields that are kept of a section, packed into one allocation.

/// Fields that are kept; all others are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `Host` (RFC 9110 section 7.2), or `:authority` where a request has no `Host` (RFC 9113 section 8.3.1).
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
    /// `Content-Type` (RFC 9110 section 8.3).
    ContentType,
    /// `TE` (RFC 9110 section 10.1.4).
    Te,
    /// `grpc-timeout` (gRPC over HTTP/2).
    GrpcTimeout,
    /// `grpc-encoding` (gRPC over HTTP/2).
    GrpcEncoding,
    /// `Connect-Protocol-Version` (Connect).
    ConnectProtocolVersion,
    /// `X-Grpc-Web` (gRPC-Web).
    XGrpcWeb,
    /// `grpc-status` (gRPC over HTTP/2).
    GrpcStatus,
    /// `grpc-message` (gRPC over HTTP/2), as sent: percent-encoded.
    GrpcMessage,
    /// `Upgrade` (RFC 9110 section 7.8) of a response: what the connection speaks from then on.
    Upgrade,
}

impl Field {
    /// Of a request. Names are case-insensitive (RFC 9110 section 5.1); most differ in length already.
    pub(crate) fn of_request(name: &[u8]) -> Option<Self> {
        let (field, wanted) = match (name.len(), name.first()?) {
            (2, _) => (Self::Te, "te"),
            (4, _) => (Self::Host, "host"),
            (9, _) => (Self::Forwarded, "forwarded"),
            (10, b'u' | b'U') => (Self::UserAgent, "user-agent"),
            (10, b't' | b'T') => (Self::Tracestate, "tracestate"),
            (10, _) => (Self::XGrpcWeb, "x-grpc-web"),
            (11, _) => (Self::Traceparent, "traceparent"),
            (12, b'g' | b'G') => (Self::GrpcTimeout, "grpc-timeout"),
            (12, _) => (Self::ContentType, "content-type"),
            (13, _) => (Self::GrpcEncoding, "grpc-encoding"),
            (15, _) => (Self::XForwardedFor, "x-forwarded-for"),
            (17, _) => (Self::XForwardedProto, "x-forwarded-proto"),
            (24, _) => (Self::ConnectProtocolVersion, "connect-protocol-version"),
            _ => return None,
        };
        name.eq_ignore_ascii_case(wanted.as_bytes())
            .then_some(field)
    }

    /// Of a response or its trailer section.
    pub(crate) fn of_response(name: &[u8]) -> Option<Self> {
        let (field, wanted) = match (name.len(), name.first()?) {
            (7, _) => (Self::Upgrade, "upgrade"),
            (11, _) => (Self::GrpcStatus, "grpc-status"),
            (12, b'g' | b'G') => (Self::GrpcMessage, "grpc-message"),
            (12, _) => (Self::ContentType, "content-type"),
            _ => return None,
        };
        name.eq_ignore_ascii_case(wanted.as_bytes())
            .then_some(field)
    }
}

/// Kept fields of one section, in order: each as its number, the length of its value in four bytes (little endian)
/// and the value. Without any there is no allocation.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Box<[u8]>,
    unknown: bool,
}

impl Fields {
    /// The first line of this field, without surrounding white space.
    #[must_use]
    pub fn field(&self, field: Field) -> Option<&[u8]> {
        of(&self.bytes, field).next()
    }

    /// Fields were there that could not be decoded: one that is not found may have been among them.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Keeps these; `None` if a value is longer than four bytes can tell.
    pub(crate) fn keep<'f>(
        unknown: bool,
        kept: impl Iterator<Item = (Field, &'f [u8])> + Clone,
    ) -> Option<Self> {
        let size = packed(kept.clone());
        if size == 0 {
            let bytes = Box::default();
            return Some(Self { bytes, unknown });
        }
        let mut bytes = Vec::with_capacity(size);
        pack(&mut bytes, kept)?;
        Some(Self {
            bytes: bytes.into_boxed_slice(),
            unknown,
        })
    }

    /// Heap bytes held.
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.len()
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Fields")
            .field("bytes", &String::from_utf8_lossy(&self.bytes))
            .field("unknown", &self.unknown)
            .finish()
    }
}

/// Bytes these take packed.
pub(super) fn packed<'f>(kept: impl Iterator<Item = (Field, &'f [u8])>) -> usize {
    kept.fold(0, |sum: usize, (_, value)| {
        sum.saturating_add(value.len()).saturating_add(5)
    })
}

/// Appends these.
pub(super) fn pack<'f>(
    bytes: &mut Vec<u8>,
    kept: impl Iterator<Item = (Field, &'f [u8])>,
) -> Option<()> {
    for (field, value) in kept {
        bytes.push(field as u8);
        bytes.extend_from_slice(&u32::try_from(value.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(value);
    }
    Some(())
}

/// Every line of this field among packed ones.
pub(super) fn of(packed: &[u8], field: Field) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let (&number, after) = rest.split_first()?;
        let (length, after) = after.split_first_chunk()?;
        let (value, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some((number, value))
    })
    .filter_map(move |(number, value)| (number == field as u8).then_some(value))
}
