//! The header of the PROXY protocol in front of a connection's first request: between real proxies, and in the pieces that
//! real proxies do not send.

use std::time::Duration;

use anyhow::Result;
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::client::{self, Request};
use sonde_tests::peer::{Peer, Step};
use sonde_tests::service::Kind;
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{expect, proxy_protocol, run, wait};

const ANSWER: Step = Step::Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
const ONE_REQUEST: &str = "GET /one HTTP/1.1\r\nHost: h\r\n\r\n";

/// 192.0.2.1:4000 to 198.51.100.2:80.
const TEXT: &str = "PROXY TCP4 192.0.2.1 198.51.100.2 4000 80\r\n";
const BINARY: &str =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\u{c0}\0\x02\x01\u{c6}\x33\x64\x02\x0f\u{a0}\0\x50";

/// curl or a client that keeps its connection, HAProxy, nginx, and a service behind them: 20 requests each way.
fn between_proxies(name: &str, parameters: &str, http2: bool) {
    run(name, || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let nginx = proxy_protocol::nginx(service.port, http2)?;
        let haproxy = proxy_protocol::haproxy(nginx.service.port, parameters)?;
        let mut client = client::Kind::Requests.start()?;
        let watched = [
            &haproxy.service.process,
            &nginx.service.process,
            &service.process,
        ];
        let agent = Builder::watching(watched).start()?;
        let request = |size| Request::new("GET", format!("{}/sized/{size}", haproxy.service.url));
        let single: Vec<Request> = (100..120).map(request).collect();
        let kept: Vec<Request> = (200..220).map(request).collect();
        for request in &single {
            assert_eq!(client::curl(request)?.0.status, 200);
        }
        for outcome in client.make(&kept)? {
            assert_eq!(outcome.status, 200);
        }
        // Two of each proxy, one of the service.
        let spans = agent.finish(5 * 40, |_| true)?;
        assert_eq!(spans.len(), 5 * 40, "{:?}", agent::brief(&spans));
        for request in single.iter().chain(&kept) {
            check_path(&spans, request.target(), http2);
        }
        Ok(())
    });
}

/// The request's five spans are one path, and the second proxy names whom the first was called by.
/// What a proxy makes a call for is not known where either is over HTTP/2.
fn check_path(spans: &[Span], target: &str, http2: bool) {
    let of = |service: &str, kind| {
        let mut found = spans.iter().filter(|span| {
            let same = span.resource("service.name") == service;
            same && span.kind == kind && span.target() == target
        });
        let span = found.next();
        assert!(found.next().is_none(), "two spans of {service}, {target}");
        span.unwrap_or_else(|| panic!("no span of {service}, kind {kind}, {target}"))
    };
    let (front, second) = (of("haproxy", SERVER), of("nginx", SERVER));
    let path = [
        front,
        of("haproxy", CLIENT),
        second,
        of("nginx", CLIENT),
        of("goserver", SERVER),
    ];
    let step = if http2 { 2 } else { 1 };
    for pair in path.windows(2).skip(step - 1).step_by(step) {
        assert_eq!(pair[1].trace_id, pair[0].trace_id, "{pair:#?}");
        assert_eq!(pair[1].parent_span_id, pair[0].span_id, "{pair:#?}");
    }
    assert_eq!(second.get("client.address"), "127.0.0.1", "{second:#?}");
    assert_eq!(
        second.get("client.port"),
        front.get("network.peer.port"),
        "{second:#?}"
    );
    assert_ne!(
        second.get("network.peer.port"),
        second.get("client.port"),
        "{second:#?}"
    );
}

#[test]
fn version_1_between_proxies() {
    between_proxies("version_1_between_proxies", "send-proxy", false);
}

#[test]
fn version_2_between_proxies() {
    between_proxies("version_2_between_proxies", "send-proxy-v2", false);
}

#[test]
fn http2_behind_a_header() {
    between_proxies("http2_behind_a_header", "send-proxy-v2 proto h2", true);
}

/// Two scripted ends, and the agent that watches both.
struct Ends {
    server: Peer,
    client: Peer,
    agent: Agent,
}

impl Ends {
    fn start() -> Result<Self> {
        let server = Peer::serve("127.0.0.1")?;
        let client = Peer::connect("127.0.0.1", server.port)?;
        let agent = Builder::jsonl()
            .pids([server.process.pid(), client.process.pid()])
            .start()?;
        Ok(Self {
            server,
            client,
            agent,
        })
    }

