//! Writes `traceparent`, and the `tracestate` that came in with it, into the requests of client sockets that are in the
//! `SOCKETS` map.
//!
//! Runs in the sending thread, before the bytes are TCP's. A request is recognised only where one must
//! begin: where all that was written has been seen to leave and the last message was complete, or
//! right behind a request whose length is known. The head may come in several messages; the field is written
//! before the empty line that ends it, in the message which that is in. Everything else passes as it is.
//!
//! The change is one transaction: room is made and filled, or taken back.

use crate::{
    chain, context,
    fields::Fields,
    http2 as connections,
    maps::{CONNECTIONS, HTTP2, SENDING, lose},
    passed_on, target,
    task::{Socket, Task},
    window::{Bytes, Words},
};
use aya_ebpf::{
    bindings::{sk_action::SK_PASS, sk_msg_md},
    helpers::generated::{
        bpf_loop, bpf_msg_apply_bytes, bpf_msg_pop_data, bpf_msg_pull_data, bpf_msg_push_data,
        bpf_probe_read_kernel,
    },
    macros::sk_msg,
    programs::SkMsgContext,
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, Sent, phase, role, state},
    context::SpanContext,
    http1::{Body, HeadScan, body_of},
    loss::{Hook, Reason},
    proxy_protocol::HeaderScan,
    span_id, traceparent,
};

mod http2;
mod proxy_protocol;
mod reach;

pub use http2::Frames;
use reach::{linear, reach};

/// Bytes scanned at a time.
const WINDOW: usize = 1024;
/// Bytes of a message that are looked at in search of the head's end, at first and at most.
const FIRST_LOOK: u32 = 2048;
const LAST_LOOK: u32 = 16 * 1024;
/// Steps of a scan: more than any head of `LAST_LOOK` bytes takes.
const STEPS: u32 = LAST_LOOK + 64;
/// A message whose first piece is longer is made one piece again only if it must be: the copy costs more than
/// segments.
const ONE_PIECE: u32 = 8 * 1024;
/// Requests between `sk_msg` and the egress hook whose spans are kept.
const SENT: usize = 4;
/// Room in the socket's send queue, beyond the head, without which nothing is written: a message that is
/// taken in part only must not be cut inside the field.
const SPARE: u32 = 4096;
/// Bytes that pass without the program, for what is no HTTP/1.
const FOREVER: u32 = 1 << 30;
/// Where the parent-id begins in a value of `traceparent`.
const PARENT_ID: u32 = 36;

/// What is known of the messages of one socket; written under the socket's lock.
#[repr(C)]
pub struct Sending {
    scan: HeadScan,
    /// Address of the message's bytes.
    data: u64,
    /// How many of them may be read.
    readable: u32,
    /// Where the window begins in the message.
    base: u32,
    /// Position in the window, and its end.
    at: u32,
    end: u32,
    /// Sequence number at which a request goes on (`inside`), or the next one begins.
    sequence: u32,
    /// 1: the head of a request is incomplete; 2: a request ends at `sequence`; 3: the preface of HTTP/2 begins there; 4: a
    /// header of the PROXY protocol goes on there; 0: none of these.
    inside: u32,
    /// Requests written so far.
    count: u64,
    /// The newest of them, by their number.
    sent: [Sent; SENT],
    /// The header of the PROXY protocol.
    proxied: HeaderScan,
    window: Bytes<WINDOW>,
}

const HEAD: u32 = 1;
const NEXT: u32 = 2;
const FRAMES: u32 = 3;
const PROXY: u32 = 4;

/// Where the request with this span id is kept: the id's lowest bits are the request's number.
#[inline(always)]
pub unsafe fn place(sending: *mut Sending, span_id: u64) -> *mut Sent {
    let number = span_id as usize % SENT;
    // SAFETY: the caller passes a checked map value.
    unsafe { (&raw mut (*sending).sent).cast::<Sent>().add(number) }
}

/// Was the preface of HTTP/2 seen to begin at this place?
#[inline(always)]
unsafe fn is_preface_at(sending: *const Sending, sequence: u32) -> bool {
    // SAFETY: as in `place`.
    unsafe { (*sending).inside == FRAMES && (*sending).sequence == sequence }
}

/// A span for the next request; gives its place.
#[inline(always)]
unsafe fn next(connection: *const Connection, sending: *mut Sending, handle: u64) -> *mut Sent {
    // SAFETY: as in `place`.
    unsafe {
        let number = (*sending).count % SENT as u64;
        let sent = place(sending, number);
        (*sent).parent = chain::derive(connection, handle, &raw mut (*sent).span);
        let id = u64::from_ne_bytes((*sent).span.span_id) & !(SENT as u64 - 1) | number;
        (*sent).span.span_id = span_id::marked(id).to_ne_bytes();
        sent
    }
}

