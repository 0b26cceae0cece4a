//! The TCP option that carries a span context: sent from `sock_ops`, read where segments arrive.
//!
//! A socket whose requests carry no field asks about each of its sends. The kernel asks in the sending thread, with the
//! socket locked, before the bytes are there (`tcp_current_mss`): where a request must begin, its context is made
//! then. It goes with the segment that holds the request's first byte, and with each retransmission of it, until
//! that byte is acknowledged. The kernel asks how much room to leave when it sizes segments, and again how much to
//! reserve in the segment at hand. Both answers must agree, or a segment would be larger than the path allows; so
//! one that is too large for the option goes without. One context is under way at a time, and nothing is reserved where none
//! is.
//!
//! A request of a protocol that is not understood has no span: it carries that of the request it is sent for.
//!
//! Reading needs no callback: the header is at hand where the segment is looked at, before its bytes are. The callback
//! would come after them.

use crate::{
    chain,
    maps::{CONNECTIONS, PROCESSES, config, lose},
    packet::Segment,
    task::{Socket, Task},
};
use aya_ebpf::{
    bindings::{__sk_buff, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG},
    helpers::generated::{
        bpf_loop, bpf_probe_read_kernel, bpf_reserve_hdr_opt, bpf_skb_load_bytes, bpf_store_hdr_opt,
    },
    programs::SockOpsContext,
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, Sent, phase, sharing, state},
    context::{SAMPLED, SpanContext},
    loss::{Hook, Reason},
    option::{
        self, LENGTH, LENGTH_WITH_FLAGS, MAX_OPTIONS, ROOM, encode, holds, is_context, sending,
    },
    process::propagate,
    traceparent::Traceparent,
};

/// `BPF_WRITE_HDR_TCP_CURRENT_MSS`: the kernel sizes segments and has none at hand.
const CURRENT_MSS: u32 = 1;
/// Shortest TCP header, in bytes.
const TCP_HEADER: u32 = 20;
/// Most options that are looked at in one header.
const MAX_STEPS: u32 = 12;

/// From here on the kernel asks about each segment of a client socket, if its process wants that.
#[inline(always)]
pub unsafe fn listen(ctx: &SockOpsContext, connection: *const Connection) {
    // SAFETY: the caller passes a checked map value; the process is used before the program ends.
    let wanted = unsafe { PROCESSES.get((*connection).tgid) }
        .is_some_and(|process| process.propagate & propagate::TCP != 0);
    if wanted {
        // It fails only where the socket is not full, and then nothing is sent on it either.
        let _ = ctx.set_cb_flags(ctx.cb_flags() as i32 | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG as i32);
    }
}

/// Answers how many bytes of options to leave room for.
#[inline(always)]
pub fn header_length(ctx: &SockOpsContext) -> Option<()> {
    let (sk, connection) = of(ctx)?;
    // SAFETY: a map value, checked for null; the context's fields are the kernel's to check.
    unsafe {
        let asked_for_size = ctx.arg(0) == CURRENT_MSS;
        let sending = &raw mut (*connection).sending;
        let acknowledged = ((*ctx.ops).snd_una.wrapping_sub((*sending).sequence) as i32) > 0;
        if (*sending).state == sending::ARMED && acknowledged {
            (*sending).state = sending::IDLE;
        }
        if asked_for_size && (*sending).state != sending::NEVER {
            prepare(connection, sk, (*ctx.ops).snd_nxt);
        }
        if (*sending).state != sending::ARMED {
            return None;
        }
        let sequence = (*sending).sequence;
        let is_sent = ((*ctx.ops).snd_nxt.wrapping_sub(sequence) as i32) > 0;
        if asked_for_size {
            // Once sent, only a segment that was lost is sent again.
            let leave_room = !is_sent || (*ctx.ops).lost_out > 0;
            (*sending).has_room = u8::from(leave_room && reserve(ctx));
            return None;
        }
        let length = (*ctx.ops).skb_len;
        let first = if is_sent {
            first_sequence(ctx)?
        } else {
            (*ctx.ops).snd_nxt
        };
        if !holds(first, length, sequence) {
            return None;
        }
        let fits = (*sending).has_room != 0 || length + ROOM <= (*ctx.ops).mss_cache;
        if !fits || !reserve(ctx) {
            lose(Hook::SockOps, Reason::NoRoom);
        }
    }
    Some(())
}

