//! A label is seen at most once, and at the request it came with.

use super::*;
use Direction::Request;

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_B: &str = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
const GET_C: &str = "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CREATED: &str = "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes";

#[test]
fn stays_with_its_request() {
    /// A name, what happens, and the requests handed over with their labels.
    type Case = (
        &'static str,
        fn(&mut Watched),
        &'static [(&'static str, u8)],
    );
    let cases: &[Case] = &[
        (
            "in order",
            |watched| {
                watched.ask_labelled(GET, 1).answer(OK);
                watched.ask_labelled(GET_B, 2).answer(OK);
            },
            &[("/a", 1), ("/b", 2)],
        ),
        (
            "one without, then a hole",
            |watched| {
                watched.ask(GET).push(Request, Chunk::Gap(0));
                watched.ask_labelled(GET_C, 3).answer(OK).answer(CREATED);
            },
            &[("/c", 3), ("/a", 0)],
        ),
        (
            "handed over at once, as its response will not be known",
            |watched| {
                watched.ask_labelled(GET, 1).push(Request, Chunk::Gap(0));
                watched.ask_labelled(GET_B, 2).ask_labelled(GET_C, 3);
                watched.close(Close::Finished);
            },
            &[("/b", 2), ("/c", 3), ("/a", 1)],
        ),
        (
            "a head in two pieces",
            |watched| {
                let (first, second) = GET.split_at(9);
                watched.ask(first).ask_labelled(second, 1).answer(OK);
            },
            &[("/a", 1)],
        ),
        (
            "the second of two heads in one piece",
            |watched| {
                watched.ask_labelled(&[GET, GET_B].concat(), 2);
                watched.answer(OK).answer(OK);
            },
            &[("/a", 0), ("/b", 2)],
        ),
        (
            "of a head that ends elsewhere",
            |watched| {
                let body = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
                watched.ask_labelled(body, 1).answer(OK);
            },
            &[("/a", 0)],
        ),
        (
            "of bytes that are no head",
            |watched| {
                watched.ask(GET).push(Request, Chunk::Gap(0));
                watched.ask_labelled("no start line", 1).answer(OK);
                watched.close(Close::Finished);
            },
            &[("/a", 0)],
        ),
    ];
    for (case, run, expected) in cases {
        let mut watched = Watched::new();
        run(&mut watched);
        let exchanges = watched.heard.exchanges.iter();
        let labels: Vec<_> = exchanges
            .map(|exchange| {
                let label = exchange.label.map_or(0, |label| label[0]);
                (target(&exchange.request), label)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(target, label)| ((*target).to_owned(), *label))
            .collect();
        assert_eq!(labels, expected, "{case}");
    }
}
