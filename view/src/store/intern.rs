//! Values that many spans share, kept once and for as long as a span needs them.

use std::hash::Hash;
use std::sync::Arc;

use rustc_hash::FxHashSet;

/// A set of shared values.
#[derive(Debug)]
pub(super) struct Interner<T> {
    values: FxHashSet<Arc<T>>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            values: FxHashSet::default(),
        }
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// The shared value, and whether it is new.
    pub(super) fn get(&mut self, value: T) -> (Arc<T>, bool) {
        if let Some(shared) = self.values.get(&value) {
            return (Arc::clone(shared), false);
        }
        let shared = Arc::new(value);
        self.values.insert(Arc::clone(&shared));
        (shared, true)
    }

    /// Gives a value back; true when nobody else had it and it is gone.
    pub(super) fn give_back(&mut self, value: Arc<T>) -> bool {
        // The set's own and this one.
        if Arc::strong_count(&value) > 2 {
            return false;
        }
        self.values.remove(&value);
        if self.values.capacity() > 4 * self.values.len() + 64 {
            self.values.shrink_to_fit();
        }
        true
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.values.iter()
    }
}