/// Makes the context of the request that begins with the next byte written, if one does and none is under way. A
/// send that came to nothing is asked about again.
#[inline(always)]
unsafe fn prepare(connection: *mut Connection, sk: *mut c_void, next: u32) -> Option<()> {
    let socket = Socket::of(sk)?;
    let sequence = socket.write_sequence();
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let sending = &raw mut (*connection).sending;
        let under_way = (*sending).state == sending::ARMED && (*sending).sequence != sequence;
        if under_way || next != sequence || !begins(connection, sequence) {
            return None;
        }
        let task = Task::current();
        if !socket.is_owned() || task.tgid() != (*connection).tgid {
            return None;
        }
        let handle = chain::sender(connection, &socket, &task);
        if handle == 0 && (*connection).of_proxy != 0 {
            // What it is sent for shows in its bytes, which are not there yet.
            return None;
        }
        let sent = &raw mut (*sending).sent;
        (*sent).parent = handle;
        let span = &raw mut (*sent).span;
        let armed = if (*connection).state == state::OPAQUE {
            chain::of(handle, span)
        } else {
            (*sent).parent = chain::derive(connection, handle, span);
            true
        };
        (*sending).state = if armed { sending::ARMED } else { sending::IDLE };
        (*sending).sequence = sequence;
        (*sending).has_room = 0;
    }
    Some(())
}

/// Does a request begin with the byte `sequence`, the next one written?
#[inline(always)]
unsafe fn begins(connection: *const Connection, sequence: u32) -> bool {
    // SAFETY: as in `prepare`.
    unsafe {
        if (*connection).state == state::OPAQUE {
            return matches!((*connection).sharing, sharing::UNUSED | sharing::READ);
        }
        if (*connection).state != state::NEW && (*connection).state != state::HTTP1 {
            return false;
        }
        let egress = &raw const (*connection).egress;
        let seen = (*egress).sequenced != 0 && (*egress).next_sequence == sequence;
        seen && (*egress).phase == phase::HEAD && (*egress).head.is_start()
    }
}

/// What was sent with the request that begins at `sequence`, if anything was.
#[inline(always)]
pub unsafe fn sent(connection: *const Connection, sequence: u32) -> Option<*const Sent> {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let sending = &raw const (*connection).sending;
        let is_it = (*sending).sent.span.is_some() && (*sending).sequence == sequence;
        is_it.then_some(&raw const (*sending).sent)
    }
}

/// A header of the PROXY protocol, `length` bytes before `behind`, is no request. A context that was made for it is that of
/// the request which the same segment goes on with, if `goes_on`; else the request's is made when that is written.
#[inline(always)]
pub unsafe fn passes_over(connection: *mut Connection, behind: u32, length: u32, goes_on: bool) {
    // SAFETY: the caller passes a checked map value. What leaves does so with the socket locked.
    unsafe {
        let sending = &raw mut (*connection).sending;
        if (*sending).sequence != behind.wrapping_sub(length) || (*sending).state != sending::ARMED
        {
            return;
        }
        if goes_on {
            (*sending).sequence = behind;
        } else {
            (*sending).state = sending::IDLE;
            (*sending).sent.span = SpanContext::NONE;
        }
    }
}

/// Writes the option into the segment it was reserved in.
#[inline(always)]
pub fn write(ctx: &SockOpsContext) -> Option<()> {
    let (_, connection) = of(ctx)?;
    // SAFETY: a map value, checked for null; the helper checks the option and its length.
    unsafe {
        let (option, length) = encode(&(*connection).sending.sent.span);
        if bpf_store_hdr_opt(ctx.ops, option.as_ptr().cast(), length as u32, 0) != 0 {
            lose(Hook::SockOps, Reason::NoRoom);
        }
    }
    Some(())
}

/// The socket and the connection's value.
#[inline(always)]
fn of(ctx: &SockOpsContext) -> Option<(*mut c_void, *mut Connection)> {
    // SAFETY: `ops` is the program's context; the kernel gives null for a socket that is not full.
    let sk: *mut c_void = unsafe { (*ctx.ops).__bindgen_anon_2.sk }.cast();
    if sk.is_null() {
        return None;
    }
    let connection = CONNECTIONS.get(sk);
    (!connection.is_null()).then_some((sk, connection))
}

#[inline(always)]
fn reserve(ctx: &SockOpsContext) -> bool {
    // SAFETY: `ops` is the program's context.
    unsafe { bpf_reserve_hdr_opt(ctx.ops, LENGTH_WITH_FLAGS as u32, 0) == 0 }
}

