//! Cases of RFC 9112 and of what a watcher meets, each with the exchanges and anomalies it must give.

use super::*;
use Direction::{Request, Response};

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_B: &str = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_C: &str = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes";

#[track_caller]
fn check(run: impl FnOnce(&mut Watched), exchanges: &[&str], anomalies: &[Anomaly]) {
    let mut watched = Watched::new();
    run(&mut watched);
    assert_eq!(watched.summary(), exchanges);
    assert_eq!(watched.heard.anomalies, anomalies);
}

fn elided(bytes: u64, content: u64, end: bool) -> Chunk<'static> {
    Chunk::Elided(Elided {
        bytes,
        content,
        end,
    })
}

#[test]
fn framing() {
    let cases: &[(&str, &str, &str)] = &[
        (GET, OK, "/a 200 0 2 Complete"),
        (
            GET,
            "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n",
            "/a 204 0 0 Complete",
        ),
        (
            GET,
            "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
            "/a 304 0 0 Complete",
        ),
        (
            "HEAD /a HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            "/a 200 0 0 Complete",
        ),
        (
            "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nabcd\r\n0\r\nT: v\r\n\r\n",
            "/a 200 5 4 Complete",
        ),
        (
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            OK,
            "/a 200 1 2 Complete",
        ),
        (
            GET,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "/a 200 0 2 Complete",
        ),
        (
            "\r\n\r\nGET /a HTTP/1.1\nHost: h\n\n",
            OK,
            "/a 200 0 2 Complete",
        ),
    ];
    for (request, response, wanted) in cases {
        let run = |watched: &mut Watched| {
            watched.ask(request).answer(response);
            // A second exchange shows that the first one's framing was right.
            watched.ask(GET_B).answer(CREATED);
        };
        check(run, &[wanted, "/b 201 0 3 Complete"], &[]);
    }
}

#[test]
fn times() {
    let mut watched = Watched::new();
    watched
        .ask("\r\n")
        .ask("POST /a HTTP/1.1\r\n")
        .ask("Content-Length: 2\r\n\r\nx");
    watched.connection.request_read(Timestamp(100));
    watched.connection.request_read(Timestamp(200));
    watched.ask("y").answer("HTTP/1.1 100 Continue\r\n\r\n");
    watched
        .answer("HTTP/1.1 200")
        .answer(" OK\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(watched.connection.oldest(), Some(Timestamp(2)));
    watched.answer("z");
    let exchange = &watched.heard.exchanges[0];
    assert_eq!(exchange.request_started, Timestamp(2));
    assert_eq!(exchange.request_read, Some(Timestamp(100)));
    assert_eq!(exchange.request_ended, Some(Timestamp(4)));
    assert_eq!(exchange.response_started, Some(Timestamp(6)));
    assert_eq!(exchange.ended, Timestamp(8));
    assert_eq!(watched.connection.oldest(), None);
    assert_eq!(watched.connection.footprint(), 0);
}

#[test]
fn ends() {
    let until_close = "HTTP/1.1 200 OK\r\n\r\nabc";
    let pipelined = format!("{GET}{GET_B}");
    check(
        |w| {
            _ = w
                .ask(GET)
                .finish(Request)
                .answer(until_close)
                .finish(Response)
        },
        &["/a 200 0 3 Complete"],
        &[],
    );
    check(
        |w| {
            _ = w
                .ask(&pipelined)
                .answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                .close(Close::Finished)
        },
        &["/a 200 0 3+ Closed", "/b 0 0 0+ Closed"],
        &[],
    );
    check(
        |w| _ = w.ask(GET).answer(until_close).close(Close::Reset),
        &["/a 200 0 3+ Reset"],
        &[],
    );
    check(
        |w| _ = w.ask(GET).close(Close::Unwatched),
        &["/a 0 0 0+ InFlight"],
        &[],
    );
    check(
        |w| {
            _ = w
                .ask("POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
                .finish(Request)
                .close(Close::Finished)
        },
        &["/a 0 2+ 0+ Closed"],
        &[],
    );
}

#[test]
fn response_before_the_request_has_ended() {
    check(
        |w| {
            w.ask("POST /a HTTP/1.1\r\nContent-Length: 40\r\n\r\nabc")
                .answer(OK);
            w.ask(&"x".repeat(37)).ask(GET_B).answer(CREATED);
        },
        &["/a 200 3+ 2 Complete", "/b 201 0 3 Complete"],
        &[],
    );
}

#[test]
fn pipelining() {
    check(
        |w| {
            w.ask(&format!("{GET}{GET_B}{GET_C}"));
            w.answer(&format!("{OK}{CREATED}")).answer(OK);
        },
        &[
            "/a 200 0 2 Complete",
            "/b 201 0 3 Complete",
            "/c 200 0 2 Complete",
        ],
        &[],
    );
    let many = GET.repeat(LIMITS.in_flight + 2);
    let mut watched = Watched::new();
    watched.ask(&many).answer(&OK.repeat(LIMITS.in_flight + 2));
    let outcomes = |outcome| {
        let all = watched.heard.exchanges.iter();
        all.filter(|exchange| exchange.outcome == outcome).count()
    };
    assert_eq!(outcomes(Outcome::Complete), LIMITS.in_flight);
    assert_eq!(outcomes(Outcome::Lost), 2);
    assert_eq!(watched.heard.anomalies, [Anomaly::TooManyInFlight]);
}

#[test]
fn leaving_http1() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}";
    let connect = "CONNECT h:1 HTTP/1.1\r\n\r\n";
    let established = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\u{16}\u{3}";
    type Case<'a> = (&'a [&'a str], &'a str, &'a [&'a str], &'a [Anomaly]);
    let cases: &[Case<'_>] = &[
        (&[GET], upgrade, &["/a 101 0 0 Upgraded"], &[]),
        (&[connect], established, &["h:1 200 0 0 Upgraded"], &[]),
        (
            &[connect, "\u{16}\u{3}\u{1}"],
            established,
            &["h:1 200 0 0 Upgraded"],
            &[],
        ),
        (
            &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
            "\0\0",
            &[],
            &[Anomaly::MalformedHead],
        ),
        (
            &["PRI * ", "HTTP/2.0\r\n\r\nSM\r\n\r\n"],
            "\0\0",
            &[],
            &[Anomaly::MalformedHead],
        ),
        (
            &["\u{16}\u{3}\u{1}\u{2}"],
            "\u{16}",
            &[],
            &[Anomaly::MalformedHead],
        ),
    ];
    for (requests, response, exchanges, anomalies) in cases {
        let mut watched = Watched::new();
        for request in *requests {
            watched.ask(request);
        }
        watched.answer(response).ask(GET).answer(OK);
        assert_eq!(watched.summary(), *exchanges, "{requests:?}");
        assert_eq!(watched.heard.anomalies, *anomalies, "{requests:?}");
        assert!(watched.connection.is_opaque(), "{requests:?}");
        assert_eq!(watched.connection.footprint(), 0);
    }
}

