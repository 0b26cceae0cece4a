//! The harness itself, without an agent: services answer, clients measure, peers play, backends store.

use anyhow::Result;
use sonde_tests::backends::{collector::Collector, jaeger::Jaeger};
use sonde_tests::client::{self, Request};
use sonde_tests::peer::{Peer, Step};
use sonde_tests::service::Kind;
use sonde_tests::{net, run, service, span};

#[test]
fn services_answer() {
    run("services_answer", || {
        let kinds = [
            Kind::Flask,
            Kind::Gunicorn,
            Kind::Express,
            Kind::Go,
            Kind::GoStripped,
            Kind::Jdk,
            Kind::Javalin,
        ];
        for kind in kinds {
            let service = kind.start()?;
            for (path, status, size) in [
                ("/sized/1234", 200, 1234),
                ("/status/404", 404, 0),
                ("/chunked/7", 200, 700),
            ] {
                let (found, body) = net::get(&format!("{}{path}", service.url))?;
                assert_eq!((found, body.len()), (status, size), "{kind:?} {path}");
            }
        }
        Ok(())
    });
}

#[test]
fn nginx_serves_and_proxies() {
    run("nginx_serves_and_proxies", || {
        let upstream = Kind::Go.start()?;
        let nginx = service::nginx(upstream.port, &[321])?;
        assert_eq!(
            net::get(&format!("{}/static/321", nginx.service.url))?
                .1
                .len(),
            321
        );
        assert_eq!(
            net::get(&format!("{}/sized/99", nginx.service.url))?
                .1
                .len(),
            99
        );
        assert!(
            nginx.service.process.group().len() >= 3,
            "a master and two workers"
        );
        Ok(())
    });
}

#[test]
fn clients_measure() {
    run("clients_measure", || {
        let service = Kind::Go.start()?;
        let mut post = Request::new("POST", format!("{}/echo/1", service.url));
        post.body = 2000;
        let slow = Request::new("GET", format!("{}/slow/30", service.url));
        for kind in [
            client::Kind::Requests,
            client::Kind::Axios,
            client::Kind::Go,
            client::Kind::Java,
        ] {
            let outcomes = kind.start()?.make(&[post.clone(), slow.clone()])?;
            assert_eq!(
                (outcomes[0].status, outcomes[0].body),
                (200, 2000),
                "{kind:?}"
            );
            assert!(
                outcomes[1].end_ns - outcomes[1].start_ns >= 30_000_000,
                "{kind:?}"
            );
        }
        assert_eq!(client::curl(&post)?.0.body, 2000);
        Ok(())
    });
}

#[test]
fn peers_play() {
    run("peers_play", || {
        let mut server = Peer::serve("127.0.0.1")?;
        let mut client = Peer::connect("127.0.0.1", server.port)?;
        server.begin(&[
            Step::ReadHead,
            Step::Send("HTTP/1.1 204 No Content\r\n\r\n"),
        ])?;
        client.begin(&[Step::SendBytes("GET / HTTP/1.1\r\n\r\n"), Step::ReadEof])?;
        assert_eq!(
            server.end()?.received.as_deref(),
            Ok("GET / HTTP/1.1\r\n\r\n")
        );
        assert_eq!(
            client.end()?.received.as_deref(),
            Ok("HTTP/1.1 204 No Content\r\n\r\n")
        );
        Ok(())
    });
}

/// An export request with one span, as any OTLP client would post it.
fn posted() -> serde_json::Value {
    serde_json::json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "posted"}}]},
        "scopeSpans": [{"scope": {"name": "test"}, "spans": [{
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
            "parentSpanId": "b7ad6b7169203330", "name": "GET /", "kind": 2,
            "startTimeUnixNano": client::now_ns().to_string(), "endTimeUnixNano": client::now_ns().to_string(),
            "attributes": [{"key": "http.response.status_code", "value": {"intValue": "200"}}]}]}]}]})
}

#[test]
fn collector_stores_and_comes_back() {
    run("collector_stores_and_comes_back", || {
        let mut collector = Collector::start()?;
        for round in 1..=2 {
            let url = format!("http://127.0.0.1:{}/v1/traces", collector.http);
            assert_eq!(net::post_json(&url, &posted())?.0, 200);
            let spans = collector.wait_spans(round)?;
            assert_eq!(
                (spans[0].kind, spans[0].resource("service.name")),
                (span::SERVER, "posted")
            );
            assert_eq!(spans[0].get("http.response.status_code"), "200");
            collector.kill();
            collector.resume()?;
        }
        Ok(())
    });
}

#[test]
fn jaeger_answers() {
    run("jaeger_answers", || -> Result<()> {
        let jaeger = Jaeger::start()?;
        let url = format!("http://127.0.0.1:{}/v1/traces", jaeger.http);
        assert_eq!(net::post_json(&url, &posted())?.0, 200);
        let traces = jaeger.wait_traces("posted", 1)?;
        assert_eq!(traces[0].id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(traces[0].spans[0].operation, "GET /");
        assert_eq!(traces[0].spans[0].tags["http.response.status_code"], 200);
        Ok(())
    });
}
