//! What the programs know of one HTTP/2 connection: a second value in socket storage, made when the protocol is
//! recognised.

use super::streams::{Stream, StreamJoint};
use crate::{packet::Segment, window::Bytes};
use sonde_common::{connection, context::SpanContext, hpack::Scan, record::DataHeader};

/// Bytes of a digest that are gathered before they are handed up.
pub const GATHERED: usize = 2048;
/// Most bytes that are added at a time.
pub const PIECE: usize = 256;
/// With so many bytes gathered, those are handed up before more are added.
pub const FULL: u32 = (GATHERED - 2 * PIECE) as u32;

/// What comes next in a direction.
pub mod phase {
    /// A frame header, or the rest of it.
    pub const HEADER: u8 = 0;
    /// The connection preface.
    pub const PREFACE: u8 = 1;
    /// Payload that goes into the digest.
    pub const CAPTURE: u8 = 2;
    /// Payload that does not.
    pub const SKIP: u8 = 3;
    /// Payload of DATA.
    pub const DATA: u8 = 4;
    /// Nothing: the frame has ended and is to be concluded.
    pub const END: u8 = 5;
    /// Unknown: wait for a packet that is made of whole frames.
    pub const UNSYNCED: u8 = 6;
}

/// A digest's record as it is gathered.
#[repr(C)]
pub struct Record {
    pub header: DataHeader,
    pub bytes: Bytes<GATHERED>,
    /// Room for a piece behind the last byte.
    slack: [u8; PIECE],
}

/// The gRPC messages of a DATA frame.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Messages {
    /// Bytes of the current message that are still to come.
    pub left: u32,
    /// Bytes of the next prefix that have come.
    pub have: u32,
    /// The prefix.
    pub prefix: [u8; 8],
}

/// One direction of a connection.
#[repr(C)]
pub struct Half {
    /// The frame's header.
    pub header: [u8; 16],
    /// Bytes of it that have come.
    pub have: u32,
    /// Bytes of payload (or preface) still to come.
    pub left: u32,
    /// Bytes of payload after which the rest is left out.
    pub captured: u32,
    /// The stream of the frame.
    pub stream: u32,
    /// Bytes at the end of the payload that are padding.
    pub padding: u32,
    /// Bytes before the header block: pad length, priority, promised stream.
    pub before_block: u32,
    /// Highest stream that began in this direction.
    pub highest: u32,
    /// Messages whose prefix ended in the frame.
    pub messages: u32,
    /// The current message of the frame's stream.
    pub message: Messages,
    /// Bytes gathered.
    pub filled: u32,
    /// A value of [`phase`].
    pub phase: u8,
    /// Type of the frame.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Flags of the HEADERS frame that a block began with.
    pub block_flags: u8,
    /// 1: the first byte gathered belongs to a frame header.
    pub starts: u8,
    /// 1: the rest of the frame is not captured, as bytes before were lost.
    pub mute: u8,
    /// 1: the pad length of DATA is still to come.
    pub padded: u8,
    /// 1: messages are no longer told apart in this frame.
    pub unsure: u8,
    /// 1: messages of this direction have spanned frames.
    pub spanning: u8,
    /// 1: the footing was lost, and user space is to be told.
    pub lost: u8,
    /// 1: payload of the frame was captured.
    pub begun: u8,
    /// Pad length of the DATA frame.
    pub pad_length: u8,
    /// 1: the direction was set to its beginning.
    pub introduced: u8,
    /// Where the scan of the piece at hand is, and its end.
    pub scan_at: u32,
    pub scan_end: u32,
    /// Streams begun (on a server's ingress half, and a client's egress half), those ended in this direction taken off, modulo 2^16; below,
    /// in 48 bits, their handles, added modulo two.
    pub open: u64,
    /// Sequence number of the first byte that is kept, as it came early, and behind the last; equal: none.
    pub held: u32,
    pub held_end: u32,
    /// Address of the bytes that are kept.
    pub held_at: u64,
    /// The same while they are walked; else 0.
    pub kept: u64,
    /// The segment at hand.
    pub segment: Segment,
    /// Bytes that the walk has before it: of the segment, or of what was kept.
    pub length: u32,
    /// The span of the request at hand.
    pub span: SpanContext,
    /// Its entries in the tables of streams and of joints.
    pub under_way: Stream,
    pub joint: StreamJoint,
    /// The header block at hand.
    pub scan: Scan,
    /// The digest.
    pub record: Record,
}

/// Whose turn it is.
#[repr(C)]
pub struct Turn {
    /// Keeps the cache line away from what the one at work writes.
    before: [u64; 7],
    /// 1 while a CPU is at work on what arrives.
    pub taken: u64,
    behind: [u64; 7],
}

/// The value.
#[repr(C)]
pub struct Http2 {
    /// Ingress, egress.
    pub halves: [Half; 2],
    /// 1: the agent was told of the connection.
    pub announced: u64,
    /// Turns at what arrives.
    pub turn: Turn,
}

/// The direction a hook owns.
#[inline(always)]
pub fn half<const EGRESS: bool>(http2: *mut Http2) -> *mut Half {
    let index = if EGRESS { 1 } else { 0 };
    // SAFETY: address arithmetic inside a map value that the caller has checked for null.
    unsafe { (&raw mut (*http2).halves).cast::<Half>().add(index) }
}

/// Sets a direction to its beginning, by its phase so far.
#[inline(always)]
pub unsafe fn begin(half: *mut Half, known: u8, of_client: bool) {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe {
        (*half).introduced = 1;
        (*half).scan = Scan::START;
        (*half).phase = match known {
            connection::phase::UNSYNCED => phase::UNSYNCED,
            connection::phase::HEAD if of_client => phase::PREFACE,
            _ => phase::HEADER,
        };
        if known != connection::phase::HEAD {
            (*half).scan.forget();
        }
        (*half).left = sonde_common::http2::PREFACE.len() as u32;
    }
}

/// Has nothing been seen to leave yet? A server may have spoken first.
#[inline(always)]
pub unsafe fn is_unsent(http2: *const Http2) -> bool {
    // SAFETY: the caller passes a map value, or null.
    http2.is_null() || unsafe { (*http2).halves[1].introduced == 0 }
}

/// What is known of the header blocks that were sent, and the highest stream in them, if the next byte that is sent belongs
/// to a frame header.
#[inline(always)]
pub unsafe fn sent_frames(http2: *const Http2) -> Option<(*const Scan, u32)> {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let half = (&raw const (*http2).halves).cast::<Half>().add(1);
        let seen = (*half).introduced != 0;
        let between = seen && (*half).phase == phase::HEADER && (*half).have == 0;
        between.then(|| (&raw const (*half).scan, (*half).highest))
    }
}
