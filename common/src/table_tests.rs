extern crate std;

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    vec::Vec,
};

use proptest::prelude::*;

use super::{BUCKETS, Key, Shared, WAYS, put, visit};

impl Shared for AtomicU64 {
    fn load(&self) -> u64 {
        self.load(Relaxed)
    }

    fn store(&self, word: u64) {
        self.store(word, Relaxed);
    }

    fn exchange(&self, word: u64) -> u64 {
        self.swap(word, Relaxed)
    }
}

type Entry = super::Entry<AtomicU64, 2>;
type Bucket = super::Bucket<AtomicU64, 2>;

fn entry([mark, check, first, second]: [u64; 4]) -> Entry {
    Entry {
        mark: AtomicU64::new(mark),
        check: AtomicU64::new(check),
        words: [AtomicU64::new(first), AtomicU64::new(second)],
    }
}

fn empty() -> Bucket {
    core::array::from_fn(|_| entry([0; 4]))
}

fn key(number: u64) -> Key {
    Key { owner: 7, number }
}

fn put_in(bucket: &Bucket, key: Key, words: [u64; 2], spared: u64) {
    put(bucket, key, &words, |age| age == spared);
}

fn get(bucket: &Bucket, key: Key) -> Option<[u64; 2]> {
    let mut words = [0; 2];
    visit(bucket, key, |at, word| words[at] = word).map(|_| words)
}

/// One with the keys 1 to 4.
fn full() -> Bucket {
    let bucket = empty();
    for number in 1..=4 {
        put_in(&bucket, key(number), [number << 16, number], 0);
    }
    bucket
}

#[test]
fn the_oldest_gives_way() {
    let bucket = full();
    put_in(&bucket, key(5), [5 << 16, 5], 0);
    let known: Vec<_> = (1..=5).filter_map(|n| get(&bucket, key(n))).collect();
    assert_eq!(known, [2, 3, 4, 5].map(|number| [number << 16, number]));
}

#[test]
fn what_goes_on_stays_and_the_next_oldest_gives_way() {
    let bucket = full();
    put_in(&bucket, key(5), [5 << 16, 5], 1 << 16);
    let there = |number| get(&bucket, key(number)).is_some();
    assert!(there(1) && !there(2) && there(5));
}

#[test]
fn a_free_place_is_taken_first_and_a_key_keeps_its_own() {
    let bucket = full();
    assert!(bucket[2].free(key(3)) && !bucket[2].free(key(3)));
    put_in(&bucket, key(9), [9 << 16, 9], 0);
    put_in(&bucket, key(1), [10 << 16, 10], 0);
    assert_eq!(get(&bucket, key(9)), Some([9 << 16, 9]));
    assert_eq!(get(&bucket, key(1)), Some([10 << 16, 10]));
    assert_eq!(get(&bucket, key(2)), Some([2 << 16, 2]));
    assert_eq!(get(&bucket, key(3)), None);
}

#[test]
fn numbers_that_follow_each_other_have_buckets_that_do() {
    let first = key(1_000_000).bucket() as usize;
    assert_eq!(key(1_000_001).bucket() as usize, (first + 1) % BUCKETS);
    let other = Key {
        owner: 8,
        number: 5,
    };
    assert_ne!(key(5).bucket(), other.bucket());
}

/// What is stored for a key.
fn stored(key: Key, words: [u64; 2]) -> [u64; 4] {
    let bucket = empty();
    put_in(&bucket, key, words, 0);
    let Entry {
        mark,
        check,
        words: [first, second],
    } = &bucket[0];
    [mark, check, first, second].map(|word| word.load(Relaxed))
}

proptest! {
    /// Two writers at a time leave some words of one and some of the other: the entry is one's whole, or nobody's.
    #[test]
    fn what_two_wrote_is_nobodys(
        numbers: [u32; 2], one: [u64; 2], other: [u64; 2], of_other in 0_usize..16,
    ) {
        let keys = numbers.map(|number| key(number.into()));
        let (first, second) = (stored(keys[0], one), stored(keys[1], other));
        let mixed = core::array::from_fn(|at| match of_other >> at & 1 {
            0 => first[at],
            _ => second[at],
        });
        let mut bucket = empty();
        bucket[WAYS - 1] = entry(mixed);
        for (key, words) in [(keys[0], one), (keys[1], other)] {
            let found = get(&bucket, key);
            prop_assert!(found.is_none_or(|found| found == words || keys[0] == keys[1]));
        }
        prop_assert_eq!(get(&bucket, keys[0]).is_some(), of_other == 0 || first == mixed);
    }
}
