//! Whether a goroutine works for the request of the goroutine that started it.
//!
//! Who starts a goroutine says little: workers of a pool that a request has started serve all others, too. What tells
//! them apart is how they end. A goroutine that is part of a request is gone by the time the request is answered; a
//! worker, a poller, or what is left behind is not. So goroutines are judged by the function they begin with: when a request
//! is answered, has the goroutine ended that made a call for it, or does it wait? Functions whose goroutines have ended by then are
//! believed, and no more once they have not. A goroutine that has waited for others to give it something, or slept, before its first
//! call is not believed in any case.
//!
//! Fewer than 64 bytes of stack a function, as in `crate::handover`.

use crate::{
    maps::{CHILDREN, PROCESSES, START_FUNCTIONS},
    table::{self, Key},
    task::{Task, user_word},
};
use sonde_common::{ancestry::History, process::Go};

/// A function that goroutines of a process begin with.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StartFunction {
    tgid: u64,
    address: u64,
}

/// Words of a child: the handle and the lowest bits of the goroutine's id, its `runtime.g`, its start function.
pub const CHILD: usize = 3;
const ID_BITS: u32 = 20;
const ID_MASK: u64 = (1 << ID_BITS) - 1;

/// `_Gdead`, `_Gwaiting` and the bit `_Gscan`, in the 32 bits that lie before `runtime.g.goid`.
const DEAD: u32 = 6;
const WAITING: u32 = 4;
const SCANNED: u32 = 0x1000;
const STATUS: u64 = 8;

#[inline(always)]
const fn key(tgid: u32, handle: u64) -> Key {
    Key {
        owner: (tgid as u64) << 12,
        number: handle,
    }
}

/// Offsets of the current process, if it is Go's and they are known.
#[inline(always)]
fn go(tgid: u32) -> Option<&'static Go> {
    // SAFETY: the value is used before the program ends.
    let go = &unsafe { PROCESSES.get(tgid) }?.go;
    (go.start_pc != 0).then_some(go)
}

/// May the goroutine whose `runtime.g` is there, at its first call, be taken for part of the request that its parent works on?
#[inline(never)]
pub fn is_believed(g: u64, tgid: u32, handle: u64) -> bool {
    let Some(go) = go(tgid) else {
        return false;
    };
    let start = user_word(g.wrapping_add(go.start_pc as u64)).unwrap_or(0);
    if start == 0 {
        return false;
    }
    let id = user_word(g.wrapping_add(go.goid as u64)).unwrap_or(0);
    remember(tgid, handle << ID_BITS | (id & ID_MASK), g, start);
    let reason = user_word(g.wrapping_add(go.wait_reason as u64)).unwrap_or(0) as u8;
    let has_waited = reason < 32 && go.waits >> reason & 1 != 0;
    !has_waited && keeps_to_requests(tgid, start)
}

/// To be judged when the request is answered: one child of those that made a call for it. Which start function's is left to chance, so
/// that each has its turn.
#[inline(never)]
fn remember(tgid: u32, handle_and_id: u64, g: u64, start: u64) {
    let handle = handle_and_id >> ID_BITS;
    let key = key(tgid, handle);
    let other = table::word(&CHILDREN, key, 2).unwrap_or(start);
    if rank(other, handle) <= rank(start, handle) {
        table::put(&CHILDREN, key, &[handle_and_id, g, start], |_| false);
    }
}

#[inline(always)]
const fn rank(start: u64, handle: u64) -> u64 {
    (start ^ handle).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(never)]
fn keeps_to_requests(tgid: u32, address: u64) -> bool {
    let function = StartFunction {
        tgid: tgid as u64,
        address,
    };
    // SAFETY: the value is copied at once.
    unsafe { START_FUNCTIONS.get(function) }.is_some_and(|history| history.is_believed())
}

/// A request of the current process has been answered: its child is judged.
#[inline(never)]
pub fn answered(handle: u64) {
    let tgid = Task::current().tgid();
    let key = key(tgid, handle);
    let Some(handle_and_id) = table::word(&CHILDREN, key, 0) else {
        return;
    };
    let Some(go) = go(tgid) else {
        return;
    };
    let g = table::word(&CHILDREN, key, 1).unwrap_or(0);
    let Some(start) = table::take(&CHILDREN, key, 2) else {
        return;
    };
    let at = g.wrapping_add(go.goid as u64);
    let (Some(id), Some(status)) = (user_word(at), user_word(at.wrapping_sub(STATUS))) else {
        return;
    };
    let ended = (id ^ handle_and_id) & ID_MASK != 0 || status as u32 == DEAD;
    // One that runs may be on its way out: it is not judged.
    if ended || status as u32 & !SCANNED == WAITING {
        judge(tgid, start, ended);
    }
}

#[inline(never)]
fn judge(tgid: u32, address: u64, ended: bool) {
    let function = StartFunction {
        tgid: tgid as u64,
        address,
    };
    let Some(history) = START_FUNCTIONS.get_ptr_mut(function) else {
        // A full map gives up its least recently used entry.
        let _ = START_FUNCTIONS.insert(function, History::default().with(ended), 0);
        return;
    };
    // SAFETY: a map value; a count that is lost to another CPU is one of many.
    unsafe { *history = (*history).with(ended) };
}
