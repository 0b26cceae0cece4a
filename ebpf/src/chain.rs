//! The causal chain: which request that came in caused the one that goes out.
//!
//! 1. Who reads from a server socket works on the request that was read.
//! 2. Who reads from a client socket works again on what the request in flight there was sent for.
//! 3. A connection is bound to what the connecting thread works on; its first request is sent for that.
//! 4. Any other request is sent for what the writing thread (goroutine, task) works on.
//! 5. A request is worked on until its response has ended.
//!
//! Reading decides, writing never does. Where it is not certain, there is no parent: a missing link is
//! better than a wrong one.

mod named;
mod served;

pub use named::{brought, follow};
pub use served::{answered, answers, forget};

use crate::{
    carrier, context,
    event_loop::waiting,
    join,
    maps::{SENDING, config, lose},
    option, passed_on, received, sampling, segment, sending,
    task::{Socket, Task},
    walk::Walk,
};
use core::{ffi::c_void, hint::black_box};
use sonde_common::{
    config::trust,
    connection::{Connection, Direction, PIPELINED, phase, role, sharing, state},
    context::{RANDOM, SpanContext, origin},
    http1::HeadScan,
    loss::Reason,
    process::{runtime, verdict},
    propagator::{Parent, decision},
    traceparent::Traceparent,
};

/// In `Connection::bound`: the connecting thread worked on nothing that is known. When the connection is
/// there, an event loop writes to it whatever it read last.
const NOBODY: u64 = u64::MAX;

/// The head of a request is complete. Gives its span.
#[inline(always)]
pub unsafe fn request<const EGRESS: bool>(
    walk: &Walk,
    direction: *const Direction,
    end: u32,
    span: *mut SpanContext,
) {
    // SAFETY: the caller passes a checked map value and a span inside a reserved record.
    unsafe {
        let head = &(*direction).head;
        if head.is_traceparent_invalid() {
            lose(segment::hook::<EGRESS>(), Reason::InvalidParent);
        }
        if head.has_several_parents() {
            lose(segment::hook::<EGRESS>(), Reason::SeveralParents);
        }
        let client = (*walk.connection).role == role::CLIENT;
        if client && EGRESS {
            leaves(walk, head, end, span);
        } else if !client && !EGRESS {
            arrives(walk, head, end, span);
        }
    }
}

/// A request has come in: it gets a context, by which the service's work on it is known from now on.
#[inline(always)]
unsafe fn arrives(walk: &Walk, head: &HeadScan, end: u32, span: *mut SpanContext) {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        if (*connection).egress.phase == phase::UNSYNCED {
            forget(connection, walk.now);
            // But for the one at hand.
            (*connection).answered = (*connection).answered.wrapping_sub(1);
        }
        // Through the record, as is done below with all that a loop follows: what the verifier knows before a loop makes it
        // walk the loop once for each case.
        (*span).span_id = claim(connection, walk.now).to_ne_bytes();
        let handle = u64::from_ne_bytes((&raw const (*span).span_id).read_volatile());
        received::read(walk, head, end, handle);
        (*span).span_id = context::span_id();
        let field = received::traceparent(black_box(head));
        let trusted = is_trusted(walk);
        parent(
            walk,
            head,
            end,
            field,
            received::parent(handle),
            trusted,
            span,
        );
        context::fill(handle, &*span);
        let field = head.traceparent().map_or(0, passed_on::digest);
        let target = passed_on::by_target((*connection).ingress.target);
        if field != 0 || target != 0 {
            context::bring(handle, field, target);
        }
        if trusted || (*span).origin == origin::JOINED {
            received::publish(handle, received::traceparent(black_box(head)).is_some());
        }
    }
}

