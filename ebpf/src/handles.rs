//! Handles of contexts, by goroutines and by streams.
//!
//! Handles are counted up, so they are ages as well; that of a request that goes on is spared.

use crate::{
    context,
    http2::streams::key,
    maps::{CAUSES, GOROUTINES, SERVED},
    table::{self, Key, Table},
};
use sonde_common::context::Work;

/// In an entry's word, below the handle: the lowest bits of the thread's context switches.
const SWITCHES: u32 = 16;
const MASK: u64 = (1 << SWITCHES) - 1;

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

/// The word for work; never 0.
#[inline(always)]
pub const fn word(handle: u64, switches: u64) -> u64 {
    handle << SWITCHES | (switches & MASK) | 1
}

/// The work of a word, for a thread that has slept so often by now.
#[inline(always)]
pub const fn work(word: u64, switches: u64) -> Work {
    let same = (word ^ switches) & MASK & !1 == 0;
    Work::on(word >> SWITCHES, if same { switches } else { u64::MAX })
}

#[inline(always)]
const fn handle(word: u64) -> Option<u64> {
    if word == 0 {
        return None;
    }
    Some(word >> SWITCHES)
}
