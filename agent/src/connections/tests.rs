//! Records in, exchanges out.

use sonde_common::connection::role;
use sonde_common::http2::{FRAME_HEADER, flag as frame_flag, frame};
use sonde_common::record::{Closed, DataHeader, flag};
use sonde_protocols::exchange::{Exchange, Outcome, Version};
use sonde_protocols::{Direction, Timestamp, http1, http2};

use super::{Connections, Limits, MachineLimits};
use crate::capture::{Data, OpenFacts, Protocol};
use crate::spans::Role;

const COOKIE: u64 = 7;

/// A table with one server connection, and what came out of it.
struct Bench {
    connections: Connections,
    done: Vec<Exchange>,
    /// Who ended the connection, as of each of them.
    ended_by: Vec<Option<Direction>>,
    /// Next offset received and sent.
    offsets: [u64; 2],
    at: u64,
}

impl Bench {
    fn new() -> Self {
        let machine = MachineLimits {
            http1: http1::Limits {
                head_bytes: 4096,
                in_flight: 8,
            },
            http2: http2::Limits {
                head_bytes: 4096,
                table_bytes: 4096,
                streams: 8,
            },
        };
        Self {
            connections: Connections::new(Limits {
                connections: 8,
                machine,
            }),
            done: Vec::new(),
            ended_by: Vec::new(),
            offsets: [0; 2],
            at: 0,
        }
    }

    fn open(&mut self, protocol: Protocol) {
        let facts = OpenFacts {
            cookie: COOKIE,
            tgid: 1,
            role: Role::Server,
            local: "10.0.0.1:80".parse().unwrap(),
            remote: "10.0.0.2:4000".parse().unwrap(),
            proxied: None,
            protocol,
        };
        if protocol == Protocol::Http2 {
            self.offsets = [0; 2];
        }
        let done = &mut self.done;
        self.connections.opened(
            facts,
            Timestamp(self.at),
            |finished| done.push(finished.exchange),
            |_, _| (),
        );
    }

    fn data(&mut self, egress: bool, bytes: &[u8], flags: u16) {
        self.at += 1;
        let offset = &mut self.offsets[usize::from(egress)];
        let header = DataHeader {
            flags: flags | if egress { flag::EGRESS } else { 0 },
            captured: bytes.len().try_into().unwrap(),
            cookie: COOKIE,
            at: self.at,
            offset: *offset,
            tgid: 1,
            role: role::SERVER.into(),
            ..DataHeader::default()
        };
        *offset += bytes.len() as u64;
        let (done, ended_by) = (&mut self.done, &mut self.ended_by);
        self.connections.data(
            &Data { header, bytes },
            |finished| {
                ended_by.push(finished.connection.ended_by);
                done.push(finished.exchange);
            },
            |_, _| (),
        );
    }

    fn lose(&mut self, egress: bool, bytes: u64) {
        self.offsets[usize::from(egress)] += bytes;
    }

    fn close(&mut self) {
        self.close_by(false);
    }

    fn close_by(&mut self, local: bool) {
        let closed = Closed {
            cookie: COOKIE,
            at: self.at,
            local: local.into(),
            ..Closed::default()
        };
        let (done, ended_by) = (&mut self.done, &mut self.ended_by);
        self.connections.closed(
            &closed,
            |finished| {
                ended_by.push(finished.connection.ended_by);
                done.push(finished.exchange);
            },
            |_, _| (),
        );
    }

    /// Method, status and outcome of what is done so far, which is taken.
    fn taken(&mut self) -> Vec<(Option<String>, Option<u16>, Version, Outcome)> {
        self.done
            .drain(..)
            .map(|exchange| {
                (
                    exchange.request.method().map(str::to_owned),
                    exchange.response.and_then(|response| response.status),
                    exchange.request.version(),
                    exchange.outcome,
                )
            })
            .collect()
    }
}

/// A frame of a digest.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut bytes = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    assert_eq!(bytes.len(), FRAME_HEADER);
    bytes.extend_from_slice(payload);
    bytes
}

/// HEADERS that end their stream: of `GET http /` from the static table, and of 200.
fn request(stream: u8) -> Vec<u8> {
    let flags = frame_flag::END_STREAM | frame_flag::END_HEADERS;
    frame(frame::HEADERS, flags, stream, &[0x82, 0x86, 0x84])
}

fn response(stream: u8) -> Vec<u8> {
    let flags = frame_flag::END_STREAM | frame_flag::END_HEADERS;
    frame(frame::HEADERS, flags, stream, &[0x88])
}

