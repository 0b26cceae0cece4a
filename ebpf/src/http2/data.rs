//! DATA frames (RFC 9113 section 6.1): sizes, padding, and the gRPC messages in them, by their prefixes alone.
//!
//! Whether the content is gRPC's is for user space to know; content that is not may look like messages, and nobody asks.
//! A message that ends with its frame, as most do, needs no memory; one that goes on in another frame of its stream is
//! kept in a map meanwhile.

use super::{
    digest, hold,
    layout::{Half, Messages, phase},
};
use crate::{maps::UNFINISHED, walk::Walk};
use sonde_common::http2::{MESSAGE_PREFIX, flag};

/// A direction of a stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Key {
    cookie: u64,
    stream: u32,
    egress: u32,
}

#[inline(always)]
unsafe fn key<const EGRESS: bool>(walk: &Walk, half: *const Half) -> Key {
    // SAFETY: the caller passes checked map values.
    unsafe {
        Key {
            cookie: (*walk.connection).cookie,
            stream: (*half).stream,
            egress: EGRESS as u32,
        }
    }
}

/// A DATA frame begins.
#[inline(always)]
pub unsafe fn begin<const EGRESS: bool>(walk: &Walk, half: *mut Half) {
    // SAFETY: as in `key`.
    unsafe {
        (*half).padded = ((*half).flags & flag::PADDED != 0) as u8;
        (*half).messages = 0;
        (*half).unsure = 0;
        (*half).message = Messages::default();
        if (*half).spanning == 0 {
            return;
        }
        if let Some(message) = UNFINISHED.get_ptr_mut(key::<EGRESS>(walk, half)) {
            (*half).message = *message;
        }
    }
}

/// Takes some of the payload; gives how many bytes, or 0 if they cannot be read.
#[inline(always)]
pub unsafe fn step(walk: &Walk, half: *mut Half, at: u32, left: u32) -> u32 {
    // SAFETY: as in `key`.
    unsafe {
        let taken = if (*half).padded != 0 {
            pad_length(walk, half, at)
        } else {
            content(walk, half, at, left)
        };
        (*half).left = (*half).left.wrapping_sub(taken);
        if (*half).left == 0 {
            (*half).phase = phase::END;
        }
        taken
    }
}

#[inline(always)]
unsafe fn pad_length(walk: &Walk, half: *mut Half, at: u32) -> u32 {
    // SAFETY: as in `key`; the helper checks the packet's bounds.
    unsafe {
        let to = (&raw mut (*half).pad_length).cast();
        if !hold::load(walk, half, at, to, 1) {
            return 0;
        }
        (*half).padded = 0;
        (*half).padding = (*half).pad_length as u32;
        1
    }
}

/// Content or the padding behind it.
#[inline(always)]
unsafe fn content(walk: &Walk, half: *mut Half, at: u32, left: u32) -> u32 {
    // SAFETY: as in `key`.
    unsafe {
        let content = (*half).left.saturating_sub((*half).padding);
        let here = if left < (*half).left {
            left
        } else {
            (*half).left
        };
        if content == 0 || (*half).unsure != 0 {
            return here;
        }
        let here = if here < content { here } else { content };
        if (*half).message.left > 0 {
            let taken = if here < (*half).message.left {
                here
            } else {
                (*half).message.left
            };
            (*half).message.left -= taken;
            return taken;
        }
        prefix(walk, half, at, here)
    }
}

/// Takes a message's prefix, or one byte of it.
#[inline(always)]
unsafe fn prefix(walk: &Walk, half: *mut Half, at: u32, here: u32) -> u32 {
    const WHOLE: u32 = MESSAGE_PREFIX as u32;
    // SAFETY: as in `pad_length`; the mask keeps the place inside the prefix.
    unsafe {
        let have = (&raw const (*half).message.have).read_volatile() & 7;
        let bytes = (&raw mut (*half).message.prefix).cast::<u8>();
        let taken = if have == 0 && here >= WHOLE {
            if !hold::load(walk, half, at, bytes.cast(), WHOLE) {
                return 0;
            }
            WHOLE
        } else {
            let to = bytes.add(have as usize).cast();
            if !hold::load(walk, half, at, to, 1) {
                return 0;
            }
            1
        };
        (*half).message.have = have + taken;
        if (*half).message.have < WHOLE {
            return taken;
        }
        let [compressed, a, b, c, d, ..] = (*half).message.prefix;
        (*half).message.have = 0;
        (*half).message.left = u32::from_be_bytes([a, b, c, d]);
        (*half).messages += 1;
        // Neither a message nor gRPC-Web's trailers.
        if compressed & 0x7e != 0 {
            (*half).unsure = 1;
        } else if compressed & 0x80 != 0 {
            (*half).messages -= 1;
        }
        taken
    }
}

/// The frame has ended: tells of it, and keeps what goes on in the stream's next one.
#[inline(always)]
pub unsafe fn end<const EGRESS: bool>(walk: &Walk, half: *mut Half) {
    // SAFETY: as in `key`.
    unsafe {
        let padding = match (*half).flags & flag::PADDED {
            0 => 0,
            _ => ((*half).pad_length as u32 + 1) & 0xff,
        };
        let unsure = (*half).unsure as u32;
        digest::header(half);
        digest::word(
            half,
            ((*half).messages & 0xffff) | unsure << 16 | padding << 24,
        );
        let message = &raw const (*half).message;
        let goes_on = (*message).left > 0 || (*message).have > 0;
        let ends = (*half).flags & flag::END_STREAM != 0 || unsure != 0;
        if goes_on && !ends {
            (*half).spanning = 1;
            let _ = UNFINISHED.insert(key::<EGRESS>(walk, half), *message, 0);
        } else if (*half).spanning != 0 {
            let _ = UNFINISHED.remove(key::<EGRESS>(walk, half));
        }
    }
}
