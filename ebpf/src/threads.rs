//! What a thread works on, and when that may be believed (decision 15).
//!
//! A thread that serves one request at a time works on what it has read last. One that serves several by turns (an event loop, a scheduler of
//! coroutines) does not, and looks alike until it is asked:
//!
//! - A client socket that somebody waits on while its owner sends sits in an epoll: no thread blocks on its answer.
//! - A thread that reads a second request to work on, while the first that it has read to its end is unanswered, interleaves them. So does
//!   one that reads the answer to a call of another request than its own.
//! - A request that another thread has read of since was handed over.
//!
//! Carriers that name the request themselves (goroutines, tasks, streams) need none of this.

use crate::{
    context,
    maps::{HANDS_OVER, WORK},
    task::{Socket, Task},
};
use sonde_common::{
    connection::{Connection, phase, role},
    context::{Carrier, Context, Work, carrier},
    process::{Process, threads},
};

/// Requests served one after the other until a thread that interleaved some is believed again: a client that gives up may look like a
/// second request at a time.
const FORGIVEN: u8 = 32;

#[inline(always)]
fn key(task: &Task, tgid: u32) -> Carrier {
    Carrier {
        tgid,
        kind: carrier::THREAD,
        id: task.tid() as u64,
    }
}

/// The thread's entry, made if there is none.
#[inline(always)]
fn entry(task: &Task, tgid: u32) -> Option<*mut Work> {
    let key = key(task, tgid);
    if let Some(known) = WORK.get_ptr_mut(key) {
        return Some(known);
    }
    // A full map gives up its least recently used entry.
    let _ = WORK.insert(key, Work::on(0, 0), 0);
    WORK.get_ptr_mut(key)
}

/// The current thread has read from a socket, of the request `handle` or of the answer to a call for it; 0: of nothing that is known.
#[inline(always)]
pub unsafe fn reads(
    connection: *const Connection,
    socket: &Socket,
    task: &Task,
    tgid: u32,
    handle: u64,
) {
    let Some(work) = entry(task, tgid) else {
        return;
    };
    // SAFETY: the caller passes a checked map value; the thread's entry is written by the thread alone.
    unsafe {
        if (*connection).role == role::SERVER {
            reads_request(work, task.tid(), tgid, handle);
            (*work).complete = is_complete(connection, socket) as u8;
        } else if handle != 0 {
            reads_answer(work, handle);
        }
        (*work).handle = handle;
        (*work).switches = task.switches();
    }
}

#[inline(always)]
unsafe fn reads_request(work: *mut Work, tid: u32, tgid: u32, handle: u64) {
    let Some(request) = context::get(handle) else {
        return;
    };
    // SAFETY: as in `reads`; a context is a map value.
    unsafe {
        if (*work).own != handle {
            compare(work, tid);
        }
        let holder = (*request).holder;
        if holder != 0 && holder != tid {
            // A full map gives up its least recently used entry.
            let _ = HANDS_OVER.insert(tgid, 1, 0);
        }
        (*request).holder = tid;
        (*work).own = handle;
    }
}

/// The thread goes on to another request: was it done with its own?
#[inline(always)]
unsafe fn compare(work: *mut Work, tid: u32) {
    // SAFETY: as in `reads`.
    unsafe {
        let Some(own) = context::get((*work).own) else {
            return;
        };
        if is_unanswered(own) {
            if (*work).complete != 0 && (*own).holder == tid {
                mark(work);
            }
        } else if (*own).ended_at != 0 && (*work).interleaves != 0 {
            (*work).sequential += 1;
            (*work).interleaves = ((*work).sequential < FORGIVEN) as u8;
        }
    }
}

#[inline(always)]
unsafe fn reads_answer(work: *mut Work, handle: u64) {
    // SAFETY: as in `reads`.
    unsafe {
        let own = (*work).own;
        if own == handle || context::under_way(handle) == 0 {
            return;
        }
        if context::get(own).is_some_and(|own| is_unanswered(own)) {
            mark(work);
        }
    }
}

/// Its response has not begun. One that leaves slowly is no second request at a time: the thread has written all of it.
#[inline(always)]
unsafe fn is_unanswered(request: *const Context) -> bool {
    // SAFETY: the caller passes a map value.
    unsafe { (*request).ended_at == 0 && (*request).begun == 0 }
}

/// The current thread was seen to serve several requests by turns.
#[inline(always)]
pub fn interleaves(task: &Task, tgid: u32) {
    if let Some(work) = entry(task, tgid) {
        // SAFETY: as in `reads`.
        unsafe { mark(work) };
    }
}

#[inline(always)]
unsafe fn mark(work: *mut Work) {
    // SAFETY: as in `reads`.
    unsafe {
        (*work).interleaves = 1;
        (*work).sequential = 0;
    }
}

/// Has all that has come been read, and does the request end there?
#[inline(always)]
unsafe fn is_complete(connection: *const Connection, socket: &Socket) -> bool {
    // SAFETY: as in `reads`.
    unsafe {
        let ingress = &raw const (*connection).ingress;
        (*ingress).phase == phase::HEAD
            && (*ingress).head.is_start()
            && (*ingress).next_sequence == socket.copied_sequence()
    }
}

/// Handle of what the current thread works on, or what the connection was `bound` to, if that is not 0; 0: nothing that may be believed.
/// `socket`: what it sends on, if it does.
#[inline(always)]
pub fn at_work(
    task: &Task,
    tgid: u32,
    process: &Process,
    bound: u64,
    socket: Option<&Socket>,
) -> u64 {
    if process.threads & threads::SWITCHES != 0
        || socket.is_some_and(|socket| is_of_loop(socket, process))
    {
        return 0;
    }
    let Some(work) = WORK.get_ptr_mut(key(task, tgid)) else {
        return bound;
    };
    // SAFETY: as in `reads`.
    unsafe {
        if (*work).interleaves != 0 {
            return 0;
        }
        let hands_over = process.threads & threads::HAND_OVER != 0;
        let handle = match bound {
            0 if hands_over => context::under_way((*work).handle),
            0 if context::live(&*work, task).is_none() => 0,
            0 => (*work).handle,
            bound => bound,
        };
        if handle == (*work).own && !is_own(work, task.tid(), tgid, hands_over) {
            return 0;
        }
        handle
    }
}

/// Is the request that the thread has read last its own, and not one that it has handed over, or is about to?
#[inline(always)]
unsafe fn is_own(work: *const Work, tid: u32, tgid: u32, hands_over: bool) -> bool {
    // SAFETY: as in `reads`.
    unsafe {
        let Some(own) = context::get((*work).own) else {
            return true;
        };
        if (*own).holder != tid {
            return false;
        }
        (*work).complete != 0 || !(hands_over || HANDS_OVER.get(tgid).is_some())
    }
}

#[inline(always)]
fn is_of_loop(socket: &Socket, process: &Process) -> bool {
    let by_flag = process.threads & threads::NONBLOCKING_IS_LOOP != 0;
    socket.is_waited_on() || (by_flag && socket.is_nonblocking())
}

/// Handle of what the current thread has read of last, whether that may be believed or not; 0: nothing.
#[inline(always)]
pub fn last_read(task: &Task, tgid: u32) -> u64 {
    // SAFETY: a map value.
    WORK.get_ptr_mut(key(task, tgid))
        .map_or(0, |work| unsafe { (*work).handle })
}
