//! Which request a call of Go's HTTP client is made for, by its `context.Context`.
//!
//! A request that a program makes with the context of one it serves, or with one derived from that, leads to it,
//! whichever goroutine makes it. Each of the `context` package's types begins with the context it was derived from; so does any struct
//! that embeds one first. What is followed is proved by the interface table, which names `context.Context`. Anything
//! else ends the walk.
//!
//! Over HTTP/2 the walk meets the stream's context, which is noted where a goroutine begins to serve it. Over HTTP/1 it
//! meets the value that `net/http` puts there for `LocalAddrContextKey`: an address that is one object for each
//! connection. It is noted with the connection's first read, together with the goroutine that serves the connection.
//! The request's own context is the second below; what still uses it after the request has ended finds it cancelled.
//!
//! Fewer than 64 bytes of stack a function, as in `crate::handover`.

use crate::{
    context,
    goroutine::Goroutine,
    handles,
    maps::PROCESSES,
    task::{Task, socket_cookie, user_word},
};
use aya_ebpf::helpers::generated::bpf_probe_read_user;
use core::ffi::c_void;
use sonde_common::process::Go;

/// What a walk gives if the context leads to a request that has ended, or is not known. No handle.
pub const NOBODY: u64 = u64::MAX;
/// Contexts that are looked at.
const STEPS: u32 = 24;
/// `context.valueCtx`: data words of key and value.
const KEY: u64 = 24;
const VALUE: u64 = 40;
/// `context.cancelCtx.err`
const CANCELLED: u64 = 48;
/// Length of the name that `http.LocalAddrContextKey` has, and where it is.
const LOCAL_ADDR: u64 = 10;
const NAME_LENGTH: u64 = 8;
/// `runtime.g.stack.hi`
const STACK_END: u64 = 8;
/// From there down: the `*http.conn` that `(*conn).serve` was started with.
const SERVED: u64 = 72;

/// An interface: its table and its data.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Interface {
    table: u64,
    data: u64,
}

#[inline(always)]
fn interface(at: u64) -> Interface {
    let mut found = Interface::default();
    // SAFETY: the helper checks the address and fails on what is not there, which leaves zeros.
    unsafe { bpf_probe_read_user((&raw mut found).cast(), 16, at as *const c_void) };
    found
}

/// Handle of the request that the context of this `http.Request` leads to; [`NOBODY`]; or 0: it leads to no request.
#[inline(never)]
pub fn cause(request: u64) -> u64 {
    let tgid = Task::current().tgid();
    let Some(go) = go(tgid) else {
        return 0;
    };
    let first = interface(request.wrapping_add(go.context as u64));
    let kind = user_word(first.table).unwrap_or(0);
    if kind == 0 {
        return 0;
    }
    let (mut at, mut below, mut second) = (first.data, 0, 0);
    for _ in 0..STEPS {
        let found = named(tgid, at, second);
        if found != 0 {
            return found;
        }
        (second, below) = (below, at);
        at = parent(at, kind);
        if at == 0 {
            break;
        }
    }
    0
}

#[inline(always)]
fn go(tgid: u32) -> Option<&'static Go> {
    // SAFETY: the value is used before the program ends.
    let go = &unsafe { PROCESSES.get(tgid) }?.go;
    (go.context != 0).then_some(go)
}

/// The context that the one there was derived from; 0: it is no context of a kind that is known.
#[inline(never)]
fn parent(at: u64, kind: u64) -> u64 {
    let parent = interface(at);
    if parent.table == 0 || user_word(parent.table) != Some(kind) {
        return 0;
    }
    parent.data
}

/// What the context there says itself, as [`cause`]. `request`: the second below it.
#[inline(never)]
fn named(tgid: u32, at: u64, request: u64) -> u64 {
    if let Some(handle) = handles::of_stream_context(tgid, at) {
        let going_on = context::going_on(handle);
        // Without a request it may be another context by now, in the same place.
        if going_on != 0 || is_cancelled(at) {
            return or_nobody(going_on);
        }
    }
    let Some(value) = user_word(at.wrapping_add(VALUE)) else {
        return 0;
    };
    match handles::server_of(tgid, value) {
        Some(goroutine) if is_local_address(at) => served(tgid, goroutine, request),
        _ => 0,
    }
}

#[inline(always)]
const fn or_nobody(handle: u64) -> u64 {
    if handle == 0 { NOBODY } else { handle }
}

/// Is the value's key `http.LocalAddrContextKey`?
#[inline(never)]
fn is_local_address(at: u64) -> bool {
    let key = user_word(at.wrapping_add(KEY)).unwrap_or(0);
    user_word(key.wrapping_add(NAME_LENGTH)) == Some(LOCAL_ADDR)
}

/// Has the `context.cancelCtx` there been cancelled? That of a request is when the request has been served.
#[inline(always)]
fn is_cancelled(at: u64) -> bool {
    user_word(at.wrapping_add(CANCELLED)) != Some(0)
}

/// The request that a connection's goroutine serves, if the request with that context is it still.
#[inline(never)]
fn served(tgid: u32, goroutine: u64, request: u64) -> u64 {
    if request == 0 || is_cancelled(request) {
        return NOBODY;
    }
    let word = handles::of_goroutine(tgid, goroutine);
    or_nobody(context::going_on(handles::work(word, 0).handle))
}

/// A goroutine begins to serve the stream of this `http.Request`: its context stands for that.
#[inline(never)]
pub fn stream_served(request: u64, handle: u64) {
    let tgid = Task::current().tgid();
    let Some(go) = go(tgid) else {
        return;
    };
    let context = interface(request.wrapping_add(go.context as u64));
    if context.data != 0 {
        handles::stream_has_context(tgid, context.data, handle);
    }
}

/// A goroutine reads from a connection that it has not read from before: if it is `net/http`'s for that connection, the
/// connection's local address stands for what it serves.
#[inline(always)]
pub fn connection_served(goroutine: &Goroutine, cookie: u64, task: &Task, go: &Go) {
    if go.context == 0 || go.descriptor == 0 {
        return;
    }
    let file = descriptor(goroutine.at, go.served, go.fd);
    if file == 0 {
        return;
    }
    let Some(descriptor) = user_word(file.wrapping_add(go.descriptor as u64)) else {
        return;
    };
    let Some(local) = user_word(file.wrapping_add(go.local as u64)) else {
        return;
    };
    if local != 0 && socket_cookie(task, descriptor) == cookie {
        handles::serves(task.tgid(), local, goroutine.id);
    }
}

/// The `netFD` of the connection that the goroutine at `g` was started for, if it was; else 0 or anything.
#[inline(never)]
fn descriptor(g: u64, served: u32, fd: u32) -> u64 {
    let end = user_word(g.wrapping_add(STACK_END)).unwrap_or(0);
    let connection = user_word(end.wrapping_sub(SERVED)).unwrap_or(0);
    let tcp = user_word(connection.wrapping_add(served as u64)).unwrap_or(0);
    user_word(tcp.wrapping_add(fd as u64)).unwrap_or(0)
}