/// Sequence number of the segment at hand. The context has no field for it, and its header is not yet
/// written: read from the kernel's own notes.
#[inline(always)]
fn first_sequence(ctx: &SockOpsContext) -> Option<u32> {
    let (skb_at, sequence_at) = (config().sock_ops_skb, config().skb_sequence);
    if skb_at == 0 || sequence_at == 0 {
        return None;
    }
    let (mut skb, mut sequence) = (0_u64, 0_u32);
    // SAFETY: the helper fills local variables, or fails and leaves them zero. What the program knows
    // as its context is the kernel's `bpf_sock_ops_kern`.
    unsafe {
        let from = ctx.ops.cast::<u8>() as u64 + skb_at as u64;
        bpf_probe_read_kernel((&raw mut skb).cast(), 8, from as *const c_void);
        let from = skb + sequence_at as u64;
        let failed = bpf_probe_read_kernel((&raw mut sequence).cast(), 4, from as *const c_void);
        (skb != 0 && failed == 0).then_some(sequence)
    }
}

/// The options of a segment that has arrived, as `read` walks through them.
#[repr(C)]
struct Options {
    skb: *mut __sk_buff,
    connection: *mut Connection,
    /// Where the options begin in the packet, and how long they are.
    start: u32,
    length: u32,
    /// Position in them.
    at: u32,
    /// Sequence number of the segment, and its bytes.
    sequence: u32,
    payload: u32,
}

/// Notes the context in the options of a segment. Most segments have no room for one, and cost a comparison.
#[inline(always)]
pub unsafe fn received(skb: *mut __sk_buff, segment: &Segment, connection: *mut Connection) {
    let start = segment.transport + TCP_HEADER;
    let length = segment.payload.wrapping_sub(start);
    if length < LENGTH as u32 || length > MAX_OPTIONS {
        return;
    }
    let mut options = Options {
        skb,
        connection,
        start,
        length,
        at: 0,
        sequence: segment.sequence,
        payload: segment.length,
    };
    // SAFETY: the callback gets `options` back, which outlives the call.
    unsafe { bpf_loop(MAX_STEPS, step as *mut c_void, (&raw mut options).cast(), 0) };
}

/// One option; 1 at the end.
unsafe extern "C" fn step(_index: u64, options: *mut Options) -> i64 {
    // SAFETY: `received` passes valid options of a checked map value.
    unsafe { read(&mut *options).is_none() as i64 }
}

#[inline(always)]
unsafe fn read(options: &mut Options) -> Option<()> {
    if options.at + LENGTH as u32 > options.length {
        return None;
    }
    let at = options.start + options.at;
    let mut head = [0_u8; 2];
    load(options.skb, at, &mut head)?;
    if is_context(head[0], head[1]) {
        // SAFETY: as in `step`.
        unsafe { take(options, at, head[1]) };
        return None;
    }
    options.at = option::next(options.at, head[0], head[1])?;
    Some(())
}

/// Copies the option at `at`, of length `length`.
#[inline(always)]
unsafe fn take(options: &Options, at: u32, length: u8) -> Option<()> {
    let mut ids = [0_u64; 3];
    load(options.skb, at + 2, &mut ids)?;
    let mut flags = SAMPLED;
    if length == LENGTH_WITH_FLAGS {
        load(options.skb, at + LENGTH as u32, &mut flags)?;
    }
    let [high, low, parent_id] = ids;
    if high | low == 0 || parent_id == 0 {
        lose(Hook::Ingress, Reason::InvalidParent);
        return None;
    }
    // SAFETY: as in `step`.
    unsafe {
        let received = &raw mut (*options.connection).received;
        let goes_on = (*received).told.parent_id == parent_id
            && (*received).sequence.wrapping_add((*received).length) == options.sequence;
        if goes_on {
            (*received).length = (*received).length.wrapping_add(options.payload);
            return None;
        }
        (*received).sequence = options.sequence;
        (*received).length = options.payload;
        (*received).told = Traceparent {
            trace_id: [high, low],
            parent_id,
            flags,
            version: 0,
            reserved: [0; 6],
        };
    }
    None
}

/// Fills `to` from the packet.
#[inline(always)]
fn load<T>(skb: *mut __sk_buff, at: u32, to: &mut T) -> Option<()> {
    let to = core::ptr::from_mut(to).cast();
    // SAFETY: `to` has room for its own size; the helper checks the packet's bounds.
    let failed = unsafe { bpf_skb_load_bytes(skb.cast(), at, to, size_of::<T>() as u32) };
    (failed == 0).then_some(())
}

/// The application has written a context of its own into a request: from now on it speaks for itself.
#[inline(always)]
pub unsafe fn leave(connection: *mut Connection) {
    // SAFETY: the caller passes a checked map value.
    unsafe { (*connection).sending.state = sending::NEVER };
}
