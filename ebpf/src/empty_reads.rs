//! A thread that tries to read an answer before it is there serves others meanwhile: clients that wait for it poll first, or block. That
//! is so in Python over plain HTTP/1; in other runtimes, and where TLS or a database's library reads, it tells nothing.

use crate::{
    maps::{CONNECTIONS, PROCESSES},
    task::Task,
    threads,
};
use core::ffi::c_void;
use sonde_common::{
    connection::{role, state},
    process::threads::EMPTY_READ_IS_LOOP,
};

/// What a read gives that found nothing.
const EAGAIN: i32 = -11;

/// The current thread has read from a TCP socket, with this result.
#[inline(always)]
pub fn read(sk: *mut c_void, result: i32) {
    if result != EAGAIN {
        return;
    }
    let task = Task::current();
    let tgid = task.tgid();
    // SAFETY: the value is copied at once.
    let bits = unsafe { PROCESSES.get(tgid) }.map_or(0, |process| process.threads);
    if bits & EMPTY_READ_IS_LOOP == 0 {
        return;
    }
    let connection = CONNECTIONS.get(sk);
    if connection.is_null() {
        return;
    }
    // SAFETY: a map value, checked for null.
    let is_call =
        unsafe { (*connection).role == role::CLIENT && (*connection).state == state::HTTP1 };
    if is_call {
        threads::interleaves(&task, tgid);
    }
}
