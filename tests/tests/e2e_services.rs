//! Real services and real clients: every request made is exactly one right span on each side that is observed.

use anyhow::Result;
use sonde_tests::agent::{self, Builder};
use sonde_tests::client::{self, Outcome, Request};
use sonde_tests::service::{self, Kind, Service};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{expect, plan, run};

/// Checks each request's one span of `kind` against what its client measured.
fn check_all(spans: &[Span], kind: u64, port: u16, requests: &[Request], outcomes: &[Outcome]) {
    for (request, outcome) in requests.iter().zip(outcomes) {
        assert!(
            outcome.status != 0,
            "the request itself failed: {request:?}"
        );
        if request.is_sampled() {
            let span = expect::only(spans, kind, request.target());
            expect::check(span, request, *outcome, port);
        }
    }
    let of_kind = spans.iter().filter(|span| span.kind == kind).count();
    assert_eq!(
        of_kind,
        sampled(requests),
        "spans of kind {kind} beyond the requests: {:?}",
        agent::brief(spans)
    );
}

/// How many requests get spans.
fn sampled(requests: &[Request]) -> usize {
    requests
        .iter()
        .filter(|request| request.is_sampled())
        .count()
}

/// The server's span is the child of the client's, whether the client named it or not.
fn check_joined(spans: &[Span], requests: &[Request]) {
    for request in requests.iter().filter(|request| request.is_sampled()) {
        let [client, server] =
            [CLIENT, SERVER].map(|kind| expect::only(spans, kind, request.target()));
        assert_eq!(
            (&server.trace_id, &server.parent_span_id),
            (&client.trace_id, &client.span_id),
            "{client:#?} {server:#?}"
        );
    }
}

/// One service and one client program, both observed.
fn pair(name: &str, server: Kind, client: client::Kind) {
    run(name, || {
        agent::binary()?;
        let service = server.start()?;
        let mut running = client.start()?;
        let pids = service
            .process
            .group()
            .into_iter()
            .chain(running.process.group());
        let agent = Builder::jsonl().pids(pids).start()?;
        let requests = plan::requests(&service.url);
        let outcomes = running.make(&requests)?;
        let spans = agent.finish(2 * sampled(&requests), |_| true)?;
        check_joined(&spans, &requests);
        for (kind, language) in [(SERVER, server.language()), (CLIENT, client.language())] {
            check_all(&spans, kind, service.port, &requests, &outcomes);
            let wrong = spans
                .iter()
                .find(|s| s.kind == kind && s.resource("telemetry.sdk.language") != language);
            assert!(wrong.is_none(), "not {language}: {wrong:#?}");
        }
        check_names(&spans, server, &service);
        Ok(())
    });
}

/// The service's name, and the processes that the spans are said to come from.
fn check_names(spans: &[Span], server: Kind, service: &Service) {
    let group: Vec<String> = service.process.group().iter().map(u32::to_string).collect();
    for span in spans.iter().filter(|span| span.kind == SERVER) {
        let name = span.resource("service.name");
        assert!(
            server.service_names().contains(&name),
            "{server:?} is called {name:?}"
        );
        assert!(
            group.iter().any(|pid| pid == span.resource("process.pid")),
            "{group:?} {span:#?}"
        );
    }
}

#[test]
fn flask_and_requests() {
    pair("flask_and_requests", Kind::Flask, client::Kind::Requests);
}

#[test]
fn gunicorn_and_axios() {
    pair("gunicorn_and_axios", Kind::Gunicorn, client::Kind::Axios);
}

#[test]
fn express_and_axios() {
    pair("express_and_axios", Kind::Express, client::Kind::Axios);
}

#[test]
fn go_and_go() {
    pair("go_and_go", Kind::Go, client::Kind::Go);
}

#[test]
fn stripped_go_and_requests() {
    pair(
        "stripped_go_and_requests",
        Kind::GoStripped,
        client::Kind::Requests,
    );
}

