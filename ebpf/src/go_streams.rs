//! Which goroutine serves or opens which HTTP/2 stream, in Go.
//!
//! One goroutine reads from a connection for all its streams, and with grpc-go another writes for all. Uprobes
//! stand where a goroutine is known to belong to one stream: one hit a request on either side. The stream is named by
//! its number and its socket's cookie, which is found by way of the file descriptor that the `net.Conn` holds; what is no
//! `*net.TCPConn` (TLS, a wrapper of the program's) leads to no socket with such a stream.
//!
//! Fewer than 64 bytes of stack a function, as in `crate::handover`.

use crate::{
    context, go_context, goroutine, handles,
    maps::PROCESSES,
    task::{Task, socket_cookie, user_word},
};
use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_get_attach_cookie, macros::uprobe,
    programs::ProbeContext,
};
use sonde_common::{
    go::{Probe, place},
    process::Go,
};

/// Where a goroutine begins to serve a stream.
#[uprobe]
pub fn uprobe_serve_stream(ctx: ProbeContext) -> u32 {
    // SAFETY: a live context.
    let probe = Probe::of(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    let [first, second, third, fourth] = words(&ctx);
    let (owner, argument) = match probe.place {
        place::SERVES_GRPC => (third, fourth),
        _ => (first, second),
    };
    let handle = served(probe.cookie(), owner, argument);
    take_up(g(&ctx), handle);
    if probe.place == place::SERVES_HTTP {
        go_context::stream_served(third, handle);
    }
    0
}

/// Where a goroutine calls.
#[uprobe]
pub fn uprobe_open_stream(ctx: ProbeContext) -> u32 {
    // SAFETY: a live context.
    let probe = Probe::of(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    let g = g(&ctx);
    if probe.place == place::CALLS_GRPC {
        open(probe.cookie(), captured(&ctx), at_work(g));
        return 0;
    }
    let [_, request, ..] = words(&ctx);
    call(g, sent_for(g, request));
    0
}

/// The first words of a Go function's arguments.
#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
pub fn words(ctx: &ProbeContext) -> [u64; 4] {
    let registers = ctx.regs;
    // SAFETY: the context's registers. Volatile: the verifier wants each read at an offset that it knows.
    unsafe {
        [
            (&raw const (*registers).rax).read_volatile() as u64,
            (&raw const (*registers).rbx).read_volatile() as u64,
            (&raw const (*registers).rcx).read_volatile() as u64,
            (&raw const (*registers).rdi).read_volatile() as u64,
        ]
    }
}

/// The first words of a Go function's arguments.
#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
pub fn words(ctx: &ProbeContext) -> [u64; 4] {
    let registers = ctx.regs;
    // SAFETY: the context's registers. Volatile: the verifier wants each read at an offset that it knows.
    unsafe {
        [
            (&raw const (*registers).regs[0]).read_volatile(),
            (&raw const (*registers).regs[1]).read_volatile(),
            (&raw const (*registers).regs[2]).read_volatile(),
            (&raw const (*registers).regs[3]).read_volatile(),
        ]
    }
}

/// Address of the `runtime.g` that runs (Go's internal ABI keeps it in a register).
#[inline(always)]
pub fn g(ctx: &ProbeContext) -> u64 {
    // SAFETY: the context's registers.
    #[cfg(bpf_target_arch = "x86_64")]
    let g = unsafe { (*ctx.regs).r14 as u64 };
    // SAFETY: the context's registers.
    #[cfg(bpf_target_arch = "aarch64")]
    let g = unsafe { (*ctx.regs).regs[28] as u64 };
    g
}

/// What a Go function has captured.
#[inline(always)]
fn captured(ctx: &ProbeContext) -> u64 {
    // SAFETY: the context's registers.
    #[cfg(bpf_target_arch = "x86_64")]
    let closure = unsafe { (*ctx.regs).rdx as u64 };
    // SAFETY: the context's registers.
    #[cfg(bpf_target_arch = "aarch64")]
    let closure = unsafe { (*ctx.regs).regs[26] as u64 };
    closure
}

/// Offsets of the current process, if it is Go's.
#[inline(always)]
fn go(task: &Task) -> Option<&'static Go> {
    // SAFETY: the value is used before the program ends.
    Some(&unsafe { PROCESSES.get(task.tgid()) }?.go)
}

/// Handle of the request of the stream that a goroutine begins to serve; 0: not known.
#[inline(never)]
fn served(cookie: u64, owner: u64, argument: u64) -> u64 {
    let probe = Probe::of(cookie);
    let socket = socket(owner, probe.conn as u64);
    if socket == 0 {
        return 0;
    }
    let mut at = argument;
    for _ in 0..probe.pointers.min(2) {
        at = user_word(at).unwrap_or(0);
    }
    let Some(number) = user_word(at.wrapping_add(probe.stream as u64)) else {
        return 0;
    };
    handles::of_stream(socket, number as u32).unwrap_or(0)
}

/// The goroutine works on this from now on; 0: nothing that is known.
#[inline(never)]
fn take_up(g: u64, handle: u64) -> u64 {
    let task = Task::current();
    if let Some(id) = go(&task).and_then(|go| goroutine::id(g, go)) {
        goroutine::takes_up(&task, id, handle);
    }
    0
}

/// Handle of what a request of `net/http`'s Transport is sent for, given its `transportRequest`, whose first word is the
/// request; 0: not known.
#[inline(never)]
pub fn round_trip(g: u64, transported: u64) -> u64 {
    sent_for(g, user_word(transported).unwrap_or(0))
}

/// Handle of what the goroutine sends this `http.Request` for; 0: not known. Its context is certain where it leads to a request.
#[inline(never)]
fn sent_for(g: u64, request: u64) -> u64 {
    match go_context::cause(request) {
        0 => at_work(g),
        go_context::NOBODY => 0,
        handle => context::going_on(handle),
    }
}

/// The goroutine starts another one, which writes a request for this.
#[inline(never)]
fn call(g: u64, handle: u64) -> u64 {
    let task = Task::current();
    if let Some(id) = go(&task).and_then(|go| goroutine::id(g, go)) {
        handles::goroutine_calls_for(task.tgid(), id, handle);
    }
    0
}

/// Handle of what the current goroutine opens a stream for; 0: not known.
#[inline(always)]
pub fn opens(task: &Task) -> u64 {
    let Some(go) = go(task) else {
        return 0;
    };
    let Some(goroutine) = goroutine::current(task, go) else {
        return 0;
    };
    match handles::call_of_goroutine(task.tgid(), goroutine.parent) {
        Some(handle) => context::going_on(handle),
        None => goroutine::at_work(task, &goroutine),
    }
}

/// Handle of what the goroutine works on; 0: not known.
#[inline(never)]
fn at_work(g: u64) -> u64 {
    let task = Task::current();
    let Some(go) = go(&task) else {
        return 0;
    };
    goroutine::of(g, go).map_or(0, |goroutine| goroutine::at_work(&task, &goroutine))
}

/// The next stream of a client's connection will be for this handle. Whoever takes the number in the end has been here last:
/// the client holds a lock.
#[inline(never)]
fn open(cookie: u64, closure: u64, handle: u64) -> u64 {
    const FIRST: u64 = 8;
    let probe = Probe::of(cookie);
    let transport = user_word(closure.wrapping_add(FIRST)).unwrap_or(0);
    let socket = socket(transport, probe.conn as u64);
    let Some(number) = user_word(transport.wrapping_add(probe.stream as u64)) else {
        return 0;
    };
    if socket == 0 {
        return 0;
    }
    handles::causes(socket, number as u32, handle);
    0
}

/// Cookie of the socket below the `net.Conn` of a transport; 0: it is no TCP connection.
#[inline(never)]
pub fn socket(owner: u64, conn: u64) -> u64 {
    let task = Task::current();
    let Some(go) = go(&task).filter(|go| go.descriptor != 0) else {
        return 0;
    };
    let connection = user_word(owner.wrapping_add(conn)).unwrap_or(0);
    let file = user_word(connection.wrapping_add(go.fd as u64)).unwrap_or(0);
    let Some(descriptor) = user_word(file.wrapping_add(go.descriptor as u64)) else {
        return 0;
    };
    socket_cookie(&task, descriptor)
}