/// The socket of a message, and its value; neither is null.
#[inline(always)]
unsafe fn connection(msg: *mut sk_msg_md) -> Option<(*mut c_void, *mut Connection)> {
    // SAFETY: the caller passes the program's context.
    let sk: *mut c_void = unsafe { (*msg).__bindgen_anon_3.sk.cast() };
    if sk.is_null() {
        return None;
    }
    let connection = CONNECTIONS.get(sk);
    (!connection.is_null()).then_some((sk, connection))
}

/// Each message of an enrolled socket; it passes in any case.
#[sk_msg]
pub fn sk_msg_verdict(ctx: SkMsgContext) -> u32 {
    // SAFETY: `msg` is the program's context.
    unsafe { message(ctx.msg) };
    SK_PASS
}

#[inline(always)]
unsafe fn message(msg: *mut sk_msg_md) -> Option<()> {
    // SAFETY: the caller passes the program's context; map values are checked for null.
    unsafe {
        let (sk, connection) = connection(msg)?;
        let sending = SENDING.get_or_create(sk);
        if sending.is_null() {
            return None;
        }
        (*connection).enrolled = 1;
        // The kernel keeps what the run for an earlier part of this message has asked for.
        bpf_msg_apply_bytes(msg, 0);
        let server = (*connection).role == role::SERVER;
        let state = (*connection).state;
        if !server && ((*sending).inside == FRAMES || state == state::HTTP2) {
            let first = (*sending).inside != FRAMES && connections::is_unsent(HTTP2.get(sk));
            if first && http2::is_preface(msg) {
                (*sending).inside = FRAMES;
                (*sending).sequence = Socket::of(sk)?.write_sequence();
            }
            http2::enter(msg);
            return None;
        }
        let distrusted = (*connection).distrusted != 0;
        if server || distrusted || state >= state::OPAQUE {
            bpf_msg_apply_bytes(msg, FOREVER);
            return None;
        }
        let socket = Socket::of(sk)?;
        let sequence = socket.write_sequence();
        if state == state::NEW && proxy_protocol::pass(msg, connection, sending, sequence)? {
            return None;
        }
        let goes_on = (*sending).inside == HEAD && (*sending).sequence == sequence;
        if !goes_on {
            if !begins(connection, sending, sequence) {
                (*sending).inside = 0;
                return pass_body(msg, connection, sequence);
            }
            if state == state::NEW && http2::is_preface(msg) {
                (*sending).inside = FRAMES;
                (*sending).sequence = sequence;
                http2::enter(msg);
                return None;
            }
            (*sending).scan = HeadScan::START;
        }
        let before = (*sending).scan.bytes;
        let length = scan(msg, sending)?;
        let head = &(*sending).scan;
        if head.is_failed() || head.is_response() || head.is_odd() {
            (*sending).inside = 0;
            return None;
        }
        if !(*sending).scan.is_end() {
            (*sending).inside = HEAD;
            (*sending).sequence = sequence.wrapping_add((*msg).size);
            return None;
        }
        let added = complete(msg, connection, sending, &socket, before, length);
        after(msg, sending, sequence, length.wrapping_add(added));
        Some(())
    }
}

/// Must a request begin here?
#[inline(always)]
unsafe fn begins(connection: *const Connection, sending: *const Sending, sequence: u32) -> bool {
    // SAFETY: the caller passes checked map values. The egress hook does not run for this socket now: its
    // lock is held.
    unsafe {
        let egress = &raw const (*connection).egress;
        let seen = (*egress).sequenced != 0 && (*egress).next_sequence == sequence;
        let between = (*egress).phase == phase::HEAD && (*egress).head.is_start();
        (seen && between) || ((*sending).inside == NEXT && (*sending).sequence == sequence)
    }
}

/// The rest of a body of known length passes without the program.
#[inline(always)]
unsafe fn pass_body(
    msg: *mut sk_msg_md,
    connection: *const Connection,
    sequence: u32,
) -> Option<()> {
    // SAFETY: as in `begins`.
    unsafe {
        let egress = &raw const (*connection).egress;
        let seen = (*egress).sequenced != 0 && (*egress).next_sequence == sequence;
        if seen && (*egress).phase == phase::BODY && (*egress).remaining < FOREVER as u64 {
            bpf_msg_apply_bytes(msg, (*egress).remaining as u32);
        }
    }
    None
}

