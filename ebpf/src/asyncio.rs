//! asyncio: what the running task works on.
//!
//! An event loop reads for many requests before it runs the tasks that serve them, so the thread tells
//! nothing. A task has a `contextvars` context of its own, which the thread state points to while the task
//! runs: its address is readable at every hook, and an entry for it counts as long as its task is pending.
//!
//! - A read in a read callback (which has a context that is no task's): the callback works on what was read.
//! - `Task.__init__`: the new task works on what its creator works on. It has no context yet; that is
//!   looked up at the thread's next event.
//! - `Future.set_result` in the read callback of a server socket: the task that waits works on what was
//!   read. In one of a client socket it does not: a response can free a connection for somebody else.
//! - A task that was given another request in this way serves a connection. It may be busy with the end of
//!   one request when the next is read, and then nobody wakes it: from then on it is given what is read
//!   from that connection.
//!
//! [`belief`] says how long a task may be believed.
//!
//! uvloop reads before it enters the context of the callback; see [`stream`].
//!
//! Uprobe programs can be preempted, and on some kernels two of them then share a stack of 64 bytes or more:
//! each function here that is not inlined has less.

mod belief;
mod stream;
mod thread;

use crate::{
    maps::{SERVING, TASKS},
    task::{Task, user_word},
};
use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use sonde_common::python::{ObjectKey, Serving, TaskWork, Thread, manner};
use thread::current;

/// `PyObject.ob_type`
const TYPE: u64 = 8;
/// What [`owned`] says of a context that is no pending task's.
const NOBODY: u64 = u64::MAX;
/// A task that works on nothing. Not on the stack, where there is no room for it.
static NOTHING: TaskWork = TaskWork {
    handle: 0,
    task: 0,
    manner: manner::OWN,
    reserved: [0; 3],
};

/// `_asyncio_Task___init__(self, ...)`
#[uprobe]
pub fn task_init(ctx: ProbeContext) -> u32 {
    // SAFETY: the current thread's own value.
    unsafe { created(ctx.arg(0).unwrap_or(0), current()) };
    0
}

/// `_asyncio_Future_set_result(self, ...)`
#[uprobe]
pub fn future_set_result(ctx: ProbeContext) -> u32 {
    // SAFETY: as above.
    unsafe { completed(ctx.arg(0).unwrap_or(0), current()) };
    0
}

/// `TCPTransport._call_connection_made(self)` of uvloop
#[uprobe]
pub fn uvloop_connection_made(ctx: ProbeContext) -> u32 {
    // SAFETY: as above.
    unsafe { connected(ctx.arg(0).unwrap_or(0), current()) };
    0
}

#[inline(always)]
unsafe fn created(task: u64, thread: *mut Thread) {
    if thread.is_null() {
        return;
    }
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        (*thread).runs_loop = 1;
        let running = running(thread);
        make(thread, running);
        (*thread).created = task;
        let stream = (*thread).making;
        (*thread).making = 0;
        if stream != 0 && stream::context(stream) == running {
            serve(thread, stream, task, 0);
        }
    }
}

/// What runs in the context makes a task.
#[inline(always)]
unsafe fn make(thread: *mut Thread, running: u64) {
    // SAFETY: as above.
    unsafe {
        let handle = work(thread, running);
        let reads = running != 0 && running == (*thread).reading && (*thread).connection != 0;
        (*thread).manner = if reads {
            manner::MADE_AT_READ
        } else {
            manner::INHERITED
        };
        (*thread).cause = if reads {
            handle
        } else {
            belief::inherited(handle)
        };
    }
}

#[inline(always)]
unsafe fn completed(future: u64, thread: *mut Thread) {
    if thread.is_null() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        (*thread).runs_loop = 1;
        let running = running(thread);
        if running == 0 {
            return;
        }
        let callback = future + (*thread).python.callback as u64;
        let context = word(callback + 8);
        let wakeup = word(callback);
        let task = word(wakeup + (*thread).python.wakes as u64);
        if context == 0 || !is_pending(thread, task, context) {
            return;
        }
        if (*thread).reading != running || (*thread).connection == 0 {
            return belief::woken(thread, running, context, wakeup);
        }
        let read = (*thread).read;
        if read != 0 && owned(thread, context) == read {
            return;
        }
        if read != 0 {
            serve(thread, (*thread).stream, task, (*thread).connection);
        }
        remember(thread, context, read, task, manner::WOKEN);
    }
}