/// Takes a context for the request whose head has come in, unless too many are under way; gives its handle or 0.
#[inline(always)]
unsafe fn claim(connection: *mut Connection, now: u64) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        // The number of the request at hand was counted already.
        let index = (*connection).ingress.messages.wrapping_sub(1);
        context::follow((*connection).contexts[index.wrapping_sub(1) as usize % PIPELINED]);
        if index.wrapping_sub((*connection).answered) >= PIPELINED as u32 {
            return 0;
        }
        let handle = context::claim(now);
        (*connection).contexts[index as usize % PIPELINED] = handle;
        handle
    }
}

/// Whose word counts about parents, and what they pass on?
#[inline(always)]
pub unsafe fn is_trusted(walk: &Walk) -> bool {
    match config().trust_incoming {
        trust::ALL => true,
        // SAFETY: as in `request`.
        trust::PRIVATE => unsafe { join::is_private(walk.connection) },
        _ => false,
    }
}

/// Finds trace and parent: by the TCP option, the `field`, or what `other` propagators tell, in this order.
#[inline(always)]
unsafe fn parent(
    walk: &Walk,
    head: &HeadScan,
    end: u32,
    field: Option<&Traceparent>,
    other: Option<&Parent>,
    trusted: bool,
    span: *mut SpanContext,
) {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        let behind = walk.segment.sequence.wrapping_add(end);
        let begin = behind.wrapping_sub(head.bytes);
        let option = (*connection)
            .received
            .of(begin)
            .filter(|told| told.is_of_same_trace(field));
        // Opaque, or the compiler would ask for two null pointers at once, by arithmetic that the verifier refuses.
        let optional = black_box(option.is_some());
        let other = other.filter(|_| !optional && field.is_none());
        let by_other = other
            .map(|other| &other.told)
            .filter(|told| told.is_valid());
        let told = if optional { option } else { field.or(by_other) };
        let from = if optional {
            origin::OPTION
        } else {
            origin::HEADER
        };
        if join::take(connection, behind, told, span) {
            return;
        }
        match told.filter(|_| trusted) {
            Some(told) => {
                name(span, told);
                (*span).parent_id = told.parent_id.to_ne_bytes();
                (*span).origin = from;
            }
            None if told.is_some() => root(span, origin::UNTRUSTED),
            None => root(span, origin::ROOT),
        }
        let given = match other {
            _ if !trusted => None,
            Some(other) if other.decision == decision::DEFERRED => None,
            Some(other) => Some(other.told.flags),
            None => told.map(|told| told.flags),
        };
        let flags = sampling::flags(connection, given, &(*span).trace_id);
        let begins = u64::from_ne_bytes((*span).parent_id) == 0;
        (*span).flags = if begins { flags | RANDOM } else { flags };
    }
}

#[inline(always)]
pub unsafe fn name(span: *mut SpanContext, told: &Traceparent) {
    let [high, low] = told.trace_id;
    // SAFETY: as in `request`.
    unsafe { (*span).trace_id = halves(high, low) };
}

/// A trace-id of its two halves, each in memory order.
#[inline(always)]
pub fn halves(high: u64, low: u64) -> [u8; 16] {
    // SAFETY: both are sixteen plain bytes.
    unsafe { core::mem::transmute([high, low]) }
}

/// A trace begins with this span, on this connection.
#[inline(always)]
pub unsafe fn begin(connection: *const Connection, span: *mut SpanContext, from: u8) {
    // SAFETY: the caller passes a checked map value and a valid span.
    unsafe {
        root(span, from);
        (*span).flags = sampling::flags(connection, None, &(*span).trace_id) | RANDOM;
    }
}

/// The ids of a trace that begins with this span.
#[inline(always)]
unsafe fn root(span: *mut SpanContext, from: u8) {
    let high = u64::from_ne_bytes(context::random());
    // All of it: W3C Trace Context Level 2 section 3.2.2.3.
    let low = context::number();
    // SAFETY: the caller passes a valid span.
    unsafe {
        (*span).trace_id = halves(high, low);
        (*span).parent_id = [0; 8];
        (*span).origin = from;
    }
}

