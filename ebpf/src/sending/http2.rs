//! Writes `traceparent` into the requests of HTTP/2 connections: a literal field without indexing (RFC 7541 section 6.2.2) at
//! the end of the header block, which changes neither side's dynamic table.
//!
//! Runs in place of `sk_msg_verdict` (a tail call). The frames of each message are walked in the order they are
//! sent. A block gets the field in the message in which its last frame both begins and ends: once a frame's header has
//! gone, its length cannot be changed. What was sent unseen, or taken in part only, costs the footing; it is found again where
//! the egress hook has seen all that was written, and a frame begins.
//!
//! All fields of a message are one transaction: they are all there, or none of them.

use crate::{
    http2::chain::stream_cause,
    maps::{FRAMES, lose},
    task::{Socket, Task},
    window::Bytes,
};
use aya_ebpf::{
    bindings::{sk_action::SK_PASS, sk_msg_md},
    helpers::generated::{bpf_loop, bpf_msg_apply_bytes, bpf_msg_pull_data, bpf_tail_call},
    macros::{map, sk_msg},
    maps::ProgramArray,
    programs::SkMsgContext,
};
use core::ffi::c_void;
use sonde_common::{
    connection::Connection,
    context::SpanContext,
    hpack::Scan,
    http2::PREFACE,
    loss::{Hook, Reason},
};

mod footing;
mod insert;
mod rewrite;
mod walk;

/// Bytes walked at a time.
const WINDOW: usize = 512;
/// Requests that get a field in one run of the program.
const POINTS: usize = 4;
/// Bytes of a message that are looked at, at first and at most: room for the largest frame that every peer takes.
const FIRST_LOOK: u32 = 2048;
const LAST_LOOK: u32 = 32 * 1024;
/// Steps of a walk: more than `LAST_LOOK` bytes take.
const STEPS: u32 = LAST_LOOK + 64;
/// A message that is longer is not made one piece again: the copy costs more than segments.
const ONE_PIECE: u32 = 8 * 1024;
/// Bytes that pass without the program at most.
const FAR: u32 = 1 << 30;
/// Where a field or a frame begins at most: what was looked at, and the fields before.
const FRAMES_LIMIT: u32 = LAST_LOOK + POINTS as u32 * insert::FIELD;
/// In `Frames::frame_at`: in an earlier message.
const OUTSIDE: u32 = u32::MAX;

/// Programs that `sk_msg_verdict` may go on in.
#[map]
static MESSAGE_HTTP2: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// What comes next.
mod phase {
    /// A frame header, or the rest of it.
    pub const HEADER: u8 = 0;
    /// Pad length and priority, before a header block.
    pub const BEFORE: u8 = 1;
    /// Part of a header block.
    pub const BLOCK: u8 = 2;
    /// What does not matter.
    pub const SKIP: u8 = 3;
}

/// Why a walk ends before what is readable does.
mod stop {
    /// The footing is lost.
    pub const LOST: u8 = 1;
    /// As many requests as get a field in one run.
    pub const FULL: u8 = 2;
    /// The request names its parent itself, in digits that can be written over.
    pub const NAMED: u8 = 3;
}

/// A request that gets a field.
#[repr(C)]
struct Point {
    span: SpanContext,
    /// Handle of what it is sent for.
    handle: u64,
    /// Where its field goes in the message as it came.
    at: u32,
    /// Where the header of the block's last frame lies there.
    frame_at: u32,
    /// Bytes of that frame's payload.
    length: u32,
    stream: u32,
}

/// What is known of the frames of one socket; written under the socket's lock.
#[repr(C)]
pub struct Frames {
    scan: Scan,
    points: [Point; POINTS],
    /// Address of the message's bytes.
    data: u64,
    /// The first eight bytes of the frame's header.
    header: u64,
    /// How many bytes of the message may be read.
    readable: u32,
    /// Where the window begins in the message.
    base: u32,
    /// Position in the window, and its end.
    at: u32,
    end: u32,
    /// Sequence number at which the walk goes on.
    sequence: u32,
    /// Bytes of the frame's header that have come.
    have: u32,
    /// Bytes of the frame's payload.
    length: u32,
    /// Those still to come.
    left: u32,
    /// Those of them that are padding.
    padding: u32,
    /// Those before the header block.
    before: u32,
    /// Where the frame's header lies in the message.
    frame_at: u32,
    /// Its stream.
    stream: u32,
    /// Stream of the header block that goes on in the next frame; 0: none does.
    open: u32,
    /// Highest stream that has begun.
    highest: u32,
    /// Points so far.
    count: u32,
    /// The point at hand.
    point: u32,
    /// A value of [`phase`].
    phase: u8,
    kind: u8,
    flags: u8,
    /// 1: the header block is that of a request.
    request: u8,
    /// A value of [`stop`]; 0: go on.
    stop: u8,
    /// 1: the walk stands where `sequence` says.
    synced: u8,
    /// 1: `Frames` is in use.
    begun: u8,
    /// 1: the header block at hand began in an earlier message.
    carried: u8,
    /// Bytes of the message.
    size: u32,
    reserved: u32,
    window: Bytes<WINDOW>,
}

