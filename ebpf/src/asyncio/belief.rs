//! How long a task may be believed to work on the request that it was given.
//!
//! - Where requests are pipelined a response may end, or only be on its way, when the next request is served by the same task, or by
//!   one that this has made: once another request has come in on the connection, a task that may serve it is not believed, and a new
//!   task is given nothing by the one before.
//! - A task that another has made, and that nobody waits for, may go on for others (a worker that the first request has started):
//!   it is believed until it has got an answer, or is woken by the task of another request. In Tornado, whose client starts the
//!   next call of its queue where another one ends, that holds for each task that no other waits for.

use super::{NOBODY, TYPE, entry, is_pending, owned, word};
use crate::context;
use sonde_common::python::{TaskWork, Thread, manner};

/// The request that a task works on, which has got it in this manner; 0: not known (any more).
#[inline(always)]
pub unsafe fn of(work: &TaskWork) -> u64 {
    let Some(request) = context::get(work.handle) else {
        return 0;
    };
    // SAFETY: a map value.
    unsafe {
        match work.manner {
            _ if (*request).followed == 0 => context::going_on(work.handle),
            manner::WOKEN => 0,
            _ if (*request).begun != 0 => 0,
            _ => context::under_way(work.handle),
        }
    }
}

/// What a task that works on the request gives to one that it makes.
#[inline(always)]
pub unsafe fn inherited(handle: u64) -> u64 {
    match context::get(handle) {
        // SAFETY: a map value.
        Some(request) if unsafe { (*request).followed } == 0 => handle,
        _ => 0,
    }
}

/// A server socket was read: what has come is of this request, or of one behind it. Gives which, 0 if that is not certain.
#[inline(always)]
pub unsafe fn read(handle: u64, tid: u32) -> u64 {
    let Some(request) = context::get(handle) else {
        return 0;
    };
    // SAFETY: map values; the request's holder is written where it is read.
    unsafe {
        if (*request).followed != 0 && (*request).holder != 0 {
            return 0;
        }
        (*request).holder = tid;
    }
    handle
}

/// The current thread completes a future, in this context, for which `task` with the other context waits by `wakeup`.
#[inline(never)]
pub unsafe fn woken(thread: *mut Thread, running: u64, context: u64, wakeup: u64) {
    // SAFETY: the caller passes a map value; so are the entries.
    unsafe {
        let Some(known) = entry(thread, context) else {
            return;
        };
        if (*thread).reading != running {
            let waker = owned(thread, running);
            if waker == NOBODY || waker == (*known).handle {
                return;
            }
        }
        answered(thread, known, word(wakeup + TYPE));
    }
}

/// The task has got an answer to a call. `kind`: type of what wakes tasks, if that is known.
#[inline(never)]
pub unsafe fn answered(thread: *mut Thread, known: *mut TaskWork, kind: u64) {
    // SAFETY: the caller passes map values.
    unsafe {
        if (*known).manner == manner::INHERITED && !is_awaited(thread, (*known).task, kind) {
            (*known).handle = 0;
        }
    }
}

/// Does anybody wait for the task's end? A task, or (as `asyncio.gather` does) a function; of functions in C, like `set.discard`, only
/// those that wake a task.
#[inline(never)]
unsafe fn is_awaited(thread: *mut Thread, task: u64, kind: u64) -> bool {
    // SAFETY: the caller passes a map value.
    unsafe {
        let python = &raw const (*thread).python;
        let callback = word(task + (*python).callback as u64);
        if callback == 0 {
            return false;
        }
        let waiter = word(callback + (*python).wakes as u64);
        if is_pending(thread, waiter, word(waiter + (*python).task_context as u64)) {
            return true;
        }
        (*python).tornado == 0 && word(callback + TYPE) != kind
    }
}
