//! What exchanges come out of connections as they are met.

use super::wire::{PING, PREFACE, PRIORITY, WINDOW_UPDATE, label, messages, padded};
use super::*;
use crate::exchange::Reset;
use crate::http2::frame;

const REQUEST: Direction = Direction::Request;
const RESPONSE: Direction = Direction::Response;

#[test]
fn a_call() {
    let mut watched = Watched::new();
    watched
        .wire(
            REQUEST,
            &[
                PREFACE,
                &wire::frame(frame::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
            ]
            .concat(),
        )
        .wire(RESPONSE, &wire::frame(frame::SETTINGS, 0, 0, &[]))
        .ask(1, 0, POST)
        .push(REQUEST, Chunk::Bytes(&label(1, 7)))
        .ask_data(1, END_STREAM, &messages(1))
        .wire(REQUEST, &wire::frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))
        .wire(RESPONSE, &wire::frame(PING, 0, 0, &[0; 8]))
        .answer(1, 0, OK)
        .answer_data(1, 0, &messages(2))
        .answer(
            1,
            END_STREAM,
            &[("grpc-status", "5"), ("grpc-message", "no such")],
        );
    assert_eq!(
        watched.summary(),
        ["1 /pkg.Service/Method 200 8/1 16/2 Complete"]
    );
    let exchange = &watched.heard.exchanges[0];
    assert_eq!(exchange.label, Some([7; 40]));
    assert_eq!(exchange.request.method(), Some("POST"));
    assert_eq!(exchange.request.scheme(), Some("http"));
    assert_eq!(exchange.request.version(), Version::Http2);
    assert!(!exchange.request.has_unknown());
    for (field, value) in [
        (Field::Host, "shop:50051"),
        (Field::ContentType, "application/grpc"),
        (Field::Te, "trailers"),
    ] {
        assert_eq!(exchange.request.field(field), Some(value.as_bytes()));
    }
    let trailers = exchange.trailers.as_ref().unwrap();
    assert_eq!(trailers.field(Field::GrpcStatus), Some(&b"5"[..]));
    assert_eq!(trailers.field(Field::GrpcMessage), Some(&b"no such"[..]));
    let times = [
        exchange.request_started,
        exchange.request_ended.unwrap(),
        exchange.response_started.unwrap(),
        exchange.ended,
    ];
    assert_eq!(times, [3, 5, 8, 10].map(Timestamp));
    assert_eq!(watched.heard.anomalies, []);
}

#[test]
fn forms_of_messages() {
    let mut watched = Watched::new();
    // Trailers-only, END_STREAM on HEADERS of both sides.
    watched
        .ask(1, END_STREAM, GET)
        .answer(1, END_STREAM, &[(":status", "404")]);
    // Interim responses.
    watched
        .ask(3, END_STREAM, GET)
        .answer(3, 0, &[(":status", "103"), ("link", "</a>")])
        .answer(3, 0, &[(":status", "200")])
        .answer_data(3, 0, b"hello")
        .answer_data(3, END_STREAM, b"");
    // Padding, priority, CONTINUATION; PRIORITY and PING are not in the digest.
    let block = watched.block(REQUEST, POST);
    let (first, rest) = block.split_at(3);
    let (second, third) = rest.split_at(4);
    let head = padded(&[&[0, 0, 0, 0, 16][..], first].concat(), 9);
    let wire = [
        wire::frame(HEADERS, PADDED | frame::PRIORITY, 5, &head),
        wire::frame(CONTINUATION, 0, 5, second),
        wire::frame(CONTINUATION, END_HEADERS, 5, third),
        wire::frame(PRIORITY, 0, 5, &[0; 5]),
        wire::frame(DATA, PADDED, 5, &padded(&messages(1)[..6], 200)),
        wire::frame(DATA, PADDED | END_STREAM, 5, &padded(&messages(1)[6..], 0)),
    ];
    watched.wire(REQUEST, &wire.concat());
    // The response has ended before the request.
    watched
        .ask(7, 0, POST)
        .answer(7, END_STREAM, OK)
        .ask_data(7, END_STREAM, &messages(1));
    watched.answer(5, END_STREAM, OK);
    // Trailers of the request; a CONNECT has no path.
    watched
        .ask(9, 0, &[(":method", "CONNECT"), (":authority", "db:5432")])
        .ask(9, END_STREAM, &[("checksum", "1")])
        .answer(9, END_STREAM, &[(":status", "200")]);
    assert_eq!(
        watched.summary(),
        [
            "1 /orders 404 0 0 Complete",
            "3 /orders 200 0 5 Complete",
            "7 /pkg.Service/Method 200 8/1 0/0 Complete",
            "5 /pkg.Service/Method 200 8/1 0/0 Complete",
            "9 db:5432 200 0 0 Complete",
        ]
    );
    assert_eq!(watched.heard.anomalies, []);
}

