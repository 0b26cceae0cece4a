//! Node.js runs timers, what `setImmediate` has put off, what worker threads have finished and what other
//! threads tell, without a read from a TCP socket before: what the thread read last has nothing to do with it.
//! One uprobe a batch of them, and each read from another socket than those of TCP (a database, another process,
//! a name server), makes the thread work on nothing that is known, until its next read.

use crate::{
    carrier, empty_reads,
    maps::WORK,
    task::{self, Task},
};
use aya_ebpf::{
    macros::{btf_tracepoint, uprobe},
    programs::{BtfTracePointContext, ProbeContext},
};
use sonde_common::{
    context::{Carrier, Work, carrier::THREAD},
    process::runtime,
};

/// `node::Environment::RunTimers`, `CheckImmediate` and the others that the agent looks for.
#[uprobe]
pub fn uprobe_run_timers(_: ProbeContext) -> u32 {
    let task = Task::current();
    lay_down(&task, task.tgid());
    0
}

/// Any thread has read from any socket.
#[btf_tracepoint(function = "sock_recv_length")]
pub fn sock_recv_length(ctx: BtfTracePointContext) -> i32 {
    if task::is_tcp(ctx.arg(0)) {
        empty_reads::read(ctx.arg(0), ctx.arg(1));
        return 0;
    }
    let task = Task::current();
    let tgid = task.tgid();
    if carrier::runtime_of(tgid) == Some(runtime::NODE) {
        lay_down(&task, tgid);
    }
    0
}

#[inline(always)]
fn lay_down(task: &Task, tgid: u32) {
    work_on(task, tgid, 0);
}

/// The current thread works on this from now on; 0: nothing that is known.
#[inline(always)]
pub fn work_on(task: &Task, tgid: u32, handle: u64) {
    let key = Carrier {
        tgid,
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
