//! How often spans of one service have a parent in another, over all traces that are kept: counted as spans come and go, since
//! to count them anew would mean to read every trace.

use std::hash::{BuildHasher as _, RandomState};

use rustc_hash::FxHashMap;

use super::cost::ALLOCATION;
use super::{StoredSpan, Trace};

/// Names of both ends, hashed so that looking up needs no copy of them.
type Key = (u64, u64);

/// Parent, child, and how often.
#[derive(Debug)]
struct Pair {
    parent: Box<str>,
    child: Box<str>,
    count: u64,
}

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pairs: FxHashMap<Key, Pair>,
    hasher: RandomState,
}

impl Calls {
    /// Counts what a span that joins a trace is parent and child of; returns the bytes that the counts grew by.
    pub(super) fn add(&mut self, trace: &Trace, span: &StoredSpan) -> usize {
        let mut grown = 0;
        for other in &trace.spans {
            if other.id == span.parent && is_child(span) {
                grown += self.count(other, span);
            }
            if other.parent == span.id && is_child(other) {
                grown += self.count(span, other);
            }
        }
        grown
    }

    fn count(&mut self, parent: &StoredSpan, child: &StoredSpan) -> usize {
        let mut grown = 0;
        let pair = self
            .pairs
            .entry(key(&self.hasher, parent, child))
            .or_insert_with(|| {
                let pair = Pair {
                    parent: parent.operation.service.clone(),
                    child: child.operation.service.clone(),
                    count: 0,
                };
                grown = bytes(&pair);
                pair
            });
        pair.count += 1;
        grown
    }

    /// Takes back what a trace has counted; returns the bytes freed.
    pub(super) fn remove(&mut self, trace: &Trace) -> usize {
        let mut freed = 0;
        for (parent, child) in trace.calls() {
            let key = key(&self.hasher, parent, child);
            let Some(pair) = self.pairs.get_mut(&key) else {
                continue;
            };
            pair.count -= 1;
            if pair.count == 0 {
                freed += bytes(pair);
                self.pairs.remove(&key);
            }
        }
        if self.pairs.capacity() > 4 * self.pairs.len() + 64 {
            self.pairs.shrink_to_fit();
        }
        freed
    }

    /// Parent, child, and how often.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.pairs
            .values()
            .map(|pair| (&*pair.parent, &*pair.child, pair.count))
    }
}

/// A span that is its own parent is nobody's.
pub(super) const fn is_child(span: &StoredSpan) -> bool {
    span.parent != 0 && span.parent != span.id
}

fn key(hasher: &RandomState, parent: &StoredSpan, child: &StoredSpan) -> Key {
    let hash = |span: &StoredSpan| hasher.hash_one(&span.operation.service);
    (hash(parent), hash(child))
}

/// An entry at the least load of its map, and the names.
fn bytes(pair: &Pair) -> usize {
    let names = pair.parent.len() + pair.child.len() + 2 * ALLOCATION;
    3 * (size_of::<Key>() + size_of::<Pair>() + 1) + names
}