/// A span for a request that is sent on this connection for the work of `handle`; gives the handle, or 0 if that names none.
#[inline(always)]
pub unsafe fn derive(connection: *const Connection, handle: u64, span: *mut SpanContext) -> u64 {
    // SAFETY: the caller passes a valid span; a connection and a context are map values.
    unsafe {
        (*span).span_id = context::span_id();
        let Some(cause) = context::get(handle) else {
            begin(connection, span, origin::ROOT);
            return 0;
        };
        (*span).trace_id = (*cause).span.trace_id;
        (*span).parent_id = (*cause).span.span_id;
        (*span).flags = (*cause).span.flags;
        (*span).origin = origin::CHAIN;
        handle
    }
}

/// The span of what `handle` names, for a request that gets none of its own. False if it names nothing.
#[inline(always)]
pub unsafe fn of(handle: u64, span: *mut SpanContext) -> bool {
    let cause = context::get(handle);
    if let Some(cause) = cause {
        // SAFETY: the caller passes a valid span; a context is a map value.
        unsafe { *span = (*cause).span };
    }
    cause.is_some()
}

/// A request goes out: its span is the one that was written into it, or is found now.
#[inline(always)]
unsafe fn leaves(walk: &Walk, head: &HeadScan, end: u32, span: *mut SpanContext) {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        let told = head.traceparent();
        let mut parent = 0;
        let written = written(walk, told, span, &mut parent);
        if !written {
            let begin = walk
                .segment
                .sequence
                .wrapping_add(end)
                .wrapping_sub(head.bytes);
            parent = match option::sent(connection, begin) {
                Some(sent) => {
                    *span = (*sent).span;
                    (*sent).parent
                }
                None => {
                    let cause = match cause(walk) {
                        0 => passed_on::sent_on((*connection).tgid, (*connection).egress.target),
                        known => known,
                    };
                    derive(connection, cause, span)
                }
            };
            if let Some(told) = told {
                parent = follow(connection, parent, told, span);
            }
        }
        let waiting =
            (*connection).egress.messages.wrapping_sub(1) != (*connection).ingress.messages;
        let shared = waiting && (*connection).parent != parent;
        (*connection).parent = if shared { 0 } else { parent };
        waiting::sends_for(connection, (*connection).parent);
        (*connection).bound = 0;
        (*connection).outgoing.span = *span;
        (*connection).outgoing.sequence = walk.segment.sequence.wrapping_add(end);
        // Of a process that is not decided on nobody knows whether it has spans.
        let counts = config().watch_all != 0 || (*connection).verdict == verdict::WATCH;
        if !written && counts {
            join::offer(connection);
        }
    }
}

/// Was this request's field written by the `sk_msg` program?
#[inline(always)]
unsafe fn written(
    walk: &Walk,
    told: Option<&Traceparent>,
    span: *mut SpanContext,
    parent: &mut u64,
) -> bool {
    // SAFETY: as in `request`.
    unsafe {
        let Some(told) = told.filter(|_| (*walk.connection).enrolled != 0) else {
            return false;
        };
        let sk = walk.sk();
        if sk.is_null() {
            return false;
        }
        let sending = SENDING.get(sk);
        if sending.is_null() {
            return false;
        }
        let sent = sending::place(sending, told.parent_id);
        if u64::from_ne_bytes((*sent).span.span_id) != told.parent_id {
            return false;
        }
        *span = (*sent).span;
        *parent = (*sent).parent;
        true
    }
}

/// Handle of what the request at hand is sent for; 0: not known.
#[inline(always)]
unsafe fn cause(walk: &Walk) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        let sk = walk.sk();
        if sk.is_null() {
            return 0;
        }
        let Some(socket) = Socket::of(sk) else {
            return 0;
        };
        let task = Task::current();
        // What was written before the last read waited for the window, which whoever holds the socket may have opened, a reader too.
        let written = (*connection).written_at_read;
        let waited = written != 0 && (walk.segment.sequence.wrapping_sub(written) as i32) < 0;
        if waited || !socket.is_owned() || task.tgid() != (*connection).tgid {
            return match carrier::runtime_of((*connection).tgid) {
                Some(runtime::NODE) => context::under_way((*connection).bound),
                _ => 0,
            };
        }
        sender(connection, &socket, &task)
    }
}

