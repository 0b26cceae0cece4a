//! Puts the fields into a message: room for all of them, from the last to the first; then one piece of memory up to the last;
//! then the fields; then the lengths of their frames.

use super::{FRAMES_LIMIT, Frames, ONE_PIECE, POINTS, Point, cause};
use crate::{
    chain,
    http2::streams::{self, Stream},
    maps::lose,
    sending::in_memory,
    task::Socket,
};
use aya_ebpf::{
    bindings::sk_msg_md,
    helpers::generated::{
        bpf_ktime_get_ns, bpf_loop, bpf_msg_pop_data, bpf_msg_pull_data, bpf_msg_push_data,
    },
};
use core::{arch::asm, ffi::c_void};
use sonde_common::{
    connection::Connection,
    context::SpanContext,
    hpack::HUFFMAN_NAME,
    loss::{Hook, Reason},
    traceparent::encode,
};

/// Bytes of the field: its form, name in Huffman code, and value as it is, the strings with their lengths.
pub const FIELD: u32 = 2 + 8 + 1 + 55;
/// The form, and the length of the name.
const FIRST: u16 = u16::from_le_bytes([0x00, 0x88]);
/// The length of the value, and its version.
const VALUE: u32 = u32::from_le_bytes(*b"\x3700-");

/// What the loops over the points share.
#[repr(C)]
struct Insertion {
    msg: *mut sk_msg_md,
    connection: *mut Connection,
    frames: *mut Frames,
    /// Points.
    count: u32,
    /// Those that have room, from the last on.
    made: u32,
}

/// Gives every point its field, or none; gives the bytes that were added.
#[inline(always)]
pub unsafe fn all(
    msg: *mut sk_msg_md,
    connection: *mut Connection,
    frames: *mut Frames,
    socket: &Socket,
) -> u32 {
    // SAFETY: the caller passes the program's context and checked map values; the callbacks get `context` back,
    // which outlives the calls.
    unsafe {
        let count = (&raw const (*frames).count).read_volatile();
        if count == 0 || count > POINTS as u32 || (*connection).cookie == 0 {
            return 0;
        }
        let added = count * FIELD;
        let last = (*point(frames, count - 1)).at.wrapping_add(added);
        if socket.room() < in_memory(last) {
            lose(Hook::Message, Reason::NoRoom);
            return 0;
        }
        let mut insertion = Insertion {
            msg,
            connection,
            frames,
            count,
            made: 0,
        };
        let context: *mut c_void = (&raw mut insertion).cast();
        bpf_loop(count, make_room as *mut c_void, context, 0);
        if insertion.made != count || !fill_all(&insertion, last) {
            lose(Hook::Message, Reason::Unreadable);
            bpf_loop(insertion.made, take_back as *mut c_void, context, 0);
            return 0;
        }
        bpf_loop(count, commit as *mut c_void, context, 0);
        added
    }
}

#[inline(always)]
pub unsafe fn point(frames: *mut Frames, index: u32) -> *mut Point {
    let points = unsafe { (&raw mut (*frames).points).cast::<Point>() };
    unsafe { points.add(index as usize & (POINTS - 1)) }
}

/// A span for the point, and room for its field.
unsafe extern "C" fn make_room(index: u64, insertion: *mut Insertion) -> i64 {
    // SAFETY: `all` passes a valid insertion.
    unsafe {
        let insertion = &mut *insertion;
        let point = point(
            insertion.frames,
            insertion.count.wrapping_sub(1).wrapping_sub(index as u32),
        );
        if bpf_msg_push_data(insertion.msg, (*point).at, FIELD, 0) != 0 {
            return 1;
        }
        insertion.made = insertion.made.wrapping_add(1);
        let handle = cause(insertion.msg, insertion.connection, (*point).stream);
        (*point).handle = chain::derive(insertion.connection, handle, &raw mut (*point).span);
        0
    }
}

/// Takes the room back, from the first on.
unsafe extern "C" fn take_back(index: u64, insertion: *mut Insertion) -> i64 {
    // SAFETY: as in `make_room`.
    unsafe {
        let insertion = &mut *insertion;
        let first = insertion.count.wrapping_sub(insertion.made);
        let point = point(insertion.frames, first.wrapping_add(index as u32));
        bpf_msg_pop_data(insertion.msg, (*point).at, FIELD, 0);
        0
    }
}