/// Handle of what a request is sent for, where that is certain; else 0.
#[inline(always)]
unsafe fn cause(msg: *mut sk_msg_md, connection: *const Connection, stream: u32) -> u64 {
    // SAFETY: the caller passes the program's context and a checked map value. The current thread is the sender.
    unsafe {
        let sk: *mut c_void = (*msg).__bindgen_anon_3.sk.cast();
        if sk.is_null() {
            return 0;
        }
        match Socket::of(sk) {
            Some(socket) => stream_cause(connection, &socket, &Task::current(), stream),
            None => 0,
        }
    }
}

/// Goes on in the program for HTTP/2; comes back only if that is not there.
#[inline(always)]
pub unsafe fn enter(msg: *mut sk_msg_md) {
    let programs = (&raw const MESSAGE_HTTP2).cast_mut().cast();
    // SAFETY: the caller passes the program's context; the map holds programs of the same kind.
    unsafe { bpf_tail_call(msg.cast(), programs, 0) };
}

/// Does the message begin with the connection preface (RFC 9113 section 3.4)?
#[inline(always)]
pub unsafe fn is_preface(msg: *mut sk_msg_md) -> bool {
    const LENGTH: usize = PREFACE.len();
    // SAFETY: the caller passes the program's context; each access is checked against `data_end`.
    unsafe {
        let data = (*msg).__bindgen_anon_1.data as usize;
        if data + LENGTH > (*msg).__bindgen_anon_2.data_end as usize {
            return false;
        }
        let words = data as *const [u8; 8];
        let is = |index: usize, part: &[u8; 8]| {
            u64::from_le_bytes(words.add(index).read_unaligned()) == u64::from_le_bytes(*part)
        };
        is(0, b"PRI * HT") && is(1, b"TP/2.0\r\n") && is(2, b"\r\nSM\r\n\r\n")
    }
}

/// Each message of an enrolled client socket that speaks HTTP/2; it passes in any case.
#[sk_msg]
pub fn sk_msg_http2(ctx: SkMsgContext) -> u32 {
    // SAFETY: `msg` is the program's context.
    unsafe { message(ctx.msg) };
    SK_PASS
}

#[inline(always)]
unsafe fn message(msg: *mut sk_msg_md) -> Option<()> {
    // SAFETY: the caller passes the program's context; map values are checked for null.
    unsafe {
        let (sk, connection) = super::connection(msg)?;
        let frames = FRAMES.get_or_create(sk);
        if frames.is_null() {
            return None;
        }
        let socket = Socket::of(sk)?;
        let sequence = socket.write_sequence();
        if !footing::find(sk, connection, frames, sequence) {
            return None;
        }
        (*frames).size = (*msg).size;
        walk(msg, frames)?;
        let named = (*frames).stop == stop::NAMED;
        let added = insert::all(msg, connection, frames, &socket);
        if named {
            rewrite::parent(msg, connection, frames, added);
        }
        go_on(msg, frames, sequence, added);
        Some(())
    }
}

/// Walks the frames of the message as far as they can be read.
#[inline(always)]
unsafe fn walk(msg: *mut sk_msg_md, frames: *mut Frames) -> Option<()> {
    // SAFETY: as in `message`.
    unsafe {
        let size = (*msg).size;
        look(
            msg,
            frames,
            if size <= ONE_PIECE { size } else { FIRST_LOOK },
        )?;
        let cut = (*frames).phase != phase::SKIP && (*frames).stop == 0;
        if cut && size > (*frames).readable {
            let rest = match (*frames).phase {
                phase::HEADER => FIRST_LOOK,
                _ => (*frames).left,
            };
            look(
                msg,
                frames,
                (*frames).readable.wrapping_add(rest).min(LAST_LOOK),
            )?;
        }
        Some(())
    }
}

/// Makes the first bytes of the message readable, and walks what is new among them.
#[inline(always)]
unsafe fn look(msg: *mut sk_msg_md, frames: *mut Frames, most: u32) -> Option<()> {
    // SAFETY: as in `message`.
    unsafe {
        let wanted = (*msg).size.min(most);
        let linear = super::linear(msg);
        if linear < wanted && bpf_msg_pull_data(msg, 0, wanted, 0) != 0 {
            (*frames).synced = 0;
            lose(Hook::Message, Reason::Unreadable);
            return None;
        }
        (*frames).data = (*msg).__bindgen_anon_1.data as u64;
        (*frames).readable = if linear < wanted {
            wanted
        } else {
            linear.min(LAST_LOOK)
        };
        let mut context = frames;
        bpf_loop(
            STEPS,
            walk::step as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
        Some(())
    }
}

/// The message was walked up to the position, and `added` bytes more lie before it: notes where the walk goes on, and
/// lets the program run again no sooner than there.
#[inline(always)]
unsafe fn go_on(msg: *mut sk_msg_md, frames: *mut Frames, sequence: u32, added: u32) {
    // SAFETY: as in `message`.
    unsafe {
        let position = (*frames).base.wrapping_add((*frames).at);
        let walked = position.wrapping_add(added);
        let skipped = match (*frames).phase {
            phase::SKIP => (*frames).left,
            _ => 0,
        };
        let size = (*msg).size;
        let whole = walked.wrapping_add(skipped);
        if (*frames).stop == stop::LOST || walked > size || walked == 0 || skipped > FAR {
            (*frames).synced = 0;
            return;
        }
        if (*frames).phase == phase::SKIP {
            (*frames).phase = phase::HEADER;
            (*frames).left = 0;
            (*frames).have = 0;
        }
        (*frames).sequence = sequence.wrapping_add(whole);
        if whole != size {
            bpf_msg_apply_bytes(msg, whole);
        }
    }
}
