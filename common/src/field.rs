//! Names of fields, compared with a head's lines by machine words and without regard to case (RFC 9110 section 5.1).

use crate::http1::Window;

/// Most bytes of a name, colon included.
pub const LONGEST: u32 = 32;
const WORDS: usize = LONGEST as usize / 8;
const LOWER: u64 = 0x2020_2020_2020_2020;

/// A name with its colon.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    words: [u64; WORDS],
    masks: [u64; WORDS],
    length: u32,
}

impl Name {
    /// Of a name in lower case, which must be shorter than [`LONGEST`].
    #[must_use]
    pub const fn new(name: &str) -> Self {
        let name = name.as_bytes();
        assert!(name.len() < LONGEST as usize);
        let (mut words, mut masks) = ([0; WORDS], [0; WORDS]);
        let mut at = 0;
        while at <= name.len() {
            let byte = if at < name.len() { name[at] } else { b':' };
            let shift = at % 8 * 8;
            words[at / 8] |= ((byte | 0x20) as u64) << shift;
            masks[at / 8] |= 0xff << shift;
            at += 1;
        }
        let length = name.len() as u32 + 1;
        Self {
            words,
            masks,
            length,
        }
    }

    /// Bytes of the name and its colon, if the line at `at` has this name. It must lie whole before `end`.
    #[inline(always)]
    #[must_use]
    pub fn of_line(&self, window: &impl Window, at: u32, end: u32) -> Option<u32> {
        if end.wrapping_sub(at) < self.length {
            return None;
        }
        for (index, (word, mask)) in self.words.iter().zip(self.masks).enumerate() {
            let there = if mask == 0 {
                0
            } else {
                (window.word(at + index as u32 * 8) | LOWER) & mask
            };
            if there != *word {
                return None;
            }
        }
        Some(self.length)
    }
}
