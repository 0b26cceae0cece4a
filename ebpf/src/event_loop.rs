//! Node.js runs timers, what `setImmediate` has put off, what worker threads have finished and what other
//! threads tell, without a read from a TCP socket before: what the thread read last has nothing to do with it. One uprobe a batch of them makes the thread work on
//! nothing that is known, until its next read.

use crate::{maps::WORK, task::Task};
use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use sonde_common::context::{Carrier, carrier};

/// `node::Environment::RunTimers`, `CheckImmediate` and the others that the agent looks for.
#[uprobe]
pub fn uprobe_run_timers(_: ProbeContext) -> u32 {
    let task = Task::current();
    let key = Carrier {
        tgid: task.tgid(),
        kind: carrier::THREAD,
        id: task.tid() as u64,
    };
    if let Some(work) = WORK.get_ptr_mut(key) {
        // SAFETY: a map value; the carrier runs on this CPU only.
        unsafe { (*work).handle = 0 };
    }
    0
}
