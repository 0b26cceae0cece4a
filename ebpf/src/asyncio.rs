//! asyncio: what the running task works on.
//!
//! An event loop reads for many requests before it runs the tasks that serve them, so the thread tells
//! nothing. A task has a `contextvars` context of its own, which the thread state points to while the task
//! runs: its address is readable at every hook, and an entry for it lives as long as its task is pending.
//!
//! - A read in a read callback (it has a context that is no task's): the callback works on what was read.
//! - `Task.__init__`: the new task works on what its creator works on. It has no context yet; that is
//!   looked up at the thread's next event.
//! - `Future.set_result` in the read callback of a server socket: the task that waits works on what was
//!   read. In one of a client socket it does not: a response can free a connection for somebody else.
//!
//! - A task that was given another request in this way serves a connection. It may be busy with the end of one
//!   request when the next is read, and then nobody wakes it: it is given what is read from that connection
//!   from then on.
//!
//! uvloop reads before it enters the context of the callback. Its address is in the `UVStream` object,
//! which libuv's stream points to, and that pointer is in a register that the system call preserves.
//!
//! The uprobe programs can be preempted: state is in maps, not on the stack.

use crate::{
    maps::{SERVING, TASKS, THREADS, python_of},
    task::{Task, user_word},
};
use aya_ebpf::{
    helpers::generated::{bpf_loop, bpf_task_pt_regs},
    macros::uprobe,
    programs::ProbeContext,
};
use core::ffi::c_void;
use sonde_common::python::{Python, Serving, ObjectKey, TaskWork, Thread};

/// Most threads that are looked through for the current one.
const MOST_THREADS: u32 = 256;
/// The thread id is the address of the C library's thread structure, which holds or precedes the TLS base.
const NEAR_TLS: u64 = 4096;
/// `PyObject.ob_type`
const TYPE: u64 = 8;
/// uvloop 0.15 and later: `UVHandle._handle` and `UVHandle.context`; `uv_handle_t.data` is first.
const UVLOOP_HANDLE: u64 = 24;
const UVLOOP_CONTEXT: u64 = 56;

/// `_asyncio_Task___init__(self, ...)`
#[uprobe]
pub fn task_init(ctx: ProbeContext) -> u32 {
    created(&ctx);
    0
}

/// `_asyncio_Future_set_result(self, ...)`
#[uprobe]
pub fn future_set_result(ctx: ProbeContext) -> u32 {
    completed(&ctx);
    0
}

/// `UVBaseTransport._call_connection_made(self)` of uvloop
#[uprobe]
pub fn uvloop_connection_made(ctx: ProbeContext) -> u32 {
    connected(&ctx);
    0
}

#[inline(always)]
fn created(ctx: &ProbeContext) -> Option<()> {
    let new: u64 = ctx.arg(0)?;
    let task = Task::current();
    let python = python_of(task.tgid())?;
    let thread = thread(&task, python)?;
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        (*thread).runs_loop = 1;
        let running = running(thread, python)?;
        let tgid = task.tgid();
        (*thread).created = new;
        (*thread).cause = match owned(tgid, running, python) {
            _ if running == (*thread).reading => (*thread).read,
            Some(handle) => handle,
            None => 0,
        };
        let stream = (*thread).making;
        (*thread).making = 0;
        if stream != 0 && user_word(stream + UVLOOP_CONTEXT)? == running {
            serve(tgid, stream, Serving { task: new, connection: 0 });
        }
    }
    Some(())
}

/// All streams that a server accepts share one context: it is no read callback that runs in it now.
#[inline(always)]
fn connected(ctx: &ProbeContext) -> Option<()> {
    let stream: u64 = ctx.arg(0)?;
    let task = Task::current();
    let python = python_of(task.tgid())?;
    let thread = thread(&task, python)?;
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        settle(thread, python);
        (*thread).reading = 0;
        (*thread).making = stream;
    }
    Some(())
}

#[inline(always)]
fn completed(ctx: &ProbeContext) -> Option<()> {
    let future: u64 = ctx.arg(0)?;
    let task = Task::current();
    let python = python_of(task.tgid())?;
    let thread = thread(&task, python)?;
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        (*thread).runs_loop = 1;
        let running = running(thread, python)?;
        if (*thread).reading != running || (*thread).connection == 0 {
            return None;
        }
        let at = future + python.callback as u64;
        let waiting = user_word(user_word(at)? + python.wakes as u64)?;
        let context = user_word(at + 8)?;
        if context == 0 || user_word(waiting + python.task_context as u64)? != context {
            return None;
        }
        let (tgid, read) = (task.tgid(), (*thread).read);
        if read != 0 && owned(tgid, context, python) != Some(read) {
            let connection = (*thread).connection;
            serve(tgid, (*thread).stream, Serving { task: waiting, connection });
        }
        remember(tgid, context, read, waiting);
    }
    Some(())
}

