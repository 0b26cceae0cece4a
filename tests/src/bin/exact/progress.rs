//! A number that only grows, and whoever waits for it.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::socket::patience;

/// The number, and whether it will still grow.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<(u64, bool)>,
    changed: Condvar,
}

impl Progress {
    /// Raises the number to `value`.
    pub(crate) fn advance(&self, value: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = value;
        self.changed.notify_all();
    }

    /// It grows no more.
    pub(crate) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }

    /// The number.
    pub(crate) fn value(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until it is at least `wanted`; false when it does not get there.
    pub(crate) fn reach(&self, wanted: u64) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let below = |state: &mut (u64, bool)| state.0 < wanted && !state.1;
        let waited = self.changed.wait_timeout_while(state, patience(), below);
        waited.unwrap_or_else(PoisonError::into_inner).0.0 >= wanted
    }
}
