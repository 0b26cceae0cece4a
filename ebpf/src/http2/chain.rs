//! The causal chain by streams: `crate::chain` for connections that carry many requests at a time.
//!
//! What a thread has read tells the request only while one alone is at work on the connection, and only where the reader
//! is who works on it. All else has to name the stream itself, or stays without a parent.

use super::{
    hold,
    layout::{Half, Http2, half},
    streams,
};
use crate::{
    ancestry, carrier, chain, context, go_streams, grpc, handles, join,
    maps::{HTTP2, PROCESSES, lose},
    nghttp2, passed_on, sampling, segment,
    task::{Socket, Task},
    tokio,
    walk::Walk,
};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, role},
    context::origin,
    loss::Reason,
    process::runtime,
};

/// In `Half::open`: the number of streams, above their handles.
const HANDLE: u32 = 48;
const HANDLES: u64 = (1 << HANDLE) - 1;
const STREAMS: u64 = (1 << (u64::BITS - HANDLE)) - 1;

/// The header block of a request has ended: puts its span into `Half::span`.
#[inline(always)]
pub unsafe fn request<const EGRESS: bool>(walk: &Walk, http2: *mut Http2) {
    // SAFETY: the caller passes checked map values.
    unsafe {
        let half = half::<EGRESS>(http2);
        let direction = segment::direction::<EGRESS>(walk.connection);
        (*direction).begun = (*direction).begun.wrapping_add(1);
        if (*half).scan.is_invalid() {
            lose(segment::hook::<EGRESS>(), Reason::InvalidParent);
        }
        if (*half).scan.has_several() {
            lose(segment::hook::<EGRESS>(), Reason::SeveralParents);
        }
        let handle = if EGRESS {
            leaves(walk, http2)
        } else {
            arrives(walk, http2)
        };
        open(half, handle, 1);
    }
}

/// So many streams more in the half (-1: one less), one of which is for `handle`. One store: others read both at a time.
#[inline(always)]
unsafe fn open(half: *mut Half, handle: u64, more: i64) {
    // SAFETY: as in `request`; the half is written by its own hook only.
    unsafe {
        let sum = (*half).open.wrapping_add((more as u64) << HANDLE) ^ (handle & HANDLES);
        (&raw mut (*half).open).write_volatile(sum);
    }
}

/// A request has come in: it gets a context. Gives its handle.
#[inline(always)]
unsafe fn arrives(walk: &Walk, http2: *mut Http2) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        let half = half::<false>(http2);
        let span = &raw mut (*half).span;
        let trusted = chain::is_trusted(walk);
        (*span).span_id = context::span_id();
        (*span).at_work = 0;
        if !joined(connection, half) {
            match (*half).scan.traceparent() {
                Some(told) if trusted => {
                    chain::name(span, told);
                    (*span).parent_id = told.parent_id.to_ne_bytes();
                    (*span).origin = origin::HEADER;
                    let given = Some(told.flags);
                    (*span).flags = sampling::flags(connection, given, &(*span).trace_id);
                }
                Some(_) => chain::begin(connection, span, origin::UNTRUSTED),
                None => chain::begin(connection, span, origin::ROOT),
            }
        }
        let handle = context::claim(walk.now);
        context::fill(handle, &*span);
        if let Some(told) = (*half).scan.traceparent() {
            context::bring(handle, passed_on::digest(told), 0);
            passed_on::note((*connection).tgid, handle);
        }
        handles::stream_begins((*connection).cookie, (*half).stream, handle);
        handle
    }
}

/// Is it a request that a client on this machine has sent without a field of ours? Then that is the parent.
#[inline(always)]
unsafe fn joined(connection: *const Connection, half: *mut Half) -> bool {
    // SAFETY: as in `request`.
    unsafe {
        let span = &raw mut (*half).span;
        let joint = &raw mut (*half).joint;
        if !streams::take_joint(connection, (*half).stream, joint) {
            return false;
        }
        let sent = &raw const (*joint).span;
        (*span).trace_id = (*sent).trace_id;
        (*span).parent_id = (*sent).span_id;
        (*span).flags = (*sent).flags;
        let told = (*half).scan.traceparent();
        if told.is_some_and(|told| !join::same(&(*span).trace_id, told)) {
            return false;
        }
        let given = (&raw const (*span).flags).read_volatile();
        (*span).flags = sampling::flags(connection, Some(given), &(*span).trace_id);
        (*span).origin = origin::JOINED;
        true
    }
}

/// A request goes out: its span is the one that was written into it, or is found now. Gives the handle of what it was sent
/// for.
#[inline(always)]
unsafe fn leaves(walk: &Walk, http2: *mut Http2) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let connection = walk.connection;
        let half = half::<true>(http2);
        let span = &raw mut (*half).span;
        let stream = &raw mut (*half).under_way;
        if streams::copy((*connection).cookie, (*half).stream, stream) {
            *span = (*stream).span;
            return (*stream).handle;
        }
        (*span).at_work = 0;
        let cause = cause(walk, (*half).stream);
        let mut handle = chain::derive(connection, cause, span);
        if let Some(told) = (*half).scan.traceparent() {
            handle = chain::follow(connection, handle, told, span);
        }
        (*stream).begun_at = walk.now;
        (*stream).handle = handle;
        (*stream).span = *span;
        streams::begin((*connection).cookie, (*half).stream, stream);
        let joint = &raw mut (*half).joint;
        (*joint).sent_at = walk.now;
        (*joint).span = *span;
        streams::leave_joint(connection, (*half).stream, joint);
        handle
    }
}

