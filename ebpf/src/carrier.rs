//! What carries a request through a process: the thread, in Go the goroutine, in asyncio and tokio the task. When a thread may be believed
//! says [`threads`].

use crate::{
    asyncio, context, event_loop, goroutine,
    maps::{PROCESSES, WORK},
    task::{Socket, Task},
    threads, tokio,
};
use sonde_common::{
    connection::{Connection, role},
    context::{Carrier, Work, carrier},
    process::{Process, runtime},
};

/// Takes up work: a read from a socket told what the current thread works on from now on; 0: nothing
/// that is known.
#[inline(always)]
pub unsafe fn take_up(
    connection: *mut Connection,
    socket: &Socket,
    task: &Task,
    tgid: u32,
    handle: u64,
) {
    // SAFETY: the caller passes a checked map value; the process is used before the program ends.
    unsafe {
        let process = PROCESSES.get(tgid);
        if let Some(process) = process {
            (*connection).sampler = process.sampler as u16;
        }
        match process {
            Some(process) if process.runtime == runtime::GO => {
                if (*connection).role != role::SERVER {
                    return;
                }
                return goroutine::reads(connection, task, &process.go, handle);
            }
            Some(process) if process.runtime == runtime::ASYNCIO => {
                if process.python.interpreter == 0 {
                    return;
                }
                let served = match (*connection).role {
                    role::SERVER => (*connection).cookie,
                    _ => 0,
                };
                if !asyncio::take_up(handle, served) {
                    threads::reads(connection, socket, task, tgid, handle);
                }
            }
            Some(process) if process.runtime == runtime::TOKIO => {
                return tokio::take_up(connection, task, &process.tokio, handle);
            }
            Some(process) if process.runtime == runtime::NODE => {
                event_loop::reads(connection, task, tgid, handle);
            }
            _ => threads::reads(connection, socket, task, tgid, handle),
        }
    }
}

/// Handle of what the current thread works on, or what the connection is `bound` to, for a call on this connection; 0: not known. `socket`:
/// what it sends on, if it does, and does not only connect.
#[inline(always)]
pub unsafe fn at_work(
    connection: *const Connection,
    task: &Task,
    bound: u64,
    socket: Option<&Socket>,
) -> u64 {
    let tgid = task.tgid();
    // SAFETY: the value is used before the program ends; the caller passes a checked map value.
    unsafe {
        // Not told of yet: its threads may not be what carries its work.
        let Some(process) = PROCESSES.get(tgid) else {
            return 0;
        };
        match process.runtime {
            runtime::GO => goroutine::sends(connection, task, &process.go),
            runtime::MOVING => 0,
            runtime::JAVA if carries_virtual_threads(task) => 0,
            runtime::TOKIO => tokio::at_work(connection, task, &process.tokio),
            runtime::ASYNCIO => of_asyncio(task, tgid, process, socket),
            runtime::NODE if bound != 0 => bound,
            runtime::NODE => event_loop::at_work(task, tgid, (*connection).cookie),
            _ => threads::at_work(task, tgid, process, bound, socket),
        }
    }
}

/// Is it a thread of a fork-join pool (`ForkJoinPool-1-worker-1`)? Java's virtual threads run on those of one
/// such pool, and change them wherever they wait.
#[inline(always)]
fn carries_virtual_threads(task: &Task) -> bool {
    const POOL: &[u8; 16] = b"ForkJoinPool-\0\0\0";
    const MASK: u64 = (1 << 40) - 1;
    let [first, second] = task.name();
    let wanted = u128::from_le_bytes(*POOL);
    first == wanted as u64 && second & MASK == (wanted >> 64) as u64
}

/// Handle of what the current thread or task of a Python process works on; 0: not known.
#[inline(always)]
pub fn of_python(task: &Task, tgid: u32) -> u64 {
    // SAFETY: the value is used before the program ends.
    match unsafe { PROCESSES.get(tgid) } {
        Some(process) if process.runtime == runtime::ASYNCIO => {
            of_asyncio(task, tgid, process, None)
        }
        Some(process) => threads::at_work(task, tgid, process, 0, None),
        None => 0,
    }
}

#[inline(always)]
fn of_asyncio(task: &Task, tgid: u32, process: &Process, socket: Option<&Socket>) -> u64 {
    if process.python.interpreter == 0 {
        return 0;
    }
    match asyncio::at_work() {
        Some(handle) => context::going_on(handle),
        None => threads::at_work(task, tgid, process, 0, socket),
    }
}

/// The thread works on a request from now on, and not a moment longer than that goes on; 0: on nothing that is known.
#[inline(never)]
pub fn work_on(task: &Task, tgid: u32, handle: u64) {
    let key = Carrier {
        tgid,
        kind: carrier::THREAD,
        id: task.tid() as u64,
    };
    let work = Work::on(handle, u64::MAX);
    // A full map gives up its least recently used entry.
    let _ = WORK.insert(key, work, 0);
}

/// Handle of what the current thread of an event loop works on; 0: not known.
#[inline(always)]
pub fn of_thread(task: &Task, tgid: u32) -> u64 {
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

/// The current thread has read from a socket of which nothing is known.
#[inline(always)]
pub fn take_up_unknown(tgid: u32) {
    if runtime_of(tgid) == Some(runtime::ASYNCIO) {
        asyncio::take_up(0, 0);
    }
}

/// What carries work through a process, if that is known.
#[inline(always)]
pub fn runtime_of(tgid: u32) -> Option<u8> {
    // SAFETY: the value is copied at once.
    unsafe { PROCESSES.get(tgid) }.map(|process| process.runtime)
}
