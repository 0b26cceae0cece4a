//! Async ids: Node.js numbers what it makes, timers and immediates among them, and keeps the number of what runs, and of what made that,
//! in four doubles. A number that was given in a turn was given for what the turn worked on.

use crate::{context, maps::GIVEN, task::user_word};
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;
use sonde_common::event_loop::{EventLoop, GIVEN as PLACES, Given, MOST_IDS, whole};

/// The id of what runs.
const EXECUTION: u64 = 0;
/// The id of what made it.
const TRIGGER: u64 = 8;
/// The id that was given last.
const LAST: u64 = 16;
/// The greatest id that stands for no object: nothing, and the start of the program.
const START: u64 = 1;
/// The thread stands above so many bits of an id.
const BITS: u32 = 40;

/// What [`made_by`] says where the ids do not count.
pub const NOTHING: u64 = u64::MAX;

/// The address of the ids, of where an environment keeps it.
#[inline(always)]
pub fn address(at: u64) -> u64 {
    user_word(at).unwrap_or(0)
}

/// One of the ids; 0: none.
#[inline(always)]
fn id(ids: u64, which: u64) -> u64 {
    if ids == 0 {
        return 0;
    }
    user_word(ids.wrapping_add(which))
        .and_then(whole)
        .unwrap_or(0)
}

/// The turn at hand is over: the ids that it gave are for what it worked on.
#[inline(never)]
pub unsafe fn end_turn(turn: *mut EventLoop, thread: u32) {
    // SAFETY: the caller passes a map value of the current thread.
    unsafe {
        let before = (*turn).before;
        let last = id((*turn).ids, LAST);
        (*turn).before = last;
        if (*turn).handle == 0 || last <= before {
            return;
        }
        let count = (last - before).min(MOST_IDS as u64) as u32;
        let mut given = Given {
            id: named(before, thread),
            handle: (*turn).handle,
            socket: (*turn).socket,
        };
        bpf_loop(count, note as *mut c_void, (&raw mut given).cast(), 0);
    }
}

/// Notes the next id.
unsafe extern "C" fn note(_index: u64, given: *mut Given) -> i64 {
    // SAFETY: `end_turn` passes a pointer to its own value.
    unsafe {
        (*given).id += 1;
        if let Some(place) = GIVEN.get_ptr_mut(place((*given).id)) {
            *place = *given;
        }
    }
    0
}

#[inline(always)]
const fn named(id: u64, thread: u32) -> u64 {
    (thread as u64) << BITS | id
}

/// Threads count alike: each begins elsewhere.
#[inline(always)]
const fn place(named: u64) -> u32 {
    let thread = (named >> BITS) as u32;
    (named as u32).wrapping_add(thread.wrapping_mul(40_503)) & (PLACES - 1)
}

/// The turn in which an id was given.
#[inline(always)]
fn given(id: u64, thread: u32) -> Option<*const Given> {
    let named = named(id, thread);
    let given = GIVEN.get_ptr(place(named))?;
    // SAFETY: a map value.
    (id > START && unsafe { (*given).id } == named).then_some(given)
}

/// Handle of what the ids say that what runs was made for, which sends on a connection of this cookie; 0: not known;
/// [`NOTHING`]: the turn counts.
#[inline(always)]
pub unsafe fn made_by(turn: *const EventLoop, thread: u32, cookie: u64) -> u64 {
    // SAFETY: the caller passes a map value of the current thread.
    unsafe {
        let ids = (*turn).ids;
        let trigger = id(ids, TRIGGER);
        if (*turn).by_id == 0 {
            // The connection whose answer began the turn: whoever waited for it may send now.
            return match trigger > START {
                true => {
                    given(trigger, thread).map_or(0, |given| context::under_way((*given).handle))
                }
                false => NOTHING,
            };
        }
        let execution = id(ids, EXECUTION);
        let Some(given) = given(execution, thread).or_else(|| given(trigger, thread)) else {
            return 0;
        };
        if cookie != 0 && (*given).socket == cookie && trigger > START {
            return 0;
        }
        context::under_way((*given).handle)
    }
}
