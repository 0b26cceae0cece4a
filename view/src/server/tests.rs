//! The server over real sockets.

mod schema;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::*;
use crate::testing::{failed, request, span, text};

const TOKEN: &str = "a-token-of-some-length";

/// Names and values of a request.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// A served view; all ends when it is dropped.
struct Served {
    address: SocketAddr,
    view: View,
    runtime: Runtime,
}

impl Served {
    fn start(token: Option<&str>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let view = crate::testing::view([]);
        let access = Access::new(address, Vec::new(), token).unwrap();
        runtime.spawn(serve(listener, view.clone(), access));
        Self {
            address,
            view,
            runtime,
        }
    }

    fn with_traces() -> Self {
        let served = Self::start(None);
        let mut database = span(2, 4, 2, SpanKind::Client, 2);
        database.attributes = vec![text("db.system.name", "postgresql")];
        served.take(request(
            "edge",
            vec![
                span(1, 1, 0, SpanKind::Server, 5),
                span(2, 1, 0, SpanKind::Client, 9),
            ],
        ));
        served.take(request(
            "cart",
            vec![failed(span(2, 2, 1, SpanKind::Server, 7)), database],
        ));
        served
    }

    fn take(&self, request: Vec<u8>) {
        self.view.ingest(request.into(), 1);
        self.view.drain();
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends these bytes and reads to the end.
    fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        // The server may answer and close before it has read all.
        let _sent = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _closed = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn ask(&self, method: &str, path: &str, fields: Fields<'_>) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !fields.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in fields {
            request += &format!("{name}: {value}\r\n");
        }
        Answer::of(&self.exchange(&(request + "\r\n")))
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.view.shutdown();
        let _context = self.runtime.enter();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(answer: &str) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    let served = Served::with_traces();
    let document = served.get("/api/openapi.json");
    let id = format!("{:032x}", u128::from(2_u64) << 64 | 2);
    let cases = [
        ("/api/services", "/api/services".to_owned()),
        (
            "/api/services/{service}/operations",
            "/api/services/cart/operations".to_owned(),
        ),
        ("/api/operations", "/api/operations?service=cart".to_owned()),
        (
            "/api/traces",
            "/api/traces?service=cart&start=0&tags=%7B%22error%22%3A%22true%22%7D&lookback=1h"
                .to_owned(),
        ),
        ("/api/traces/{id}", format!("/api/traces/{id}")),
        (
            "/api/dependencies",
            "/api/dependencies?lookback=99999999999999".to_owned(),
        ),
        (
            "/api/sonde/overview",
            "/api/sonde/overview?window=30".to_owned(),
        ),
        (
            "/api/sonde/operations",
            "/api/sonde/operations?service=cart".to_owned(),
        ),
        (
            "/api/sonde/search",
            "/api/sonde/search?errors=true".to_owned(),
        ),
        ("/api/sonde/traces/{id}", format!("/api/sonde/traces/{id}")),
        ("/api/sonde/status", "/api/sonde/status".to_owned()),
        ("/api/openapi.json", "/api/openapi.json".to_owned()),
    ];
    for (path, example) in &cases {
        let answer = served.get(example);
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            ["schema"];
        assert!(schema.is_object(), "{path} is not in the document");
        schema::check(&document, schema, &answer, path);
    }
    let documented: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let tested = cases
        .iter()
        .map(|(path, _)| *path)
        .chain(["/api/sonde/live"]);
    assert_eq!(documented.len(), tested.count(), "{documented:?}");
    let fault = served.ask("GET", "/api/traces", &[]);
    assert_eq!(fault.status, 400);
    let schema = &document["components"]["schemas"]["Fault"];
    schema::check(
        &document,
        schema,
        &serde_json::from_str(&fault.body).unwrap(),
        "fault",
    );
}

#[test]
fn answers_hold_what_was_sent() {
    let served = Served::with_traces();
    let traces = served.get("/api/sonde/search?errors=true");
    assert_eq!(traces["traces"].as_array().unwrap().len(), 1);
    assert_eq!(
        traces["traces"][0]["services"],
        serde_json::json!(["cart", "edge"])
    );
    let id = traces["traces"][0]["trace_id"].as_str().unwrap();
    let otlp = served.get(&format!("/api/sonde/traces/{id}"));
    let spans = otlp["resourceSpans"].as_array().unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!(spans[0]["scopeSpans"][0]["spans"][0]["traceId"], id);
    let jaeger = served.get(&format!("/api/traces/{}", id.trim_start_matches('0')));
    assert_eq!(jaeger["data"][0]["spans"].as_array().unwrap().len(), 3);
    for (path, status) in [
        ("/api/traces/abc", 404),
        ("/api/traces/xyz", 400),
        ("/api/sonde/traces/abc", 404),
        ("/api/sonde/search?min_ms=x", 400),
        ("/api/sonde/search?attribute=x", 400),
        ("/api/traces?service=a&minDuration=5", 400),
        ("/api/traces?service=a&tags=%7B%22a%22%3A1%7D", 400),
        ("/api/nothing", 404),
        ("/api", 404),
        ("/file.js", 404),
        ("/trace/abc", 200),
    ] {
        assert_eq!(served.ask("GET", path, &[]).status, status, "{path}");
    }
}

#[test]
fn hostile_values_come_out_as_valid_json() {
    let served = Served::start(None);
    let mut hostile = span(1, 1, 0, SpanKind::Server, 5);
    hostile.name = "<script>alert(1)</script>".to_owned();
    hostile.attributes = vec![
        text("html", "</script><img src=x onerror=alert(1)>"),
        text("controls", "\0\u{1}\u{1b}[31m\u{7f}\u{85}\u{2028}\u{202e}"),
        text("large", &"x".repeat(1 << 20)),
        crate::testing::attribute(
            "nan",
            opentelemetry_proto::tonic::common::v1::any_value::Value::DoubleValue(f64::NAN),
        ),
    ];
    served.take(request("</title><b>", vec![hostile]));
    for path in [
        "/api/sonde/search",
        "/api/services",
        "/api/traces?service=%3C%2Ftitle%3E%3Cb%3E&start=0",
        "/api/sonde/traces/00000000000000010000000000000001",
        "/api/sonde/overview",
    ] {
        let answer = served.ask("GET", path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer.head.contains("content-type: application/json"),
            "{}",
            answer.head
        );
        assert!(answer.head.contains("x-content-type-options: nosniff"));
        serde_json::from_str::<Value>(&answer.body).unwrap();
    }
    let trace = served.get("/api/traces/00000000000000010000000000000001");
    assert_eq!(
        trace["data"][0]["spans"][0]["operationName"],
        "<script>alert(1)</script>"
    );
}

#[test]
fn every_answer_has_the_fields_that_protect_it() {
    let served = Served::start(None);
    for path in ["/", "/api/services", "/api/nothing", "/file.js"] {
        let head = served.ask("GET", path, &[]).head;
        for field in [
            "content-security-policy: default-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(field), "{path} without {field}: {head}");
        }
        assert!(!head.contains("access-control"), "{head}");
    }
    assert!(
        served
            .ask("GET", "/api/services", &[])
            .head
            .contains("cache-control: no-store")
    );
}

#[test]
fn who_may_not_ask_is_refused() {
    let served = Served::start(None);
    let cases: [(&str, &str, Fields<'_>, u16); 8] = [
        ("GET", "/api/services", &[], 200),
        ("HEAD", "/api/services", &[], 200),
        ("GET", "/api/services", &[("Host", "attacker.example")], 421),
        ("GET", "/", &[("Host", "attacker.example")], 421),
        (
            "GET",
            "/api/services",
            &[("Origin", "http://attacker.example")],
            403,
        ),
        (
            "GET",
            "/api/services",
            &[("Sec-Fetch-Site", "cross-site")],
            403,
        ),
        ("OPTIONS", "/api/services", &[], 405),
        ("POST", "/api/services", &[], 405),
    ];
    for (method, path, fields, status) in cases {
        let answer = served.ask(method, path, fields);
        assert_eq!(answer.status, status, "{method} {path} {fields:?}");
        assert!(method != "HEAD" || answer.body.is_empty());
    }
}

#[test]
fn a_browser_signs_in_by_the_url() {
    let served = Served::start(Some(TOKEN));
    assert_eq!(served.ask("GET", "/", &[]).status, 401);
    assert_eq!(served.ask("GET", "/api/services", &[]).status, 401);
    let bearer = format!("Bearer {TOKEN}");
    let fields = [("Authorization", &*bearer)];
    assert_eq!(served.ask("GET", "/api/services", &fields).status, 200);
    let answer = served.ask("GET", &format!("//attacker.example/?token={TOKEN}"), &[]);
    assert!(
        answer.head.contains("location: /attacker.example/"),
        "{}",
        answer.head
    );
    let answer = served.ask("GET", &format!("/?token={TOKEN}"), &[]);
    assert_eq!(answer.status, 303);
    assert!(answer.head.contains("location: /\r\n"), "{}", answer.head);
    let cookie = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .unwrap();
    assert_eq!(
        served
            .ask("GET", "/api/services", &[("Cookie", cookie)])
            .status,
        200
    );
}

#[test]
fn too_much_is_refused() {
    let served = Served::start(None);
    let long = "x".repeat(40_000);
    let many: String = (0..100)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    for request in [
        format!("GET /?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        "garbage\r\n\r\n".to_owned(),
    ] {
        let status = Answer::of(&served.exchange(&request)).status;
        assert!(matches!(status, 0 | 400 | 414 | 431), "{status}");
    }
    // More connections than there is room for: the others are closed, and the server lives.
    let held: Vec<TcpStream> = (0..2 * MAX_CONNECTIONS).map(|_| served.connect()).collect();
    drop(held);
    let end = Instant::now() + Duration::from_secs(20);
    while served.ask("GET", "/api/services", &[]).status != 200 {
        assert!(Instant::now() < end, "the server does not answer any more");
    }
}

#[test]
fn a_slow_sender_is_cut_off() {
    let served = Served::start(None);
    let whole = "GET /api/services HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let sent = ["", &whole[..40], whole];
    let mut streams = sent.map(|sent| {
        let mut stream = served.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    });
    let begun = Instant::now();
    for stream in &mut streams {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
    }
    assert!(begun.elapsed() < HEAD_TIMEOUT + Duration::from_secs(8));
}

#[test]
fn the_live_tail_shows_overviews_and_new_traces() {
    let served = Served::start(None);
    let mut stream = served.connect();
    write!(
        stream,
        "GET /api/sonde/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )
    .unwrap();
    served.take(request("cart", vec![span(1, 1, 0, SpanKind::Server, 5)]));
    let end = Instant::now() + Duration::from_secs(20);
    let (mut text, mut part) = (String::new(), [0; 4_096]);
    while !(text.contains("event: overview") && text.contains("event: trace")) {
        assert!(Instant::now() < end, "{text}");
        let length = stream.read(&mut part).unwrap();
        text += &String::from_utf8_lossy(&part[..length]);
    }
    assert!(
        text.to_ascii_lowercase()
            .contains("content-type: text/event-stream"),
        "{text}"
    );
    assert!(text.contains("\"dropped\":0"), "{text}");
}

#[test]
fn commands_of_this_user_are_served_on_the_unix_socket() {
    let served = Served::with_traces();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = {
        let _context = served.runtime.enter();
        UnixListener::bind(&path).unwrap()
    };
    served
        .runtime
        .spawn(serve_unix(listener, served.view.clone()));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    write!(
        stream,
        "GET /api/sonde/search HTTP/1.1\r\nHost: sonde\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("trace_id"),
        "{answer}"
    );
    assert!(is_trusted(0) && !is_trusted(65_534));
}
