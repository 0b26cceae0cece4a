//! What is known of goroutines that begin with the same function: whether they end with the requests that they are started for.

/// Counts of goroutines that made a call for a request of the goroutine that started them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Those that had ended when the request was answered.
    pub ended: u32,
    /// Those that waited for something then.
    pub outlived: u32,
}

/// So many have to have ended before the next is believed, and so many for each that has not.
const ENDED: u32 = 4;
const ENDED_FOR_EACH: u32 = 16;
/// Both counts are halved then, so that what was long ago counts less.
const MOST: u32 = 1 << 16;

impl History {
    /// Is the next one part of its request?
    #[inline(always)]
    #[must_use]
    pub const fn is_believed(self) -> bool {
        self.ended >= ENDED && self.ended / ENDED_FOR_EACH >= self.outlived
    }

    /// One more, whose request has been answered.
    #[inline(always)]
    #[must_use]
    pub const fn with(self, ended: bool) -> Self {
        let next = Self {
            ended: self.ended + ended as u32,
            outlived: self.outlived + !ended as u32,
        };
        if next.ended < MOST && next.outlived < MOST {
            return next;
        }
        Self {
            ended: next.ended / 2,
            outlived: next.outlived.div_ceil(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many of each.
    fn history(ended: u32, outlived: u32) -> History {
        let outcomes = (0..ended).map(|_| true).chain((0..outlived).map(|_| false));
        outcomes.fold(History::default(), History::with)
    }

    #[test]
    fn belief_is_earned_and_lost() {
        let cases = [
            (0, 0, false),
            (3, 0, false),
            (4, 0, true),
            (4, 1, false),
            (15, 1, false),
            (16, 1, true),
            (16, 2, false),
            (1_000, 60, true),
            (1_000, 100, false),
            (0, 1_000, false),
        ];
        for (ended, outlived, expected) in cases {
            let history = history(ended, outlived);
            assert_eq!(history.is_believed(), expected, "{ended} {outlived}");
        }
    }

    #[test]
    fn counts_are_bounded() {
        let long = history(200_000, 100);
        assert!(long.ended < MOST && long.is_believed());
        let worker = history(4, 200_000);
        assert!(worker.outlived < MOST && !worker.is_believed());
        // What outlived its request is not forgotten by halving alone.
        assert_eq!(history(MOST - 1, 1).with(true).outlived, 1);
    }
}
