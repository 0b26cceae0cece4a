//! Flow control: a stream that waits for the other end's window is a span as long as that took, with all of its content.

use sonde_tests::agent::{self, Builder};
use sonde_tests::client::{Outcome, Request};
use sonde_tests::http2::{self, Kind};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{expect, run};

/// Bytes that may be sent ahead.
const WINDOW: usize = 1000;
/// Milliseconds without reading.
const PAUSE: u32 = 300;

/// Both spans of a request, right in every field and joined.
fn both<'s>(spans: &'s [Span], request: &Request, outcome: Outcome, port: u16) -> [&'s Span; 2] {
    let found = [CLIENT, SERVER].map(|kind| expect::only(spans, kind, request.target()));
    for span in found {
        expect::check_version(span, request, outcome, port, "2");
    }
    let [client, server] = found;
    assert_eq!(server.trace_id, client.trace_id, "{client:#?} {server:#?}");
    assert_eq!(
        server.parent_span_id, client.span_id,
        "{client:#?} {server:#?}"
    );
    found
}

/// The client reads late: what is more than its window waits at the server.
fn responses(name: &str, server: Kind) {
    run(name, || {
        agent::binary()?;
        let service = server.start()?;
        let mut client = http2::stalling_client(WINDOW, PAUSE)?;
        let agent = Builder::watching([&service.process, &client.process]).start()?;
        // Node takes up to 64 KiB beyond the window into its own buffer.
        let sizes = [WINDOW / 2, WINDOW, 200 * WINDOW + 7, 1 << 20];
        let requests =
            sizes.map(|size| Request::new("GET", format!("{}/sized/{size}", service.url)));
        let outcomes = client.make(&requests)?;
        let spans = agent.finish(2 * requests.len(), |_| true)?;
        for ((request, outcome), size) in requests.iter().zip(outcomes).zip(sizes) {
            assert_eq!((outcome.status, outcome.body), (200, size));
            for span in both(&spans, request, outcome, service.port) {
                let stalled = span.milliseconds() >= f64::from(PAUSE) - 5.0;
                assert_eq!(stalled, size > WINDOW, "{span:#?}");
            }
        }
        Ok(())
    });
}

#[test]
fn responses_of_go_stall() {
    responses("responses_of_go_stall", Kind::Go);
}

#[test]
fn responses_of_node_stall() {
    responses("responses_of_node_stall", Kind::Node);
}

/// The server reads late: what is more than its window (a mebibyte in Go) waits at the client.
#[test]
fn requests_stall() {
    run("requests_stall", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        for mut client in [http2::node_client()?, http2::go_client(1)?] {
            let agent = Builder::watching([&service.process, &client.process]).start()?;
            let requests = [1, 900_000, 1 << 20, 3_000_001].map(|size| Request {
                body: size,
                ..Request::new("POST", format!("{}/late/{PAUSE}?{size}", service.url))
            });
            let outcomes = client.make(&requests)?;
            let spans = agent.finish(2 * requests.len(), |_| true)?;
            for (request, outcome) in requests.iter().zip(outcomes) {
                let answer = request.body.to_string().len();
                assert_eq!((outcome.status, outcome.body), (200, answer));
                for span in both(&spans, request, outcome, service.port) {
                    assert!(span.milliseconds() >= f64::from(PAUSE) - 5.0, "{span:#?}");
                }
            }
        }
        Ok(())
    });
}
