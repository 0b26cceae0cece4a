//! Tables for what comes and goes with each request, without a lock.
//!
//! A key has a few places, its bucket, and the oldest entry in it goes. Keys that an owner counts up are in buckets that
//! follow each other: they are used at a time.
//!
//! The words of an entry are bound together by its check. One that two CPUs wrote at a time, or that is read half
//! written, is no key's: it is missing then, never wrong.

use core::hint::black_box;

/// Buckets of a table; a power of two.
pub const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 14;
/// Entries of a bucket; a power of two.
pub const WAYS: usize = 4;
/// Odd, so that no two words have the same product; its high bits spread keys (Knuth, volume 3, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// Where the owner's bits begin in a mark.
const OWNER: u32 = 30;

/// What an entry is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose it is; not zero. Random, or a number whose bits, shifted by 30, do not meet those of `number`.
    pub owner: u64,
    /// Counted up by the owner.
    pub number: u64,
}

impl Key {
    /// Where it may be.
    #[inline(always)]
    #[must_use]
    pub const fn bucket(self) -> u32 {
        let first = self.owner.wrapping_mul(SPREAD) >> (u64::BITS - BUCKET_BITS);
        first.wrapping_add(self.number) as u32 & (BUCKETS as u32 - 1)
    }

    /// No other key's while owners and numbers are what they should be; never 0 then.
    #[inline(always)]
    #[must_use]
    pub const fn mark(self) -> u64 {
        self.owner.rotate_left(OWNER) ^ self.number
    }
}

/// A word that others read and write at the same time.
pub trait Shared {
    /// Reads it, once.
    fn load(&self) -> u64;
    /// Writes it.
    fn store(&self, word: u64);
    /// Writes it and gives what was there, atomically.
    fn exchange(&self, word: u64) -> u64;
}

/// Some words; the first is the entry's age, the lower the older.
#[repr(C)]
#[derive(Debug)]
pub struct Entry<S, const WORDS: usize> {
    /// Of the key; 0: free.
    mark: S,
    /// What mark and words add up to.
    check: S,
    words: [S; WORDS],
}

/// The places of a key.
pub type Bucket<S, const WORDS: usize> = [Entry<S, WORDS>; WAYS];

/// Adds a word to a check.
#[inline(always)]
#[must_use]
pub const fn fold(check: u64, word: u64) -> u64 {
    (check ^ word).wrapping_mul(SPREAD)
}

impl<S: Shared, const WORDS: usize> Entry<S, WORDS> {
    /// Frees it. False: it was another key's by now, or another has freed it.
    #[inline(always)]
    pub fn free(&self, key: Key) -> bool {
        self.mark.exchange(0) == key.mark()
    }

    #[inline(always)]
    fn write(&self, mark: u64, words: &[u64; WORDS]) {
        let mut check = mark;
        for (to, word) in self.words.iter().zip(words) {
            check = fold(check, *word);
            to.store(*word);
        }
        self.check.store(check);
        self.mark.store(mark);
    }
}

/// Calls `with` for each word of the key's entry, with its place; gives the entry if those were its words.
#[inline(always)]
pub fn visit<S: Shared, const WORDS: usize>(
    bucket: &Bucket<S, WORDS>,
    key: Key,
    mut with: impl FnMut(usize, u64),
) -> Option<&Entry<S, WORDS>> {
    let mark = key.mark();
    for entry in bucket {
        if entry.mark.load() != mark {
            continue;
        }
        let mut check = mark;
        for (index, word) in entry.words.iter().enumerate() {
            let word = word.load();
            check = fold(check, word);
            with(index, word);
        }
        return (entry.check.load() == check).then_some(entry);
    }
    None
}

/// Writes the key's entry: over its former one, in a free place, or over the oldest. That stays if `goes_on` says so of
/// its age, and the next oldest goes.
#[inline(always)]
pub fn put<S: Shared, const WORDS: usize>(
    bucket: &Bucket<S, WORDS>,
    key: Key,
    words: &[u64; WORDS],
    goes_on: impl FnOnce(u64) -> bool,
) {
    const AGES: u64 = !(WAYS as u64 - 1);
    let mark = key.mark();
    // Age and place in one word, so that few paths lead on from here (the verifier follows each of them).
    let (mut oldest, mut next) = (u64::MAX, u64::MAX);
    for (way, entry) in bucket.iter().enumerate() {
        let there = entry.mark.load();
        if there == mark {
            oldest = way as u64;
            break;
        }
        let age = if there == 0 {
            0
        } else {
            entry.words[0].load() & AGES
        };
        let place = age | way as u64;
        if place < oldest {
            (oldest, next) = (place, oldest);
        } else if place < next {
            next = place;
        }
    }
    let stays = oldest & AGES != 0 && goes_on(oldest & AGES);
    let place = if stays { next } else { oldest };
    // The verifier wants the mask, which the compiler would drop if it knew the place.
    let way = black_box(place) as usize & (WAYS - 1);
    bucket[way].write(mark, words);
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
