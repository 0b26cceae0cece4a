//! Frames of a digest (RFC 9113 section 4.1 and 6).
//!
//! The numbers are those of `sonde_common::http2`, which this crate does not depend on; a test of the agent holds them
//! together.

/// Bytes of a frame header.
pub const HEADER: usize = 9;
/// Bytes of a GOAWAY frame that are in a digest.
pub const GOAWAY_LENGTH: usize = 8;
/// Bytes that stand for the content of a DATA frame.
pub const DATA_LENGTH: usize = 4;

/// DATA
pub const DATA: u8 = 0;
/// HEADERS
pub const HEADERS: u8 = 1;
/// RST_STREAM
pub const RST_STREAM: u8 = 3;
/// SETTINGS
pub const SETTINGS: u8 = 4;
/// PUSH_PROMISE
pub const PUSH_PROMISE: u8 = 5;
/// GOAWAY
pub const GOAWAY: u8 = 7;
/// CONTINUATION
pub const CONTINUATION: u8 = 9;
/// In a digest only: the label of the request whose header block has just ended on this stream.
pub const LABEL: u8 = 0xf1;

/// Flag of DATA and HEADERS.
pub const END_STREAM: u8 = 0x1;
/// Flag of SETTINGS.
pub const ACK: u8 = 0x1;
/// Flag of HEADERS, PUSH_PROMISE and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;
/// Flag of DATA, HEADERS and PUSH_PROMISE.
pub const PADDED: u8 = 0x8;
/// Flag of HEADERS.
pub const PRIORITY: u8 = 0x20;

/// Error code: the request was not processed (section 7).
pub const REFUSED_STREAM: u32 = 7;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the payload on the wire.
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Header {
    pub(super) fn parse(bytes: [u8; HEADER]) -> Self {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = bytes;
        Self {
            length: u32::from_be_bytes([0, l2, l1, l0]),
            kind,
            flags,
            // The first bit is reserved.
            stream: u32::from_be_bytes([s3 & 0x7f, s2, s1, s0]),
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Bytes that follow the header in a digest; `None` for a type that is never in one.
    pub(super) fn follows(&self) -> Option<usize> {
        let length = self.length as usize;
        match self.kind {
            DATA => Some(DATA_LENGTH),
            GOAWAY => Some(length.min(GOAWAY_LENGTH)),
            LABEL => Some(size_of::<crate::Label>()),
            HEADERS | CONTINUATION | PUSH_PROMISE | RST_STREAM | SETTINGS => Some(length),
            _ => None,
        }
    }

    /// The field block fragment in a payload of HEADERS, PUSH_PROMISE or CONTINUATION; `None` if it is malformed.
    pub(super) fn fragment<'p>(&self, payload: &'p [u8]) -> Option<&'p [u8]> {
        if self.kind == CONTINUATION {
            return Some(payload);
        }
        let (padding, rest) = match self.has(PADDED) {
            true => payload
                .split_first()
                .map(|(&padding, rest)| (usize::from(padding), rest))?,
            false => (0, payload),
        };
        let before = match self.kind {
            PUSH_PROMISE => 4,
            _ if self.has(PRIORITY) => 5,
            _ => 0,
        };
        let fragment = rest.get(before..)?;
        fragment.get(..fragment.len().checked_sub(padding)?)
    }
}