#[test]
fn refused_tunnel_goes_on() {
    check(
        |w| {
            w.ask("CONNECT h:1 HTTP/1.1\r\n\r\n");
            w.answer("HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx");
            w.ask(GET_B).answer(OK);
        },
        &["h:1 407 0 1 Complete", "/b 200 0 2 Complete"],
        &[],
    );
}

#[test]
fn text_protocols_are_given_up() {
    let mut watched = Watched::new();
    for _ in 0..=STRANGERS {
        watched.ask("EHLO there\r\n");
    }
    assert!(watched.connection.is_opaque());
    assert_eq!(watched.heard.anomalies, [Anomaly::MalformedHead]);
}

#[test]
fn late_join() {
    let whole = [GET, GET_B].concat();
    check(
        |w| _ = w.answer(OK).ask(GET).answer(CREATED),
        &["/a 201 0 3 Complete"],
        &[Anomaly::ResponseWithoutRequest],
    );
    check(
        |w| {
            w.push(Request, Chunk::Gap(0)).push(Response, Chunk::Gap(0));
            w.answer("\u{1}\u{2}\u{3} body")
                .ask("rest of a body")
                .ask(GET)
                .answer(OK);
        },
        &["/a 200 0 2 Complete"],
        &[Anomaly::Gap, Anomaly::Gap],
    );
    check(
        |w| {
            _ = w
                .ask("rest of a body\r\n")
                .ask(&whole)
                .answer(OK)
                .answer(CREATED)
        },
        // Two in one piece: which of the responses is the first one's cannot be known.
        &["/a 0 0 0+ Lost", "/b 0 0 0+ Lost"],
        &[Anomaly::MalformedHead],
    );
}