/// All streams that a server accepts share one context: it is no read callback that runs in it now.
#[inline(always)]
unsafe fn connected(stream: u64, thread: *mut Thread) {
    if thread.is_null() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        settle(thread);
        (*thread).reading = 0;
        (*thread).making = stream;
    }
}

/// The current thread of a Python process has read from a socket. `connection` is the id of a server
/// socket's connection, else 0. Gives whether that is all: what runs no event loop keeps it for itself.
#[inline(always)]
pub fn take_up(handle: u64, connection: u64) -> bool {
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        let thread = current();
        if thread.is_null() {
            return false;
        }
        let mut context = running(thread);
        let mut stream = context;
        if is_base(thread, context) {
            stream = stream::current(thread);
            context = stream::context(stream);
        }
        (*thread).making = 0;
        (*thread).stream = stream;
        (*thread).reading = context;
        (*thread).read = 0;
        (*thread).connection = connection;
        if connection != 0 {
            (*thread).read = belief::read(handle, Task::current().tid());
            if stream != 0 && (*thread).read != 0 {
                hand_on(thread);
            }
        } else if let Some(known) = entry(thread, context) {
            belief::answered(thread, known, 0);
        }
        (*thread).runs_loop != 0
    }
}

/// What the current task of a Python process works on; `None` if the thread runs no event loop.
#[inline(always)]
pub fn at_work() -> Option<u64> {
    match asyncio_at_work() {
        NOBODY => None,
        handle => Some(handle),
    }
}

/// The running task works on a request from now on; 0: on nothing that is known. Gives false if the thread runs no event loop.
#[inline(always)]
pub fn work_on(handle: u64) -> bool {
    // SAFETY: map values; that of a task is written where it runs.
    unsafe {
        let thread = current();
        if thread.is_null() || (*thread).runs_loop == 0 {
            return false;
        }
        let context = running(thread);
        give(thread, context, handle);
        true
    }
}

/// The pending task with this context works on a request.
#[inline(never)]
unsafe fn give(thread: *mut Thread, context: u64, handle: u64) {
    // SAFETY: the caller passes a map value; so is the entry.
    unsafe {
        let key = ObjectKey {
            address: context,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        if let Some(known) = TASKS.get_ptr_mut(key)
            && is_pending(thread, (*known).task, context)
        {
            (*known).handle = handle;
            (*known).manner = manner::OWN;
        }
    }
}

/// A function of its own to the verifier, which looks at it once and not wherever it is called.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn asyncio_at_work() -> u64 {
    // SAFETY: as above.
    unsafe {
        let thread = current();
        if thread.is_null() || (*thread).runs_loop == 0 {
            return NOBODY;
        }
        let running = running(thread);
        work(thread, running)
    }
}

/// The context that the thread is in. What it created before now has one too, and a read callback that
/// it has left is over.
#[inline(never)]
unsafe fn running(thread: *mut Thread) -> u64 {
    // SAFETY: the caller passes a map value.
    unsafe {
        settle(thread);
        let context = word((*thread).state + (*thread).python.context as u64);
        if context != (*thread).reading {
            (*thread).reading = 0;
        }
        context
    }
}

/// The task created last has a context by now.
#[inline(always)]
unsafe fn settle(thread: *mut Thread) {
    // SAFETY: the caller passes a map value.
    unsafe {
        let task = (*thread).created;
        if task == 0 {
            return;
        }
        (*thread).created = 0;
        let context = word(task + (*thread).python.task_context as u64);
        if word(context + TYPE) != (*thread).python.context_type {
            return;
        }
        if (*thread).reading == context {
            (*thread).reading = 0;
        }
        // A task may have been given the context of another that runs. Its address may be that of one that had the same.
        if (*thread).cause != 0 || owned(thread, context) == NOBODY || was(thread, context, task) {
            remember(thread, context, (*thread).cause, task, (*thread).manner);
        }
    }
}