#[inline(always)]
unsafe fn cause(walk: &Walk, stream: u32) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let sk = walk.sk();
        if sk.is_null() {
            return 0;
        }
        let task = Task::current();
        match Socket::of(sk).filter(Socket::is_owned) {
            Some(socket) if task.tgid() == (*walk.connection).tgid => {
                stream_cause(walk.connection, &socket, &task, stream)
            }
            _ => nghttp2::cause(walk.connection, None, stream),
        }
    }
}

/// Handle of what the request on a stream is sent for, that the current thread writes; 0: not known. Who writes to a shared
/// connection writes for others too: only a thread that does all of its process's work is taken at its word. In Go the
/// one that called has told, or has started the one that writes; Node.js tells the stream before it is written; gRPC's C core
/// is asked for the stream.
#[inline(always)]
pub unsafe fn stream_cause(
    connection: *const Connection,
    socket: &Socket,
    task: &Task,
    stream: u32,
) -> u64 {
    // SAFETY: as in `request`; the process is used before the program ends.
    unsafe {
        let Some(process) = PROCESSES.get(task.tgid()) else {
            return 0;
        };
        if process.grpc.is_known() {
            return grpc::sent_for((*connection).cookie, stream, &process.grpc);
        }
        match process.runtime {
            runtime::THREADS if is_alone(task) => chain::sender(connection, socket, task),
            runtime::NODE => nghttp2::cause(connection, Some(task), stream),
            runtime::TOKIO => {
                tokio::streams::cause(task, &process.tokio, (*connection).cookie, stream)
            }
            runtime::GO => match handles::cause((*connection).cookie, stream) {
                Some(handle) => context::going_on(handle),
                None => go_streams::opens(task),
            },
            _ => 0,
        }
    }
}

/// Is it the first thread of its process? Event loops run there; where requests have threads of their own, none of those is.
#[inline(always)]
fn is_alone(task: &Task) -> bool {
    task.tid() == task.tgid()
}

/// A stream has ended for both sides, or was reset.
#[inline(always)]
pub unsafe fn stream_ended<const EGRESS: bool>(walk: &Walk, http2: *mut Http2, stream: u32) {
    // SAFETY: as in `request`.
    unsafe {
        let cookie = (*walk.connection).cookie;
        let serves = (*walk.connection).role == role::SERVER;
        let ended = if serves {
            handles::stream_ends(cookie, stream)
        } else {
            streams::end(cookie, stream)
        };
        let Some(handle) = ended else {
            return;
        };
        let half = half::<EGRESS>(http2);
        open(half, handle, -1);
        if serves {
            ancestry::answered(handle);
            context::end(handle, walk.now);
        }
    }
}

/// A thread has read from the socket.
#[inline(always)]
pub unsafe fn reads(
    connection: *mut Connection,
    sk: *mut c_void,
    socket: &Socket,
    task: &Task,
    tgid: u32,
) {
    // SAFETY: the caller passes a checked map value and its socket; the process is used before the program ends.
    unsafe {
        let Some(process) = PROCESSES.get(tgid) else {
            return;
        };
        match process.runtime {
            runtime::NODE => {
                carrier::take_up(connection, socket, task, tgid, 0);
                nghttp2::reads(task, tgid, (*connection).cookie);
            }
            runtime::TOKIO => tokio::streams::reads(task, &process.tokio, (*connection).cookie),
            runtime::THREADS if is_alone(task) && !process.grpc.is_known() => {
                carrier::take_up(connection, socket, task, tgid, only(sk));
            }
            _ => {}
        }
    }
}

/// Handle of the one request that is under way on a connection; 0 if there are none, or several.
#[inline(always)]
unsafe fn only(sk: *mut c_void) -> u64 {
    let http2 = HTTP2.get(sk);
    if http2.is_null() {
        return 0;
    }
    // SAFETY: a checked map value.
    unsafe {
        let halves = (&raw const (*http2).halves).cast::<Half>();
        let [ingress, egress] =
            [0, 1].map(|half| (&raw const (*halves.add(half)).open).read_volatile());
        match (ingress >> HANDLE).wrapping_add(egress >> HANDLE) & STREAMS {
            1 => (ingress ^ egress) & HANDLES,
            _ => 0,
        }
    }
}

/// A connection is gone: what its requests were worked on for ends.
#[inline(always)]
pub unsafe fn forget(connection: *const Connection, sk: *mut c_void) {
    let http2 = HTTP2.get(sk);
    if http2.is_null() {
        return;
    }
    // SAFETY: checked map values.
    unsafe { hold::drop_kept(half::<false>(http2), (*connection).cookie) };
    // SAFETY: as in `only`.
    let handle = unsafe { only(sk) };
    // SAFETY: no arguments.
    context::end(handle, unsafe { bpf_ktime_get_ns() });
}
