//! A server goes away (GOAWAY) under open streams, and the client asks another one again: a refused stream is told as refused, the
//! repeated one is a span a side like any other, and each SERVER span is the child of the CLIENT span of its own stream.

use std::collections::HashMap;
use std::io::Write as _;

use anyhow::{Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::client::Request;
use sonde_tests::http2;
use sonde_tests::process::Process;
use sonde_tests::rpc::{self, Call, Client};
use sonde_tests::service::Service;
use sonde_tests::span::{CLIENT, ERROR, SERVER, Span};
use sonde_tests::{net, run, wait};

/// Requests that the first server answers.
const SERVED: usize = 10;
/// Requests in all.
const ALL: usize = 40;
/// At a time; so many, or fewer, are refused.
const AT_ONCE: usize = 8;

/// The server that will go away; the next one takes its port.
struct First {
    process: Process,
    port: u16,
}

impl First {
    fn start() -> Result<Self> {
        let port = net::free_port()?;
        let (at, served) = (port.to_string(), SERVED.to_string());
        let mut command = rpc::python("../../http2/goaway.py", &[&at, &served])?;
        let process = Process::start("goaway", &mut command)?;
        let first = Self { process, port };
        first.wait("ready")?;
        Ok(first)
    }

    fn wait(&self, word: &str) -> Result<()> {
        wait::until(word, || {
            let said = self.process.stdout();
            said.lines().any(|line| line == word).then_some(())
        })
    }

    /// When it has stopped listening and streams are open, the second one starts, and only then these streams are refused.
    fn give_way(&mut self, second: impl FnOnce(u16) -> Result<Service>) -> Result<Service> {
        self.wait("away")?;
        let second = second(self.port)?;
        self.process.stdin()?.write_all(b"\n")?;
        Ok(second)
    }

    /// An agent for this server, the client, and the second server, which starts later and is known by its program.
    fn watched(&self, client: &Process, second: &str) -> Result<Agent> {
        let pids = [self.process.pid(), client.pid()];
        let agent = Builder::jsonl().pids(pids);
        agent.flag("--include", format!("exe=*/{second}")).start()
    }
}

/// What tells the spans of one protocol from each other.
struct Reading {
    /// What was asked for.
    target: fn(&Span) -> String,
    /// It was answered, and rightly.
    answered: fn(&Span) -> bool,
}

/// The SERVER spans of a process and the CLIENT spans that they are children of.
fn joined(spans: &[Span], pid: u32) -> Vec<(&Span, &Span)> {
    let clients = spans.iter().filter(|span| span.kind == CLIENT);
    let clients: HashMap<_, _> = clients
        .map(|span| ((&span.trace_id, &span.span_id), span))
        .collect();
    let servers = spans.iter().filter(|span| span.kind == SERVER);
    servers
        .filter(|span| span.resource("process.pid") == pid.to_string())
        .map(|server| {
            let client = clients.get(&(&server.trace_id, &server.parent_span_id));
            let client = client.unwrap_or_else(|| panic!("not joined: {server:#?}"));
            (*client, server)
        })
        .collect()
}

/// Each of `targets` was answered once, and what the first server refused was asked again later.
fn check(
    agent: Agent,
    reading: &Reading,
    targets: &[String],
    first: u32,
    second: u32,
) -> Result<()> {
    let Reading { target, answered } = *reading;
    // What was refused is told before what was asked again.
    agent.wait_count(2 * ALL, answered)?;
    let spans = agent.finish(2 * ALL, |_| true)?;
    let mut taken: Vec<String> = Vec::new();
    let mut refused = Vec::new();
    for (pid, count) in [(first, SERVED), (second, ALL - SERVED)] {
        let pairs = joined(&spans, pid);
        let (right, others): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|pair| answered(pair.1));
        assert_eq!(right.len(), count, "{right:#?} {others:#?}");
        for (client, server) in right {
            assert!(answered(client), "{client:#?}");
            assert_eq!(target(client), target(server), "{client:#?} {server:#?}");
            taken.push(target(client));
        }
        refused.extend(others);
    }
    taken.sort_unstable();
    let mut wanted = targets.to_vec();
    wanted.sort_unstable();
    assert_eq!(taken, wanted);
    let open = refused.len();
    assert!((1..=AT_ONCE).contains(&open), "{open} refused");
    assert_eq!(spans.len(), 2 * (ALL + open), "{:#?}", agent::brief(&spans));
    for (client, server) in refused {
        assert_eq!(server.resource("process.pid"), first.to_string());
        for span in [client, server] {
            assert!(span.status == ERROR && !answered(span), "{span:#?}");
            assert!(!span.get("error.type").is_empty(), "{span:#?}");
        }
        let again = spans.iter().any(|span| {
            let later = span.kind == CLIENT && span.start_ns > client.start_ns;
            later && answered(span) && target(span) == target(client)
        });
        assert!(again, "not asked again: {client:#?}");
    }
    Ok(())
}

