//! Joins the two ends of a request on one machine where it carries no field of ours: by the connection's
//! addresses and the sequence number behind the head, which both ends see alike.
//!
//! Where addresses are rewritten in between there is no join.

use crate::{maps::JOINTS, sampling};
use sonde_common::{
    connection::Connection,
    context::{SpanContext, origin},
    traceparent::Traceparent,
};

/// The client's side: the request that just left is the connection's `outgoing`.
#[inline(always)]
pub unsafe fn offer(connection: *const Connection) {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        // A full map gives up its least recently used entry.
        let _ = JOINTS.insert(&(*connection).ends, &(*connection).outgoing, 0);
    }
}

/// The server's side: fills in trace and parent of the request whose head ends before `sequence`. False if
/// there is nothing to join, or if the field names another trace.
#[inline(always)]
pub unsafe fn take(
    connection: *const Connection,
    sequence: u32,
    told: Option<&Traceparent>,
    span: *mut SpanContext,
) -> bool {
    // SAFETY: checked map values; the caller passes a valid span.
    unsafe {
        let ends = &(*connection).ends;
        let Some(joint) = JOINTS.get_ptr_mut(ends) else {
            return false;
        };
        if (*joint).sequence != sequence {
            return false;
        }
        (*span).trace_id = (*joint).span.trace_id;
        (*span).parent_id = (*joint).span.span_id;
        let flags = (*joint).span.flags;
        let _ = JOINTS.remove(ends);
        if told.is_some_and(|told| !same(&(*span).trace_id, told)) {
            return false;
        }
        (*span).flags = sampling::flags(connection, Some(flags), &(*span).trace_id);
        (*span).origin = origin::JOINED;
        true
    }
}

#[inline(always)]
pub fn same(trace_id: &[u8; 16], told: &Traceparent) -> bool {
    let [high, low] = told.trace_id;
    let [a, b, c, d, e, f, g, h, rest @ ..] = *trace_id;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h]) == high && u64::from_ne_bytes(rest) == low
}

/// Is the client's address one that the Internet does not route (RFC 1918, RFC 4193, loopback, link-local)?
#[inline(always)]
pub unsafe fn is_private(connection: *const Connection) -> bool {
    // SAFETY: the caller passes a checked map value.
    let client = unsafe { &(*connection).ends.client };
    if client[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] {
        return match (client[12], client[13]) {
            (10 | 127, _) | (192, 168) | (169, 254) => true,
            (172, second) => second & 0xf0 == 16,
            _ => false,
        };
    }
    let loopback = client[..15] == [0; 15] && client[15] == 1;
    loopback || client[0] & 0xfe == 0xfc || (client[0] == 0xfe && client[1] & 0xc0 == 0x80)
}
