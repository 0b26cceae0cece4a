//! One frame: its header (RFC 9113 section 4.1), what of its payload is captured, and its end.

use super::{
    chain, data, digest, hold,
    layout::{GATHERED, Half, Http2, half, phase},
};
use crate::{maps::config, walk::Walk, window::Words};
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;
use sonde_common::{
    connection::role,
    context::SpanContext,
    http2::{FRAME_HEADER, GOAWAY, flag, frame},
};

/// Steps of a scan of one piece of a header block: more than it has bytes.
const SCAN_STEPS: u32 = 512;
/// In `Half::block_flags`: the block is that of a PUSH_PROMISE.
const PUSHED: u8 = 0x80;

/// Takes bytes of a frame's header; gives how many. 0: this is no frame.
#[inline(always)]
pub unsafe fn header<const EGRESS: bool>(walk: &Walk, half: *mut Half, at: u32, left: u32) -> u32 {
    const WHOLE: u32 = FRAME_HEADER as u32;
    // SAFETY: the caller passes a pointer into a checked map value; the helper checks the packet's bounds.
    unsafe {
        let have = (&raw const (*half).have).read_volatile() & 15;
        let bytes = (&raw mut (*half).header).cast::<u8>();
        let taken = if have == 0 && left >= WHOLE {
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
        (*half).have = have + taken;
        if (*half).have < WHOLE {
            return taken;
        }
        (*half).have = 0;
        if begin::<EGRESS>(walk, half) {
            taken
        } else {
            0
        }
    }
}

/// The header is complete. False: it is none that HTTP/2 allows.
#[inline(always)]
unsafe fn begin<const EGRESS: bool>(walk: &Walk, half: *mut Half) -> bool {
    // SAFETY: as in `header`.
    unsafe {
        let [a, b, c, kind, flags, d, e, f, g, ..] = (*half).header;
        let length = u32::from_be_bytes([0, a, b, c]);
        (*half).kind = kind;
        (*half).flags = flags;
        (*half).stream = u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff;
        (*half).left = length;
        (*half).padding = 0;
        (*half).before_block = 0;
        (*half).mute = 0;
        (*half).captured = 0;
        let block = matches!(
            kind,
            frame::HEADERS | frame::CONTINUATION | frame::PUSH_PROMISE
        );
        let too_large = block && length > config().max_head_bytes;
        (*half).captured = match kind {
            _ if too_large => 0,
            frame::GOAWAY => GOAWAY as u32,
            frame::RST_STREAM | frame::SETTINGS => length,
            _ if block => length,
            _ => 0,
        };
        (*half).phase = match kind {
            _ if length == 0 => phase::END,
            frame::DATA => phase::DATA,
            _ if (*half).captured > 0 => phase::CAPTURE,
            _ => phase::SKIP,
        };
        if kind == frame::DATA {
            data::begin::<EGRESS>(walk, half);
        } else if (*half).captured > 0 || block || kind == frame::SETTINGS {
            digest::header(half);
        }
        (*half).begun = 0;
        match kind {
            frame::HEADERS => (*half).block_flags = flags & !PUSHED,
            frame::PUSH_PROMISE => (*half).block_flags = PUSHED,
            _ => {}
        }
        if kind == frame::HEADERS {
            (*half).scan.begin();
        }
        (*half).before_block = before_block(kind, flags);
        is_allowed(kind, length)
    }
}

/// Bytes of the payload before the header block (sections 6.2 and 6.6).
#[inline(always)]
pub const fn before_block(kind: u8, flags: u8) -> u32 {
    let padded = if flags & flag::PADDED != 0 { 1 } else { 0 };
    let priority = if flags & flag::PRIORITY != 0 { 5 } else { 0 };
    match kind {
        frame::HEADERS => padded + priority,
        frame::PUSH_PROMISE => padded + 4,
        _ => 0,
    }
}

/// Lengths that are fixed (section 6). Where one is wrong the connection ends, or the footing was lost.
#[inline(always)]
pub const fn is_allowed(kind: u8, length: u32) -> bool {
    match kind {
        frame::PRIORITY => length == 5,
        frame::RST_STREAM | frame::WINDOW_UPDATE => length == 4,
        frame::PING => length == 8,
        frame::SETTINGS => length % 6 == 0,
        frame::GOAWAY => length >= GOAWAY as u32,
        _ => true,
    }
}

/// Takes a piece of a payload that is captured; gives how many bytes.
#[inline(always)]
pub unsafe fn capture<const EGRESS: bool>(walk: &Walk, half: *mut Half, at: u32, left: u32) -> u32 {
    // SAFETY: as in `header`.
    unsafe {
        let wanted = if left < (*half).left {
            left
        } else {
            (*half).left
        };
        let wanted = if wanted < (*half).captured {
            wanted
        } else {
            (*half).captured
        };
        let from = (*half).filled;
        let taken = digest::payload(walk, half, at, wanted);
        block::<EGRESS>(walk, half, from, taken);
        (*half).begun = 1;
        if (*half).mute != 0 {
            (*half).filled = from;
        }
        (*half).left = (*half).left.wrapping_sub(taken);
        (*half).captured = (*half).captured.wrapping_sub(taken);
        if (*half).left == 0 {
            (*half).phase = phase::END;
        } else if (*half).captured == 0 {
            (*half).phase = phase::SKIP;
        }
        taken
    }
}

/// The piece of a payload that was gathered at `from`: looks for `traceparent`, if it is of a request's header block.
#[inline(always)]
unsafe fn block<const EGRESS: bool>(walk: &Walk, half: *mut Half, from: u32, taken: u32) {
    // SAFETY: as in `header`.
    unsafe {
        let requests = EGRESS == ((*walk.connection).role == role::CLIENT);
        if !requests || !matches!((*half).kind, frame::HEADERS | frame::CONTINUATION) || taken == 0
        {
            return;
        }
        if (*half).flags & flag::PADDED != 0 && (*half).kind == frame::HEADERS && (*half).begun == 0
        {
            let at = (&raw const from).read_volatile() as usize & (GATHERED - 1);
            let bytes = (&raw const (*half).record.bytes).cast::<u8>();
            (*half).padding = *bytes.add(at) as u32;
        }
        let before = (*half).before_block;
        let skipped = if taken < before { taken } else { before };
        (*half).before_block = before - skipped;
        let behind = (*half).left.wrapping_sub(taken);
        let padding = (*half).padding.saturating_sub(behind);
        let cut = if padding < taken { padding } else { taken };
        (*half).scan_at = from.wrapping_add(skipped);
        (*half).scan_end = from.wrapping_add(taken).wrapping_sub(cut);
        let mut context = half;
        bpf_loop(
            SCAN_STEPS,
            scan_step as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
    }
}

unsafe extern "C" fn scan_step(_index: u64, context: *mut *mut Half) -> i64 {
    // SAFETY: `block` passes a pointer into a checked map value.
    unsafe {
        let half = &mut **context;
        let (at, end) = (half.scan_at, half.scan_end);
        if at >= end {
            return 1;
        }
        let window = Words::of(&raw const half.record.bytes);
        half.scan_at = half.scan.step(&window, at, end);
        0
    }
}

/// The frame has ended.
#[inline(always)]
pub unsafe fn end<const EGRESS: bool>(walk: &Walk, http2: *mut Http2) {
    // SAFETY: as in `header`.
    unsafe {
        let half = half::<EGRESS>(http2);
        let (kind, flags, stream) = ((*half).kind, (*half).flags, (*half).stream);
        let requests = EGRESS == ((*walk.connection).role == role::CLIENT);
        (*half).phase = phase::HEADER;
        if kind == frame::DATA {
            data::end::<EGRESS>(walk, half);
        }
        let of_block = matches!(kind, frame::HEADERS | frame::CONTINUATION);
        let ends_block =
            of_block && flags & flag::END_HEADERS != 0 && (*half).block_flags & PUSHED == 0;
        let own = if ends_block {
            (*half).block_flags
        } else {
            flags
        };
        let ends_stream = (ends_block || kind == frame::DATA) && own & flag::END_STREAM != 0;
        if ends_block && requests && stream > (*half).highest {
            (*half).highest = stream;
            (*half).scan.finish();
            if (*half).mute == 0 {
                chain::request::<EGRESS>(walk, http2);
                label(half);
            }
        }
        if kind == frame::RST_STREAM || (ends_stream && !requests) {
            chain::stream_ended::<EGRESS>(walk, http2, stream);
        }
    }
}

/// Adds the request's span to the digest.
#[inline(always)]
unsafe fn label(half: *mut Half) {
    // SAFETY: as in `header`.
    unsafe {
        let header = &mut (*half).header;
        [header[0], header[1], header[2]] = [0, 0, size_of::<SpanContext>() as u8];
        [header[3], header[4]] = [frame::LABEL, 0];
        digest::header(half);
        digest::span(half);
    }
}