/// gRPC calls; `named` where the client takes any name of a method.
fn calls(name: &str, client: Client, named: bool) {
    run(name, || {
        agent::binary()?;
        let mut first = First::start()?;
        let mut caller = client.call(first.port, AT_ONCE)?;
        let agent = first.watched(&caller.process, "grpcserver")?;
        let calls: Vec<Call> = (0..ALL)
            .map(|index| match named {
                true => Call::new(format!("N{index}")),
                false => Call::new("Say"),
            })
            .collect();
        caller.begin(&calls)?;
        let second = first.give_way(|port| rpc::Kind::Go.serve_on(port))?;
        let outcomes = caller.end(ALL, wait::DEADLINE)?;
        ensure!(
            outcomes.iter().all(|outcome| outcome.code == 0),
            "{outcomes:?}"
        );
        let reading = Reading {
            target: |span| span.name.clone(),
            answered: |span| span.get("rpc.response.status_code") == "OK",
        };
        let targets: Vec<String> = calls.iter().map(Call::full_method).collect();
        let pids = (first.process.pid(), second.process.pid());
        check(agent, &reading, &targets, pids.0, pids.1)
    });
}

#[test]
fn calls_retried_go() {
    calls("calls_retried_go", Client::Go, true);
}

#[test]
fn calls_retried_python() {
    calls("calls_retried_python", Client::Python, true);
}

#[test]
fn calls_retried_aio() {
    calls("calls_retried_aio", Client::PythonAio, true);
}

#[test]
fn calls_retried_node() {
    calls("calls_retried_node", Client::Node, false);
}

#[test]
fn requests_retried() {
    run("requests_retried", || {
        agent::binary()?;
        let mut first = First::start()?;
        let mut client = http2::go_client(AT_ONCE)?;
        let agent = first.watched(&client.process, "grpch2server")?;
        let requests: Vec<Request> = (0..ALL)
            .map(|index| {
                Request::new(
                    "GET",
                    format!("http://127.0.0.1:{}/sized/{index}", first.port),
                )
            })
            .collect();
        // Alone: those that find no connection would each make one.
        let mut outcomes = client.make(&requests[..1])?;
        client.begin(&requests[1..])?;
        let second = first.give_way(|port| http2::Kind::Go.start_on(port))?;
        outcomes.extend(client.end(ALL - 1)?);
        ensure!(
            outcomes.iter().all(|outcome| outcome.status == 200),
            "{outcomes:?}"
        );
        let reading = Reading {
            target: Span::target,
            answered: |span| span.get("http.response.status_code") == "200",
        };
        let targets: Vec<String> = requests
            .iter()
            .map(|request| request.target().to_owned())
            .collect();
        let pids = (first.process.pid(), second.process.pid());
        check(agent, &reading, &targets, pids.0, pids.1)
    });
}
