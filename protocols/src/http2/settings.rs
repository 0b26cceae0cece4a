//! `SETTINGS_HEADER_TABLE_SIZE` (RFC 9113 sections 4.3.1 and 6.5): how large one side lets the other's table become.

/// Identifier of the one setting that matters here.
const HEADER_TABLE_SIZE: u16 = 1;
/// Bytes of a setting.
const SETTING: usize = 6;

/// The limit on the table of one direction: announced by the other side, in force once acknowledged by this one.
#[derive(Debug)]
pub(super) struct TableLimit {
    acknowledged: u32,
    /// The last one announced.
    announced: u32,
    /// The highest of those that wait for their acknowledgement.
    highest: u32,
    /// SETTINGS frames that wait for it.
    waiting: u32,
    /// A SETTINGS frame was missed: there is no limit that is known.
    unknown: bool,
}

impl TableLimit {
    pub(super) const fn new() -> Self {
        const INITIAL: u32 = 4096;
        Self {
            acknowledged: INITIAL,
            announced: INITIAL,
            highest: 0,
            waiting: 0,
            unknown: false,
        }
    }

    /// A limit that no encoder exceeds. An acknowledgement may be late, so what is announced counts already.
    pub(super) fn get(&self) -> u32 {
        if self.unknown {
            return u32::MAX;
        }
        self.acknowledged.max(self.highest)
    }

    /// A SETTINGS frame was missed.
    pub(super) fn forget(&mut self) {
        self.unknown = true;
    }

    /// The payload of a SETTINGS frame of the other side.
    pub(super) fn announce(&mut self, payload: &[u8]) {
        let mut settings = payload.chunks_exact(SETTING);
        let size = settings.by_ref().filter_map(|setting| {
            let (identifier, value) = setting.split_first_chunk::<2>()?;
            let value = value.first_chunk::<4>()?;
            (u16::from_be_bytes(*identifier) == HEADER_TABLE_SIZE)
                .then_some(u32::from_be_bytes(*value))
        });
        self.waiting = self.waiting.saturating_add(1);
        for size in size {
            self.announced = size;
            self.highest = self.highest.max(size);
        }
    }

    /// This side acknowledges the oldest SETTINGS frame that waits for it. Only when none waits is it known which
    /// limit is in force.
    pub(super) fn acknowledge(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.acknowledged = self.announced;
            self.highest = 0;
        }
    }
}