/// Scans the message up to the head's end; gives the bytes of the head in it.
#[inline(always)]
unsafe fn scan(msg: *mut sk_msg_md, sending: *mut Sending) -> Option<u32> {
    // SAFETY: as in `message`.
    unsafe {
        (*sending).base = 0;
        (*sending).at = 0;
        (*sending).end = 0;
        look(msg, sending, FIRST_LOOK)?;
        let open = !(*sending).scan.is_end() && !(*sending).scan.is_failed();
        if open && (*msg).size > (*sending).readable {
            look(msg, sending, LAST_LOOK)?;
        }
        let at = (*sending).at;
        (*sending).scan.bytes = (*sending).scan.bytes.wrapping_add(at);
        let length = (*sending).base.wrapping_add(at);
        let complete = (*sending).scan.is_end() || length == (*msg).size;
        if !complete && !(*sending).scan.is_failed() {
            (*sending).inside = 0;
            lose(Hook::Message, Reason::HeadTooLarge);
            return None;
        }
        Some(length)
    }
}

/// Makes the first bytes of the message readable, and scans what is new among them.
#[inline(always)]
unsafe fn look(msg: *mut sk_msg_md, sending: *mut Sending, most: u32) -> Option<()> {
    // SAFETY: as in `message`.
    unsafe {
        reach(msg, sending, most)?;
        let mut context = sending;
        bpf_loop(STEPS, step as *mut c_void, (&raw mut context).cast(), 0);
        Some(())
    }
}

unsafe extern "C" fn step(_index: u64, context: *mut *mut Sending) -> i64 {
    // SAFETY: `look` passes a checked map value.
    unsafe {
        let sending = &mut **context;
        if sending.scan.is_end() || sending.scan.is_failed() {
            return 1;
        }
        if sending.at >= sending.end {
            return load(sending);
        }
        let window = Words::of(&raw const sending.window);
        sending.at = sending.scan.step(&window, sending.at, sending.end);
        0
    }
}

/// Moves the window on; 1 at the end of what is readable.
#[inline(always)]
unsafe fn load(sending: &mut Sending) -> i64 {
    sending.scan.bytes = sending.scan.bytes.wrapping_add(sending.at);
    sending.base = sending.base.wrapping_add(sending.at);
    sending.at = 0;
    sending.end = 0;
    let left = sending.readable.wrapping_sub(sending.base);
    if left == 0 || left > LAST_LOOK {
        return 1;
    }
    let wanted = left.min(WINDOW as u32);
    // The verifier wants 1..=WINDOW; read back so that the compiler cannot drop the mask as redundant.
    // SAFETY: a local variable.
    let wanted = unsafe { core::ptr::read_volatile(&wanted) };
    let length = (wanted.wrapping_sub(1) & (WINDOW as u32 - 1)) + 1;
    let from = sending.data.wrapping_add(sending.base as u64) as *const c_void;
    // SAFETY: the window has room; the helper fails on an address that is not there.
    let failed =
        unsafe { bpf_probe_read_kernel((&raw mut sending.window.bytes).cast(), length, from) };
    if failed != 0 {
        return 1;
    }
    sending.end = length;
    0
}

/// The head ends at `length` of this message, `before` bytes of it went ahead: writes the field. Gives the
/// bytes that were added.
#[inline(always)]
unsafe fn complete(
    msg: *mut sk_msg_md,
    connection: *mut Connection,
    sending: *mut Sending,
    socket: &Socket,
    before: u32,
    length: u32,
) -> u32 {
    // SAFETY: as in `message`.
    unsafe {
        let mut handle = chain::sender(connection, socket, &Task::current());
        if (*sending).scan.has_traceparent() {
            let told = (*sending).scan.traceparent();
            handle = told.map_or(0, |told| chain::brought(connection, handle, told));
            if let Some(at) = parent_id(sending, handle, before) {
                let sent = next(connection, sending, handle);
                if rewrite(msg, at, &(*sent).span) {
                    (*sending).count = (*sending).count.wrapping_add(1);
                }
            }
            return 0;
        }
        // Another tracer's list without its field says nothing; behind ours it would be of our trace.
        if (*sending).scan.state_at != 0 {
            return 0;
        }
        let Some(at) = empty_line(sending, length) else {
            return 0;
        };
        if handle == 0 && (*connection).of_proxy != 0 && (*sending).base == 0 && before == 0 {
            let target = target::digest(&raw const (*sending).window, length);
            handle = passed_on::sent_on((*connection).tgid, target);
        }
        let fields = Fields::of(&(*sending).scan, handle);
        let room = socket.room();
        if room < in_memory(length.wrapping_add(fields.length)) {
            lose(Hook::Message, Reason::NoRoom);
            return 0;
        }
        // What may be taken in part only has to be one piece up to the field's end: the kernel tells the
        // application of a part less by the field, whether that was in it or not.
        let whole = linear(msg) <= ONE_PIECE || room < in_memory((*msg).size);
        let sent = next(connection, sending, handle);
        if !insert(msg, at, length, whole, &raw const (*sent).span, &fields) {
            return 0;
        }
        (*sending).count = (*sending).count.wrapping_add(1);
        fields.length
    }
}

