//! Go's HTTP client hands a request to another goroutine, which writes it: one uprobe sees who hands over,
//! and on which connection (`(*persistConn).roundTrip`; its receiver is in RAX on x86_64).
//!
//! The key is the connection's pair of ports, which the writing side knows from its socket. Fewer than 64
//! bytes of stack: on Linux 6.13 and later a uprobe program with more shares them with whoever runs the
//! same program on that CPU in between.

use crate::{
    carrier,
    maps::{HANDED_OVER, PROCESSES},
    task::{Task, user_word},
};
use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use sonde_common::{connection::Connection, context::Goroutine, process::Go};

/// A goroutine sends a request on a connection of the pool.
#[uprobe]
pub fn uprobe_round_trip(ctx: ProbeContext) -> u32 {
    // SAFETY: the context's registers.
    let receiver = unsafe { receiver(&ctx) };
    note(receiver);
    0
}

#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
unsafe fn receiver(ctx: &ProbeContext) -> u64 {
    // SAFETY: the caller passes a live context.
    unsafe { (*ctx.regs).rax as u64 }
}

#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
unsafe fn receiver(ctx: &ProbeContext) -> u64 {
    // SAFETY: the caller passes a live context.
    unsafe { (*ctx.regs).regs[0] as u64 }
}

#[inline(always)]
fn note(receiver: u64) -> Option<()> {
    let task = Task::current();
    let tgid = task.tgid();
    // SAFETY: the process is used before the program ends.
    let go = &unsafe { PROCESSES.get(tgid) }?.go;
    if go.conn == 0 {
        return None;
    }
    let tcp = user_word(receiver.wrapping_add(go.conn as u64))?;
    let descriptor = user_word(tcp.wrapping_add(go.fd as u64))?;
    let local = port(descriptor.wrapping_add(go.local as u64), go)?;
    let remote = port(descriptor.wrapping_add(go.remote as u64), go)?;
    let goroutine = carrier::goroutine(&task, go)?;
    let key = key(tgid, local, remote);
    // A full map gives up its least recently used entry.
    let _ = HANDED_OVER.insert(key, goroutine, 0);
    Some(())
}

/// The port of the address that the interface at `at` holds. A connection that is no TCP connection leads to
/// something else, which is hardly a port.
#[inline(always)]
fn port(at: u64, go: &Go) -> Option<u16> {
    let address = user_word(at)?;
    let port = user_word(address.wrapping_add(go.port as u64))?;
    (port > 0 && port <= u16::MAX as u64).then_some(port as u16)
}

#[inline(always)]
fn key(tgid: u32, local: u16, remote: u16) -> u64 {
    (tgid as u64) << 32 | (local as u64) << 16 | remote as u64
}

/// Who handed over the request that is written to this connection now; once.
#[inline(always)]
pub unsafe fn take(connection: *const Connection, tgid: u32) -> Option<Goroutine> {
    // SAFETY: the caller passes a checked map value; the entry is a map value.
    unsafe {
        let ends = &(*connection).ends;
        let key = key(tgid, ends.client_port, ends.server_port);
        let entry = HANDED_OVER.get_ptr_mut(key)?;
        let goroutine = *entry;
        *entry = Goroutine::default();
        (goroutine.id != 0).then_some(goroutine)
    }
}
