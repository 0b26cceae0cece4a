//! What is done outside of JavaScript: work of libuv's threads (files, names, `crypto`, `zlib`) and connects. Whoever began one goes
//! on at its end.

use super::{Event, at_work, is_likely, likely, waiting, work_on};
use crate::{maps::OPERATIONS, task::Task};
use sonde_common::event_loop::{Operation, Purpose};

#[inline(always)]
const fn operation(tgid: u32, address: u64) -> Operation {
    Operation {
        address,
        tgid,
        reserved: 0,
    }
}

/// The current thread begins one.
#[inline(never)]
pub fn begins(address: u64) {
    let task = Task::current();
    let tgid = task.tgid();
    let handle = at_work(&task, tgid, 0);
    let awaited = match handle {
        0 => likely(&task, tgid),
        known => known,
    };
    note(operation(tgid, address), handle, awaited);
}

#[inline(never)]
fn note(key: Operation, handle: u64, awaited: u64) {
    if awaited == 0 {
        // Another may have had this address, and its end not been seen.
        let _ = OPERATIONS.remove(key);
        return;
    }
    let counted = waiting::begins(awaited);
    let purpose = Purpose {
        handle,
        awaited: if counted { awaited } else { 0 },
    };
    // A full map gives up its least recently used entry.
    let _ = OPERATIONS.insert(key, purpose, 0);
}

/// One has ended; `goes_on`: what began it goes on now.
#[inline(never)]
pub fn ends(address: u64, goes_on: bool) {
    let task = Task::current();
    let tgid = task.tgid();
    let (handle, awaited) = taken(operation(tgid, address));
    work_on(task, tgid, if goes_on { handle } else { 0 }, Event::End);
    if goes_on && handle == 0 {
        is_likely(task, tgid, awaited);
    }
}

/// Takes what is known of an operation: what it is for, and what has waited for it.
#[inline(always)]
fn taken(key: Operation) -> (u64, u64) {
    // SAFETY: the value is copied at once.
    let Some(purpose) = unsafe { OPERATIONS.get(key) }.copied() else {
        return (0, 0);
    };
    let _ = OPERATIONS.remove(key);
    if purpose.awaited != 0 {
        waiting::ends(purpose.awaited);
    }
    (purpose.handle, purpose.awaited)
}
