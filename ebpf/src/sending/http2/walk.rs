//! The walk over the frames of a message (RFC 9113 section 4.1).

use super::{Frames, LAST_LOOK, OUTSIDE, POINTS, WINDOW, insert::FIELD, phase, stop};
use crate::window::Words;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use core::ffi::c_void;
use sonde_common::{
    http1::Window,
    http2::{FRAME_HEADER, flag, frame},
};

const HEADER: u32 = FRAME_HEADER as u32;
/// Bytes of the fields that the flags PADDED and PRIORITY put before a header block (section 6.2).
const PAD_LENGTH: u32 = 1;
const PRIORITY: u32 = 5;
/// Longest payload that a peer takes who has not said otherwise (section 6.5.2).
const MAX_FRAME_SIZE: u32 = 16_384;

/// One piece of work; 1 ends the loop.
pub unsafe extern "C" fn step(_index: u64, context: *mut *mut Frames) -> i64 {
    // SAFETY: `look` passes a checked map value.
    unsafe {
        let frames = &mut **context;
        if frames.stop != 0 {
            return 1;
        }
        if frames.phase == phase::SKIP {
            return skip(frames);
        }
        if frames.at >= frames.end {
            return load(frames);
        }
        let window = Words::of(&raw const frames.window);
        match frames.phase {
            phase::HEADER => return header(frames, &window),
            phase::BEFORE => before(frames, window.word(frames.at) as u8),
            _ => block(frames, &window),
        }
        0
    }
}

/// Goes on behind what does not matter, as far as that is readable.
#[inline(always)]
fn skip(frames: &mut Frames) -> i64 {
    let position = frames.base.wrapping_add(frames.at);
    let there = frames.readable.wrapping_sub(position);
    let taken = if frames.left < there {
        frames.left
    } else {
        there
    };
    frames.left = frames.left.wrapping_sub(taken);
    if taken <= frames.end.wrapping_sub(frames.at) {
        frames.at = frames.at.wrapping_add(taken);
    } else {
        frames.base = position.wrapping_add(taken);
        frames.at = 0;
        frames.end = 0;
    }
    if frames.left != 0 {
        return 1;
    }
    frames.phase = phase::HEADER;
    0
}

/// Moves the window on to the position; 1 at the end of what is readable.
#[inline(always)]
fn load(frames: &mut Frames) -> i64 {
    frames.base = frames.base.wrapping_add(frames.at);
    frames.at = 0;
    frames.end = 0;
    frames.scan.bytes = frames.base;
    let left = frames.readable.wrapping_sub(frames.base);
    if left == 0 || left > LAST_LOOK {
        return 1;
    }
    let wanted = left.min(WINDOW as u32);
    // The verifier wants 1..=WINDOW; read back so that the compiler cannot drop the mask as redundant.
    // SAFETY: a local variable.
    let wanted = unsafe { core::ptr::read_volatile(&wanted) };
    let length = (wanted.wrapping_sub(1) & (WINDOW as u32 - 1)) + 1;
    let from = frames.data.wrapping_add(frames.base as u64) as *const c_void;
    // SAFETY: the window has room; the helper fails on an address that is not there.
    let failed =
        unsafe { bpf_probe_read_kernel((&raw mut frames.window.bytes).cast(), length, from) };
    if failed != 0 {
        frames.stop = stop::LOST;
        return 1;
    }
    frames.end = length;
    0
}

/// A frame header, at one go if all of it is there.
#[inline(always)]
fn header(frames: &mut Frames, window: &impl Window) -> i64 {
    let at = frames.at;
    if frames.have == 0 && frames.end.wrapping_sub(at) >= HEADER {
        frames.frame_at = frames.base.wrapping_add(at);
        frames.header = window.word(at);
        frames.at = at.wrapping_add(HEADER);
        begin(frames, window.word(at + 8) as u8);
        return 0;
    }
    // Cut by the window only.
    if frames.have == 0 && at != 0 {
        return load(frames);
    }
    // More of it can be made readable.
    if frames.have == 0 && frames.readable < frames.size {
        return 1;
    }
    frames.frame_at = OUTSIDE;
    let byte = window.word(at) as u8;
    frames.at = at.wrapping_add(1);
    let have = frames.have;
    if have == HEADER - 1 {
        begin(frames, byte);
        return 0;
    }
    let shift = (have & 7) * 8;
    let before = match have {
        0 => 0,
        _ => frames.header,
    };
    frames.header = before | ((byte as u64) << shift);
    frames.have = have.wrapping_add(1);
    0
}

