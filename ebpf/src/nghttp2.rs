//! HTTP/2 in Node.js: which stream the event loop works on, and what a stream was opened for.
//!
//! One read brings frames of many streams. The session gives each to JavaScript in a call of its own, and before that returns
//! all that waits for it has run, promises too: until the next frame the thread works on this one's stream. On a server
//! that is the request's context, on a client what the stream was opened for. A request gets its number when it is
//! made; it is written later, with others, by whatever comes then. So what the thread works on is noted for the number.
//!
//! A session is told from its connection by the bytes that it takes right after the thread has read them; the other way round
//! by what its thread writes before it reads again. What JavaScript has read, for a session on a stream of its own, is not
//! followed: there the frames' calls are nested, and what waits runs after the last of them.
//!
//! Uprobe programs can be preempted: see `asyncio`.

use crate::{
    event_loop::{self, Event, waiting},
    handles,
    http2::streams,
    maps::{EVENT_LOOPS, NODE_SESSIONS, NODE_STREAMS},
    task::{Task, argument, user_word},
};
use aya_ebpf::{
    EbpfContext as _, helpers::generated::bpf_get_attach_cookie, macros::uprobe,
    programs::ProbeContext,
};
use sonde_common::{
    connection::Connection,
    nghttp2::{Stream, probe},
};

/// `nghttp2_frame_hd.stream_id`; in the upper half of the word are type and flags.
const STREAM_ID: u64 = 8;
/// `NGHTTP2_HCAT_HEADERS`: what a stream is made with that its own side opens.
const OPENED_HERE: u32 = 3;
/// In the word of a stream that this side has opened, below the handle: the request counts as waiting for it.
const COUNTED: u64 = 1;
/// And next to that: the request is what it was opened for, without a doubt.
const PROVEN: u64 = 2;
const BITS: u32 = 2;

/// `node::http2`, wherever a cookie says.
#[uprobe]
pub fn uprobe_nghttp2(ctx: ProbeContext) -> u32 {
    follow(&ctx);
    0
}

#[inline(always)]
fn follow(ctx: &ProbeContext) -> Option<()> {
    // SAFETY: the program's own context.
    match unsafe { bpf_get_attach_cookie(ctx.as_ptr()) } {
        probe::FRAME => {
            let header = user_word(argument(ctx, 1)?.wrapping_add(STREAM_ID))?;
            received(argument(ctx, 2)?, header as u32, ends_stream(header));
        }
        probe::DATA => received(argument(ctx, 5)?, argument(ctx, 2)? as u32, false),
        probe::STREAM => {
            let opened_here = argument(ctx, 4)? as u32 == OPENED_HERE;
            begun(argument(ctx, 1)?, argument(ctx, 3)? as u32, opened_here);
        }
        // Fewer than one byte: the end of the connection, or an error.
        probe::READ if argument(ctx, 1)? as i64 > 0 => takes(argument(ctx, 0)?),
        probe::SEND => sends(argument(ctx, 0)?),
        probe::SESSION => made(argument(ctx, 0)?),
        probe::GIVEN => given(),
        _ => {}
    }
    Some(())
}

/// Does nothing come behind this frame? By the word with its stream, type and flags.
#[inline(always)]
const fn ends_stream(header: u64) -> bool {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const END_STREAM: u8 = 1;
    let (kind, flags) = ((header >> 32) as u8, (header >> 40) as u8);
    kind == RST_STREAM || (matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0)
}

/// A frame of this stream, perhaps its last, is given to JavaScript.
#[inline(never)]
fn received(session: u64, id: u32, last: bool) {
    let task = Task::current();
    let tgid = task.tgid();
    let stream = Stream { tgid, id, session };
    if let Some(word) = NODE_STREAMS.get_ptr_mut(stream).filter(|_| id != 0) {
        // SAFETY: a map value; a session has one thread.
        let (likely, proven) = unsafe { answered(word, last) };
        let known = proven && connection(tgid, session) != 0;
        event_loop::work_on(task, tgid, if known { likely } else { 0 }, Event::End);
        return event_loop::is_likely(task, tgid, likely);
    }
    let handle = match connection(tgid, session) {
        0 => 0,
        cookie => served(cookie, id),
    };
    event_loop::work_on(task, tgid, handle, Event::Request);
}

/// A frame has come on a stream that this side has opened; gives what that was likely for, and whether it was without a doubt.
#[inline(always)]
unsafe fn answered(word: *mut u64, last: bool) -> (u64, bool) {
    // SAFETY: the caller passes a map value.
    unsafe {
        let handle = *word >> BITS;
        if last && *word & COUNTED != 0 {
            *word &= !COUNTED;
            waiting::ends(handle);
        }
        (handle, *word & PROVEN != 0)
    }
}