/// Is what is known of the context known of a task at this address?
#[inline(never)]
unsafe fn was(thread: *mut Thread, context: u64, task: u64) -> bool {
    // SAFETY: the caller passes a map value; so is the entry.
    unsafe {
        let key = ObjectKey {
            address: context,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        TASKS
            .get_ptr_mut(key)
            .is_some_and(|known| (*known).task == task)
    }
}

/// What runs in the context works on; 0: nothing that is known.
#[inline(always)]
unsafe fn work(thread: *mut Thread, context: u64) -> u64 {
    // SAFETY: the caller passes a map value.
    unsafe {
        if context == 0 {
            return 0;
        }
        if context == (*thread).reading && (*thread).connection != 0 {
            return (*thread).read;
        }
        match entry(thread, context) {
            Some(known) => belief::of(&*known),
            None => 0,
        }
    }
}

/// What is known of the task whose context this is, as long as it is not done.
#[inline(always)]
unsafe fn entry(thread: *mut Thread, context: u64) -> Option<*mut TaskWork> {
    // SAFETY: the caller passes a map value; so is the entry.
    unsafe {
        let key = ObjectKey {
            address: context,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        let known = TASKS.get_ptr_mut(key)?;
        is_pending(thread, (*known).task, context).then_some(known)
    }
}

/// The request that it was given.
#[inline(never)]
unsafe fn owned(thread: *mut Thread, context: u64) -> u64 {
    // SAFETY: as in `entry`.
    unsafe { entry(thread, context).map_or(NOBODY, |known| (*known).handle) }
}

/// Is this a task with that context, and not done?
#[inline(always)]
unsafe fn is_pending(thread: *mut Thread, task: u64, context: u64) -> bool {
    // SAFETY: the caller passes a map value.
    unsafe {
        let python = &raw const (*thread).python;
        word(context + TYPE) == (*python).context_type
            && word(task + (*python).task_context as u64) == context
            && word(task + (*python).state as u64) as u32 == 0
    }
}

#[inline(never)]
unsafe fn remember(thread: *mut Thread, context: u64, handle: u64, task: u64, manner: u16) {
    // SAFETY: the caller passes a map value; so is the entry, of an object that one thread at a time uses.
    unsafe {
        let key = ObjectKey {
            address: context,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        let mut known = TASKS.get_ptr_mut(key);
        if known.is_none() && (handle != 0 || (*thread).python.grpc != 0) {
            // A full map gives up its least recently used entry.
            let _ = TASKS.insert(key, &NOTHING, 0);
            known = TASKS.get_ptr_mut(key);
        }
        if let Some(known) = known {
            (*known).handle = handle;
            (*known).task = task;
            (*known).manner = manner;
        }
    }
}

#[inline(never)]
unsafe fn serve(thread: *mut Thread, stream: u64, task: u64, connection: u64) {
    // SAFETY: the caller passes a map value.
    unsafe {
        let key = ObjectKey {
            address: stream,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        // A full map gives up its least recently used entry.
        let _ = SERVING.insert(key, Serving { task, connection }, 0);
    }
}

/// The task that serves the connection works on what was read.
#[inline(never)]
unsafe fn hand_on(thread: *mut Thread) {
    // SAFETY: the caller passes a map value; so is the entry.
    unsafe {
        let key = ObjectKey {
            address: (*thread).stream,
            tgid: (*thread).tgid,
            reserved: 0,
        };
        let Some(serving) = SERVING.get_ptr_mut(key) else {
            return;
        };
        if (*serving).connection == 0 {
            (*serving).connection = (*thread).connection;
        }
        let task = (*serving).task;
        let context = word(task + (*thread).python.task_context as u64);
        if (*serving).connection == (*thread).connection && is_pending(thread, task, context) {
            remember(thread, context, (*thread).read, task, manner::WOKEN);
        }
    }
}

/// Is it none, or the one that a thread has outside of any other?
#[inline(always)]
unsafe fn is_base(thread: *mut Thread, context: u64) -> bool {
    // SAFETY: the caller passes a map value.
    context == 0 || word(context + unsafe { (*thread).python.previous } as u64) == 0
}

/// A word of the process's memory; 0 where there is none.
#[inline(never)]
fn word(at: u64) -> u64 {
    user_word(at).unwrap_or(0)
}