    /// One connection: the client sends `pieces`, each in a segment of its own, and gets its answer.
    fn exchange(&mut self, pieces: &[Step]) -> Result<()> {
        let answer = [Step::ReadUntil(" HTTP/1.1\r\n"), Step::ReadHead, ANSWER];
        self.server.begin(&answer)?;
        let read = [Step::ReadHead, Step::Read(2)];
        self.client.begin(&[pieces, &read].concat())?;
        let (asked, answered) = (self.server.end()?, self.client.end()?);
        assert!(asked.received.is_ok(), "{pieces:?}: {asked:?}");
        let answered = answered.received.unwrap_or_default();
        assert!(answered.ends_with("ok"), "{pieces:?}: {answered}");
        Ok(())
    }
}

#[test]
fn headers_in_pieces() {
    run("headers_in_pieces", || {
        agent::binary()?;
        let whole: [&'static str; 2] = [
            format!("{TEXT}{ONE_REQUEST}").leak(),
            format!("{BINARY}{ONE_REQUEST}").leak(),
        ];
        let pause = Step::Pause(20);
        let cases: Vec<Vec<Step>> = vec![
            vec![Step::Send(whole[0])],
            vec![Step::Send(whole[1])],
            vec![Step::Send(TEXT), pause, Step::Send(ONE_REQUEST)],
            vec![Step::Send(BINARY), pause, Step::Send(ONE_REQUEST)],
            vec![
                Step::Send(&whole[0][..20]),
                pause,
                Step::Send(&whole[0][20..]),
            ],
            vec![
                Step::Send(&TEXT[..20]),
                pause,
                Step::SendBytes(&TEXT[20..]),
                Step::Send(ONE_REQUEST),
            ],
            vec![
                Step::Send(&BINARY[..14]),
                pause,
                Step::SendBytes(&BINARY[14..]),
                Step::Send(ONE_REQUEST),
            ],
        ];
        let mut ends = Ends::start()?;
        for pieces in &cases {
            ends.exchange(pieces)?;
        }
        let spans = ends.agent.finish(2 * cases.len(), |_| true)?;
        assert_eq!(spans.len(), 2 * cases.len(), "{:?}", agent::brief(&spans));
        let (servers, clients): (Vec<&Span>, Vec<&Span>) =
            spans.iter().partition(|span| span.kind == SERVER);
        for span in servers {
            assert_eq!(span.target(), "/one", "{span:#?}");
            assert_eq!(span.get("client.address"), "192.0.2.1", "{span:#?}");
            assert_eq!(span.get("client.port"), "4000", "{span:#?}");
            assert_eq!(span.get("network.peer.address"), "127.0.0.1", "{span:#?}");
            let of_parent = |client: &&&Span| client.span_id == span.parent_span_id;
            assert!(clients.iter().any(|client| of_parent(&client)), "{span:#?}");
        }
        Ok(())
    });
}

/// What begins as a header and is none, and a header whose first segment is too short to tell: no span, and no harm.
#[test]
fn what_is_no_header() {
    run("what_is_no_header", || {
        agent::binary()?;
        let bad = |header: &str| -> Vec<Step> {
            let text: &'static str = format!("{header}{ONE_REQUEST}").leak();
            vec![Step::Send(text)]
        };
        let version_3 = BINARY.replacen('\x21', "\x31", 1);
        let cases = [
            bad("PROXY TCP4 192.0.2.256 198.51.100.2 4000 80\r\n"),
            bad("PROXY TCP5 192.0.2.1 198.51.100.2 4000 80\r\n"),
            bad("PROXY me this\r\n"),
            bad(&version_3),
            vec![
                Step::Send("PROXY UNKNOWN"),
                Step::Pause(20),
                Step::Send("S\r\nGET /one HTTP/1.1\r\nHost: h\r\n\r\n"),
            ],
            vec![
                Step::Send("PRO"),
                Step::Pause(20),
                Step::Send("XY UNKNOWN\r\nGET /one HTTP/1.1\r\nHost: h\r\n\r\n"),
            ],
        ];
        let mut ends = Ends::start()?;
        for pieces in &cases {
            ends.exchange(pieces)?;
        }
        // A request that is seen tells that all before it would have been.
        ends.exchange(&[Step::Send("GET /seen HTTP/1.1\r\nHost: h\r\n\r\n")])?;
        ends.agent.wait_count(2, |span| span.target() == "/seen")?;
        wait::until_stable(Duration::from_millis(300), "the spans", || {
            ends.agent.count(|_| true).unwrap_or_default()
        })?;
        let spans = ends.agent.finish(2, |_| true)?;
        assert_eq!(spans.len(), 2, "{:?}", agent::brief(&spans));
        expect::only(&spans, SERVER, "/seen");
        expect::only(&spans, CLIENT, "/seen");
        Ok(())
    });
}