/// Cookie of a session's connection; 0: it is not known, or not followed.
#[inline(never)]
fn connection(tgid: u32, session: u64) -> u64 {
    let itself = Stream {
        tgid,
        id: 0,
        session,
    };
    // SAFETY: the value is copied at once.
    unsafe { NODE_STREAMS.get(itself) }.copied().unwrap_or(0)
}

/// Handle of what a stream of a connection is worked on for that the other side has opened; 0: not known.
#[inline(always)]
fn served(cookie: u64, id: u32) -> u64 {
    if id == 0 {
        return 0;
    }
    handles::of_stream(cookie, id).unwrap_or_else(|| streams::handle(cookie, id))
}

/// A stream begins. One that this side opens is for what the thread works on.
#[inline(never)]
fn begun(session: u64, id: u32, opened_here: bool) {
    let task = Task::current();
    let tgid = task.tgid();
    let stream = Stream { tgid, id, session };
    if !opened_here {
        // Another session had this address before.
        let _ = NODE_STREAMS.remove(stream);
        return;
    }
    let handle = event_loop::at_work(&task, tgid, 0);
    let word = match handle {
        0 => event_loop::likely(&task, tgid) << BITS,
        known => known << BITS | PROVEN,
    };
    let word = word | waiting::begins(word >> BITS) as u64;
    // A full map gives up its least recently used entry.
    let _ = NODE_STREAMS.insert(stream, word, 0);
}

/// The session takes the bytes that its thread has just read.
#[inline(never)]
fn takes(session: u64) {
    let task = Task::current();
    let tgid = task.tgid();
    let mut cookie = 0;
    if let Some(thread) = EVENT_LOOPS.get_ptr_mut(event_loop::key(&task, tgid)) {
        // SAFETY: a map value of the current thread.
        unsafe {
            cookie = (*thread).read;
            (*thread).read = 0;
        }
    }
    let _ = NODE_STREAMS.insert(
        Stream {
            tgid,
            id: 0,
            session,
        },
        cookie,
        0,
    );
    if cookie != 0 {
        let _ = NODE_SESSIONS.insert(cookie, session, 0);
    }
}

/// The session writes what there is of all streams. What runs when that is done belongs to any of them.
#[inline(never)]
fn sends(session: u64) {
    let task = Task::current();
    let tgid = task.tgid();
    event_loop::work_on(task, tgid, 0, Event::End);
    let thread = event_loop::of_thread(task, tgid);
    if !thread.is_null() {
        // SAFETY: as in `takes`.
        unsafe { (*thread).sending = session };
    }
}

/// A session is made; another one may have had its address.
#[inline(never)]
fn made(session: u64) {
    let tgid = Task::current().tgid();
    let _ = NODE_STREAMS.remove(Stream {
        tgid,
        id: 0,
        session,
    });
}

/// What a session takes next was not read by the thread just now.
#[inline(never)]
fn given() {
    let task = Task::current();
    let tgid = task.tgid();
    event_loop::work_on(task, tgid, 0, Event::End);
    reads(&task, tgid, 0);
}

/// The current thread has read from a connection; 0: from one that is not HTTP/2.
#[inline(always)]
pub fn reads(task: &Task, tgid: u32, cookie: u64) {
    let thread = event_loop::of_thread(*task, tgid);
    if !thread.is_null() {
        // SAFETY: as in `takes`.
        unsafe {
            (*thread).read = cookie;
            (*thread).sending = 0;
        }
    }
}

/// Handle of what the request on a stream of this connection is sent for; 0: not known. `task`: the current one, if it is
/// known to be the sender.
#[inline(always)]
pub unsafe fn cause(connection: *const Connection, task: Option<&Task>, id: u32) -> u64 {
    // SAFETY: the caller passes a checked map value.
    let (tgid, cookie) = unsafe { ((*connection).tgid, (*connection).cookie) };
    // SAFETY: the value is copied at once.
    let session = match unsafe { NODE_SESSIONS.get(cookie) } {
        Some(session) => *session,
        None => match task.and_then(|task| sending(task, tgid, cookie)) {
            Some(session) => session,
            None => return 0,
        },
    };
    // SAFETY: as above.
    match unsafe { NODE_STREAMS.get(Stream { tgid, id, session }) } {
        Some(word) if *word & PROVEN != 0 => *word >> BITS,
        _ => 0,
    }
}

/// The session that the current thread writes for, on a connection that it has not read from yet.
#[inline(always)]
fn sending(task: &Task, tgid: u32, cookie: u64) -> Option<u64> {
    // SAFETY: the value is copied at once.
    let session = unsafe { EVENT_LOOPS.get(event_loop::key(task, tgid)) }?.sending;
    let itself = Stream {
        tgid,
        id: 0,
        session,
    };
    // SAFETY: as above.
    let other = unsafe { NODE_STREAMS.get(itself) }.is_some();
    if session == 0 || other || cookie == 0 {
        return None;
    }
    let _ = NODE_SESSIONS.insert(cookie, session, 0);
    Some(session)
}
