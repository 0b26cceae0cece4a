//! Which entry of the kernel side's map of samplers a service has.
//!
//! Services with the same sampler share one, unless it counts: a rate is each service's own. An entry is never used
//! again for another service, since sockets keep its number; when all are given away, the first must do.

use rustc_hash::FxHashMap;
use sonde_common::sampler::{SAMPLERS, Sampler as Entry};

use super::Sampler;

/// Entries given away so far.
#[derive(Debug)]
pub struct Samplers {
    default: Sampler,
    entries: FxHashMap<(Entry, Option<Box<str>>), u32>,
}

impl Samplers {
    /// Only the first, which is for all that have no other.
    #[must_use]
    pub fn new(default: Sampler) -> Self {
        let mut entries = FxHashMap::default();
        if !default.counts() {
            entries.insert((default.entry(), None), 0);
        }
        Self { default, entries }
    }

    /// The entry of a service, and what is to be written there if it is a new one.
    pub fn of(&mut self, own: Option<Sampler>, service: &str) -> (u32, Option<Entry>) {
        let sampler = own.unwrap_or(self.default);
        let entry = sampler.entry();
        let key = (entry, sampler.counts().then(|| Box::from(service)));
        if let Some(index) = self.entries.get(&key) {
            return (*index, None);
        }
        let next = u32::try_from(self.entries.len() + usize::from(self.default.counts()));
        let Some(index) = next.ok().filter(|index| *index < SAMPLERS) else {
            tracing::warn!(
                service,
                "no sampler is left for it: it shares the default one"
            );
            return (0, None);
        };
        self.entries.insert(key, index);
        (index, Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::{SAMPLERS, Sampler, Samplers};

    fn sampler(text: &str) -> Sampler {
        text.parse().expect(text)
    }

    #[test]
    fn what_does_not_count_is_shared() {
        let mut samplers = Samplers::new(sampler("always_on"));
        let off = Some(sampler("always_off"));
        let some = Some(sampler("ratelimited=5"));
        let numbers: Vec<(u32, bool)> = [
            (None, "a"),
            (Some(sampler("always_on")), "a"),
            (off, "a"),
            (off, "b"),
            (some, "a"),
            (some, "b"),
            (some, "a"),
        ]
        .into_iter()
        .map(|(own, service)| samplers.of(own, service))
        .map(|(index, entry)| (index, entry.is_some()))
        .collect();
        let expected = [
            (0, false),
            (0, false),
            (1, true),
            (1, false),
            (2, true),
            (3, true),
            (2, false),
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn each_service_counts_for_itself_as_long_as_there_is_room() {
        let mut samplers = Samplers::new(sampler("ratelimited=5"));
        for number in 1..SAMPLERS {
            let (index, entry) = samplers.of(None, &number.to_string());
            assert_eq!((index, entry.is_some()), (number, true));
        }
        assert_eq!(samplers.of(None, "one more"), (0, None));
        assert_eq!(samplers.of(None, "7"), (7, None));
    }
}
