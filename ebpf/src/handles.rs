//! Handles of contexts, by goroutines, by streams, and by objects of Go programs.
//!
//! Handles are counted up, so they are ages as well; that of a request that goes on is spared.

use crate::{
    context,
    http2::streams::key,
    maps::{CAUSES, GOROUTINES, LOCAL_ADDRESSES, SERVED, STREAM_CONTEXTS},
    table::{self, Key, Table},
};
use sonde_common::context::Work;

/// In an entry's word, below the handle: the lowest bits of the thread's context switches.
const SWITCHES: u32 = 16;
const MASK: u64 = (1 << SWITCHES) - 1;
/// The lowest of them says instead that the handle is that of what is worked on.
const KNOWN: u64 = 1;
/// Without [`KNOWN`], so that the word is not 0.
const NOBODYS: u64 = 2;

/// Process ids have 22 bits; no two goroutines that are alive are 2^42 apart.
#[inline(always)]
const fn goroutine(tgid: u32, id: u64) -> Key {
    Key {
        owner: (tgid as u64) << 12,
        number: id,
    }
}

/// The word of what a goroutine works on; 0: nothing is known of it.
#[inline(never)]
pub fn of_goroutine(tgid: u32, id: u64) -> u64 {
    get(&GOROUTINES, goroutine(tgid, id))
}

/// A goroutine works on this from now on.
#[inline(never)]
pub fn goroutine_works_on(tgid: u32, id: u64, word: u64) {
    put(&GOROUTINES, goroutine(tgid, id), word);
}

/// Beside a goroutine's id, in the key of what it calls for.
const CALLS: u64 = 1 << 41;

/// Handle of what a goroutine has said last that those it starts call for, if it has.
#[inline(always)]
pub fn call_of_goroutine(tgid: u32, id: u64) -> Option<u64> {
    handle(of_goroutine(tgid, id | CALLS))
}

/// Those that a goroutine starts call for this from now on.
#[inline(never)]
pub fn goroutine_calls_for(tgid: u32, id: u64, handle: u64) {
    goroutine_works_on(tgid, id | CALLS, word(handle, 0));
}

/// User space has 47 bits of addresses, of which Go's arenas use the lower part; what is noted is aligned to 16 bytes.
#[inline(always)]
const fn object(tgid: u32, address: u64) -> Key {
    Key {
        owner: (tgid as u64) << 12,
        number: address >> 4,
    }
}

/// Handle of the request whose stream has this context, if it is one.
#[inline(always)]
pub fn of_stream_context(tgid: u32, address: u64) -> Option<u64> {
    handle(get(&STREAM_CONTEXTS, object(tgid, address)))
}

/// The stream of a request has this context.
#[inline(never)]
pub fn stream_has_context(tgid: u32, address: u64, handle: u64) {
    put(&STREAM_CONTEXTS, object(tgid, address), word(handle, 0));
}

/// Id of the goroutine that serves the connection with this local address, if it is one's.
#[inline(always)]
pub fn server_of(tgid: u32, address: u64) -> Option<u64> {
    handle(get(&LOCAL_ADDRESSES, object(tgid, address)))
}

/// A goroutine serves the connection with this local address.
#[inline(never)]
pub fn serves(tgid: u32, address: u64, goroutine: u64) {
    let entry = [word(goroutine, 0)];
    table::put(&LOCAL_ADDRESSES, object(tgid, address), &entry, |_| false);
}

/// In place of a stream: the one request that HTTP/1 has under way on a connection.
const WHOLE: u32 = u32::MAX;

/// Handle of what the request that is written to a socket now was handed over for, if it was; once.
#[inline(always)]
pub fn handed_over(cookie: u64) -> Option<u64> {
    handle(taken(cookie))
}

#[inline(never)]
fn taken(cookie: u64) -> u64 {
    table::take(&CAUSES, key(cookie, WHOLE), 0).unwrap_or(0)
}

/// A request is handed over to the goroutine that writes to a socket.
#[inline(always)]
pub fn hands_over(cookie: u64, handle: u64) {
    causes(cookie, WHOLE, handle);
}

/// Handle of the request that is served on a stream, if that is known.
#[inline(always)]
pub fn of_stream(cookie: u64, stream: u32) -> Option<u64> {
    handle(served(cookie, stream))
}

#[inline(never)]
fn served(cookie: u64, stream: u32) -> u64 {
    get(&SERVED, key(cookie, stream))
}

/// The request of a stream is served in this context from now on.
#[inline(never)]
pub fn stream_begins(cookie: u64, stream: u32, handle: u64) {
    put(&SERVED, key(cookie, stream), word(handle, 0));
}

/// The stream has ended: gives its handle, if it is known, to one of those who say so.
#[inline(always)]
pub fn stream_ends(cookie: u64, stream: u32) -> Option<u64> {
    handle(ended(cookie, stream))
}

#[inline(never)]
fn ended(cookie: u64, stream: u32) -> u64 {
    table::take(&SERVED, key(cookie, stream), 0).unwrap_or(0)
}

/// Handle of what a stream is opened for, as who opens it has told, if he has; 0: for nothing that is known.
#[inline(always)]
pub fn cause(cookie: u64, stream: u32) -> Option<u64> {
    handle(caused(cookie, stream))
}

#[inline(never)]
fn caused(cookie: u64, stream: u32) -> u64 {
    get(&CAUSES, key(cookie, stream))
}

/// The stream will be opened for this.
#[inline(never)]
pub fn causes(cookie: u64, stream: u32, handle: u64) {
    put(&CAUSES, key(cookie, stream), word(handle, 0));
}

#[inline(always)]
fn get(table: &Table<1>, key: Key) -> u64 {
    table::word(table, key, 0).unwrap_or(0)
}

#[inline(always)]
fn put(table: &Table<1>, key: Key, word: u64) {
    table::put(table, key, &[word], |age| {
        context::under_way(age >> SWITCHES) != 0
    });
}

/// The word of a goroutine that works on nothing, though the one that started it has that word. It has the same age.
#[inline(always)]
pub const fn nothing(word: u64) -> u64 {
    word & !KNOWN | NOBODYS
}

/// The word for work; never 0.
#[inline(always)]
pub const fn word(handle: u64, switches: u64) -> u64 {
    handle << SWITCHES | (switches & MASK) | KNOWN
}

/// The work of a word, for a thread that has slept so often by now.
#[inline(always)]
pub const fn work(word: u64, switches: u64) -> Work {
    let same = (word ^ switches) & MASK & !KNOWN == 0;
    let handle = if word & KNOWN == 0 {
        0
    } else {
        word >> SWITCHES
    };
    Work::on(handle, if same { switches } else { u64::MAX })
}

#[inline(always)]
const fn handle(word: u64) -> Option<u64> {
    if word == 0 {
        return None;
    }
    Some(word >> SWITCHES)
}
