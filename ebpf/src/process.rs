//! Processes: what they run, from the moment of their exec, and when they are gone.

use crate::{
    maps::{PROCESSES, RECORDS, config, lose},
    ring,
    task::Task,
};
use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{
            bpf_get_current_comm, bpf_get_current_task, bpf_ktime_get_ns, bpf_probe_read_kernel,
            bpf_probe_read_kernel_str, bpf_probe_read_user,
        },
    },
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use core::ffi::c_void;
use sonde_common::{
    loss::{Hook, Reason},
    process::verdict,
    record::{EXEC_ARGUMENTS, EXEC_FILENAME, Exec, Exit, Kind},
};

/// A new program, already in place: its name is told before its first instruction runs.
#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    // The pointer is only an address here: fields are read by offset.
    let binprm: *const c_void = ctx.arg(2);
    executed(binprm as u64);
    0
}

/// A process that was forked and not told of works as its parent was told to, until the agent says more.
#[inline(always)]
pub fn inherit(tgid: u32) {
    // SAFETY: the value is copied at once; nothing is removed here.
    unsafe {
        if PROCESSES.get_ptr(tgid).is_some() {
            return;
        }
        // What is left alone may start what is not: only being watched passes on.
        if let Some(parent) = PROCESSES.get_ptr(Task::current().parent_tgid())
            && (*parent).verdict == verdict::WATCH
        {
            // A full map leaves the question open.
            let _ = PROCESSES.insert(tgid, &*parent, BPF_NOEXIST as u64);
        }
    }
}

#[inline(always)]
fn executed(binprm: u64) -> Option<()> {
    let Some(mut entry) = RECORDS.reserve::<Exec>(0) else {
        lose(Hook::Process, Reason::RingFull);
        return None;
    };
    let exec: *mut Exec = entry.as_mut_ptr();
    // SAFETY: `exec` is reserved memory of that size; the helpers check every address they read.
    unsafe {
        (*exec).kind = Kind::Exec as u32;
        (*exec).tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
        (*exec).at = bpf_ktime_get_ns();
        bpf_get_current_comm((&raw mut (*exec).comm).cast(), 16);
        (*exec).filename_length = 0;
        (*exec).arguments_length = 0;
        let filename = pointer(binprm, config().binprm_filename);
        if filename != 0 {
            let to = (&raw mut (*exec).filename).cast();
            let length =
                bpf_probe_read_kernel_str(to, EXEC_FILENAME as u32, filename as *const c_void);
            (*exec).filename_length = if length > 0 { length as u32 - 1 } else { 0 };
        }
        arguments(exec);
    }
    ring::submit_now(entry);
    Some(())
}

/// The argument block, as far as it fits.
#[inline(always)]
unsafe fn arguments(exec: *mut Exec) {
    // SAFETY: as in `executed`.
    unsafe {
        let mm = pointer(bpf_get_current_task(), config().task_mm);
        let (from, to) = (
            pointer(mm, config().mm_arg_start),
            pointer(mm, config().mm_arg_end),
        );
        let wanted = to.wrapping_sub(from);
        if from == 0 || wanted == 0 || wanted > 1 << 21 {
            return;
        }
        let wanted = if wanted > EXEC_ARGUMENTS as u64 {
            EXEC_ARGUMENTS as u64
        } else {
            wanted
        };
        let wanted = core::ptr::read_volatile(&wanted);
        let length = (wanted.wrapping_sub(1) & (EXEC_ARGUMENTS as u64 - 1)) + 1;
        let target = (&raw mut (*exec).arguments).cast();
        if bpf_probe_read_user(target, length as u32, from as *const c_void) == 0 {
            (*exec).arguments_length = length as u32;
        }
    }
}

/// The pointer stored `offset` bytes into a kernel object; 0 where that is unknown.
#[inline(always)]
unsafe fn pointer(object: u64, offset: u32) -> u64 {
    if object == 0 || offset == 0 {
        return 0;
    }
    let mut value = 0_u64;
    // SAFETY: the helper fills a local variable, or fails and leaves it zero.
    unsafe {
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            8,
            (object + offset as u64) as *const c_void,
        );
    }
    value
}

/// A thread has exited; only the leader's exit is told, the agent looks whether the process is gone.
#[btf_tracepoint(function = "sched_process_exit")]
pub fn sched_process_exit(_ctx: BtfTracePointContext) -> i32 {
    let both = bpf_get_current_pid_tgid();
    let (tgid, thread) = ((both >> 32) as u32, both as u32);
    if tgid == thread {
        exited(tgid);
    }
    0
}

#[inline(always)]
fn exited(tgid: u32) -> Option<()> {
    let Some(mut entry) = RECORDS.reserve::<Exit>(0) else {
        lose(Hook::Process, Reason::RingFull);
        return None;
    };
    entry.write(Exit {
        kind: Kind::Exit as u32,
        tgid,
    });
    ring::submit(entry, size_of::<Exit>() as u64);
    Some(())
}
