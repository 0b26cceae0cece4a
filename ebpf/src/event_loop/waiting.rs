//! Which requests of an event loop wait for something that is known: an answer, a connection, an operation, the rest of the request
//! itself. One that does not may go on in anybody's turn.
//!
//! The number of things that a request waits for, and whether it is under way, is one word of its context. Each change of
//! that word is atomic and tells what it was before, so that the loop's counts follow it exactly, on whatever CPU.

use crate::{context, maps::EVENT_LOOPS, task::Task};
use core::{arch::asm, ptr};
use sonde_common::{
    connection::{Connection, PIPELINED, phase, state},
    context::Context,
    event_loop::{
        EventLoop,
        waits::{self, OPEN},
    },
};

/// Adds to a word of a map value; gives what it was.
#[inline(always)]
unsafe fn add(word: *mut u64, number: u64) -> u64 {
    let mut number = number;
    // SAFETY: the caller passes an aligned word of a map value.
    unsafe {
        asm!("{0} = atomic_fetch_add((u64 *)({1} + 0), {0})", inout(reg) number, in(reg) word);
    }
    number
}

/// Keeps these bits of a word of a map value; gives what it was.
#[inline(always)]
unsafe fn keep(word: *mut u64, bits: u64) -> u64 {
    let mut bits = bits;
    // SAFETY: as in `add`.
    unsafe {
        asm!("{0} = atomic_fetch_and((u64 *)({1} + 0), {0})", inout(reg) bits, in(reg) word);
    }
    bits
}

/// The requests at hand on a server connection are worked on by the current thread's loop, from the read of their first bytes on.
/// Gives whether there is one at most.
#[inline(always)]
pub unsafe fn served(connection: *mut Connection, event_loop: u64) -> bool {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let answered = (*connection).answered;
        let unanswered = (*connection).ingress.messages.wrapping_sub(answered);
        if unanswered == 0 {
            return true;
        }
        opens(
            (*connection).contexts[answered as usize % PIPELINED],
            event_loop,
        );
        if unanswered == 1 {
            return true;
        }
        for handle in (*connection).contexts {
            opens(handle, event_loop);
        }
    }
    false
}

/// A request is worked on by a loop.
#[inline(never)]
pub fn opens(handle: u64, event_loop: u64) {
    let Some(context) = context::get(handle) else {
        return;
    };
    // SAFETY: map values; a request is read by one thread.
    unsafe {
        if (*context).ended_at != 0 || (*context).waits & OPEN != 0 {
            return;
        }
        let Some(turn) = EVENT_LOOPS.get_ptr_mut(event_loop) else {
            return;
        };
        (*context).event_loop = event_loop;
        add(&raw mut (*turn).open, 1);
        if waits::some(add(&raw mut (*context).waits, OPEN)) {
            add(&raw mut (*turn).busy, 1);
        }
        if (&raw const (*context).ended_at).read_volatile() != 0 {
            closes(context);
        }
    }
}

/// A request has ended.
#[inline(always)]
pub unsafe fn closes(context: *mut Context) {
    // SAFETY: the caller passes a map value.
    if unsafe { (*context).waits } & OPEN != 0 {
        close(context);
    }
}

#[inline(always)]
fn close(context: *mut Context) {
    if context.is_null() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        let before = keep(&raw mut (*context).waits, !OPEN);
        if before & OPEN == 0 {
            return;
        }
        let Some(turn) = EVENT_LOOPS.get_ptr_mut((*context).event_loop) else {
            return;
        };
        add(&raw mut (*turn).open, u64::MAX);
        if waits::some(before) {
            add(&raw mut (*turn).busy, u64::MAX);
        }
    }
}

/// A request waits for something from now on. False: it is none that is counted.
#[inline(always)]
pub fn begins(handle: u64) -> bool {
    let Some(context) = context::get(handle) else {
        return false;
    };
    // SAFETY: map values.
    unsafe {
        if (*context).waits & OPEN == 0 {
            return false;
        }
        if waits::is_first(add(&raw mut (*context).waits, 1)) {
            count((*context).event_loop, 1);
        }
    }
    true
}

/// What it was counted as waiting for is there.
#[inline(always)]
pub fn ends(handle: u64) {
    let Some(context) = context::get(handle) else {
        return;
    };
    // SAFETY: map values.
    unsafe {
        let before = add(&raw mut (*context).waits, u64::MAX);
        if waits::is_first(before.wrapping_sub(1)) {
            count((*context).event_loop, u64::MAX);
        }
    }
}

#[inline(always)]
unsafe fn count(event_loop: u64, number: u64) {
    if let Some(turn) = EVENT_LOOPS.get_ptr_mut(event_loop) {
        // SAFETY: a map value.
        unsafe { add(&raw mut (*turn).busy, number) };
    }
}

/// A request waits for a connection instead of what did before; 0: none does.
#[inline(always)]
pub unsafe fn awaits(connection: *mut Connection, handle: u64) {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let before = (*connection).awaited;
        if before == handle {
            return;
        }
        if before != 0 {
            ends(before);
        }
        let counted = handle != 0 && begins(handle);
        (*connection).awaited = if counted { handle } else { 0 };
    }
}

/// The owner of a connection has sent on it, or connected it, for this request, or for nothing that is known.
#[inline(always)]
pub unsafe fn sends_for(connection: *mut Connection, handle: u64) {
    let task = Task::current();
    let tgid = task.tgid();
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let likely = match handle {
            0 if tgid == (*connection).tgid => super::likely(&task, tgid),
            known => known,
        };
        awaits(connection, likely);
    }
}

/// A thread has read from a client connection; gives what has waited for it. If the answer has come in to its end, nothing does any more.
#[inline(always)]
pub unsafe fn answered(connection: *mut Connection) -> u64 {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let awaited = (*connection).awaited;
        let ended = (*connection).ingress.phase == phase::HEAD
            && (*connection).ingress.messages == (*connection).egress.messages;
        // Of another protocol the first bytes count.
        if ended || (*connection).state != state::HTTP1 {
            awaits(connection, 0);
        }
        awaited
    }
}

/// May another request than this one go on in the turn that begins?
#[inline(always)]
pub unsafe fn others(turn: *const EventLoop, handle: u64) -> bool {
    // SAFETY: the caller passes a map value; the words change at any time.
    unsafe {
        let open = (&raw const (*turn).open).read_volatile();
        let busy = (&raw const (*turn).busy).read_volatile();
        let own = context::get(handle).map_or(ptr::null_mut(), |context| context);
        let own = !own.is_null() && waits::for_nothing((*own).waits);
        open.wrapping_sub(busy) != own as u64
    }
}