#[test]
fn a_thousand_streams() {
    let mut watched = Watched::new();
    let ids = || (0..1000).map(|number| number * 2 + 1);
    for id in ids() {
        let path = format!("/{id}");
        watched.ask(id, 0, &[(":method", "POST"), (":path", &path)]);
    }
    for id in ids() {
        watched.ask_data(id, END_STREAM, b"ab");
    }
    assert_eq!(watched.connection.oldest(), Some(Timestamp(1)));
    for id in ids().rev() {
        watched.answer(id, 0, &[(":status", "200")]);
    }
    for id in ids() {
        watched.answer_data(id, END_STREAM, b"abc");
    }
    let wanted: Vec<_> = ids()
        .map(|id| format!("{id} /{id} 200 2 3 Complete"))
        .collect();
    assert_eq!(watched.summary(), wanted);
}

#[test]
fn resets() {
    let reset = |by, code| Some(Reset { by, code });
    type Case = (
        &'static [&'static str],
        Direction,
        u32,
        &'static str,
        Option<Reset>,
    );
    let cases: [Case; 5] = [
        (
            &[],
            REQUEST,
            8,
            "1 /orders - 0+ 0+ Reset",
            reset(REQUEST, 8),
        ),
        (
            &["head", "data"],
            REQUEST,
            8,
            "1 /orders 200 0+ 3+ Reset",
            reset(REQUEST, 8),
        ),
        (
            &["head"],
            RESPONSE,
            2,
            "1 /orders 200 0+ 0+ Reset",
            reset(RESPONSE, 2),
        ),
        (
            &[],
            RESPONSE,
            7,
            "1 /orders - 0+ 0+ Refused",
            reset(RESPONSE, 7),
        ),
        (
            &["head", "end"],
            RESPONSE,
            0,
            "1 /orders 200 0+ 0 Complete",
            None,
        ),
    ];
    for (steps, by, code, wanted, reset) in cases {
        let mut watched = Watched::new();
        watched.ask(1, 0, GET);
        for step in steps {
            match *step {
                "head" => watched.answer(1, 0, &[(":status", "200")]),
                "data" => watched.answer_data(1, 0, b"abc"),
                _ => watched.answer_data(1, END_STREAM, b""),
            };
        }
        // What was under way is no matter.
        watched
            .reset(by, 1, code)
            .answer_data(1, 0, b"late")
            .ask_data(1, END_STREAM, b"late");
        assert_eq!(watched.summary(), [wanted]);
        assert_eq!(watched.heard.exchanges[0].reset, reset, "{wanted}");
        assert_eq!(watched.heard.anomalies, []);
    }
}

#[test]
fn going_away() {
    let mut watched = Watched::new();
    watched
        .ask(1, END_STREAM, GET)
        .ask(3, END_STREAM, GET)
        .goaway(u32::MAX >> 1)
        .ask(5, END_STREAM, GET);
    watched.goaway(3);
    assert_eq!(watched.summary(), ["5 /orders - 0 0+ Refused"]);
    // A client that has not read it yet; its label still comes.
    watched
        .ask(7, END_STREAM, GET)
        .push(REQUEST, Chunk::Bytes(&label(7, 1)));
    watched
        .answer(1, END_STREAM, &[(":status", "200")])
        .close(Close::Finished);
    assert_eq!(
        watched.summary()[1..],
        [
            "7 /orders - 0 0+ Refused",
            "1 /orders 200 0 0 Complete",
            "3 /orders - 0 0+ Closed"
        ]
    );
    assert_eq!(watched.heard.exchanges[1].label, Some([1; 40]));
}

#[test]
fn pushes_keep_the_table_right() {
    let mut watched = Watched::new();
    watched.ask(1, END_STREAM, GET);
    let promise = [
        &2_u32.to_be_bytes()[..],
        &watched.block(RESPONSE, &[(":path", "/style.css"), ("x-a", "b")]),
    ]
    .concat();
    watched
        .wire(
            RESPONSE,
            &wire::frame(frame::PUSH_PROMISE, END_HEADERS, 1, &promise),
        )
        .answer(2, END_STREAM, &[(":status", "200"), ("x-a", "b")])
        .answer(
            1,
            END_STREAM,
            &[
                (":status", "201"),
                ("x-a", "b"),
                ("content-type", "text/css"),
            ],
        );
    assert_eq!(watched.summary(), ["1 /orders 201 0 0 Complete"]);
    let response = watched.heard.exchanges[0].response.clone().unwrap();
    assert_eq!(response.field(Field::ContentType), Some(&b"text/css"[..]));
    assert_eq!(watched.heard.anomalies, []);
}

#[test]
fn ends() {
    let cases = [
        (Close::Finished, "1 /orders - 0 0+ Closed"),
        (Close::Reset, "1 /orders - 0 0+ Reset"),
        (Close::Unwatched, "1 /orders - 0 0+ InFlight"),
    ];
    for (why, wanted) in cases {
        let mut watched = Watched::new();
        watched.ask(1, END_STREAM, GET).close(why);
        assert_eq!(watched.summary(), [wanted]);
        assert_eq!(watched.heard.exchanges[0].reset, None);
    }
    // The client's FIN lets a stream end whose response was whole.
    let mut watched = Watched::new();
    watched
        .ask(1, 0, GET)
        .ask(3, 0, GET)
        .answer(1, END_STREAM, &[(":status", "200")]);
    let heard = &mut watched.heard;
    watched.connection.finish(REQUEST, Timestamp(50), heard);
    assert_eq!(watched.summary(), ["1 /orders 200 0+ 0 Complete"]);
    assert_eq!(watched.heard.exchanges[0].ended, Timestamp(3));
    watched
        .connection
        .expire(Timestamp(2), Timestamp(60), &mut watched.heard);
    assert_eq!(watched.summary()[1..], ["3 /orders - 0+ 0+ InFlight"]);
    watched.answer(3, END_STREAM, &[(":status", "200")]);
    assert_eq!(watched.heard.anomalies, []);
}

