//! The whole way into real backends: the OpenTelemetry Collector's file exporter and Jaeger's query API.

use anyhow::{Context as _, Result};
use sonde_tests::agent::{self, Builder};
use sonde_tests::backends::{
    collector::Collector, jaeger::Jaeger, jaeger::JaegerSpan, jaeger::Trace,
};
use sonde_tests::client::{self, Request};
use sonde_tests::service::{self, Kind};
use sonde_tests::span::SERVER;
use sonde_tests::{expect, run, wait};

/// Protocol, compression, and whether the HTTP port is used.
const WAYS: [(&str, &str, bool); 4] = [
    ("grpc", "none", false),
    ("grpc", "gzip", false),
    ("http/protobuf", "none", true),
    ("http/protobuf", "gzip", true),
];

/// An agent configured only by the specification's variables.
fn exporting_to(port: u16, protocol: &str, compression: &str) -> Builder {
    Builder::exporting()
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("http://127.0.0.1:{port}"),
        )
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
}

#[test]
fn flask_into_the_collector() {
    run("flask_into_the_collector", || {
        agent::binary()?;
        let flask = Kind::Flask.start()?;
        for (protocol, compression, http) in WAYS {
            let collector = Collector::start()?;
            let port = if http { collector.http } else { collector.grpc };
            let mut agent = exporting_to(port, protocol, compression)
                .pids(flask.process.group())
                .start()?;
            let requests: Vec<Request> = (50..60)
                .map(|size| Request::new("GET", format!("{}/sized/{size}", flask.url)))
                .collect();
            let outcomes = client::Kind::Requests.start()?.make(&requests)?;
            agent.stop()?;
            let spans = collector.wait_spans(requests.len())?;
            assert_eq!(spans.len(), requests.len(), "{protocol} {compression}");
            for (request, outcome) in requests.iter().zip(outcomes) {
                expect::check(
                    expect::only(&spans, SERVER, request.target()),
                    request,
                    outcome,
                    flask.port,
                );
            }
        }
        Ok(())
    });
}

#[test]
fn flask_behind_nginx_in_jaeger() {
    run("flask_behind_nginx_in_jaeger", || {
        agent::binary()?;
        let flask = Kind::Flask.start()?;
        let nginx = service::nginx(flask.port, &[])?;
        let jaeger = Jaeger::start()?;
        for (index, (protocol, port)) in [("grpc", jaeger.grpc), ("http/protobuf", jaeger.http)]
            .into_iter()
            .enumerate()
        {
            let pids = flask
                .process
                .group()
                .into_iter()
                .chain(nginx.service.process.group());
            let mut agent = exporting_to(port, protocol, "gzip").pids(pids).start()?;
            let trace_id = format!("{:032x}", 0x5011de + index);
            let mut request =
                Request::new("GET", format!("{}/sized/{}", nginx.service.url, 10 + index));
            request.traceparent = Some(format!("00-{trace_id}-00000000000000aa-01"));
            client::curl(&request)?;
            agent.stop()?;
            check_trace(&jaeger, &trace_id, &request)?;
        }
        Ok(())
    });
}

/// One trace as Jaeger shows it: nginx's server span below what the client sent, its call, and Flask's server span.
fn check_trace(jaeger: &Jaeger, id: &str, request: &Request) -> Result<()> {
    let mut seen = None;
    let found = wait::until(&format!("trace {id} with two server spans"), || {
        let trace = jaeger.trace(id).ok()?;
        let servers = servers_of(&trace).len();
        seen = Some(trace);
        (servers >= 2).then_some(())
    });
    let trace = found
        .map(|()| seen.clone())
        .with_context(|| format!("{seen:#?}"))?
        .context("no trace")?;
    let servers = servers_of(&trace);
    assert_eq!(servers.len(), 2, "{trace:#?}");
    for service in ["nginx", "app or flask"] {
        let named = servers
            .iter()
            .any(|span| service.split(" or ").any(|name| name == span.service));
        assert!(named, "no {service} in {trace:#?}");
    }
    for span in servers {
        assert_eq!(span.operation, "GET /sized/{id}", "{span:#?}");
        assert_eq!(span.tags["http.response.status_code"], 200, "{span:#?}");
        assert_eq!(span.tags["url.path"], request.path(), "{span:#?}");
    }
    let child_of = |parent: &str| {
        let child = trace.spans.iter().find(|span| span.parent == parent);
        child.with_context(|| format!("no child of {parent}: {trace:#?}"))
    };
    let outer = child_of("00000000000000aa")?;
    let call = child_of(&outer.id)?;
    let inner = child_of(&call.id)?;
    assert_eq!((&*outer.service, &*call.service), ("nginx", "nginx"));
    assert_ne!(inner.service, "nginx");
    Ok(())
}

fn servers_of(trace: &Trace) -> Vec<JaegerSpan> {
    let server = |span: &&JaegerSpan| {
        span.tags
            .get("span.kind")
            .is_some_and(|kind| kind == "server")
    };
    trace.spans.iter().filter(server).cloned().collect()
}
