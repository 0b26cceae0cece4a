//! Tables (`sonde_common::table`) in maps.
//!
//! A full hash map of the kernel's that gives up what was used least recently takes 0.6 us for each new key
//! ([decision 14](../../docs/decisions/0014-tables.md)).

use aya_ebpf::btf_maps::Array;
use core::{arch::asm, cell::UnsafeCell};
use sonde_common::table::{BUCKETS, Bucket, Shared, put as put_in, visit};
pub use sonde_common::table::{Key, fold};

/// A word of a map value. This target has no atomic loads, stores or exchanges of Rust's.
#[repr(transparent)]
pub struct Word(UnsafeCell<u64>);

impl Shared for Word {
    #[inline(always)]
    fn load(&self) -> u64 {
        // SAFETY: a word of a map value, which the kernel keeps while the program runs; it is loaded whole.
        unsafe { self.0.get().read_volatile() }
    }

    #[inline(always)]
    fn store(&self, word: u64) {
        // SAFETY: as above.
        unsafe { self.0.get().write_volatile(word) }
    }

    #[inline(always)]
    fn exchange(&self, word: u64) -> u64 {
        let mut word = word;
        // SAFETY: as above; an atomic exchange, the former value comes back.
        unsafe {
            asm!("{0} = xchg_64({1} + 0, {0})", inout(reg) word, in(reg) self.0.get());
        }
        word
    }
}

/// A table.
pub type Table<const WORDS: usize> = Array<Bucket<Word, WORDS>, BUCKETS>;

#[inline(always)]
fn bucket<const WORDS: usize>(table: &Table<WORDS>, key: Key) -> Option<&Bucket<Word, WORDS>> {
    // SAFETY: a map value, all of whose words are shared.
    Some(unsafe { &*table.get_ptr(key.bucket())? })
}

/// One word of the key's entry.
#[inline(always)]
pub fn word<const WORDS: usize>(table: &Table<WORDS>, key: Key, index: usize) -> Option<u64> {
    let mut found = 0;
    visit(bucket(table, key)?, key, |at, word| {
        if at == index {
            found = word;
        }
    })?;
    Some(found)
}

/// Copies the key's entry. False: it is not there, and what `to` holds now is nothing.
#[inline(always)]
pub unsafe fn copy<const WORDS: usize>(
    table: &Table<WORDS>,
    key: Key,
    to: *mut [u64; WORDS],
) -> bool {
    let Some(bucket) = bucket(table, key) else {
        return false;
    };
    // SAFETY: the caller passes room for an entry's words.
    visit(bucket, key, |at, word| unsafe {
        to.cast::<u64>().add(at).write(word);
    })
    .is_some()
}

/// Frees the key's entry and gives one of its words, to one of those who free it at a time.
#[inline(always)]
pub fn take<const WORDS: usize>(table: &Table<WORDS>, key: Key, index: usize) -> Option<u64> {
    let mut found = 0;
    let entry = visit(bucket(table, key)?, key, |at, word| {
        if at == index {
            found = word;
        }
    })?;
    entry.free(key).then_some(found)
}

/// Writes the key's entry; the oldest gives way, or the next oldest if `goes_on` says of its age that it is needed.
#[inline(always)]
pub fn put<const WORDS: usize>(
    table: &Table<WORDS>,
    key: Key,
    words: &[u64; WORDS],
    goes_on: impl FnOnce(u64) -> bool,
) {
    if let Some(bucket) = bucket(table, key) {
        put_in(bucket, key, words, goes_on);
    }
}
