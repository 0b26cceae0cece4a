//! tokio: what the running task works on, and for whom a connection's task writes.
//!
//! Tasks change threads, but while one is polled its id is in the thread's `CONTEXT`, which is readable at every
//! hook. A task that reads from a server socket works on what was read.
//!
//! hyper gives a request to the task of the connection through a channel, one at a time. A uprobe sees the sender put
//! it there. A task's `n`th message is its connection's `n`th request; where the numbers differ, nothing is said.
//!
//! What is not followed: a task that another one has started, and one that serves several connections.

pub mod streams;

use crate::{
    context,
    maps::{PROCESSES, RECEIVERS, WORK},
    task::{Task, user_word},
};
use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_get_attach_cookie, macros::uprobe,
    programs::ProbeContext,
};
use sonde_common::{
    connection::{Connection, role},
    context::{Carrier, Work, carrier},
    tokio::{AGREED, Probe, Receiver, Tokio},
};

/// In `Work::handle`: the task serves several connections at a time.
const SEVERAL: u64 = u64::MAX;
/// `Header.vtable`
const VTABLE: u64 = 0x10;
/// `Vtable.scheduler_offset`; `Vtable.id_offset` is the next word.
const SCHEDULER_OFFSET: u64 = 0x40;
/// Size of the scheduler in a task, a pointer; the id is behind it.
const SCHEDULER: u64 = 8;
/// Nothing is so far from the head of a task to its scheduler.
const FAR: u64 = 0x100;

/// A task that got its first message.
static NEW: Receiver = Receiver {
    channel: 0,
    handle: 0,
    messages: 0,
    ahead: 0,
    agreed: 0,
    answered: 0,
};
/// A task that writes before any message was seen.
static WRITES: Receiver = Receiver { agreed: 1, ..NEW };

/// The current task puts a message into a channel, or has just done so. Where it stands: [`Probe`].
#[uprobe]
pub fn uprobe_wake(ctx: ProbeContext) -> u32 {
    let task = Task::current();
    // SAFETY: the process is used before the program ends.
    if let Some(process) = unsafe { PROCESSES.get(task.tgid()) } {
        message(&ctx, &task, &process.tokio);
    }
    0
}

#[inline(always)]
fn message(ctx: &ProbeContext, task: &Task, tokio: &Tokio) -> Option<()> {
    // SAFETY: the program's own context.
    let probe = Probe::of(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) });
    let channel = ctx.arg::<u64>(0)?.wrapping_add(probe.waker as u64);
    let wake_by_val = instruction(ctx).wrapping_add(probe.wake_by_val as i64 as u64);
    let receiver = match receiver(channel, wake_by_val) {
        0 => return None,
        id => carrier(task, id),
    };
    let handle = match current(task, tokio) {
        Some(id) => own(&carrier(task, id)).unwrap_or(0),
        None => 0,
    };
    let known = known(&receiver)?;
    // SAFETY: a map value. Whoever reads it meanwhile finds the new number without a handle.
    unsafe {
        if (*known).channel != channel {
            // A request's body may come through another channel.
            if (*known).agreed == AGREED {
                return None;
            }
            if (*known).channel != 0 {
                (*known).agreed = 1;
            }
            (*known).channel = channel;
            (*known).messages = 0;
        }
        (&raw mut (*known).handle).write_volatile(0);
        let messages = (&raw const (*known).messages).read_volatile();
        (&raw mut (*known).messages).write_volatile(messages.wrapping_add(1));
        (&raw mut (*known).handle).write_volatile(handle);
    }
    Some(())
}

#[inline(always)]
fn known(receiver: &Carrier) -> Option<*mut Receiver> {
    if let Some(known) = RECEIVERS.get_ptr_mut(receiver) {
        return Some(known);
    }
    // A full map gives up its least recently used entry.
    RECEIVERS.insert(receiver, &NEW, 0).ok()?;
    RECEIVERS.get_ptr_mut(receiver)
}

/// Id of the task that waits on the channel, if it does so by the waker whose function this is, tokio's own; else 0.
///
/// Not inlined for the stack: see `asyncio`.
#[inline(never)]
fn receiver(channel: u64, wake_by_val: u64) -> u64 {
    id(channel, wake_by_val).unwrap_or(0)
}

#[inline(always)]
fn id(channel: u64, wake_by_val: u64) -> Option<u64> {
    let wakes = user_word(channel)?;
    let header = user_word(channel.wrapping_add(8))?;
    if user_word(wakes.wrapping_add(8))? != wake_by_val {
        return None;
    }
    let vtable = user_word(header.wrapping_add(VTABLE))?.wrapping_add(SCHEDULER_OFFSET);
    let scheduler = user_word(vtable)?;
    let id = user_word(vtable.wrapping_add(8))?;
    if scheduler > FAR || id != scheduler.wrapping_add(SCHEDULER) {
        return None;
    }
    user_word(header.wrapping_add(id))
}