fn get(version: Version, outcome: Outcome) -> (Option<String>, Option<u16>, Version, Outcome) {
    (Some("GET".to_owned()), Some(200), version, outcome)
}

#[test]
fn a_connection_speaks_what_was_announced() {
    let mut bench = Bench::new();
    bench.open(Protocol::Http1);
    bench.data(false, b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", 0);
    bench.data(true, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0);
    assert_eq!(bench.taken(), [get(Version::Http11, Outcome::Complete)]);

    let mut bench = Bench::new();
    bench.open(Protocol::Http2);
    bench.data(false, &request(1), flag::FRAME_START);
    bench.data(false, &request(3), flag::FRAME_START);
    bench.data(true, &response(3), flag::FRAME_START);
    bench.data(true, &response(1), flag::FRAME_START);
    let one = get(Version::Http2, Outcome::Complete);
    assert_eq!(bench.taken(), [one.clone(), one]);
}

#[test]
fn data_of_http2_may_come_before_its_announcement() {
    let mut bench = Bench::new();
    bench.data(false, &request(1), flag::FRAME_START);
    bench.open(Protocol::Http2);
    bench.offsets = [request(1).len() as u64, 0];
    bench.data(true, &response(1), flag::FRAME_START);
    assert_eq!(bench.taken(), [get(Version::Http2, Outcome::Complete)]);
}

#[test]
fn a_hole_in_a_digest_ends_at_a_frame() {
    let mut bench = Bench::new();
    bench.open(Protocol::Http2);
    bench.data(false, &request(1), flag::FRAME_START);
    bench.lose(true, 5);
    bench.data(true, b"rest of a frame", 0);
    bench.data(false, &request(3), flag::FRAME_START);
    bench.data(true, &response(3), flag::FRAME_START);
    let done = bench.taken();
    assert!(
        done.contains(&get(Version::Http2, Outcome::Complete)),
        "{done:?}"
    );
}

#[test]
fn an_upgraded_request_is_the_first_stream() {
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\n\r\n";
    const SWITCH: &[u8] =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let upgraded = || {
        let mut bench = Bench::new();
        bench.open(Protocol::Http1);
        bench.data(false, REQUEST, 0);
        bench.data(true, SWITCH, 0);
        assert_eq!(bench.taken(), []);
        bench
    };
    let mut bench = upgraded();
    bench.open(Protocol::Http2);
    bench.data(true, &response(1), flag::FRAME_START);
    let done = bench.taken();
    let [(method, status, _, outcome)] = done.as_slice() else {
        panic!("{done:?}");
    };
    assert_eq!(
        (method.as_deref(), *status, *outcome),
        (Some("GET"), Some(200), Outcome::Complete)
    );
    // The other protocol never began, or was not seen to.
    let mut bench = upgraded();
    bench.close();
    let done = bench.taken();
    let [(_, Some(101), Version::Http11, Outcome::Upgraded)] = done.as_slice() else {
        panic!("{done:?}");
    };
}

#[test]
fn another_upgrade_ends_its_exchange() {
    let mut bench = Bench::new();
    bench.open(Protocol::Http1);
    bench.data(
        false,
        b"GET / HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\n\r\n",
        0,
    );
    bench.data(
        true,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
        0,
    );
    assert_eq!(
        bench.taken(),
        [(
            Some("GET".to_owned()),
            Some(101),
            Version::Http11,
            Outcome::Upgraded
        )]
    );
}

#[test]
fn the_end_that_ends_a_connection_is_told() {
    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    // Ends before the socket is closed (received, sent), and whether a thread of this server closes it.
    for (received, sent, local, by) in [
        (flag::FIN, 0, false, Some(Direction::Request)),
        (flag::FIN, flag::FIN, true, Some(Direction::Request)),
        (flag::RESET, 0, false, Some(Direction::Request)),
        (0, flag::FIN, false, Some(Direction::Response)),
        (0, 0, true, Some(Direction::Response)),
        (0, 0, false, None),
    ] {
        let mut bench = Bench::new();
        bench.open(Protocol::Http1);
        bench.data(false, b"GET / HTTP/1.1\r\n\r\n", 0);
        bench.data(true, RESPONSE, 0);
        for (egress, flags) in [(false, received), (true, sent)] {
            if flags != 0 {
                bench.data(egress, b"", flags);
            }
        }
        bench.close_by(local);
        assert_eq!(bench.ended_by, [by], "{received} {sent} {local}");
    }
}
