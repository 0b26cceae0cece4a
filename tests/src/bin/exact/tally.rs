//! What a run has done, and the line that says so.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one or more connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Connections that went as planned.
    pub(crate) connections: u64,
    /// Bytes compared, without those that were added.
    pub(crate) bytes: u64,
    /// Requests to which a field could have been added.
    pub(crate) requests: u64,
    /// Of those, the ones to which it was.
    pub(crate) inserted: u64,
    /// Times that FIONREAD was compared with what could be read.
    pub(crate) fionread: u64,
    /// Of those, the ones where it was wrong.
    pub(crate) fionread_wrong: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.requests += other.requests;
        self.inserted += other.inserted;
        self.fionread += other.fionread;
        self.fionread_wrong += other.fionread_wrong;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "connections={} bytes={} requests={} inserted={} fionread={} fionread_wrong={}",
            self.connections,
            self.bytes,
            self.requests,
            self.inserted,
            self.fionread,
            self.fionread_wrong
        )
    }
}
