//! HTTP/2 (RFC 9113) as both sides of the kernel border know it: frames, and the digest of a direction.
//!
//! The programs walk the frames of a connection and hand up a *digest* of each direction: the frames that a
//! tracer needs, in order, as they were on the wire, and two kinds of entries of their own. Every entry begins
//! with a frame header (section 4.1); its length field is the one from the wire, what follows it is:
//!
//! | type | after the header |
//! |---|---|
//! | HEADERS, CONTINUATION, PUSH_PROMISE, RST_STREAM, SETTINGS | the whole payload |
//! | GOAWAY | its first [`GOAWAY`] bytes, or fewer if it is shorter |
//! | DATA | [`Data`], 4 bytes, when the frame has ended; never a byte of the payload |
//! | [`frame::LABEL`] | a `SpanContext`, 40 bytes: behind the frame that ends the header block of a request |
//! | all others | they are left out, header and all |
//!
//! The connection preface (section 3.4) is left out too. What is lost leaves a hole in the digest's offsets, and the
//! first byte behind a hole belongs to a frame header. A direction whose beginning was not seen begins behind a hole.

/// Bytes of a frame header.
pub const FRAME_HEADER: usize = 9;
/// Bytes of a GOAWAY frame that are in the digest: last stream and error code (section 6.8).
pub const GOAWAY: usize = 8;
/// What a client sends first (section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes that gRPC puts before each message: a flag and the length.
pub const MESSAGE_PREFIX: usize = 5;

/// Types of frames (RFC 9113 section 6).
pub mod frame {
    /// DATA
    pub const DATA: u8 = 0;
    /// HEADERS
    pub const HEADERS: u8 = 1;
    /// PRIORITY
    pub const PRIORITY: u8 = 2;
    /// RST_STREAM
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS
    pub const SETTINGS: u8 = 4;
    /// PUSH_PROMISE
    pub const PUSH_PROMISE: u8 = 5;
    /// PING
    pub const PING: u8 = 6;
    /// GOAWAY
    pub const GOAWAY: u8 = 7;
    /// WINDOW_UPDATE
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION
    pub const CONTINUATION: u8 = 9;
    /// In a digest only: the span of the request whose header block has just ended on this stream.
    pub const LABEL: u8 = 0xf1;
}

/// Flags of frames.
pub mod flag {
    /// DATA, HEADERS
    pub const END_STREAM: u8 = 0x1;
    /// SETTINGS
    pub const ACK: u8 = 0x1;
    /// HEADERS, PUSH_PROMISE, CONTINUATION
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS, PUSH_PROMISE
    pub const PADDED: u8 = 0x8;
    /// HEADERS
    pub const PRIORITY: u8 = 0x20;
}

/// What the digest says of a DATA frame: four bytes behind its header.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// gRPC messages whose prefix ended in this frame, if the content is gRPC's; low byte first.
    pub messages: [u8; 2],
    /// 1: the place in the messages was lost, `messages` of the stream are no longer all.
    pub unsure: u8,
    /// Bytes of padding, with the byte that tells its length (section 6.1).
    pub padding: u8,
}

const _: () = assert!(size_of::<Data>() == 4);
