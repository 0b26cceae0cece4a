//! The ends of requests that are served: answered, or given up.

use super::at_hand;
use crate::{ancestry, context, event_loop::waiting, segment};
use sonde_common::connection::{Connection, PIPELINED, role};

/// A message begins: if it is the response to the oldest request, that is being answered.
#[inline(always)]
pub unsafe fn answers<const EGRESS: bool>(connection: *const Connection) {
    // SAFETY: as in `request`.
    unsafe {
        if EGRESS && (*connection).role == role::SERVER {
            context::begin(at_hand(connection));
        }
    }
}

/// A response has gone out to its last byte: the work on its request ends.
#[inline(always)]
pub unsafe fn answered<const EGRESS: bool>(connection: *mut Connection, now: u64) {
    // SAFETY: as in `request`.
    unsafe {
        if !EGRESS || (*connection).role != role::SERVER {
            return;
        }
        let index = (*connection).answered;
        if index == (*connection).ingress.messages {
            return;
        }
        let handle = (*connection).contexts[index as usize % PIPELINED];
        ancestry::answered(handle);
        context::end(handle, now);
        (*connection).answered = index.wrapping_add(1);
    }
}

/// Nothing can be told of the responses any more, or the connection is gone: all work on its requests ends.
#[inline(always)]
pub unsafe fn forget(connection: *mut Connection, now: u64) {
    // SAFETY: as in `request`.
    unsafe {
        waiting::awaits(connection, 0);
        if (*connection).role != role::SERVER {
            return;
        }
        for handle in (*connection).contexts {
            context::end(handle, now);
        }
        (*connection).answered = (*segment::direction::<false>(connection)).messages;
    }
}
