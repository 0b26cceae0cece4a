//! What the benches share: an allocator that counts, a sink that drops what it is given, and the least of many rounds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sonde_protocols::Anomaly;
use sonde_protocols::exchange::{Exchange, Sink};

const ROUNDS: usize = 200;

/// The system's allocator with a counter.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Drops what it is given, counting.
#[derive(Default)]
pub(crate) struct Count {
    exchanges: u64,
    anomalies: u64,
}

impl Sink for Count {
    fn exchange(&mut self, exchange: Exchange) {
        black_box(&exchange);
        self.exchanges += 1;
    }
    fn anomaly(&mut self, _: Anomaly) {
        self.anomalies += 1;
    }
}

/// Prints what one of `wanted` takes, where `run` makes so many exchanges and no anomaly.
pub(crate) fn least(name: &str, unit: &str, wanted: u64, mut run: impl FnMut(&mut Count)) {
    let mut best = f64::INFINITY;
    let mut allocations = 0;
    for _ in 0..ROUNDS {
        let mut count = Count::default();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        run(&mut count);
        best = best.min(start.elapsed().as_secs_f64());
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert_eq!((count.exchanges, count.anomalies), (wanted, 0), "{name}");
    }
    println!(
        "{name:<28} {:7.1} ns and {:.2} allocations {unit}",
        best * 1e9 / wanted as f64,
        allocations as f64 / wanted as f64
    );
}
