//! What carries a request through a process: the thread, in Go the goroutine, in asyncio the task.

use crate::{
    asyncio, context,
    maps::{PROCESSES, WORK},
    task::{Task, user_word},
};
use sonde_common::{
    connection::{Connection, role},
    context::{Carrier, Work, carrier},
    process::{Go, Process, runtime},
};

/// Takes up work: a read from a socket told what the current thread works on from now on; 0: nothing
/// that is known.
#[inline(always)]
pub unsafe fn take_up(connection: *mut Connection, task: &Task, tgid: u32, handle: u64) {
    // SAFETY: the caller passes a checked map value; the process is used before the program ends.
    unsafe {
        let key = match PROCESSES.get(tgid) {
            Some(process) if process.runtime == runtime::GO => {
                if (*connection).role != role::SERVER {
                    return;
                }
                let id = reader(connection, task, &process.go);
                Carrier {
                    tgid,
                    kind: carrier::GOROUTINE,
                    id,
                }
            }
            Some(process) if process.runtime == runtime::ASYNCIO => {
                if process.python.interpreter == 0 {
                    return;
                }
                let served = match (*connection).role {
                    role::SERVER => (*connection).cookie,
                    _ => 0,
                };
                if asyncio::take_up(handle, served) {
                    return;
                }
                Carrier {
                    tgid,
                    kind: carrier::THREAD,
                    id: task.tid() as u64,
                }
            }
            _ => Carrier {
                tgid,
                kind: carrier::THREAD,
                id: task.tid() as u64,
            },
        };
        let work = Work {
            handle,
            switches: task.switches(),
        };
        if let Some(known) = WORK.get_ptr_mut(key) {
            *known = work;
        } else if handle != 0 {
            // A full map gives up its least recently used entry.
            let _ = WORK.insert(key, work, 0);
        }
    }
}

/// The goroutine that serves the connection. net/http starts another one behind each request, which waits
/// for the next: what that reads is for the one that started it.
#[inline(always)]
unsafe fn reader(connection: *mut Connection, task: &Task, go: &Go) -> u64 {
    let (id, parent) = goroutine(task, go).unwrap_or((0, 0));
    // SAFETY: the caller passes a checked map value; written by the reading hook only.
    unsafe {
        let known = (*connection).reader;
        if known != 0 && known == parent {
            return known;
        }
        (*connection).reader = id;
    }
    id
}

/// Handle of what the current thread works on; 0: not known.
#[inline(always)]
pub fn at_work(task: &Task) -> u64 {
    let tgid = task.tgid();
    // SAFETY: the value is used before the program ends.
    let Some(process) = (unsafe { PROCESSES.get(tgid) }) else {
        return of_thread(task, tgid);
    };
    match process.runtime {
        runtime::GO => of_goroutine(task, tgid, process),
        runtime::ASYNCIO if process.python.interpreter == 0 => 0,
        runtime::ASYNCIO => match asyncio::at_work() {
            Some(handle) => context::going_on(handle),
            None => of_thread(task, tgid),
        },
        _ => of_thread(task, tgid),
    }
}

#[inline(always)]
fn of_thread(task: &Task, tgid: u32) -> u64 {
    let id = task.tid() as u64;
    let Some(work) = WORK.get_ptr_mut(Carrier {
        tgid,
        kind: carrier::THREAD,
        id,
    }) else {
        return 0;
    };
    // SAFETY: a map value.
    let work = unsafe { *work };
    context::live(&work, task).map_or(0, |_| work.handle)
}

/// Its own work, or that of the goroutine that started it; the latter is then its own, since by the next
/// time its parent may work on something else.
#[inline(always)]
fn of_goroutine(task: &Task, tgid: u32, process: &Process) -> u64 {
    let Some((id, parent)) = goroutine(task, &process.go) else {
        return 0;
    };
    let own = Carrier {
        tgid,
        kind: carrier::GOROUTINE,
        id,
    };
    if let Some(work) = WORK.get_ptr_mut(own) {
        // SAFETY: a map value.
        let work = unsafe { *work };
        return context::live(&work, task).map_or(0, |_| work.handle);
    }
    let Some(work) = WORK.get_ptr_mut(Carrier {
        tgid,
        kind: carrier::GOROUTINE,
        id: parent,
    }) else {
        return 0;
    };
    // SAFETY: a map value.
    let work = unsafe { *work };
    if parent == 0 || context::live(&work, task).is_none() {
        return 0;
    }
    let _ = WORK.insert(own, work, 0);
    work.handle
}

/// Ids of the goroutine that runs on the thread and of the one that started it (0: unknown).
#[inline(always)]
fn goroutine(task: &Task, go: &Go) -> Option<(u64, u64)> {
    let tls = task.tls();
    if tls == 0 || go.goid == 0 {
        return None;
    }
    let g = user_word(tls.wrapping_add(go.g as i64 as u64))?;
    let id = user_word(g.wrapping_add(go.goid as u64))?;
    if go.parent_goid == 0 {
        return Some((id, 0));
    }
    Some((id, user_word(g.wrapping_add(go.parent_goid as u64))?))
}

/// The current thread has read from a socket of which nothing is known.
#[inline(always)]
pub fn take_up_unknown(tgid: u32) {
    if runtime_of(tgid) == runtime::ASYNCIO {
        asyncio::take_up(0, 0);
    }
}

/// What carries work through a process; threads where that is not known.
#[inline(always)]
pub fn runtime_of(tgid: u32) -> u8 {
    // SAFETY: the value is copied at once.
    unsafe { PROCESSES.get(tgid) }.map_or(runtime::THREADS, |process| process.runtime)
}