#[cfg(bpf_target_arch = "x86_64")]
#[inline(always)]
fn instruction(ctx: &ProbeContext) -> u64 {
    // SAFETY: the context's registers.
    unsafe { (*ctx.regs).rip as u64 }
}

#[cfg(bpf_target_arch = "aarch64")]
#[inline(always)]
fn instruction(ctx: &ProbeContext) -> u64 {
    // SAFETY: the context's registers.
    unsafe { (*ctx.regs).pc as u64 }
}

/// Id of the task that is polled on the current thread.
#[inline(always)]
fn current(task: &Task, tokio: &Tokio) -> Option<u64> {
    let tls = task.tls();
    if tls == 0 || tokio.task_id == 0 {
        return None;
    }
    let at = tls.wrapping_add(tokio.task_id as i64 as u64);
    let tag = if tokio.tagged != 0 {
        at.wrapping_sub(8)
    } else {
        at
    };
    match user_word(tag)? {
        0 => None,
        id if tag == at => Some(id),
        _ => user_word(at),
    }
}

#[inline(always)]
fn carrier(task: &Task, id: u64) -> Carrier {
    Carrier {
        tgid: task.tgid(),
        kind: carrier::TOKIO,
        id,
    }
}

/// Handle of what a task works on that serves a connection; 0: nothing that is known.
#[inline(always)]
fn own(carrier: &Carrier) -> Option<u64> {
    let work = WORK.get_ptr_mut(carrier)?;
    // SAFETY: a map value.
    Some(context::going_on(unsafe { (*work).handle }))
}

/// Takes up work: the current task has read from a server socket.
#[inline(always)]
pub unsafe fn take_up(connection: *const Connection, task: &Task, tokio: &Tokio, handle: u64) {
    // SAFETY: the caller passes a checked map value.
    let (role, cookie) = unsafe { ((*connection).role, (*connection).cookie) };
    if role != role::SERVER {
        return;
    }
    let Some(id) = current(task, tokio) else {
        return;
    };
    let key = carrier(task, id);
    // A task sleeps on any thread: instead of that thread's switches, its connection.
    let work = Work::on(handle, cookie);
    let Some(known) = WORK.get_ptr_mut(key) else {
        let _ = WORK.insert(key, work, 0);
        return;
    };
    // SAFETY: a map value; a task is polled on one thread at a time.
    unsafe {
        let before = *known;
        if before.handle == SEVERAL {
            return;
        }
        let busy = context::get(before.handle).is_some_and(|context| (*context).ended_at == 0);
        *known = work;
        if busy && before.switches != cookie {
            (*known).handle = SEVERAL;
        }
    }
}

/// Handle of what the current task writes a request for: its own work, or that of who sent it the message.
#[inline(always)]
pub unsafe fn at_work(connection: *const Connection, task: &Task, tokio: &Tokio) -> u64 {
    let Some(id) = current(task, tokio) else {
        return 0;
    };
    let key = carrier(task, id);
    if let Some(handle) = own(&key) {
        return handle;
    }
    let Some(receiver) = RECEIVERS.get_ptr_mut(key) else {
        let _ = RECEIVERS.insert(key, &WRITES, 0);
        return 0;
    };
    // SAFETY: a map value, written by the sender of the next message; the caller passes a checked one.
    unsafe {
        let messages = (&raw const (*receiver).messages).read_volatile();
        let handle = (&raw const (*receiver).handle).read_volatile();
        let answered = (*connection).ingress.messages;
        match agrees(receiver, messages, answered) {
            true => context::going_on(handle),
            false => 0,
        }
    }
}

/// Is the last message the request that is written now? It is if the task and its connection were followed from
/// their beginning, and the numbers are the same. In others they have to differ by the same for some time.
#[inline(always)]
unsafe fn agrees(receiver: *mut Receiver, messages: u32, answered: u32) -> bool {
    let ahead = messages.wrapping_sub(answered).wrapping_sub(1);
    // SAFETY: the caller passes a map value; these fields are written by the receiver alone.
    unsafe {
        let before = *receiver;
        if before.agreed == AGREED {
            return ahead == before.ahead;
        }
        let first = before.agreed == 0 && messages == 1 && answered == 0;
        if !first && before.agreed != 0 && answered == before.answered {
            return false;
        }
        let again = ahead == before.ahead && answered == before.answered.wrapping_add(1);
        (*receiver).agreed = match (first, again) {
            (true, _) => AGREED,
            (_, true) => before.agreed + 1,
            _ => 1,
        };
        (*receiver).ahead = ahead;
        (*receiver).answered = answered;
        (*receiver).agreed == AGREED
    }
}