#[test]
fn jdk_and_java() {
    pair("jdk_and_java", Kind::Jdk, client::Kind::Java);
}

#[test]
fn javalin_and_go() {
    pair("javalin_and_go", Kind::Javalin, client::Kind::Go);
}

#[test]
fn nginx_and_curl() {
    run("nginx_and_curl", || serve_files(&[1, 4096, 300_000]));
}

/// nginx from files, each request by a curl of its own, which lives shorter than any look at /proc.
fn serve_files(sizes: &[usize]) -> Result<()> {
    agent::binary()?;
    let upstream = Kind::Go.start()?;
    let nginx = service::nginx(upstream.port, sizes)?;
    let agent = Builder::jsonl()
        .pids(nginx.service.process.group())
        .flag("--include", "exe=*/curl")
        .start()?;
    let requests: Vec<Request> = sizes
        .iter()
        .map(|size| Request::new("GET", format!("{}/static/{size}", nginx.service.url)))
        .collect();
    let made = requests
        .iter()
        .map(client::curl)
        .collect::<Result<Vec<_>>>()?;
    let outcomes: Vec<Outcome> = made.iter().map(|(outcome, _)| *outcome).collect();
    let port = nginx.service.port;
    let wanted = |span: &Span| span.get("server.port") == port.to_string();
    let spans = agent.finish(2 * sampled(&requests), wanted)?;
    for kind in [SERVER, CLIENT] {
        check_all(&spans, kind, port, &requests, &outcomes);
    }
    for (request, (_, pid)) in requests.iter().zip(&made) {
        if !request.is_sampled() {
            continue;
        }
        let span = expect::only(&spans, CLIENT, request.target());
        assert_eq!(span.resource("service.name"), "curl");
        assert_eq!(span.resource("process.pid"), pid.to_string());
    }
    Ok(())
}

/// nginx passes on to Flask: the outer request, its copy, and the inner one are three spans.
#[test]
fn nginx_in_front_of_flask() {
    run("nginx_in_front_of_flask", || {
        agent::binary()?;
        let flask = Kind::Flask.start()?;
        let nginx = service::nginx(flask.port, &[])?;
        let mut client = client::Kind::Requests.start()?;
        let pids = flask
            .process
            .group()
            .into_iter()
            .chain(nginx.service.process.group());
        let agent = Builder::jsonl().pids(pids).start()?;
        let requests = plan::requests(&nginx.service.url);
        let outcomes = client.make(&requests)?;
        let spans = agent.finish(3 * sampled(&requests), |_| true)?;
        // By process: the inner request's Host is the name of the upstream group.
        let of = |service: &Service| -> Vec<Span> {
            let pids: Vec<String> = service.process.group().iter().map(u32::to_string).collect();
            let ours = |span: &&Span| pids.iter().any(|pid| pid == span.resource("process.pid"));
            spans.iter().filter(ours).cloned().collect()
        };
        let (outer, inner) = (of(&nginx.service), of(&flask));
        check_all(&outer, SERVER, nginx.service.port, &requests, &outcomes);
        for request in requests.iter().filter(|request| request.is_sampled()) {
            let (outer, inner) = (
                expect::only(&outer, SERVER, request.target()),
                expect::only(&inner, SERVER, request.target()),
            );
            let copy = expect::only(&spans, CLIENT, request.target());
            assert!(
                outer.start_ns <= copy.start_ns && copy.end_ns >= inner.start_ns,
                "{outer:#?} {copy:#?}"
            );
            assert_eq!(
                (&copy.trace_id, &copy.parent_span_id),
                (&outer.trace_id, &outer.span_id),
                "nginx's request is sent for the one it received"
            );
            assert_eq!(
                (&inner.trace_id, &inner.parent_span_id),
                (&copy.trace_id, &copy.span_id),
                "and is the parent of what Flask received"
            );
            assert_eq!(
                inner.get("client.address"),
                "127.0.0.1",
                "from X-Forwarded-For"
            );
        }
        Ok(())
    });
}