/// The current thread has read from a socket what it works on now. Gives whether that is all: a thread that
/// runs no event loop may keep it for itself. `connection` is the id of a server socket's connection, else 0.
#[inline(always)]
pub fn take_up(task: &Task, python: &Python, handle: u64, connection: u64) -> bool {
    reads(task, python, handle, connection).unwrap_or(false)
}

#[inline(always)]
fn reads(task: &Task, python: &Python, handle: u64, connection: u64) -> Option<bool> {
    let thread = thread(task, python)?;
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        let running = running(thread, python)?;
        let (stream, context) = match is_base(running, python) {
            true => uvloop_stream(python).unwrap_or((0, 0)),
            false => (running, running),
        };
        (*thread).making = 0;
        (*thread).stream = stream;
        (*thread).reading = context;
        (*thread).read = handle;
        (*thread).connection = connection;
        if connection != 0 && handle != 0 && context != 0 {
            hand_on(task.tgid(), python, stream, connection, handle);
        }
        Some((*thread).runs_loop != 0)
    }
}

/// The task that serves the connection works on what was read.
#[inline(always)]
fn hand_on(tgid: u32, python: &Python, stream: u64, connection: u64, handle: u64) -> Option<()> {
    let serving = SERVING.get_ptr_mut(ObjectKey { address: stream, tgid, reserved: 0 })?;
    // SAFETY: a map value.
    unsafe {
        if (*serving).connection == 0 {
            (*serving).connection = connection;
        }
        let task = (*serving).task;
        let context = user_word(task + python.task_context as u64)?;
        if (*serving).connection == connection && is_pending(task, context, python)? {
            remember(tgid, context, handle, task);
        }
    }
    Some(())
}

#[inline(always)]
fn serve(tgid: u32, stream: u64, serving: Serving) {
    // A full map gives up its least recently used entry.
    let _ = SERVING.insert(ObjectKey { address: stream, tgid, reserved: 0 }, serving, 0);
}

/// What the current task works on; `None` if the thread runs no event loop.
#[inline(always)]
pub fn at_work(task: &Task, python: &Python) -> Option<u64> {
    let thread = thread(task, python)?;
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        if (*thread).runs_loop == 0 {
            return None;
        }
        let running = running(thread, python).unwrap_or(0);
        Some(work(thread, python, task.tgid(), running))
    }
}

/// The context that the thread is in. What it created before now has one too, and a read callback that
/// it has left is over.
#[inline(always)]
unsafe fn running(thread: *mut Thread, python: &Python) -> Option<u64> {
    // SAFETY: the caller passes a map value.
    unsafe {
        settle(thread, python);
        let context = user_word((*thread).state + python.context as u64)?;
        if context != (*thread).reading {
            (*thread).reading = 0;
        }
        Some(context)
    }
}

/// The task created last has a context by now.
#[inline(always)]
unsafe fn settle(thread: *mut Thread, python: &Python) -> Option<()> {
    // SAFETY: the caller passes a map value.
    unsafe {
        let new = (*thread).created;
        if new == 0 {
            return None;
        }
        (*thread).created = 0;
        let context = user_word(new + python.task_context as u64)?;
        if user_word(context + TYPE)? != python.context_type {
            return None;
        }
        if (*thread).reading == context {
            (*thread).reading = 0;
        }
        // A task may be given the context of one that runs.
        let tgid = (*thread).tgid;
        if (*thread).cause != 0 || owned(tgid, context, python).is_none() {
            remember(tgid, context, (*thread).cause, new);
        }
    }
    Some(())
}

#[inline(always)]
fn remember(tgid: u32, context: u64, handle: u64, task: u64) {
    let key = ObjectKey { address: context, tgid, reserved: 0 };
    if let Some(known) = TASKS.get_ptr_mut(key) {
        // SAFETY: a map value; the address is that of an object which one thread at a time uses.
        unsafe { *known = TaskWork { handle, task } };
    } else if handle != 0 {
        // A full map gives up its least recently used entry.
        let _ = TASKS.insert(key, TaskWork { handle, task }, 0);
    }
}

/// What the owner of `running` works on.
#[inline(always)]
unsafe fn work(thread: *mut Thread, python: &Python, tgid: u32, running: u64) -> u64 {
    // SAFETY: the caller passes a map value.
    unsafe {
        if running == 0 {
            return 0;
        }
        if running == (*thread).reading {
            return (*thread).read;
        }
    }
    owned(tgid, running, python).unwrap_or(0)
}

/// What the task works on whose context this is, as long as it is not done.
#[inline(always)]
fn owned(tgid: u32, context: u64, python: &Python) -> Option<u64> {
    let known = TASKS.get_ptr_mut(ObjectKey { address: context, tgid, reserved: 0 })?;
    // SAFETY: a map value.
    let work = unsafe { *known };
    is_pending(work.task, context, python)?.then_some(work.handle)
}

