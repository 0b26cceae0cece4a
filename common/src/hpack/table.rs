//! The entries of the dynamic table that matter (RFC 7541 sections 2.3.2 and 4).

use super::{BlockScan, DEFAULT_LIMIT, KEPT, UNKNOWN, name};
use crate::traceparent::Traceparent;

impl BlockScan {
    /// Place of an entry that is named `traceparent`.
    #[inline(always)]
    fn place(&self, number: u32) -> Option<usize> {
        if number == 0 {
            return None;
        }
        (0..KEPT).find(|place| self.numbers[*place] == number)
    }

    /// Whose value follows the index of a name.
    #[inline(always)]
    pub(super) fn name_of(&self, index: u32) -> u8 {
        let number = self.number(index);
        match self.place(number) {
            Some(place) if (self.guessed >> place) & 1 == 0 => name::PARENT,
            Some(_) => name::UNSEEN,
            None if number <= self.unseen => name::UNSEEN,
            None => name::OTHER,
        }
    }

    /// An entry is the field.
    #[inline(always)]
    pub(super) fn refer(&mut self, index: u32) {
        let number = self.number(index);
        let Some(place) = self.place(number) else {
            if number <= self.unseen {
                self.unsure = 1;
            }
            return;
        };
        let guessed = (self.guessed >> place) & 1 != 0;
        let value = self.values[place & (KEPT - 1)];
        self.open = 0;
        self.value_at = 0;
        self.settle(&value, guessed);
    }

    /// The field at hand goes into the table, if it has room for it (section 4.4).
    #[inline(always)]
    pub(super) fn insert(&mut self, found: bool, value: &Traceparent, guessed: bool) {
        if self.least > self.limit {
            return;
        }
        self.inserted = self.inserted.wrapping_add(1);
        let doubtful = match self.limit {
            UNKNOWN => self.least > DEFAULT_LIMIT,
            limit => self.most > limit,
        };
        if doubtful {
            self.numbers = [0; KEPT];
            self.unseen = self.inserted;
            return;
        }
        if !found {
            return;
        }
        let place = self.next as usize & (KEPT - 1);
        if self.numbers[place] != 0 {
            self.unseen = self.numbers[place];
        }
        self.numbers[place] = self.inserted;
        self.values[place] = *value;
        let bit = 1 << place;
        self.guessed = if guessed {
            self.guessed | bit
        } else {
            self.guessed & !bit
        };
        self.next = self.next.wrapping_add(1);
    }
}
