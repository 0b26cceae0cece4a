//! What a goroutine works on.
//!
//! One that reads from a server socket works on what it has read. One without work of its own may have that of the
//! goroutine that started it; whether it does is `crate::ancestry`'s, and is decided once, at its first call.

use crate::{
    ancestry, context, go_context, handles,
    task::{Task, user_word},
};
use sonde_common::{connection::Connection, process::Go};

/// A goroutine.
#[derive(Clone, Copy, Default)]
pub struct Goroutine {
    /// Its id.
    pub id: u64,
    /// That of the goroutine that started it; 0: unknown.
    pub parent: u64,
    /// Address of its `runtime.g`.
    pub at: u64,
}

/// The one that runs on the thread.
#[inline(always)]
pub fn current(task: &Task, go: &Go) -> Option<Goroutine> {
    let tls = task.tls();
    if tls == 0 || go.goid == 0 {
        return None;
    }
    of(user_word(tls.wrapping_add(go.g as i64 as u64))?, go)
}

/// The one whose `runtime.g` is there.
#[inline(always)]
pub fn of(g: u64, go: &Go) -> Option<Goroutine> {
    let id = id(g, go)?;
    let parent = match go.parent_goid {
        0 => 0,
        offset => user_word(g.wrapping_add(offset as u64))?,
    };
    Some(Goroutine { id, parent, at: g })
}

/// Its id.
#[inline(always)]
pub fn id(g: u64, go: &Go) -> Option<u64> {
    if go.goid == 0 {
        return None;
    }
    user_word(g.wrapping_add(go.goid as u64))
}

/// Handle of what it works on; 0: not known.
#[inline(always)]
pub fn at_work(task: &Task, goroutine: &Goroutine) -> u64 {
    let tgid = task.tgid();
    let own = handles::of_goroutine(tgid, goroutine.id);
    if own != 0 {
        return live(own, task);
    }
    if goroutine.parent == 0 {
        return 0;
    }
    let word = handles::of_goroutine(tgid, goroutine.parent);
    if word == 0 {
        return 0;
    }
    let handle = live(word, task);
    let believed = handle != 0 && ancestry::is_believed(goroutine.at, tgid, handle);
    let own = if believed {
        word
    } else {
        handles::nothing(word)
    };
    handles::goroutine_works_on(tgid, goroutine.id, own);
    if believed { handle } else { 0 }
}

#[inline(always)]
fn live(word: u64, task: &Task) -> u64 {
    let work = handles::work(word, task.switches());
    context::live(&work, task).map_or(0, |_| work.handle)
}

/// A goroutine of the current process works on this from now on; 0: nothing that is known.
#[inline(always)]
pub fn takes_up(task: &Task, id: u64, handle: u64) {
    let tgid = task.tgid();
    if id == 0 || (handle == 0 && handles::of_goroutine(tgid, id) == 0) {
        return;
    }
    handles::goroutine_works_on(tgid, id, handles::word(handle, task.switches()));
}

/// Handle of what the current thread's goroutine, or the one that has handed it the request, sends on this connection for; 0: not
/// known.
#[inline(always)]
pub unsafe fn sends(connection: *const Connection, task: &Task, go: &Go) -> u64 {
    // SAFETY: the caller passes a checked map value.
    if let Some(handle) = handles::handed_over(unsafe { (*connection).cookie }) {
        return context::going_on(handle);
    }
    current(task, go).map_or(0, |goroutine| at_work(task, &goroutine))
}

/// A goroutine has read a request from a server's connection.
#[inline(always)]
pub unsafe fn reads(connection: *mut Connection, task: &Task, go: &Go, handle: u64) {
    let goroutine = current(task, go).unwrap_or_default();
    // SAFETY: as above.
    let id = unsafe { reader(connection, task, go, &goroutine) };
    takes_up(task, id, handle);
}

/// Id of the goroutine that serves the connection. net/http starts another one behind each request, which waits
/// for the next: what that reads is for the one that started it.
#[inline(always)]
unsafe fn reader(connection: *mut Connection, task: &Task, go: &Go, goroutine: &Goroutine) -> u64 {
    // SAFETY: the caller passes a checked map value; written by the reading hook only.
    unsafe {
        let known = (*connection).reader;
        if known != 0 && (known == goroutine.parent || known == goroutine.id) {
            return known;
        }
        (*connection).reader = goroutine.id;
        go_context::connection_served(goroutine, (*connection).cookie, task, go);
    }
    goroutine.id
}
