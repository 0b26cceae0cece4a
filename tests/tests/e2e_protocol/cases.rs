//! The table: what each end does on one connection, and the exchanges that must be seen.

use sonde_tests::peer::{Step, Step::*};

/// What one exchange must look like, on both sides unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) target: &'static str,
    pub(crate) method: &'static str,
    pub(crate) status: &'static str,
    /// Attributes that must have this value; empty: must be absent.
    pub(crate) has: &'static [(&'static str, &'static str)],
    /// Wanted `error.type` on both sides: `Some("")` is none, `Some("*")` any, `None` unchecked.
    pub(crate) error: Option<&'static str>,
}

/// One connection and the exchanges on it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) client: &'static [Step],
    pub(crate) server: &'static [Step],
    pub(crate) exchanges: &'static [Exchange],
}

const fn ok(target: &'static str) -> Exchange {
    Exchange {
        target,
        method: "GET",
        status: "200",
        has: &[],
        error: Some(""),
    }
}

const fn with(exchange: Exchange, has: &'static [(&'static str, &'static str)]) -> Exchange {
    Exchange { has, ..exchange }
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const REQUEST_SIZE: &str = "http.request.body.size";
const ENDED_BY: &str = "sonde.connection.ended_by";
const RESPONSE_SIZE: &str = "http.response.body.size";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "head a byte at a time",
        client: &[
            SendBytes("GET /bytes HTTP/1.1\r\nHost: h\r\nUser-Agent: slow\r\n\r\n"),
            ReadHead,
            Read(5),
        ],
        server: &[
            ReadHead,
            SendBytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        ],
        exchanges: &[with(
            ok("/bytes"),
            &[("user_agent.original", "slow"), (RESPONSE_SIZE, "5")],
        )],
    },
    Case {
        name: "pipelining: three requests in one segment",
        client: &[
            Send(
                "GET /pipe/a HTTP/1.1\r\nHost: h\r\n\r\nGET /pipe/b HTTP/1.1\r\nHost: h\r\n\r\nGET /pipe/c HTTP/1.1\r\nHost: h\r\n\r\n",
            ),
            ReadHead,
            Read(1),
            ReadHead,
            Read(2),
            ReadHead,
        ],
        server: &[
            ReadHead,
            ReadHead,
            ReadHead,
            Send(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n22",
            ),
            Send("HTTP/1.1 204 None\r\n\r\n"),
        ],
        exchanges: &[
            with(ok("/pipe/a"), &[(RESPONSE_SIZE, "1")]),
            Exchange {
                status: "404",
                error: None,
                ..with(ok("/pipe/b"), &[(RESPONSE_SIZE, "2")])
            },
            Exchange {
                status: "204",
                ..ok("/pipe/c")
            },
        ],
    },
    Case {
        name: "chunked both ways, extensions and trailers",
        client: &[
            Send(
                "POST /chunked HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4;name=v\r\nwiki\r\n",
            ),
            Send("A\r\n0123456789\r\n0\r\nX-Checksum: 1\r\n\r\n"),
            ReadUntil("0\r\nExpires: never\r\n\r\n"),
        ],
        server: &[
            ReadUntil("X-Checksum: 1\r\n\r\n"),
            Send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Expires\r\n\r\n3\r\nabc\r\n",
            ),
            Send("0\r\nExpires: never\r\n\r\n"),
        ],
        exchanges: &[Exchange {
            method: "POST",
            ..with(
                ok("/chunked"),
                &[(REQUEST_SIZE, "14"), (RESPONSE_SIZE, "3")],
            )
        }],
    },
    Case {
        name: "HEAD has a length but no body, then the connection is used again",
        client: &[
            Send("HEAD /head HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
            Send("GET /after-head HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
            ReadHead,
            Send(EMPTY),
        ],
        exchanges: &[
            Exchange {
                method: "HEAD",
                ..ok("/head")
            },
            ok("/after-head"),
        ],
    },
    Case {
        name: "304 has a length but no body",
        client: &[
            Send("GET /cached HTTP/1.1\r\nHost: h\r\nIf-None-Match: x\r\n\r\n"),
            ReadHead,
            Send("GET /after-cached HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
            ReadHead,
            Send(EMPTY),
        ],
        exchanges: &[
            Exchange {
                status: "304",
                ..ok("/cached")
            },
            ok("/after-cached"),
        ],
    },
    Case {
        name: "100-continue",
        client: &[
            Send(
                "PUT /continue HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n",
            ),
            ReadHead,
            Send("123456"),
            ReadHead,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 100 Continue\r\n\r\n"),
            Read(6),
            Send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        ],
        exchanges: &[Exchange {
            method: "PUT",
            status: "201",
            ..with(ok("/continue"), &[(REQUEST_SIZE, "6")])
        }],
    },
    Case {
        name: "103 early hints before the final response",
        client: &[
            Send("GET /hints HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
            ReadHead,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            Send(EMPTY),
        ],
        exchanges: &[ok("/hints")],
    },
    Case {
        name: "server-sent events: the span ends with the body",
        client: &[
            Send("GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"),
            ReadHead,
            ReadEof,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"),
            Send("data: 1\n\n"),
            Pause(60),
            Send("data: 2\n\n"),
            Pause(60),
        ],
        exchanges: &[with(ok("/events"), &[(RESPONSE_SIZE, "18")])],
    },
    Case {
        name: "upgrade: the span ends with the 101, what follows is left alone",
        client: &[
            Send(
                "GET /socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
            ),
            ReadHead,
            Send("\u{81}\u{5}GET /not-http HTTP/1.1\r\n\r\n"),
            ReadUntil("frame"),
        ],
        server: &[
            ReadHead,
            Send(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            ),
            ReadUntil("\r\n\r\n"),
            Send("\u{81}\u{5}frame"),
        ],
        exchanges: &[Exchange {
            status: "101",
            ..ok("/socket")
        }],
    },
    Case {
        name: "CONNECT: the span ends with the 200, the tunnel is left alone",
        client: &[
            Send("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"),
            ReadHead,
            Send("GET /tunnelled HTTP/1.1\r\n\r\n"),
            ReadUntil("end"),
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\n\r\n"),
            ReadUntil("\r\n\r\n"),
            Send("end"),
        ],
        exchanges: &[Exchange {
            method: "CONNECT",
            ..ok("")
        }],
    },
    Case {
        name: "a response before the request's body has ended",
        client: &[
            Send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n\r\n"),
            SendFilled(1000),
            ReadHead,
            SendFilled(2000),
            Send("GET /after-early HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
            Read(3000),
            ReadHead,
            Send(EMPTY),
        ],
        exchanges: &[
            Exchange {
                method: "POST",
                status: "413",
                error: None,
                ..ok("/early")
            },
            ok("/after-early"),
        ],
    },
    Case {
        name: "the client half-closes and still reads",
        client: &[
            Send("GET /half HTTP/1.1\r\nHost: h\r\n\r\n"),
            HalfClose,
            ReadEof,
        ],
        server: &[
            ReadHead,
            ReadEof,
            Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        exchanges: &[with(ok("/half"), &[(RESPONSE_SIZE, "2")])],
    },
    Case {
        name: "HTTP/1.0: the body ends with the connection",
        client: &[Send("GET /old HTTP/1.0\r\n\r\n"), ReadEof],
        server: &[ReadHead, Send("HTTP/1.0 200 OK\r\n\r\nuntil the end")],
        exchanges: &[with(ok("/old"), &[("network.protocol.version", "1.0")])],
    },
    Case {
        name: "a method that nobody knows",
        client: &[Send("BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n"), ReadHead],
        server: &[ReadHead, Send(EMPTY)],
        exchanges: &[Exchange {
            method: "_OTHER",
            ..with(ok("/pot"), &[("http.request.method_original", "BREW")])
        }],
    },
    Case {
        name: "a large body is counted",
        client: &[
            Send("POST /large HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n"),
            SendFilled(3_000_000),
            ReadHead,
            Read(2_000_000),
        ],
        server: &[
            ReadHead,
            Read(3_000_000),
            Send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"),
            SendFilled(2_000_000),
        ],
        exchanges: &[Exchange {
            method: "POST",
            ..with(
                ok("/large"),
                &[(REQUEST_SIZE, "3000000"), (RESPONSE_SIZE, "2000000")],
            )
        }],
    },
    Case {
        name: "the server resets in the middle of its body",
        client: &[
            Send("GET /reset HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
            ReadEof,
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart"),
            Pause(30),
            Reset,
        ],
        exchanges: &[Exchange {
            error: Some("*"),
            ..with(ok("/reset"), &[(ENDED_BY, "server")])
        }],
    },
    Case {
        name: "the server goes away without an answer",
        client: &[Send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n"), ReadEof],
        server: &[ReadHead],
        exchanges: &[Exchange {
            status: "",
            error: Some("*"),
            ..ok("/gone")
        }],
    },
    Case {
        name: "the client resets before the answer",
        client: &[
            Send("GET /impatient HTTP/1.1\r\nHost: h\r\n\r\n"),
            Pause(30),
            Reset,
        ],
        server: &[ReadHead, ReadEof],
        exchanges: &[Exchange {
            status: "",
            ..with(ok("/impatient"), &[(ENDED_BY, "client")])
        }],
    },
    Case {
        name: "the client closes in the middle of the body",
        client: &[
            Send("GET /left HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n"),
            ReadUntil("data: 1\n\n"),
        ],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ndata: 1\n\n"),
            ReadEof,
        ],
        exchanges: &[with(ok("/left"), &[(ENDED_BY, "client")])],
    },
    Case {
        name: "the client closes and leaves the answer unread",
        client: &[Send("GET /unread HTTP/1.1\r\nHost: h\r\n\r\n"), Pause(60)],
        server: &[
            ReadHead,
            Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart"),
            ReadEof,
        ],
        exchanges: &[with(ok("/unread"), &[(ENDED_BY, "client")])],
    },
    Case {
        name: "secrets in the query are redacted",
        client: &[
            Send("GET /signed?X-Amz-Signature=topsecret&a=1 HTTP/1.1\r\nHost: h\r\n\r\n"),
            ReadHead,
        ],
        server: &[ReadHead, Send(EMPTY)],
        exchanges: &[ok("/signed?X-Amz-Signature=REDACTED&a=1")],
    },
];

/// Connections that carry no HTTP: no span may come of them, and those after them are still seen.
pub(crate) const GARBAGE: &[(&[Step], &[Step])] = &[
    (
        &[
            Send("\u{16}\u{3}\u{1}\u{2}\u{0}\u{0}\u{fc}\u{3}\u{3}"),
            HalfClose,
            ReadEof,
        ],
        &[ReadEof],
    ),
    (
        &[
            Send("GET /half-a-head HTTP/1.1\r\nHost: "),
            HalfClose,
            ReadEof,
        ],
        &[ReadEof],
    ),
    (
        &[
            Send("\u{0}\u{0}\u{0}\u{0}"),
            SendFilled(100_000),
            HalfClose,
            ReadEof,
        ],
        &[ReadEof],
    ),
    (
        &[Send("SSH-2.0-x\r\n"), ReadUntil("\n")],
        &[Send("SSH-2.0-y\r\n"), ReadUntil("\n")],
    ),
];
