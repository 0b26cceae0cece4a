//! Is it HTTP/2? By the connection preface (RFC 9113 section 3.4), by the SETTINGS that a server begins with, or, on a
//! connection that is older than the agent, by packets made of whole frames.

use super::frame::{before_block, is_allowed};
use crate::{packet::Segment, segment, walk::Walk};
use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, phase, role, state},
    http2::{FRAME_HEADER, PREFACE, flag, frame},
};

/// Fewer bytes of the preface may be another protocol's: there are methods that begin with `PR`.
const DECISIVE: u32 = 3;
/// Frames of one packet that are looked at.
const MAX_FRAMES: u32 = 1024;
/// Longest frame that is taken for one on an old connection (section 4.2).
const MAX_LENGTH: u32 = 16 * 1024;

/// May it be HTTP/2 that begins at `at` in a segment of a connection of which nothing is known yet? Then it is nothing else,
/// and [`is_http2`] tells whether it is.
#[inline(always)]
pub unsafe fn may_be<const EGRESS: bool>(
    skb: *const __sk_buff,
    connection: *const Connection,
    segment: &Segment,
    at: u32,
) -> bool {
    let left = segment.length.wrapping_sub(at);
    let first = first(skb, segment.payload.wrapping_add(at), left);
    // SAFETY: the caller passes a checked map value.
    let (role, phase) = unsafe {
        let direction = segment::direction::<EGRESS>(connection.cast_mut());
        ((*connection).role, (*direction).phase)
    };
    let client = EGRESS == (role == role::CLIENT);
    if is_preface(first, left) {
        return client || role == role::UNKNOWN;
    }
    if phase != phase::UNSYNCED {
        return is_settings(first, left);
    }
    // Never the first word of HTTP/1: the length begins with a zero byte.
    left >= FRAME_HEADER as u32 && Header::of(first).is_possible()
}

/// Whether it is HTTP/2 that begins at `at` in a segment for which [`may_be`] is true; then role and state are set.
#[inline(always)]
pub unsafe fn is_http2<const EGRESS: bool>(walk: &mut Walk, at: u32) -> bool {
    // SAFETY: the caller passes the program's context and a checked map value.
    unsafe {
        let connection = walk.connection;
        let direction = segment::direction::<EGRESS>(connection);
        let left = walk.segment.length.wrapping_sub(at);
        let first = first(walk.skb, walk.segment.payload.wrapping_add(at), left);
        let old = (*direction).phase == phase::UNSYNCED;
        let preface = is_preface(first, left);
        let of_client = if preface {
            Some(true)
        } else if !old && is_settings(first, left) {
            Some(false)
        } else if old && is_frames::<EGRESS>(walk) {
            sender::<EGRESS>(walk, first)
        } else {
            None
        };
        let Some(of_client) = of_client else {
            return false;
        };
        let role = match of_client == EGRESS {
            true => role::CLIENT,
            false => role::SERVER,
        };
        if (*connection).role != role::UNKNOWN && (*connection).role != role {
            return false;
        }
        (*connection).role = role;
        (*connection).state = state::HTTP2;
        let other = segment::other::<EGRESS>(connection);
        if preface && (*other).phase == phase::UNSYNCED {
            // Nothing but the settings of a server can have gone before.
            (*other).phase = phase::HEAD;
        }
        (*direction).phase = match old && !preface {
            true => phase::FRAMES,
            false => phase::HEAD,
        };
        true
    }
}

/// Does a connection begin here that speaks HTTP/2?
#[inline(always)]
pub fn begins(skb: *const __sk_buff, segment: &Segment) -> bool {
    is_preface(first(skb, segment.payload, segment.length), segment.length)
}

/// The first bytes, as two words; those that are not there are zero.
#[inline(always)]
fn first(skb: *const __sk_buff, offset: u32, left: u32) -> [u64; 2] {
    let mut words = [0_u64; 2];
    let to = words.as_mut_ptr();
    // SAFETY: the helper checks the packet's bounds, and fills exactly what is asked for.
    unsafe {
        let failed = match left {
            16.. => bpf_skb_load_bytes(skb.cast(), offset, to.cast(), 16),
            8.. => bpf_skb_load_bytes(skb.cast(), offset, to.cast(), 8),
            DECISIVE.. => bpf_skb_load_bytes(skb.cast(), offset, to.cast(), DECISIVE),
            _ => 1,
        };
        if failed != 0 {
            return [0; 2];
        }
    }
    words
}

#[inline(always)]
fn is_preface(first: [u64; 2], left: u32) -> bool {
    const WORD: u64 = {
        let [a, b, c, d, e, f, g, h, ..] = *PREFACE;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    };
    const START: u64 = WORD & 0xff_ffff;
    let [word, _] = first;
    match left {
        8.. => word == WORD,
        _ => word == START,
    }
}

