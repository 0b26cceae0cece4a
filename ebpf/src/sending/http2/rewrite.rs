//! A request that passes on the `traceparent` which came in: the parent-id becomes that of its own span.

use super::{
    Frames, cause,
    insert::{keep, point},
};
use crate::{
    chain, context,
    sending::{PARENT_ID, rewrite},
};
use aya_ebpf::bindings::sk_msg_md;
use sonde_common::connection::Connection;

/// Writes over the parent-id of the block that has just ended, if a request at work brought it. `added`
/// bytes were put before it.
#[inline(always)]
pub unsafe fn parent(
    msg: *mut sk_msg_md,
    connection: *mut Connection,
    frames: *mut Frames,
    added: u32,
) -> Option<()> {
    // SAFETY: the caller passes the program's context and checked map values.
    unsafe {
        let told = (*frames).scan.traceparent()?;
        let handle = cause(msg, connection, (*frames).stream);
        let handle = chain::brought(connection, handle, told);
        let at = (*frames).scan.open_value()?;
        let cause = context::get(handle)?;
        if (*cause).span.trace_id != chain::halves(told.trace_id[0], told.trace_id[1]) {
            return None;
        }
        let point = point(frames, 0);
        (*point).stream = (*frames).stream;
        (*point).handle = chain::derive(connection, handle, &raw mut (*point).span);
        let digits = at.wrapping_add(added).wrapping_add(PARENT_ID);
        if rewrite(msg, digits, &(*point).span) {
            keep(connection, point);
        }
        Some(())
    }
}
