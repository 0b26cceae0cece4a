//! The entries of the dynamic table that matter (RFC 7541 sections 2.3.2 and 4).

use super::{DEFAULT_LIMIT, KEPT, NEWEST, Scan, UNKNOWN, name, parent};
use crate::traceparent::Traceparent;

impl Scan {
    /// Place of an entry that is named `traceparent`.
    #[inline(always)]
    fn place(&self, number: u32) -> Option<usize> {
        if number == 0 {
            return None;
        }
        (0..KEPT).find(|place| self.numbers[*place] == number)
    }

    /// Was the entry seen, and is it among the newest?
    #[inline(always)]
    const fn is_known(&self, number: u32) -> bool {
        number > self.unseen && self.inserted.wrapping_sub(number) < NEWEST
    }

    /// Is an entry that is known named `traceparent`?
    #[inline(always)]
    const fn is_named(&self, number: u32) -> bool {
        (self.named[(number as usize >> 6) & 1] >> (number & 63)) & 1 != 0
    }

    /// Whose value follows the index of a name.
    #[inline(always)]
    pub(super) fn name_of(&self, index: u32) -> u8 {
        let number = self.number(index);
        match self.place(number) {
            Some(place) if (self.guessed >> place) & 1 == 0 => name::PARENT,
            Some(_) => name::UNSEEN,
            None if !self.is_known(number) => name::UNSEEN,
            None if self.is_named(number) => name::PARENT,
            None => name::OTHER,
        }
    }

    /// An entry is the field.
    #[inline(always)]
    pub(super) fn refer(&mut self, index: u32) {
        let number = self.number(index);
        let Some(place) = self.place(number) else {
            if !self.is_known(number) {
                self.unsure = 1;
            } else if self.is_named(number) {
                self.parent = match self.parent {
                    parent::NONE => parent::UNKNOWN,
                    _ => parent::SEVERAL,
                };
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
        let bit = 1 << (self.inserted & 63);
        let named = &mut self.named[(self.inserted as usize >> 6) & 1];
        *named = if found { *named | bit } else { *named & !bit };
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
