//! The event loops of Node.js: what a turn of JavaScript works on.
//!
//! A turn is what runs for one event: a read from a socket, the end of an operation, a batch of timers. Before the next
//! turn all promises that it settled have gone on, whoever waits for them. So what a turn runs is for the request that its
//! event belongs to only if no other may go on in it:
//!
//! - A request that was read is worked on in that turn.
//! - What an exchange, or an operation of libuv's threads, was begun for goes on at its end, if every other request under way
//!   waits for something that is known ([`waiting`]). Else it is not known who goes on: a promise may be shared, a queue
//!   may have been waited in.
//! - Timers and `setImmediate` are worked on for what gave their async ids ([`ids`]).
//! - A request on the connection whose answer began the turn may be another's that waited for that connection. If the
//!   trigger id says who made it, that counts alone.
//! - What is written in a turn that is not certain is counted as waited for by whoever likely wrote it, or one doubt would be that of
//!   all requests to come. Whoever did write it waits for nothing that is counted, and is the doubt.
//! - Any other turn (messages of other threads, other sockets, ends of connects) works on nothing that is known.
//!
//! Uprobe programs can be preempted: see `asyncio`.

pub mod ids;
mod operations;
pub mod waiting;

use crate::{
    carrier, empty_reads,
    maps::{EVENT_LOOPS, WORK},
    task::{self, Task, argument},
};
use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::bpf_get_attach_cookie,
    macros::{btf_tracepoint, uprobe},
    programs::{BtfTracePointContext, ProbeContext},
};
use sonde_common::{
    connection::{Connection, role},
    context::{Carrier, Work, carrier::THREAD},
    event_loop::{EventLoop, WORK_OF_REQUEST, probe},
    process::runtime,
};

const EAGAIN: i32 = 11;

/// How a turn begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// With a request that comes in.
    Request,
    /// With the end of something that a request waits for.
    End,
    /// With timers or immediates, each with an async id of its own.
    Batch,
}

/// A loop of which nothing is known.
static NEW: EventLoop = EventLoop {
    read: 0,
    sending: 0,
    open: 0,
    busy: 0,
    ids: 0,
    before: 0,
    handle: 0,
    likely: 0,
    socket: 0,
    by_id: 0,
};

/// `node::Environment` and libuv, wherever a cookie says.
#[uprobe]
pub fn uprobe_event_loop(ctx: ProbeContext) -> u32 {
    follow(&ctx);
    0
}

#[inline(always)]
fn follow(ctx: &ProbeContext) -> Option<()> {
    // SAFETY: the program's own context.
    let cookie = unsafe { bpf_get_attach_cookie(ctx.as_ptr()) };
    match cookie & ((1 << probe::BITS) - 1) {
        probe::SUBMIT => operations::begins(argument(ctx, 1)?),
        probe::QUEUE => operations::begins(argument(ctx, 1)?.wrapping_add(WORK_OF_REQUEST)),
        probe::CONNECT => operations::begins(argument(ctx, 0)?),
        probe::DONE => operations::ends(argument(ctx, 0)?, true),
        // The next address is tried for the same. A connection that is there may have been waited for by others.
        probe::CONNECTED => operations::ends(argument(ctx, 0)?, (argument(ctx, 1)? as i32) < 0),
        probe::IMMEDIATES => batch(argument(ctx, 0)?, cookie >> probe::BITS),
        probe::TIMERS => batch(0, 0),
        _ => other(),
    }
    Some(())
}

/// Timers or immediates run; where an environment is given, its async ids are this far in.
#[inline(never)]
fn batch(environment: u64, ids: u64) {
    let task = Task::current();
    let turn = of_thread(task, task.tgid());
    if !turn.is_null() && ids != 0 {
        // SAFETY: a map value that only its own thread changes.
        unsafe { (*turn).ids = ids::address(environment.wrapping_add(ids)) };
    }
    begin(turn, task, 0, Event::Batch);
}

#[inline(never)]
fn other() {
    let task = Task::current();
    work_on(task, task.tgid(), 0, Event::End);
}

/// Any thread has read from any socket.
#[btf_tracepoint(function = "sock_recv_length")]
pub fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    let length: i32 = ctx.arg(1);
    let tcp = task::is_tcp(ctx.arg(0));
    if tcp {
        empty_reads::read(ctx.arg(0), length);
    }
    // Bytes of TCP's come by elsewhere; its ends and errors do not.
    if tcp && (length > 0 || length == -EAGAIN) {
        return 0;
    }
    let task = Task::current();
    let tgid = task.tgid();
    if carrier::runtime_of(tgid) == Some(runtime::NODE) {
        work_on(task, tgid, 0, Event::End);
    }
    0
}

