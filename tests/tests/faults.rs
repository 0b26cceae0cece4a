//! What must not hurt anybody: backends that go away, an agent that dies or stalls, floods and garbage.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::backends::collector::Collector;
use sonde_tests::client::{self, Client, Request};
use sonde_tests::load::Load;
use sonde_tests::process::Process;
use sonde_tests::service::{Kind, Service};
use sonde_tests::span::{SERVER, Span};
use sonde_tests::{environment, expect, kernel, run, wait};

/// How long the collector stays away: `SONDE_TEST_OUTAGE_SECONDS`, else 10.
fn outage() -> Duration {
    let seconds = std::env::var("SONDE_TEST_OUTAGE_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(10))
}

fn sized(service: &Service, sizes: std::ops::Range<usize>) -> Vec<Request> {
    sizes
        .map(|size| Request::new("GET", format!("{}/sized/{size}", service.url)))
        .collect()
}

/// Makes the requests and says that none of them failed.
fn make_all(client: &mut Client, requests: &[Request]) -> Result<()> {
    let outcomes = client.make(requests)?;
    ensure!(
        outcomes.iter().all(|outcome| outcome.status == 200),
        "a request failed: {outcomes:?}"
    );
    Ok(())
}

/// Each of these requests has exactly one server span.
fn check_each(spans: &[Span], requests: &[Request]) {
    for request in requests {
        expect::only(spans, SERVER, request.target());
    }
}

#[test]
fn collector_goes_and_comes_back() {
    run("collector_goes_and_comes_back", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let mut client = client::Kind::Go.start()?;
        let mut collector = Collector::start()?;
        let mut agent = Builder::exporting()
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                &format!("http://127.0.0.1:{}", collector.grpc),
            )
            .pids(service.process.group())
            .start()?;
        let requests = sized(&service, 0..300);
        make_all(&mut client, &requests[..100])?;
        collector.wait_spans(100)?;
        collector.kill();
        let away = Instant::now();
        make_all(&mut client, &requests[100..200])?;
        wait::until_within(outage() * 2, "the outage", || {
            (away.elapsed() >= outage()).then_some(())
        })?;
        collector.resume()?;
        make_all(&mut client, &requests[200..])?;
        let spans = collector
            .wait_spans(300)
            .with_context(|| agent.metrics_page())?;
        agent.stop()?;
        check_each(&spans, &requests);
        Ok(())
    });
}

/// The agent dies in the middle of traffic: no request fails, the kernel frees all of it, and the next agent works.
#[test]
fn agent_killed_in_mid_traffic() {
    run("agent_killed_in_mid_traffic", || {
        agent::binary()?;
        let programs = kernel::loaded_programs();
        let service = Kind::Go.start()?;
        let mut agent = Builder::jsonl()
            .flag("--batch-interval", "100ms")
            .pids(service.process.group())
            .start()?;
        assert!(
            kernel::loaded_programs() > programs,
            "the agent has loaded programs"
        );
        let mut load = Load::start(&format!("{}/sized/100", service.url), 200_000, 20)?;
        agent.wait_count(1000, |_| true)?;
        assert!(load.is_running(), "killed too late");
        agent.kill()?;
        load.finish()?;
        wait::until("the kernel to free the programs", || {
            (kernel::loaded_programs() <= programs).then_some(())
        })?;
        works_again(&service)
    });
}

fn works_again(service: &Service) -> Result<()> {
    let mut client = client::Kind::Go.start()?;
    let agent = Builder::jsonl().pids(service.process.group()).start()?;
    let requests = sized(service, 0..20);
    make_all(&mut client, &requests)?;
    let spans = agent.finish(20, |_| true)?;
    assert_eq!(spans.len(), 20);
    Ok(())
}

/// A stalled agent loses records, says so, and is right again afterwards; the service notices nothing.
#[test]
fn ring_full() {
    run("ring_full", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let mut agent = Builder::jsonl()
            .flag("--ring-bytes", 65_536)
            .pids(service.process.group())
            .start()?;
        agent.process().signal(libc::SIGSTOP);
        Load::start(&format!("{}/sized/100", service.url), 20_000, 20)?.finish()?;
        agent.process().signal(libc::SIGCONT);
        wait::until("losses to be counted", || {
            (losses(&agent) > 0.0).then_some(())
        })?;
        let lost = losses(&agent);
        let mut client = client::Kind::Go.start()?;
        let requests = sized(&service, 1000..1050);
        make_all(&mut client, &requests)?;
        let fresh = |span: &Span| span.target() != "/sized/100";
        agent.wait_count(requests.len(), fresh)?;
        let seen = agent.count(|span| !fresh(span))?;
        assert!(seen <= 20_000, "{seen} spans of 20000 requests");
        assert!(
            seen as f64 + lost >= 20_000.0,
            "{seen} spans and {lost} losses of 20000 requests"
        );
        let spans = agent.finish(requests.len(), fresh)?;
        check_each(&spans, &requests);
        Ok(())
    });
}

/// Records that the kernel side could not hand over, for any reason.
fn losses(agent: &Agent) -> f64 {
    agent.metric("sonde_losses", "").unwrap_or_default()
}

/// The requests of `client` while `disturb` runs: each is one span, and the agent stays small.
fn undisturbed(name: &str, disturb: impl FnOnce(&Service) -> Result<Process>) {
    run(name, || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let mut client = client::Kind::Go.start()?;
        let mut agent = Builder::jsonl().pids(service.process.group()).start()?;
        let mut disturbance = disturb(&service)?;
        let mut made = Vec::new();
        while disturbance.exited().is_none() {
            let requests = sized(&service, made.len()..made.len() + 50);
            make_all(&mut client, &requests)?;
            made.extend(requests);
            ensure!(made.len() < 500_000, "the disturbance does not end");
        }
        let report = disturbance.stdout();
        let memory = kernel::resident_bytes(agent.process().pid())?;
        assert!(memory < 100 << 20, "the agent holds {memory} bytes");
        let ours = |span: &Span| span.target().starts_with("/sized/");
        let spans = agent.finish(made.len(), ours)?;
        assert_eq!(spans.len(), made.len(), "{name}: {report}");
        check_each(
            &spans[spans.len().saturating_sub(500)..],
            &made[made.len().saturating_sub(100)..],
        );
        Ok(())
    });
}

/// 5,000 connections a second for three seconds, opened and dropped: closed, reset, or left with half a head.
#[test]
fn connections_opened_and_dropped() {
    undisturbed("connections_opened_and_dropped", |service| {
        let mut command = Command::new(environment::go_program("churn", false)?);
        Process::start(
            "churn",
            command.args([&format!("127.0.0.1:{}", service.port), "5000", "3"]),
        )
    });
}

/// A shell that forks and executes at least 200 programs a second, and ends with its own rate.
#[test]
fn process_that_forks() {
    undisturbed("process_that_forks", |_| {
        let script = "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done";
        Process::start("forks", Command::new("sh").args(["-c", script]))
    });
}

/// Binary garbage on the instrumented port for as long as 200 connections take.
#[test]
fn garbage() {
    undisturbed("garbage", |service| {
        let script = "import os, socket, sys
for i in range(200):
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connection:
        try:
            connection.sendall(os.urandom(1 + i * 97))
        except OSError:
            pass";
        let mut command = Command::new(environment::python()?);
        Process::start(
            "garbage",
            command.args(["-c", script, &service.port.to_string()]),
        )
    });
}
