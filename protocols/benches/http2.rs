//! Time and heap allocations of one stream, the least of several rounds: `cargo bench -p sonde-protocols --bench http2`.
//!
//! Nothing is asserted about times.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sonde_protocols::exchange::{Exchange, Sink};
use sonde_protocols::http2::frame::{DATA, END_HEADERS, END_STREAM, HEADERS, LABEL};
use sonde_protocols::http2::{Connection, Limits};
use sonde_protocols::{Anomaly, Chunk, Direction, Timestamp};

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
struct Count {
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

/// A call as grpc-go sends it, fields that repeat in the table, and `traceparent` as a literal.
const REQUEST: &[u8] = b"\x83\x86\
    \x44\x17/shop.Orders/PlaceOrder\x41\x0aorders:500\
    \x5f\x10application/grpc\x7a\x0egrpc-go/1.64.0\x40\x02te\x08trailers";
const REQUEST_AGAIN: &[u8] = b"\x83\x86\xc2\xc1\xc0\xbf\xbe";
const TRACEPARENT: &[u8] =
    b"\x00\x0btraceparent\x3700-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RESPONSE: &[u8] = b"\x88\x5f\x10application/grpc";
const TRAILERS: &[u8] = b"\x40\x0bgrpc-status\x010\x40\x0cgrpc-message\x00";
const RESPONSE_AGAIN: &[u8] = b"\x88\xc0";
const TRAILERS_AGAIN: &[u8] = b"\xbf\xbe";

const ROUNDS: usize = 200;
const STREAMS: u32 = 5_000;

/// An entry of the digest; `length` is the one of the wire.
fn entry(kind: u8, flags: u8, stream: u32, length: usize, payload: &[u8]) -> Vec<u8> {
    let mut entry = (length as u32).to_be_bytes()[1..].to_vec();
    entry.extend([kind, flags]);
    entry.extend(stream.to_be_bytes());
    entry.extend_from_slice(payload);
    entry
}

fn request(stream: u32, again: bool) -> Vec<u8> {
    let fields = if again { REQUEST_AGAIN } else { REQUEST };
    let block = [fields, TRACEPARENT].concat();
    [
        entry(HEADERS, END_HEADERS, stream, block.len(), &block),
        entry(LABEL, 0, stream, 40, &[7; 40]),
        entry(DATA, END_STREAM, stream, 105, &[1, 0, 0, 0]),
    ]
    .concat()
}

fn response(stream: u32, again: bool) -> Vec<u8> {
    let (head, trailers) = if again {
        (RESPONSE_AGAIN, TRAILERS_AGAIN)
    } else {
        (RESPONSE, TRAILERS)
    };
    [
        entry(HEADERS, END_HEADERS, stream, head.len(), head),
        entry(DATA, 0, stream, 55, &[1, 0, 0, 0]),
        entry(
            HEADERS,
            END_HEADERS | END_STREAM,
            stream,
            trailers.len(),
            trailers,
        ),
    ]
    .concat()
}

/// Calls of which so many are open at a time.
fn measure(name: &str, concurrent: u32) {
    let limits = Limits {
        head_bytes: 16 * 1024,
        table_bytes: 64 * 1024,
        streams: 4096,
    };
    let mut chunks = Vec::new();
    for from in (0..STREAMS).step_by(concurrent as usize) {
        let streams = from..STREAMS.min(from + concurrent);
        chunks.extend(
            streams
                .clone()
                .map(|number| (Direction::Request, request(number * 2 + 1, number > 0))),
        );
        chunks.extend(
            streams.map(|number| (Direction::Response, response(number * 2 + 1, number > 0))),
        );
    }
    let mut best = f64::INFINITY;
    let mut allocations = 0;
    for _ in 0..ROUNDS {
        let mut connection = Connection::new(limits);
        let mut count = Count::default();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let start = Instant::now();
        for (at, (direction, bytes)) in (0..).zip(&chunks) {
            let chunk = Chunk::Bytes(black_box(bytes));
            connection.push(*direction, chunk, Timestamp(at), &mut count);
        }
        best = best.min(start.elapsed().as_secs_f64());
        allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        let wanted = (u64::from(STREAMS), 0);
        assert_eq!((count.exchanges, count.anomalies), wanted, "{name}");
    }
    println!(
        "{name:<28} {:7.1} ns and {:.2} allocations a stream",
        best * 1e9 / f64::from(STREAMS),
        allocations as f64 / f64::from(STREAMS)
    );
}

fn main() {
    measure("unary calls, one at a time", 1);
    measure("unary calls, 64 at a time", 64);
    measure("unary calls, 1000 at a time", 1000);
}