/// The current thread has read from a TCP connection; `handle`: what that is for.
#[inline(always)]
pub unsafe fn reads(connection: *mut Connection, task: &Task, tgid: u32, handle: u64) {
    let turn = of_thread(*task, tgid);
    if turn.is_null() {
        return;
    }
    // SAFETY: the caller passes a checked map value; a loop is changed by its own thread only.
    unsafe {
        (*turn).read = 0;
        (*turn).sending = 0;
        if (*connection).role == role::SERVER {
            let alone = waiting::served(connection, key(task, tgid));
            begin(turn, *task, if alone { handle } else { 0 }, Event::Request);
        } else {
            let likely = waiting::answered(connection);
            begin(turn, *task, handle, Event::End);
            (*turn).socket = (*connection).cookie;
            if handle == 0 {
                (*turn).likely = likely;
            }
        }
    }
}

/// The current thread works on this from now on; 0: nothing that is known.
#[inline(never)]
pub fn work_on(task: Task, tgid: u32, handle: u64, event: Event) {
    begin(of_thread(task, tgid), task, handle, event);
}

/// A turn begins.
#[inline(never)]
fn begin(turn: *mut EventLoop, task: Task, handle: u64, event: Event) {
    if turn.is_null() {
        return;
    }
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        ids::end_turn(turn, task.tid());
        let doubtful = event == Event::End && handle != 0 && waiting::others(turn, handle);
        (*turn).handle = if doubtful { 0 } else { handle };
        (*turn).likely = handle;
        (*turn).socket = 0;
        (*turn).by_id = (event == Event::Batch) as u64;
        remember(task, (*turn).handle);
    }
}

/// What a thread works on.
#[inline(never)]
fn remember(task: Task, handle: u64) {
    let key = Carrier {
        tgid: task.tgid(),
        kind: THREAD,
        id: task.tid() as u64,
    };
    let work = Work::on(handle, task.switches());
    if let Some(known) = WORK.get_ptr_mut(key) {
        // SAFETY: a map value; the carrier runs on this CPU only.
        unsafe { *known = work };
    } else if handle != 0 {
        // A full map gives up its least recently used entry.
        let _ = WORK.insert(key, work, 0);
    }
}

/// Handle of what the current thread works on where it sends on a connection of this cookie; 0: not known.
#[inline(always)]
pub fn at_work(task: &Task, tgid: u32, cookie: u64) -> u64 {
    let Some(turn) = EVENT_LOOPS.get_ptr_mut(key(task, tgid)) else {
        return carrier::of_thread(task, tgid);
    };
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        let same = cookie != 0 && (*turn).socket == cookie;
        if same || (*turn).by_id != 0 {
            match ids::made_by(turn, task.tid(), cookie) {
                ids::NOTHING => {}
                handle => return handle,
            }
        }
    }
    carrier::of_thread(task, tgid)
}

/// What the current thread likely works on; 0: nothing that is known, or it runs no loop.
#[inline(always)]
pub fn likely(task: &Task, tgid: u32) -> u64 {
    let turn = EVENT_LOOPS.get_ptr_mut(key(task, tgid));
    // SAFETY: a map value of the current thread.
    turn.map_or(0, |turn| unsafe { (*turn).handle })
}

/// The turn at hand is likely for this.
#[inline(never)]
pub fn is_likely(task: Task, tgid: u32, handle: u64) {
    if let Some(turn) = EVENT_LOOPS.get_ptr_mut(key(&task, tgid)) {
        // SAFETY: as above.
        unsafe { (*turn).likely = handle };
    }
}

/// What is known of the current thread's loop; null if there is no room.
#[inline(never)]
pub fn of_thread(task: Task, tgid: u32) -> *mut EventLoop {
    let key = key(&task, tgid);
    if let Some(known) = EVENT_LOOPS.get_ptr_mut(key) {
        return known;
    }
    let _ = EVENT_LOOPS.insert(key, &NEW, 0);
    EVENT_LOOPS
        .get_ptr_mut(key)
        .unwrap_or(core::ptr::null_mut())
}

#[inline(always)]
pub fn key(task: &Task, tgid: u32) -> u64 {
    (tgid as u64) << 32 | task.tid() as u64
}