/// Memory that so many bytes of a send queue may take at most, in however many segments; and some more.
#[inline(always)]
fn in_memory(bytes: u32) -> i32 {
    let bytes = if bytes > FOREVER { FOREVER } else { bytes };
    (bytes as i64 * 8 + SPARE as i64).min(i32::MAX as i64) as i32
}

/// Where the empty line begins in this message; `None` if part of it went ahead.
#[inline(always)]
unsafe fn empty_line(sending: *const Sending, length: u32) -> Option<u32> {
    if length < 2 {
        return None;
    }
    let mut last = 0_u16;
    // SAFETY: a checked map value; the helper fails on an address that is not there.
    unsafe {
        let from = (*sending).data.wrapping_add(length as u64 - 2) as *const c_void;
        if bpf_probe_read_kernel((&raw mut last).cast(), 2, from) != 0 {
            return None;
        }
    }
    let full = last == u16::from_le_bytes(*b"\r\n");
    Some(if full { length - 2 } else { length - 1 })
}

/// Where the parent-id of the head's own `traceparent` lies in this message, if the request that brought it is of that trace.
#[inline(always)]
unsafe fn parent_id(sending: *const Sending, handle: u64, before: u32) -> Option<u32> {
    // SAFETY: checked map values.
    unsafe {
        let told = (*sending).scan.traceparent()?;
        let cause = context::get(handle)?;
        if (*cause).span.trace_id != chain::halves(told.trace_id[0], told.trace_id[1]) {
            return None;
        }
        let at = (*sending).scan.parent_at;
        (at >= before).then(|| at - before + PARENT_ID)
    }
}

/// Puts the span's id over the sixteen digits at `at`.
#[inline(always)]
unsafe fn rewrite(msg: *mut sk_msg_md, at: u32, span: &SpanContext) -> bool {
    // SAFETY: as in `message`; each access is checked against `data_end`.
    unsafe {
        if bpf_msg_pull_data(msg, at, at + 16, 0) != 0 {
            lose(Hook::Message, Reason::Unreadable);
            return false;
        }
        let data = (*msg).__bindgen_anon_1.data as usize;
        if data + 16 > (*msg).__bindgen_anon_2.data_end as usize {
            return false;
        }
        let [a, b, c, d, rest @ ..] = span.span_id;
        let digits = data as *mut u64;
        digits.write_unaligned(traceparent::encode(u32::from_le_bytes([a, b, c, d])));
        digits
            .add(1)
            .write_unaligned(traceparent::encode(u32::from_le_bytes(rest)));
        true
    }
}

/// Makes room at `at`, fills it, and makes the head one piece again so that it leaves as one segment.
#[inline(always)]
unsafe fn insert(
    msg: *mut sk_msg_md,
    at: u32,
    length: u32,
    whole: bool,
    span: *const SpanContext,
    fields: &Fields,
) -> bool {
    let added = fields.length;
    // SAFETY: as in `rewrite`.
    unsafe {
        if bpf_msg_push_data(msg, at, added, 0) != 0 {
            lose(Hook::Message, Reason::NoRoom);
            return false;
        }
        let pulled = bpf_msg_pull_data(msg, at, at + added, 0) == 0;
        let filled = pulled && fields.write(msg, &*span);
        if !filled || (whole && bpf_msg_pull_data(msg, 0, length + added, 0) != 0) {
            lose(Hook::Message, Reason::Unreadable);
            bpf_msg_pop_data(msg, at, added, 0);
            return false;
        }
        true
    }
}

/// The request's head is `length` bytes of this message: notes where the next one begins, and lets the
/// program run again no sooner than there.
#[inline(always)]
unsafe fn after(msg: *mut sk_msg_md, sending: *mut Sending, sequence: u32, length: u32) {
    // SAFETY: as in `message`.
    unsafe {
        (*sending).inside = 0;
        let body = match body_of(&(*sending).scan, false, false) {
            Body::None => 0,
            Body::Length(length) if length < FOREVER as u64 => length as u32,
            _ => return,
        };
        let whole = length.wrapping_add(body);
        (*sending).inside = NEXT;
        (*sending).sequence = sequence.wrapping_add(whole);
        bpf_msg_apply_bytes(msg, whole);
    }
}
