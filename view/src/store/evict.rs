//! Making room.

use super::{Class, Store, Trace};

/// A trace that had to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    /// Its number.
    pub(crate) number: u64,
    /// What it was.
    pub(crate) class: Class,
    /// How many spans it had.
    pub(crate) spans: usize,
}

impl Store {
    /// Removes one trace if the store takes more than `allowed` bytes; `last_look` sees it before.
    pub(crate) fn evict(
        &mut self,
        allowed: usize,
        last_look: impl FnOnce(&mut Trace),
    ) -> Option<Removed> {
        if self.used <= allowed.min(self.limit) {
            return None;
        }
        let class = self.victim_class()?;
        let (_, mut trace) = self.ages[class as usize].pop_first()?;
        self.places.remove(&trace.id);
        last_look(&mut trace);
        Some(self.release(trace))
    }

    /// Plain traces go first, but the others may not have more than half of the memory.
    fn victim_class(&self) -> Option<Class> {
        let [_, slow, error] = self.class_bytes;
        let order = if slow + error > self.limit / 2 {
            [Class::Slow, Class::Error, Class::Plain]
        } else {
            [Class::Plain, Class::Slow, Class::Error]
        };
        order
            .into_iter()
            .find(|class| !self.ages[*class as usize].is_empty())
    }

    fn release(&mut self, trace: Trace) -> Removed {
        self.used -= trace.bytes + self.calls.remove(&trace);
        self.class_bytes[trace.class as usize] -= trace.bytes;
        self.spans -= trace.spans.len();
        let removed = Removed {
            number: trace.number,
            class: trace.class,
            spans: trace.spans.len(),
        };
        if let Some(due) = trace.due {
            self.unsettled.remove(&(due, trace.number));
        }
        for span in trace.spans {
            self.give_back(span.operation, span.origin);
        }
        removed
    }
}