#[test]
fn odd_input() {
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(LIMITS.head_bytes));
    let conflicting = "POST /a HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx";
    check(
        |w| _ = w.ask(&long).ask(GET_B).answer(OK),
        &["/b 200 0 2 Complete"],
        &[Anomaly::HeadTooLarge],
    );
    check(
        |w| _ = w.ask(conflicting).answer(OK).ask(GET_B).answer(CREATED),
        &["/a 200 0+ 2 Complete", "/b 201 0 3 Complete"],
        &[Anomaly::MalformedFraming],
    );
    check(
        |w| {
            w.ask(GET)
                .answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX");
            w.ask(GET_B).answer(OK);
        },
        &["/a 200 0 2+ Lost", "/b 200 0 2 Complete"],
        &[Anomaly::MalformedChunk],
    );
    check(
        |w| {
            _ = w
                .ask(GET)
                .answer("HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 Bad\r\n\r\n")
        },
        &["/a 408 0 0 Complete"],
        &[Anomaly::ResponseWithoutRequest],
    );
}

#[test]
fn elided_bodies() {
    let post = "POST /a HTTP/1.1\r\nContent-Length: 1000\r\n\r\nab";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check(
        |w| {
            w.ask(post).push(Request, elided(500, 500, false));
            w.push(Request, elided(498, 498, true)).answer(chunked);
            w.push(Response, elided(1010, 1000, false))
                .push(Response, elided(15, 5, true));
            w.ask(GET_B).answer(OK);
        },
        &["/a 200 1000 1005 Complete", "/b 200 0 2 Complete"],
        &[],
    );
    check(
        |w| {
            _ = w
                .ask(post)
                .push(Request, elided(7, 7, true))
                .answer(OK)
                .ask(GET_B)
                .answer(OK)
        },
        &["/a 200 9 2 Complete", "/b 200 0 2 Complete"],
        &[Anomaly::MalformedFraming],
    );
    check(
        |w| {
            _ = w
                .ask(GET)
                .push(Request, elided(7, 7, false))
                .answer(OK)
                .ask(GET_B)
                .answer(OK)
        },
        &["/a 200 0 2 Complete", "/b 200 0 2 Complete"],
        &[Anomaly::MalformedFraming],
    );
}

#[test]
fn gaps() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab";
    let cases: &[(u64, &str, &str)] = &[
        (7, "x", "/a 200 0 10 Complete"),
        (8, "", "/a 200 0 10 Complete"),
        (9, "", "/a 200 0 2+ Lost"),
        (0, "xxxxxxxx", "/a 200 0 2+ Lost"),
    ];
    for (bytes, rest, wanted) in cases {
        let run = |w: &mut Watched| {
            w.ask(GET).answer(long).push(Response, Chunk::Gap(*bytes));
            w.answer(rest).ask(GET_B).answer(CREATED);
        };
        check(run, &[wanted, "/b 201 0 3 Complete"], &[Anomaly::Gap]);
    }
    // The whole response is missing and the hole shows only with the next one.
    check(
        |w| {
            w.ask(GET)
                .ask(GET_B)
                .push(Response, Chunk::Gap(40))
                .answer(OK);
            w.ask(GET_C).answer(CREATED);
        },
        &["/a 0 0 0+ Lost", "/b 0 0 0+ Lost", "/c 201 0 3 Complete"],
        &[Anomaly::Gap],
    );
    // A request is missing; its response comes.
    check(
        |w| {
            w.ask(GET)
                .answer(OK)
                .push(Request, Chunk::Gap(26))
                .answer(OK);
            w.ask(GET_C).answer(CREATED);
        },
        &["/a 200 0 2 Complete", "/c 201 0 3 Complete"],
        &[Anomaly::Gap],
    );
    // A client that pipelines: nothing after the hole is attributed.
    check(
        |w| {
            w.ask(&[GET, GET_B].concat()).answer(&OK.repeat(2));
            w.push(Request, Chunk::Gap(26))
                .ask(GET_C)
                .answer(OK)
                .answer(CREATED);
        },
        &[
            "/a 200 0 2 Complete",
            "/b 200 0 2 Complete",
            "/c 0 0 0+ Lost",
        ],
        &[Anomaly::Gap],
    );
}

#[test]
fn expiry_keeps_the_order() {
    let mut watched = Watched::new();
    watched.ask(GET).ask(GET_B);
    watched
        .connection
        .expire(Timestamp(1), Timestamp(9), &mut watched.heard);
    assert_eq!(watched.connection.oldest(), Some(Timestamp(2)));
    watched.answer(OK).answer(CREATED);
    assert_eq!(
        watched.summary(),
        ["/a 0 0 0+ InFlight", "/b 201 0 3 Complete"]
    );
    assert_eq!(watched.heard.exchanges[0].ended, Timestamp(9));
}
