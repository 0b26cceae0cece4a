//! uvloop: which stream is being read, and in which context its callback will run.
//!
//! libuv reads first, outside of any context, and the callback then enters the one in the `UVStream` object.
//! libuv's stream points to that object, and while the thread is in the system call a pointer to the stream
//! is in a register that functions preserve. Which one is found out by the object's pointer back.
//!
//! All streams that a server accepts share one context, so the object, not the context, names the stream.

use super::{TYPE, word};
use crate::task::Task;
use aya_ebpf::helpers::generated::bpf_task_pt_regs;
use sonde_common::python::Thread;

/// uvloop 0.15 and later: `UVHandle._handle` and `UVHandle.context`. `uv_handle_t.data` comes first.
const HANDLE: u64 = 24;
const CONTEXT: u64 = 56;

/// Words of `pt_regs` that a function preserves for its caller; first the one that libuv uses.
#[cfg(bpf_target_arch = "x86_64")]
const PRESERVED: [usize; 6] = [1, 0, 2, 3, 4, 5];
#[cfg(bpf_target_arch = "aarch64")]
const PRESERVED: [usize; 6] = [19, 20, 21, 22, 23, 24];

/// Address of the `UVStream` that the current thread reads from; 0: it does not use uvloop.
#[inline(always)]
pub unsafe fn current(thread: *mut Thread) -> u64 {
    // SAFETY: the caller passes a map value.
    if unsafe { (*thread).python.uvloop } == 0 {
        return 0;
    }
    for register in PRESERVED {
        // SAFETY: as above.
        let object = unsafe { object(thread, preserved(register)) };
        if object != 0 {
            return object;
        }
    }
    0
}

/// The context of its callbacks.
#[inline(always)]
pub fn context(object: u64) -> u64 {
    match object {
        0 => 0,
        object => word(object + CONTEXT),
    }
}

#[inline(always)]
fn preserved(at: usize) -> u64 {
    // SAFETY: the current task's registers; the verifier knows their type and checks the offset.
    unsafe {
        let registers = bpf_task_pt_regs(Task::current().pointer()) as *const u64;
        registers.add(at).read_volatile()
    }
}

/// The object of what may be a stream of libuv.
#[inline(never)]
unsafe fn object(thread: *mut Thread, stream: u64) -> u64 {
    let object = word(stream);
    if object == 0 || word(object + HANDLE) != stream {
        return 0;
    }
    // SAFETY: the caller passes a map value.
    match word(context(object) + TYPE) == unsafe { (*thread).python.context_type } {
        true => object,
        false => 0,
    }
}
