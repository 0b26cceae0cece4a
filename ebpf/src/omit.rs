//! Leaves out exchanges whose traces are not sampled: they are counted here, and user space sees the connection as if they had
//! never been, their bytes no part of its offsets.
//!
//! Only where that is exact: a request whose head lies in one window, while all before it are answered and nothing came
//! early, and the response with its number. What a process says of its own spans is never left out. Where bytes were lost, or
//! the connection is older than the agent, the numbers of requests and responses are not certain, and nothing is left out.

use crate::{
    maps::{LEFT_OUT, config},
    segment,
};
use sonde_common::{
    connection::{Connection, Direction, phase, role},
    context::{SAMPLED, origin},
    process::verdict,
    record::{DataHeader, flag},
};

/// In `Connection::left_out`: nothing may be. No request has this number.
const NEVER: u32 = u32::MAX;

/// Is a message of this direction being left out?
#[inline(always)]
pub unsafe fn is_on<const EGRESS: bool>(connection: *const Connection) -> bool {
    // SAFETY: the caller passes a checked map value. Read anew: the compiler must not remember it, or the verifier would.
    unsafe { (&raw const (*connection).leaves_out[EGRESS as usize]).read_volatile() != 0 }
}

#[inline(always)]
unsafe fn set<const EGRESS: bool>(connection: *mut Connection, on: bool) {
    // SAFETY: as in `is_on`.
    unsafe { (&raw mut (*connection).leaves_out[EGRESS as usize]).write_volatile(on as u8) };
}

/// The footing was lost in some direction: nothing is left out any more.
#[inline(always)]
pub unsafe fn give_up(connection: *mut Connection) {
    // SAFETY: as in `is_on`.
    unsafe { (*connection).left_out = NEVER };
}

/// A part of a head was scanned: is it of a response that is left out?
#[inline(always)]
pub unsafe fn message<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *const Direction,
) {
    // SAFETY: as in `is_on`.
    unsafe {
        let responds = EGRESS == ((*connection).role == role::SERVER);
        let number = (*direction).messages.wrapping_add(1);
        set::<EGRESS>(connection, responds && (*connection).left_out == number);
    }
}

/// The head of a request is complete, and its span known: may it be left out?
#[inline(always)]
pub unsafe fn request<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *const Direction,
    header: &DataHeader,
) {
    // SAFETY: as in `is_on`.
    unsafe {
        let span = &header.span;
        let unsampled =
            span.is_some() && span.flags & SAMPLED == 0 && span.origin != origin::ADOPTED;
        // Of a process that is not decided on nobody knows whether it counts.
        let counts = config().watch_all != 0 || (*connection).verdict == verdict::WATCH;
        let number = (*direction).messages;
        let head = &(*direction).head;
        let whole =
            head.bytes == header.captured as u32 && (*direction).held == (*direction).held_end;
        let other = segment::other::<EGRESS>(connection);
        let alone =
            (*other).phase != phase::UNSYNCED && (*other).messages == number.wrapping_sub(1);
        let never = (*connection).left_out == NEVER || head.is_connect_request();
        if never || !counts || !unsampled || !whole || !alone {
            return;
        }
        (*connection).left_out = number;
        set::<EGRESS>(connection, true);
        if let Some(count) = LEFT_OUT.get_ptr_mut(0) {
            *count += 1;
        }
    }
}

/// The record of a head is ready. True: it is left out, and the direction stands as if the head had not been.
#[inline(always)]
pub unsafe fn record<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *mut Direction,
    header: &DataHeader,
    ended: bool,
) -> bool {
    // SAFETY: as in `is_on`.
    unsafe {
        if !is_on::<EGRESS>(connection) {
            return false;
        }
        (*direction).offset = header.offset;
        (*direction).reported = header.offset;
        if ended && header.flags & flag::END_OF_MESSAGE != 0 {
            set::<EGRESS>(connection, false);
        }
        true
    }
}

/// A body has ended, or the direction has. True: it was left out; the direction stands as if it had not been.
#[inline(always)]
pub unsafe fn finish<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *mut Direction,
) -> bool {
    // SAFETY: as in `is_on`.
    unsafe {
        if !is_on::<EGRESS>(connection) {
            return false;
        }
        set::<EGRESS>(connection, false);
        // Where the footing is lost the bytes stay, as a gap.
        if (*direction).phase != phase::UNSYNCED {
            (*direction).offset = (*direction).reported;
            (*direction).content = 0;
        }
        true
    }
}