/// The header is complete.
#[inline(always)]
fn begin(frames: &mut Frames, last: u8) {
    let [high, middle, low, kind, flags, stream @ ..] = frames.header.to_le_bytes();
    let stream = u32::from_be_bytes([stream[0] & 0x7f, stream[1], stream[2], last]);
    frames.have = 0;
    frames.length = u32::from_be_bytes([0, high, middle, low]);
    frames.left = frames.length;
    frames.kind = kind;
    frames.flags = flags;
    frames.stream = stream;
    frames.padding = 0;
    frames.before = 0;
    frames.phase = phase::SKIP;
    // A header block goes on in its own frames only (section 4.3).
    let goes_on = kind == frame::CONTINUATION;
    if goes_on != (frames.open != 0) || (goes_on && stream != frames.open) {
        frames.stop = stop::LOST;
        return;
    }
    if kind == frame::PUSH_PROMISE {
        frames.stop = stop::LOST;
        return;
    }
    if kind == frame::HEADERS {
        frames.carried = 0;
        frames.scan.begin();
        frames.scan.bytes = frames.base;
        frames.request = (stream & 1 != 0 && stream > frames.highest) as u8;
        frames.before = if flags & flag::PADDED != 0 {
            PAD_LENGTH
        } else {
            0
        };
        frames.before += if flags & flag::PRIORITY != 0 {
            PRIORITY
        } else {
            0
        };
    } else if !goes_on {
        return;
    }
    frames.open = stream;
    if frames.before > frames.length {
        frames.stop = stop::LOST;
        return;
    }
    frames.phase = if frames.before != 0 {
        phase::BEFORE
    } else {
        phase::BLOCK
    };
    if frames.left == 0 {
        end(frames);
    }
}

/// A byte of pad length and priority.
#[inline(always)]
fn before(frames: &mut Frames, byte: u8) {
    if frames.flags & flag::PADDED != 0 && frames.left == frames.length {
        frames.padding = byte as u32;
    }
    frames.at = frames.at.wrapping_add(1);
    frames.left = frames.left.wrapping_sub(1);
    frames.before = frames.before.wrapping_sub(1);
    if frames.before != 0 {
        return;
    }
    if frames.padding > frames.left {
        frames.stop = stop::LOST;
        return;
    }
    frames.phase = phase::BLOCK;
    if frames.left == frames.padding {
        end(frames);
    }
}

/// A piece of a header block.
#[inline(always)]
fn block(frames: &mut Frames, window: &impl Window) {
    let at = frames.at;
    let there = frames.end.wrapping_sub(at);
    let left = frames.left.wrapping_sub(frames.padding);
    let taken = if left < there { left } else { there };
    let next = frames.scan.step(window, at, at.wrapping_add(taken));
    frames.at = next;
    frames.left = frames.left.wrapping_sub(next.wrapping_sub(at));
    if frames.left == frames.padding {
        end(frames);
    }
}

/// The frame's part of a header block is through.
#[inline(always)]
fn end(frames: &mut Frames) {
    frames.phase = phase::SKIP;
    if frames.flags & flag::END_HEADERS == 0 {
        return;
    }
    frames.open = 0;
    if !frames.scan.finish() {
        frames.stop = stop::LOST;
        return;
    }
    // Of a connection that was joined late the first may be a trailer section.
    let joined = frames.highest == 0 && frames.stream != 1;
    if frames.request == 0 || (joined && !frames.scan.has_method()) {
        return;
    }
    frames.highest = frames.stream;
    if frames.frame_at == OUTSIDE {
        return;
    }
    // A field that nobody has seen may be one.
    if frames.scan.has_traceparent() || frames.scan.is_unsure() {
        if let Some(at) = frames.scan.open_value()
            && at > frames.frame_at
            && frames.carried == 0
        {
            frames.stop = stop::NAMED;
        }
        return;
    }
    if frames.length > MAX_FRAME_SIZE - FIELD {
        return;
    }
    let point = &mut frames.points[frames.count as usize & (POINTS - 1)];
    point.at = frames.base.wrapping_add(frames.at);
    point.frame_at = frames.frame_at;
    point.length = frames.length;
    point.stream = frames.stream;
    frames.count = frames.count.wrapping_add(1);
    if frames.count == POINTS as u32 {
        frames.stop = stop::FULL;
    }
}
