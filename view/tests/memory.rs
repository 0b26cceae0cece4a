//! The limit is a limit: what an allocator that counts has seen, while far more comes in than fits.
#![allow(
    clippy::unwrap_used,
    reason = "a failed helper of a test is a failed test"
)]

#[path = "../examples/load/spans.rs"]
mod spans;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use sonde_view::{Options, View};
use spans::{SPANS, Shop};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is handed on to the system's allocator; only sizes are noted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NOW.fetch_add(layout.size() + HEADER, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size() + HEADER, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What the system's allocator adds.
const HEADER: usize = 8;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEMORY: usize = 8 << 20;

#[test]
fn the_heap_stays_below_the_limit() {
    let before = NOW.load(Ordering::Relaxed);
    let view = View::start(&Options {
        memory: MEMORY,
        data: None,
    })
    .unwrap();
    let mut shop = Shop::new(7);
    let (mut most, mut accounted) = (0, 0);
    for batch in 0..600_u64 {
        let request =
            Bytes::from(shop.request(50, 1_700_000_000_000_000_000 + batch * 100_000_000));
        view.ingest(request, 50 * SPANS);
        view.drain();
        most = most.max(NOW.load(Ordering::Relaxed) - before);
        accounted = view.counters().stored_bytes.load(Ordering::Relaxed);
    }
    let counters = view.counters();
    let evicted: u64 = counters.evictions().map(|(_, count)| count).sum();
    assert!(evicted > 5_000, "only {evicted} traces had to go");
    assert!(most < MEMORY, "{most} bytes of {MEMORY}");
    let accounted = usize::try_from(accounted).unwrap();
    assert!(
        accounted > MEMORY * 3 / 4,
        "{accounted} of {MEMORY} are used"
    );
    // The account is an upper bound, and not a bad one.
    assert!(
        most < accounted + MEMORY / 10,
        "{most} bytes, accounted as {accounted}"
    );
    view.shutdown();
}
