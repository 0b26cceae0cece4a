//! A call that names its parent itself.

use super::{derive, halves, name};
use crate::{context, option, passed_on, task::Task, threads};
use sonde_common::{
    connection::Connection,
    context::{SpanContext, origin},
    traceparent::Traceparent,
};

/// The application has named the parent itself. If it passed on what came in with a request, that is the cause, and the span its child;
/// if the id is new, the span is the one that the application's own tracer named; any other is the span's parent. Gives the handle of
/// what the request is sent for; `candidate` is that by other evidence.
#[inline(always)]
pub unsafe fn follow(
    connection: *mut Connection,
    candidate: u64,
    told: &Traceparent,
    span: *mut SpanContext,
) -> u64 {
    // SAFETY: as in `request`.
    unsafe {
        let brought = brought(connection, candidate, told);
        if brought == candidate && candidate != 0 {
            return candidate;
        }
        option::leave(connection);
        if brought != 0 && brought != passed_on::BY_NONE {
            return derive(connection, brought, span);
        }
        let same_trace = (*span).trace_id == halves(told.trace_id[0], told.trace_id[1]);
        name(span, told);
        (*span).flags = told.flags;
        let own = brought == 0 && passed_on::is_new_span(told);
        if !own {
            (*span).parent_id = told.parent_id.to_ne_bytes();
            (*span).origin = origin::PASSED_ON;
            return if same_trace { candidate } else { 0 };
        }
        if !same_trace {
            (*span).parent_id = [0; 8];
        }
        (*span).span_id = told.parent_id.to_ne_bytes();
        (*span).origin = origin::ADOPTED;
        (*span).at_work = (same_trace || is_of_trace_at_hand(connection, span)) as u8;
        candidate
    }
}

/// Handle of the request that brought this field to the owner of the connection; see `passed_on::cause`.
#[inline(always)]
pub unsafe fn brought(connection: *const Connection, candidate: u64, told: &Traceparent) -> u64 {
    let task = Task::current();
    // SAFETY: as in `request`.
    let tgid = unsafe { (*connection).tgid };
    let parent = if task.tgid() == tgid {
        task.parent_tgid()
    } else {
        0
    };
    passed_on::cause(tgid, parent, candidate, passed_on::digest(told))
}

/// Did the sending thread last read of a request of the same trace? Which of the process's requests that is says nothing here.
#[inline(always)]
unsafe fn is_of_trace_at_hand(connection: *const Connection, span: *const SpanContext) -> bool {
    let task = Task::current();
    // SAFETY: as in `request`.
    unsafe {
        let tgid = (*connection).tgid;
        task.tgid() == tgid
            && context::get(threads::last_read(&task, tgid))
                .is_some_and(|request| (*request).span.trace_id == (*span).trace_id)
    }
}
