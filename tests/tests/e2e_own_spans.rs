//! Services that make spans of their own have none of the agent's, from their first request on; those that only pass on what came in have
//! all of them.

use std::process::Command;

use anyhow::{Result, ensure};
use sonde_tests::agent::{self, Builder};
use sonde_tests::propagation::ask;
use sonde_tests::service::{Kind, Service};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{environment, net, run, wait};

const REQUESTS: usize = 12;

fn service(next: u16, how: &str) -> Result<Service> {
    environment::need("python3")?;
    let port = net::free_port()?;
    let mut command = Command::new("python3");
    command.arg(environment::sources("tracer").join("server.py"));
    command.args([&port.to_string(), &next.to_string(), how]);
    Service::start("tracer", port, &mut command)
}

fn ask_often(service: &Service, from: usize) -> Result<()> {
    for number in from..from + REQUESTS {
        let parent = format!(
            "traceparent: 00-{:032x}-{:016x}-01\r\n",
            number + 1,
            number + 99
        );
        ask(service.port, &format!("/sized/{number}"), &parent)?;
    }
    Ok(())
}

fn of(spans: &[Span], pid: u32) -> impl Iterator<Item = &Span> {
    let pid = pid.to_string();
    spans
        .iter()
        .filter(move |span| span.resource("process.pid") == pid)
}

#[test]
fn a_tracer_has_no_span_twice() {
    run("a_tracer_has_no_span_twice", || {
        agent::binary()?;
        let back = Kind::Go.start()?;
        let service = service(back.port, "own")?;
        let mut agent = Builder::watching([&service.process, &back.process]).start()?;
        ask_often(&service, 0)?;
        let traced = || {
            agent
                .metric("sonde_processes_with_own_spans", "")
                .unwrap_or_default()
        };
        wait::until("the verdict", || (traced() >= 1.0).then_some(()))?;
        ask_often(&service, 500)?;
        agent.wait_count(2 * REQUESTS, |span| span.kind == SERVER)?;
        let list = Command::new(agent::binary()?).arg("list").output()?;
        let list = String::from_utf8_lossy(&list.stdout).into_owned();
        agent.stop()?;
        let spans = agent.spans()?;
        let pid = service.process.pid();
        ensure!(of(&spans, pid).count() == 0, "{:?}", agent::brief(&spans));
        ensure!(of(&spans, back.process.pid()).count() == 2 * REQUESTS);
        let said = agent.process().stderr();
        ensure!(said.contains("--sdk never"), "{said}");
        let line = list
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{pid} ")));
        ensure!(
            line.is_some_and(|line| line.contains("traces itself")),
            "{list}"
        );
        Ok(())
    });
}

#[test]
fn who_passes_on_what_came_in_keeps_its_spans() {
    run("who_passes_on_what_came_in_keeps_its_spans", || {
        agent::binary()?;
        let back = Kind::Go.start()?;
        let service = service(back.port, "pass")?;
        let agent = Builder::watching([&service.process, &back.process]).start()?;
        ask_often(&service, 0)?;
        let spans = agent.finish(3 * REQUESTS, |_| true)?;
        let pid = service.process.pid();
        for kind in [SERVER, CLIENT] {
            let made = of(&spans, pid).filter(|span| span.kind == kind).count();
            ensure!(made == REQUESTS, "{kind}: {:?}", agent::brief(&spans));
        }
        Ok(())
    });
}
