//! Time and heap allocations of one stream, the least of several rounds: `cargo bench -p sonde-protocols --bench http2`.
//!
//! Nothing is asserted about times.

mod measure;

use std::hint::black_box;

use sonde_protocols::http2::frame::{DATA, END_HEADERS, END_STREAM, HEADERS, LABEL};
use sonde_protocols::http2::{Connection, Limits};
use sonde_protocols::{Chunk, Direction, Timestamp};

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
    measure::least(name, "a stream", STREAMS.into(), |count| {
        let mut connection = Connection::new(limits);
        for (at, (direction, bytes)) in (0..).zip(&chunks) {
            let chunk = Chunk::Bytes(black_box(bytes));
            connection.push(*direction, chunk, Timestamp(at), count);
        }
    });
}

fn main() {
    measure("unary calls, one at a time", 1);
    measure("unary calls, 64 at a time", 64);
    measure("unary calls, 1000 at a time", 1000);
}