/// A first SETTINGS frame: no acknowledgement, of the connection, and not longer than there are settings.
#[inline(always)]
fn is_settings(first: [u64; 2], left: u32) -> bool {
    const MOST: u32 = 6 * 32;
    let header = Header::of(first);
    let acknowledges = header.flags & flag::ACK != 0;
    left >= FRAME_HEADER as u32
        && header.kind == frame::SETTINGS
        && header.is_possible()
        && !acknowledges
        && header.length <= MOST
}

/// A frame header, by the words it lies in.
#[derive(Clone, Copy)]
struct Header {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Header {
    #[inline(always)]
    fn of(words: [u64; 2]) -> Self {
        let [a, b, c, kind, flags, d, e, f] = words[0].to_le_bytes();
        let [g, ..] = words[1].to_le_bytes();
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([d, e, f, g]),
        }
    }

    /// Could it be one? Streams are a client's, as servers hardly push (sections 5.1.1 and 6).
    #[inline(always)]
    fn is_possible(&self) -> bool {
        if self.kind > frame::CONTINUATION || self.length > MAX_LENGTH {
            return false;
        }
        let of_connection = matches!(self.kind, frame::SETTINGS | frame::PING | frame::GOAWAY);
        let either = self.kind == frame::WINDOW_UPDATE;
        let stream = match self.stream {
            0 => of_connection || either,
            stream => !of_connection && stream & 0x8000_0001 == 1,
        };
        let flags = match self.kind {
            frame::DATA => 0x09,
            frame::HEADERS => 0x2d,
            frame::SETTINGS | frame::PING => 0x01,
            frame::PUSH_PROMISE => 0x0c,
            frame::CONTINUATION => 0x04,
            _ => 0,
        };
        stream && self.flags & !flags == 0 && is_allowed(self.kind, self.length)
    }
}

/// Is the packet made of whole frames, from its first byte to its last? Its place and result lie in the direction's scratch:
/// the stack has no room for them.
#[inline(always)]
pub unsafe fn is_frames<const EGRESS: bool>(walk: &mut Walk) -> bool {
    let direction = segment::direction::<EGRESS>(walk.connection);
    let context: *mut Walk = walk;
    // SAFETY: the callback gets `context` back, which outlives the call; `direction` points into a checked map value.
    unsafe {
        (*direction).at = 0;
        (*direction).stop = 0;
        bpf_loop(MAX_FRAMES, next::<EGRESS> as *mut c_void, context.cast(), 0);
        let at = (&raw const (*direction).at).read_volatile();
        let failed = (&raw const (*direction).stop).read_volatile() != 0;
        (*direction).stop = 0;
        !failed && at == walk.segment.length
    }
}

unsafe extern "C" fn next<const EGRESS: bool>(_index: u64, walk: *mut Walk) -> i64 {
    const HEADER: u32 = FRAME_HEADER as u32;
    // SAFETY: `is_frames` passes a valid walk; the helper checks the packet's bounds.
    unsafe {
        let walk = &*walk;
        let direction = segment::direction::<EGRESS>(walk.connection);
        let at = (*direction).at;
        if at >= walk.segment.length {
            return 1;
        }
        let left = walk.segment.length.wrapping_sub(at);
        let mut words = [0_u64; 2];
        let to = words.as_mut_ptr().cast();
        let offset = walk.segment.payload.wrapping_add(at);
        let short = left < HEADER;
        let header = if short || bpf_skb_load_bytes(walk.skb.cast(), offset, to, HEADER) != 0 {
            None
        } else {
            Some(Header::of(words))
        };
        match header {
            Some(header) if header.is_possible() && header.length + HEADER <= left => {
                (*direction).at = at.wrapping_add(HEADER).wrapping_add(header.length);
                0
            }
            _ => {
                (*direction).stop = 1;
                1
            }
        }
    }
}

/// Was it the client that sent these frames? Where the roles are not known, a header block at their start tells by its
/// first field, which is a request's `:method` or a response's `:status` (RFC 7541 appendix A).
#[inline(always)]
unsafe fn sender<const EGRESS: bool>(walk: &Walk, words: [u64; 2]) -> Option<bool> {
    // SAFETY: as in `is_http2`; the helper checks the packet's bounds.
    unsafe {
        let role = (*walk.connection).role;
        if role != role::UNKNOWN {
            return Some(EGRESS == (role == role::CLIENT));
        }
        let header = Header::of(words);
        if header.kind != frame::HEADERS {
            return None;
        }
        let at = FRAME_HEADER as u32 + before_block(header.kind, header.flags);
        let mut field = 0_u8;
        let to = (&raw mut field).cast();
        if bpf_skb_load_bytes(
            walk.skb.cast(),
            walk.segment.payload.wrapping_add(at),
            to,
            1,
        ) != 0
        {
            return None;
        }
        match field {
            0x82 | 0x83 | 0x42 | 0x43 | 0x02 | 0x03 | 0x12 | 0x13 => Some(true),
            0x88..=0x8e | 0x48 | 0x08 | 0x18 => Some(false),
            _ => None,
        }
    }
}
