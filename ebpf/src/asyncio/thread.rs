//! The interpreter's state of the current thread: found by the thread's id among all of them, and kept.
//!
//! It is not taken as the interpreter's current one: a thread gives up the GIL while it reads or writes.

use super::word;
use crate::{
    maps::{PROCESSES, THREADS},
    task::{Task, user_word},
};
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;
use sonde_common::{process::runtime, python::Thread};

/// Most threads that are looked through for the current one.
const MOST_THREADS: u32 = 256;
/// The thread id is the address of the C library's thread structure, which holds or precedes the TLS base.
const NEAR_TLS: u64 = 4096;

/// What is known of the current thread; null if its process is no Python, or its state is not found.
#[inline(never)]
pub fn current() -> *mut Thread {
    let task = Task::current();
    let tgid = task.tgid();
    // SAFETY: the value is used before the program ends.
    let python = match unsafe { PROCESSES.get(tgid) } {
        Some(process) if process.runtime == runtime::ASYNCIO => &process.python,
        _ => return core::ptr::null_mut(),
    };
    let key = (tgid as u64) << 32 | task.tid() as u64;
    let known = match THREADS.get_ptr_mut(key) {
        Some(known) => known,
        None => {
            let _ = THREADS.insert(key, &NEW, 0);
            let Some(known) = THREADS.get_ptr_mut(key) else {
                return core::ptr::null_mut();
            };
            known
        }
    };
    // SAFETY: a map value that only its own thread changes.
    unsafe {
        (*known).python = *python;
        (*known).tgid = tgid;
        (*known).tls = task.tls();
        let id = word((*known).state + python.thread_id as u64);
        if (*known).state == 0 || (*known).tls.wrapping_sub(id) >= NEAR_TLS {
            find_state(known);
        }
        if (*known).state == 0 {
            return core::ptr::null_mut();
        }
    }
    known
}

/// A thread of which nothing is known.
static NEW: Thread = Thread::UNKNOWN;

/// Looks through the interpreter's threads for the one with the current TLS base.
#[inline(never)]
unsafe fn find_state(thread: *mut Thread) {
    // SAFETY: the caller passes a map value; the callback gets it back.
    unsafe {
        let main = word((*thread).python.interpreter);
        (*thread).state = 0;
        (*thread).cursor = word(main + (*thread).python.threads as u64);
        let mut context = thread;
        bpf_loop(
            MOST_THREADS,
            step as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
    }
}

/// One thread state; 1 ends the loop.
unsafe extern "C" fn step(_index: u64, context: *mut *mut Thread) -> i64 {
    // SAFETY: `find_state` passes a pointer to a map value.
    unsafe {
        let thread = *context;
        let state = (*thread).cursor;
        let id = user_word(state + (*thread).python.thread_id as u64).unwrap_or(0);
        if id != 0 && (*thread).tls.wrapping_sub(id) < NEAR_TLS {
            (*thread).state = state;
            return 1;
        }
        (*thread).cursor = user_word(state + (*thread).python.next as u64).unwrap_or(0);
        ((*thread).cursor == 0) as i64
    }
}
