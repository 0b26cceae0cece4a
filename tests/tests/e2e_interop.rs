//! Beside OpenTelemetry's own SDK: services that trace themselves and services that Sonde traces, in one trace, in Jaeger.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::Builder;
use sonde_tests::backends::jaeger::{Jaeger, JaegerSpan, Trace};
use sonde_tests::client::{self, Request};
use sonde_tests::service::Service;
use sonde_tests::{chain, propagation, run, wait};

/// What the client, which nobody traces, says its span is.
const CALLER: &str = "00000000000000aa";

/// The name of the service that the SDK traces.
const SDK: &str = "sdk-middle";

fn exporting_to(jaeger: &Jaeger) -> Builder {
    Builder::exporting()
        .env(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            &format!("http://127.0.0.1:{}", jaeger.grpc),
        )
        .flag("--batch-interval", "200ms")
}

/// Asks `service` in a trace of a given id.
fn ask(service: &Service, number: usize) -> Result<String> {
    let trace_id = format!("{:032x}", 0xd15c_0000 + number);
    let mut request = Request::new("GET", format!("{}/chain/{number}", service.url));
    request.traceparent = Some(format!("00-{trace_id}-{CALLER}-01"));
    let (outcome, _) = client::curl(&request)?;
    ensure!(outcome.status == 200, "{outcome:?}");
    Ok(trace_id)
}

/// The trace, when it has at least `count` spans.
fn trace(jaeger: &Jaeger, id: &str, count: usize) -> Result<Trace> {
    let mut last = None;
    let found = wait::until(&format!("{count} spans of {id}"), || {
        let trace = jaeger.trace(id).ok()?;
        let enough = trace.spans.len() >= count;
        last = Some(trace.clone());
        enough.then_some(trace)
    });
    found.with_context(|| format!("{last:#?}"))
}

fn kind(span: &JaegerSpan) -> &str {
    span.tags["span.kind"].as_str().unwrap_or_default()
}

/// Services and kinds of a trace that is one chain, from the caller's span down.
fn chain_of(trace: &Trace) -> Result<Vec<(String, String)>> {
    let mut children: HashMap<&str, Vec<&JaegerSpan>> = HashMap::new();
    for span in &trace.spans {
        children.entry(&span.parent).or_default().push(span);
    }
    let mut chain = Vec::new();
    let mut parent = CALLER;
    while let Some(found) = children.get(parent) {
        let [span] = found[..] else {
            anyhow::bail!("{} children of {parent}: {trace:#?}", found.len())
        };
        chain.push((span.service.clone(), kind(span).to_owned()));
        parent = &span.id;
    }
    ensure!(
        chain.len() == trace.spans.len(),
        "not one chain: {trace:#?}"
    );
    Ok(chain)
}

fn pids(services: [&Service; 3]) -> Vec<u32> {
    services
        .iter()
        .flat_map(|service| service.process.group())
        .collect()
}

/// Each trace is: entry and call of the first, of the SDK's own, entry of the last; nothing else, and nothing twice.
fn traced_beside_the_sdk(name: &str, start: impl FnOnce(&str) -> Result<Service>) {
    run(name, || {
        propagation::need()?;
        let jaeger = Jaeger::start()?;
        let back = chain::flask(None)?;
        let middle = chain::flask_with_sdk(SDK, jaeger.http, Some(&back.url))?;
        let front = start(&middle.url)?;
        let mut agent = exporting_to(&jaeger)
            .pids(pids([&front, &middle, &back]))
            .start()?;
        let ids = (0..10)
            .map(|number| ask(&front, number))
            .collect::<Result<Vec<_>>>()?;
        for id in &ids {
            trace(&jaeger, id, 5)?;
        }
        agent.stop()?;
        for id in &ids {
            let chain = chain_of(&trace(&jaeger, id, 5)?)?;
            let kinds: Vec<&str> = chain.iter().map(|(_, kind)| &**kind).collect();
            assert_eq!(kinds, ["server", "client", "server", "client", "server"]);
            let by_sdk: Vec<bool> = chain.iter().map(|(service, _)| service == SDK).collect();
            assert_eq!(by_sdk, [false, false, true, true, false], "{chain:?}");
        }
        Ok(())
    });
}

#[test]
fn node_sdk_flask() {
    traced_beside_the_sdk("node_sdk_flask", chain::node);
}

#[test]
fn flask_sdk_flask() {
    traced_beside_the_sdk("flask_sdk_flask", |next| chain::flask(Some(next)));
}

/// A watched service that traces itself, and one behind it that nobody traces: two spans of the SDK and no others.
#[test]
fn no_duplicates_of_the_sdk() {
    run("no_duplicates_of_the_sdk", || {
        propagation::need()?;
        let jaeger = Jaeger::start()?;
        let back = chain::flask(None)?;
        let middle = chain::flask_with_sdk(SDK, jaeger.http, Some(&back.url))?;
        let mut agent = exporting_to(&jaeger).pids(middle.process.group()).start()?;
        // From the first request on.
        let ids = (20..30)
            .map(|number| ask(&middle, number))
            .collect::<Result<Vec<_>>>()?;
        for id in &ids {
            trace(&jaeger, id, 2)?;
        }
        agent.stop()?;
        for id in &ids {
            check_sdk_only(&trace(&jaeger, id, 2)?)?;
        }
        Ok(())
    });
}

fn check_sdk_only(trace: &Trace) -> Result<()> {
    let chain = chain_of(trace)?;
    let wanted = [(SDK, "server"), (SDK, "client")].map(|(s, k)| (s.to_owned(), k.to_owned()));
    ensure!(chain == wanted, "{chain:?}");
    Ok(())
}

/// The SDK's part alone, without an agent: what the other tests take for given.
#[test]
fn the_sdk_alone() {
    run("the_sdk_alone", || {
        let jaeger = Jaeger::start()?;
        let back = chain::flask(None)?;
        let middle = chain::flask_with_sdk(SDK, jaeger.http, Some(&back.url))?;
        let front = chain::node(&middle.url)?;
        let id = ask(&middle, 40)?;
        check_sdk_only(&trace(&jaeger, &id, 2)?)?;
        // The front, untraced, forwards nothing: its request begins another trace.
        let lost = ask(&front, 41)?;
        assert!(trace_is_empty(&jaeger, &lost));
        Ok(())
    });
}

fn trace_is_empty(jaeger: &Jaeger, id: &str) -> bool {
    jaeger
        .trace(id)
        .map_or(true, |trace| trace.spans.is_empty())
}
