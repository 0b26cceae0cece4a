//! Time and heap allocations of one exchange, the least of several rounds: `cargo bench -p sonde-protocols`.
//!
//! The least is the figure that other load on the machine disturbs least. Nothing is asserted.

mod measure;

use std::hint::black_box;

use sonde_protocols::http1::{Connection, Limits};
use sonde_protocols::{Chunk, Direction, Elided, Timestamp};

const REQUEST: &[u8] = b"GET /api/v1/orders/12345?expand=items&page=2 HTTP/1.1\r\n\
    Host: orders.internal.example:8080\r\n\
    User-Agent: python-requests/2.31.0\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept: application/json\r\n\
    Connection: keep-alive\r\n\
    traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
    X-Request-Id: 4f9a1c\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 13\r\n\
    Date: Sat, 21 Nov 2026 05:00:00 GMT\r\n\
    Server: gunicorn\r\n\
    Connection: keep-alive\r\n\r\n{\"ok\":\"true\"}";

const LARGE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/octet-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

const EXCHANGES: u64 = 5_000;

fn measure(name: &str, chunks: &[(Direction, Chunk<'_>)]) {
    let limits = Limits {
        head_bytes: 16 * 1024,
        in_flight: 64,
    };
    measure::least(name, "an exchange", EXCHANGES, |count| {
        let mut connection = Connection::new(limits);
        for at in 0..EXCHANGES {
            for &(direction, chunk) in chunks {
                connection.push(direction, black_box(chunk), Timestamp(at), count);
            }
        }
    });
}

fn main() {
    let request = (Direction::Request, Chunk::Bytes(REQUEST));
    let response = (Direction::Response, Chunk::Bytes(RESPONSE));
    measure("whole heads", &[request, response]);

    let (first, second) = REQUEST.split_at(REQUEST.len() / 2);
    let halves = [first, second].map(|bytes| (Direction::Request, Chunk::Bytes(bytes)));
    measure("request head in two", &[halves[0], halves[1], response]);

    let elided = Elided {
        bytes: 1_000_100,
        content: 1_000_000,
        end: true,
    };
    let large = (Direction::Response, Chunk::Bytes(LARGE));
    let body = (Direction::Response, Chunk::Elided(elided));
    measure("large body, counted", &[request, large, body]);
}