#[test]
fn reads_are_given_to_streams_not_read_before() {
    let mut watched = Watched::new();
    watched.ask(1, END_STREAM, GET);
    watched.connection.request_read(Timestamp(10));
    watched.ask(3, END_STREAM, GET);
    watched.connection.request_read(Timestamp(20));
    watched.close(Close::Finished);
    let read: Vec<_> = watched
        .heard
        .exchanges
        .iter()
        .map(|exchange| exchange.request_read)
        .collect();
    assert_eq!(read, [Some(Timestamp(10)), Some(Timestamp(20))]);
}

#[test]
fn upgrades() {
    let mut watched = Watched::new();
    let head =
        b"GET /old HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let mut upgrade = Exchange::begin(RequestHead::parse(head).unwrap(), Timestamp(5));
    upgrade.request_ended = Some(Timestamp(5));
    upgrade.request_body.complete = true;
    upgrade.outcome = Outcome::Upgraded;
    upgrade.label = Some([3; 40]);
    watched.connection.upgraded(upgrade);
    watched
        .answer(1, 0, &[(":status", "200")])
        .ask(3, END_STREAM, GET)
        .answer_data(1, END_STREAM, b"abc");
    assert_eq!(watched.summary(), ["1 /old 200 0 3 Complete"]);
    let exchange = &watched.heard.exchanges[0];
    assert_eq!(
        (exchange.request_started, exchange.label),
        (Timestamp(5), Some([3; 40]))
    );
}

/// From the middle: what is in flight gives nothing, fields that refer to what was not seen are unknown.
#[test]
fn late_join() {
    let mut watched = Watched::new();
    watched.gap(REQUEST).gap(RESPONSE);
    watched.heard = Heard::default();
    // :status 200 and the newest entry of a table that was not seen.
    let response = |stream| wire::frame(HEADERS, END_HEADERS, stream, &[0x88, 0xbe]);
    watched
        .ask_data(1, END_STREAM, b"abc")
        .wire(RESPONSE, &response(1))
        .answer(1, END_STREAM, TRAILERS);
    assert_eq!(watched.summary(), [""; 0]);
    assert_eq!(
        watched.heard.anomalies,
        [Anomaly::UnknownField, Anomaly::ResponseWithoutRequest]
    );
    // :method POST and two entries.
    let request = wire::frame(HEADERS, END_HEADERS, 3, &[0x83, 0xbe, 0xbf]);
    watched
        .wire(REQUEST, &request)
        .ask_data(3, END_STREAM, &messages(1))
        .wire(RESPONSE, &response(3))
        .answer(3, END_STREAM, TRAILERS);
    assert_eq!(watched.summary(), ["3 ? 200 8/1 0 Complete"]);
    let exchange = &watched.heard.exchanges[0];
    assert_eq!(exchange.request.method(), Some("POST"));
    assert!(exchange.request.has_unknown());
    let trailers = exchange.trailers.as_ref().unwrap();
    assert_eq!(trailers.field(Field::GrpcStatus), Some(&b"0"[..]));
    // The table heals with the next literal.
    watched
        .ask(5, END_STREAM, &[(":method", "GET"), (":path", "/new")])
        .answer(5, END_STREAM, OK);
    watched
        .ask(7, END_STREAM, &[(":method", "GET"), (":path", "/new")])
        .answer(7, END_STREAM, OK);
    assert_eq!(
        watched.summary()[1..],
        ["5 /new 200 0/0 0/0 Complete", "7 /new 200 0/0 0/0 Complete"]
    );
}

#[test]
fn gaps() {
    let mut watched = Watched::new();
    watched
        .ask(1, 0, POST)
        .ask(3, 0, POST)
        .ask(5, END_STREAM, POST)
        .answer(5, 0, OK);
    // Lost: data of 1 and its end, the head of the response on 1.
    watched
        .gap(REQUEST)
        .gap(RESPONSE)
        .answer(1, END_STREAM, TRAILERS);
    assert_eq!(
        watched.summary(),
        ["1 /pkg.Service/Method - 0+ 0+ Complete"]
    );
    assert!(watched.heard.exchanges[0].trailers.is_some());
    watched
        .answer_data(5, END_STREAM, b"")
        .close(Close::Finished);
    assert_eq!(
        watched.summary()[1..],
        [
            "5 /pkg.Service/Method 200 0/0 0+ Complete",
            "3 /pkg.Service/Method - 0+ 0+ Lost"
        ]
    );
}
