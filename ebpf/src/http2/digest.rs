//! Gathers the digest of a direction, and puts it on the ring as records.

use super::{
    hold,
    layout::{FULL, GATHERED, Half, PIECE, phase},
};
use crate::{
    maps::{RECORDS, lose},
    ring, segment,
    walk::Walk,
    window::store,
};
use aya_ebpf::helpers::generated::bpf_ringbuf_output;
use sonde_common::{
    connection::Connection,
    context::SpanContext,
    http2::FRAME_HEADER,
    loss::Reason,
    record::{DataHeader, Kind, flag},
};

/// Is there room for a piece, and what goes with it?
#[inline(always)]
pub unsafe fn is_full(half: *const Half) -> bool {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe { (*half).filled > FULL }
}

/// The next byte's place.
#[inline(always)]
unsafe fn end(half: *mut Half) -> *mut u8 {
    // SAFETY: as in `is_full`; the mask keeps the place inside, and there is room for a piece behind it.
    unsafe {
        let at = (&raw const (*half).filled).read_volatile() as usize & (GATHERED - 1);
        (&raw mut (*half).record.bytes).cast::<u8>().add(at)
    }
}

/// Adds the frame's header.
#[inline(always)]
pub unsafe fn header(half: *mut Half) {
    // SAFETY: as in `is_full`; both have room for sixteen bytes.
    unsafe {
        if (*half).filled == 0 {
            (*half).starts = 1;
        }
        let words = (&raw const (*half).header).cast::<u64>();
        let to = end(half);
        store(to, words.read());
        store(to.add(8), words.add(1).read());
        (*half).filled += FRAME_HEADER as u32;
    }
}

/// Adds four bytes.
#[inline(always)]
pub unsafe fn word(half: *mut Half, word: u32) {
    // SAFETY: as in `header`.
    unsafe {
        store(end(half), word as u64);
        (*half).filled += 4;
    }
}

/// Adds a span.
#[inline(always)]
pub unsafe fn span(half: *mut Half) {
    const WORDS: usize = size_of::<SpanContext>() / 8;
    // SAFETY: as in `header`; a span is five words.
    unsafe {
        let from = (&raw const (*half).span).cast::<u64>();
        let to = end(half);
        for index in 0..WORDS {
            store(to.add(index * 8), from.add(index).read());
        }
        (*half).filled += size_of::<SpanContext>() as u32;
    }
}

/// Adds up to a piece of payload; gives how many bytes, or 0 if they cannot be read.
#[inline(always)]
pub unsafe fn payload(walk: &Walk, half: *mut Half, at: u32, wanted: u32) -> u32 {
    // SAFETY: as in `header`; the helper checks the packet's bounds.
    unsafe {
        if (*half).filled == 0 {
            (*half).starts = 0;
        }
        let wanted = if wanted > PIECE as u32 {
            PIECE as u32
        } else {
            wanted
        };
        // The verifier wants 1..=PIECE; read back so that the compiler cannot drop the mask as redundant.
        let wanted = (&raw const wanted).read_volatile();
        let length = (wanted.wrapping_sub(1) & (PIECE as u32 - 1)) + 1;
        if !hold::load(walk, half, at, end(half).cast(), length) {
            return 0;
        }
        (*half).filled += length;
        length
    }
}

/// Hands up what was gathered; if the footing was lost that is told even if there is nothing else, as streams may have ended
/// in the hole. What does not find room is a hole, which ends where a frame begins.
#[inline(always)]
pub unsafe fn flush<const EGRESS: bool>(walk: &Walk, half: *mut Half, flags: u16) {
    // SAFETY: as in `is_full`.
    unsafe {
        if (*half).filled == 0 && flags == 0 && (*half).lost == 0 {
            return;
        }
        (*half).lost = 0;
        let direction = segment::direction::<EGRESS>(walk.connection);
        let filled = (&raw const (*half).filled).read_volatile() & (GATHERED as u32 - 1);
        describe::<EGRESS>(walk, half, flags, filled);
        let record = (&raw mut (*half).record).cast();
        let size = (size_of::<DataHeader>() as u32 + filled) as u64;
        let map = (&raw const RECORDS).cast_mut().cast();
        let failed = bpf_ringbuf_output(map, record, size, ring::wake_up(size)) != 0;
        (*direction).offset = (*direction).offset.wrapping_add(filled as u64);
        (*half).filled = 0;
        if failed {
            lose(segment::hook::<EGRESS>(), Reason::RingFull);
            (*direction).offset = (*direction).offset.wrapping_add(1);
            (*half).mute = ((*half).phase == phase::CAPTURE) as u8;
        }
    }
}

#[inline(always)]
unsafe fn describe<const EGRESS: bool>(walk: &Walk, half: *mut Half, flags: u16, filled: u32) {
    let connection: *mut Connection = walk.connection;
    // SAFETY: as in `is_full`.
    unsafe {
        let starts = match (*half).starts {
            0 => 0,
            _ => flag::FRAME_START,
        };
        let header = &raw mut (*half).record.header;
        (*header).kind = Kind::Data as u32;
        (*header).flags = flags | starts | if EGRESS { flag::EGRESS } else { 0 };
        (*header).captured = filled as u16;
        (*header).cookie = (*connection).cookie;
        (*header).at = walk.now;
        (*header).read_at = (*connection).read_at;
        (*header).offset = (*segment::direction::<EGRESS>(connection)).offset;
        (*header).elided = 0;
        (*header).content = 0;
        (*header).tgid = (*connection).tgid;
        (*header).role = (*connection).role as u32;
    }
}