/// Makes one piece of the message, or of what lies before `last`, and writes the fields.
#[inline(always)]
unsafe fn fill_all(insertion: &Insertion, last: u32) -> bool {
    // SAFETY: as in `all`.
    unsafe {
        let size = (*insertion.msg).size;
        let piece = if size <= ONE_PIECE { size } else { last };
        if bpf_msg_pull_data(insertion.msg, 0, piece, 0) != 0 {
            return false;
        }
        let context: *mut c_void = (&raw const *insertion).cast_mut().cast();
        bpf_loop(insertion.count, fill as *mut c_void, context, 0);
        (*insertion.frames).point == insertion.count
    }
}

/// One field; `Frames::point` counts those that are written.
unsafe extern "C" fn fill(index: u64, insertion: *mut Insertion) -> i64 {
    // SAFETY: as in `make_room`; every store is checked against `data_end`.
    unsafe {
        let insertion = &*insertion;
        let frames = insertion.frames;
        if index == 0 {
            (*frames).point = 0;
        }
        let point = point(frames, index as u32);
        let at = (*point).at.wrapping_add(index as u32 * FIELD);
        if at > FRAMES_LIMIT {
            return 1;
        }
        let to = (*insertion.msg).__bindgen_anon_1.data as usize + at as usize;
        if to + FIELD as usize > (*insertion.msg).__bindgen_anon_2.data_end as usize {
            return 1;
        }
        write(to, &(*point).span);
        (*frames).point = (*frames).point.wrapping_add(1);
        0
    }
}

/// The field, at an address that has room for it.
#[inline(always)]
unsafe fn write(to: usize, span: &SpanContext) {
    let part = |bytes: &[u8], at: usize| {
        encode(u32::from_le_bytes([
            bytes[at],
            bytes[at + 1],
            bytes[at + 2],
            bytes[at + 3],
        ]))
    };
    // SAFETY: the caller has checked that there is room.
    unsafe {
        (to as *mut u16).write_unaligned(FIRST);
        store(to + 2, HUFFMAN_NAME);
        asm!("*(u32 *)({0} + 0) = {1}", in(reg) to + 10, in(reg) VALUE as u64);
        store(to + 14, part(&span.trace_id, 0));
        store(to + 22, part(&span.trace_id, 4));
        store(to + 30, part(&span.trace_id, 8));
        store(to + 38, part(&span.trace_id, 12));
        ((to + 46) as *mut u8).write(b'-');
        store(to + 47, part(&span.span_id, 0));
        store(to + 55, part(&span.span_id, 4));
        ((to + 63) as *mut u8).write(b'-');
        ((to + 64) as *mut u16).write_unaligned(encode(span.flags as u32) as u16);
    }
}

/// One unaligned store; the compiler would make eight of it.
#[inline(always)]
unsafe fn store(to: usize, word: u64) {
    // SAFETY: the caller has checked that there is room for a word.
    unsafe { asm!("*(u64 *)({0} + 0) = {1}", in(reg) to, in(reg) word) };
}

/// The length of the point's frame; its span is kept for the egress hook.
unsafe extern "C" fn commit(index: u64, insertion: *mut Insertion) -> i64 {
    // SAFETY: as in `fill`.
    unsafe {
        let insertion = &*insertion;
        let point = point(insertion.frames, index as u32);
        let at = (*point).frame_at.wrapping_add(index as u32 * FIELD);
        if at > FRAMES_LIMIT {
            return 1;
        }
        let to = (*insertion.msg).__bindgen_anon_1.data as usize + at as usize;
        if to + 3 > (*insertion.msg).__bindgen_anon_2.data_end as usize {
            return 1;
        }
        let [_, high, middle, low] = (*point).length.wrapping_add(FIELD).to_be_bytes();
        (to as *mut u8).write(high);
        ((to + 1) as *mut u8).write(middle);
        ((to + 2) as *mut u8).write(low);
        keep(insertion.connection, point);
        0
    }
}

/// For the egress hook, which labels the request with its span.
#[inline(always)]
pub unsafe fn keep(connection: *const Connection, point: *const Point) {
    // SAFETY: the caller passes checked map values.
    unsafe {
        let stream = Stream {
            begun_at: bpf_ktime_get_ns(),
            handle: (*point).handle,
            span: (*point).span,
        };
        streams::begin((*connection).cookie, (*point).stream, &raw const stream);
    }
}