/// Handle of what a request is sent for that the current thread writes.
#[inline(always)]
pub unsafe fn sender(connection: *const Connection, socket: &Socket, task: &Task) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let bound = (*connection).bound;
        if bound == NOBODY {
            return 0;
        }
        carrier::at_work(connection, task, context::under_way(bound), Some(socket))
    }
}

/// A thread connects: the connection is for what it works on. In Go another goroutine connects, and
/// whoever is first may take the connection, as with tokio: there nothing is certain.
#[inline(always)]
pub unsafe fn connects(connection: *mut Connection) {
    let task = Task::current();
    // SAFETY: as in `request`.
    unsafe {
        if matches!(
            carrier::runtime_of(task.tgid()),
            Some(runtime::GO | runtime::ASYNCIO | runtime::TOKIO)
        ) {
            return;
        }
        let handle = carrier::at_work(connection, &task, 0, None);
        (*connection).bound = if handle == 0 { NOBODY } else { handle };
        (*connection).parent = handle;
        waiting::sends_for(connection, handle);
    }
}

/// A thread has read from the socket.
#[inline(always)]
pub unsafe fn reads(connection: *mut Connection, socket: &Socket, task: &Task, tgid: u32) {
    // SAFETY: as in `request`.
    unsafe {
        let handle = match (*connection).role {
            role::SERVER => {
                let handle = at_hand(connection);
                let whole = (*connection).ingress.phase == phase::HEAD;
                waiting::awaits(connection, if whole { 0 } else { handle });
                handle
            }
            _ if is_client(connection) => {
                (*connection).written_at_read = socket.write_sequence();
                if (*connection).sharing == sharing::WRITTEN {
                    (*connection).sharing = sharing::READ;
                }
                (*connection).parent
            }
            _ => 0,
        };
        carrier::take_up(connection, socket, task, tgid, handle);
    }
}

/// A connection older than the agent that is no server's has no role until it is understood.
#[inline(always)]
unsafe fn is_client(connection: *const Connection) -> bool {
    // SAFETY: as in `request`.
    unsafe {
        let role = (*connection).role;
        role == role::CLIENT || (role == role::UNKNOWN && (*connection).enrolled != 0)
    }
}

/// The oldest request that is not answered in full.
#[inline(always)]
unsafe fn at_hand(connection: *const Connection) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let answered = (*connection).answered;
        if (*connection).state != state::HTTP1 || answered == (*connection).ingress.messages {
            return 0;
        }
        (*connection).contexts[answered as usize % PIPELINED]
    }
}

/// Bytes of an unknown protocol leave a client socket: whoever reads the answer works on for the same
/// request, as long as there is only one.
#[inline(always)]
pub unsafe fn writes(connection: *mut Connection, sk: *mut c_void) {
    // SAFETY: as in `request`.
    unsafe {
        if !is_client(connection) || (*connection).sharing == sharing::SHARED {
            return;
        }
        let task = Task::current();
        let Some(socket) = Socket::of(sk).filter(Socket::is_owned) else {
            return;
        };
        if task.tgid() != (*connection).tgid {
            return;
        }
        let handle = sender(connection, &socket, &task);
        (*connection).bound = 0;
        if (*connection).sharing == sharing::WRITTEN && (*connection).parent != handle {
            (*connection).sharing = sharing::SHARED;
            (*connection).parent = 0;
            waiting::awaits(connection, 0);
            return;
        }
        (*connection).sharing = sharing::WRITTEN;
        (*connection).parent = handle;
        waiting::sends_for(connection, handle);
    }
}
