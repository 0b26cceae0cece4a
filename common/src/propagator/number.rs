//! Numbers as text, most significant digit first.

/// A hexadecimal number of up to 32 digits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hex {
    /// Upper and lower half.
    pub(super) halves: [u64; 2],
    /// How many digits there were; more than 32 are not counted.
    pub(super) digits: u64,
}

impl Hex {
    pub(super) const START: Self = Self {
        halves: [0; 2],
        digits: 0,
    };

    /// False if it is no digit in lower case, or one too many.
    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return false,
        };
        if self.digits >= 32 {
            return false;
        }
        let [high, low] = self.halves;
        self.halves = [high << 4 | low >> 60, low << 4 | value as u64];
        self.digits += 1;
        true
    }

    #[inline(always)]
    pub(super) const fn is_zero(&self) -> bool {
        self.halves[0] | self.halves[1] == 0
    }

    /// The lower half.
    #[inline(always)]
    pub(super) const fn low(&self) -> u64 {
        self.halves[1]
    }
}