/// Is this a task with that context, and not done?
#[inline(always)]
fn is_pending(task: u64, context: u64, python: &Python) -> Option<bool> {
    let is_its = user_word(task + python.task_context as u64)? == context;
    let typed = user_word(context + TYPE)? == python.context_type;
    Some(is_its && typed && user_word(task + python.state as u64)? as u32 == 0)
}

/// Is it none, or the one that a thread has outside of any other?
#[inline(always)]
fn is_base(context: u64, python: &Python) -> bool {
    context == 0 || user_word(context + python.previous as u64).unwrap_or(0) == 0
}

/// A thread of which nothing is known.
static NEW: Thread = Thread {
    state: 0,
    reading: 0,
    read: 0,
    created: 0,
    cause: 0,
    cursor: 0,
    tls: 0,
    offsets: 0,
    tgid: 0,
    runs_loop: 0,
    connection: 0,
    reserved: 0,
    stream: 0,
    making: 0,
};

/// What is known of the current thread.
#[inline(always)]
fn thread(task: &Task, python: &Python) -> Option<*mut Thread> {
    let (tls, tgid) = (task.tls(), task.tgid());
    let key = (tgid as u64) << 32 | task.tid() as u64;
    let known = match THREADS.get_ptr_mut(key) {
        Some(known) => known,
        None => {
            let _ = THREADS.insert(key, NEW, 0);
            THREADS.get_ptr_mut(key)?
        }
    };
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        let state = (*known).state;
        (*known).tgid = tgid;
        let id = user_word(state + python.thread_id as u64).unwrap_or(0);
        if state == 0 || tls.wrapping_sub(id) >= NEAR_TLS {
            find_state(known, python, tls);
        }
        ((*known).state != 0).then_some(known)
    }
}

/// Looks through the interpreter's threads for the one with this TLS base.
#[inline(always)]
unsafe fn find_state(thread: *mut Thread, python: &Python, tls: u64) -> Option<()> {
    // SAFETY: the caller passes a map value; the callback gets it back.
    unsafe {
        (*thread).state = 0;
        let main = user_word(python.interpreter)?;
        (*thread).cursor = user_word(main + python.threads as u64)?;
        (*thread).tls = tls;
        (*thread).offsets = (python.thread_id as u32) << 16 | python.next as u32;
        let mut context = thread;
        bpf_loop(MOST_THREADS, step as *mut c_void, (&raw mut context).cast(), 0);
    }
    Some(())
}

/// One thread state; 1 ends the loop.
unsafe extern "C" fn step(_index: u64, context: *mut *mut Thread) -> i64 {
    // SAFETY: `find_state` passes a pointer to a map value.
    unsafe {
        let thread = *context;
        let state = (*thread).cursor;
        let offsets = (*thread).offsets as u64;
        let Some(id) = user_word(state + (offsets >> 16)) else {
            return 1;
        };
        if (*thread).tls.wrapping_sub(id) < NEAR_TLS {
            (*thread).state = state;
            return 1;
        }
        (*thread).cursor = user_word(state + (offsets & 0xffff)).unwrap_or(0);
        ((*thread).cursor == 0) as i64
    }
}

/// The `UVStream` that libuv reads from, and its context: a preserved register points to libuv's stream.
#[inline(always)]
fn uvloop_stream(python: &Python) -> Option<(u64, u64)> {
    if python.uvloop == 0 {
        return None;
    }
    for register in PRESERVED {
        if let Some(found) = uvloop_stream_at(preserved(register), python) {
            return Some(found);
        }
    }
    None
}

/// Words of `pt_regs` that a function has to preserve for its caller; those first that libuv uses.
#[cfg(bpf_target_arch = "x86_64")]
const PRESERVED: [usize; 6] = [1, 0, 2, 3, 4, 5];
#[cfg(bpf_target_arch = "aarch64")]
const PRESERVED: [usize; 6] = [19, 20, 21, 22, 23, 24];

#[inline(always)]
fn preserved(word: usize) -> u64 {
    // SAFETY: the current task's registers; the verifier knows their type and checks the offset.
    unsafe {
        let registers = bpf_task_pt_regs(Task::current().pointer()) as *const u64;
        registers.add(word).read_volatile()
    }
}

#[inline(always)]
fn uvloop_stream_at(stream: u64, python: &Python) -> Option<(u64, u64)> {
    let object = user_word(stream)?;
    if user_word(object + UVLOOP_HANDLE)? != stream {
        return None;
    }
    let context = user_word(object + UVLOOP_CONTEXT)?;
    (user_word(context + TYPE)? == python.context_type).then_some((object, context))
}
