//! Putting records on the ring.

use crate::maps::{RECORDS, config};
use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    maps::ring_buf::RingBufEntry,
};

/// The ring's own header before each record.
const RECORD_HEADER: u64 = 8;

/// Submits a record of `size` bytes. Wakes the reader only when this record fills the ring past its
/// mark: a wake-up costs about a microsecond, and the reader has a timer besides.
#[inline(always)]
pub fn submit<T>(entry: RingBufEntry<T>, size: u64) {
    entry.submit(wake_up(size));
}

/// Drops a record of `size` bytes. It takes its room until the reader has come past it all the same.
#[inline(always)]
pub fn discard<T>(entry: RingBufEntry<T>, size: u64) {
    entry.discard(wake_up(size));
}

/// Flags for a record of `size` bytes.
#[inline(always)]
pub fn wake_up(size: u64) -> u64 {
    let (mark, waiting) = (
        config().wake_bytes as u64,
        RECORDS.query(BPF_RB_AVAIL_DATA as u64),
    );
    let crosses = waiting >= mark && waiting < mark + size + RECORD_HEADER;
    if crosses {
        BPF_RB_FORCE_WAKEUP as u64
    } else {
        BPF_RB_NO_WAKEUP as u64
    }
}

/// Submits a record that the reader must see at once.
#[inline(always)]
pub fn submit_now<T>(entry: RingBufEntry<T>) {
    entry.submit(BPF_RB_FORCE_WAKEUP as u64);
}
