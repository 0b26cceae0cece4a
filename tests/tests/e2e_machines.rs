//! Two machines: two network namespaces joined by a veth pair, each with a cgroup and an agent of its own. What one agent knows
//! reaches the other over the wire or not at all.

use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::client::{self, Client, Request};
use sonde_tests::netns::{INSIDE, Namespace, OUTSIDE};
use sonde_tests::process::Process;
use sonde_tests::propagation::{self, Seen};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{chain, environment, expect, net, run, wait};

const REQUESTS: usize = 20;

/// The far machine and a Go server on it; the near one and a Go client. Fields drop in order: what runs, then where it ran.
struct Machines {
    client: Client,
    server: Process,
    url: String,
    near: Cgroup,
    far: Cgroup,
    namespace: Namespace,
}

impl Machines {
    fn new() -> Result<Self> {
        Self::over(Namespace::new()?)
    }

    fn over(namespace: Namespace) -> Result<Self> {
        let (near, far) = (Cgroup::new()?, Cgroup::new()?);
        let port = net::free_port()?;
        let program = environment::go_program("server", false)?;
        let mut command = namespace.command(&program);
        command.arg(format!("{INSIDE}:{port}"));
        let server = Process::start("far server", &mut far.command(&command))?;
        let url = format!("http://{INSIDE}:{port}");
        wait_for(&url, &server)?;
        Ok(Self {
            client: client::Kind::Go.start_in(Some(&near))?,
            server,
            url,
            near,
            far,
            namespace,
        })
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap_or_default()
    }

    fn near_agent(&self) -> Result<Agent> {
        agent_of(&self.near, [self.client.process.pid()])
    }

    fn far_agent(&self) -> Result<Agent> {
        agent_of(&self.far, [self.server.pid()])
    }

    /// Makes all requests; gives them and what the server saw.
    fn ask(&mut self) -> Result<(Vec<Request>, Vec<Seen>)> {
        let requests: Vec<Request> = (0..REQUESTS)
            .map(|i| Request::new("GET", format!("{}/seen/{i}", self.url)))
            .collect();
        let outcomes = self.client.make(&requests)?;
        assert!(outcomes.iter().all(|o| o.status == 200), "{outcomes:?}");
        let seen = propagation::seen(&self.server, REQUESTS)?;
        Ok((requests, seen))
    }
}

/// Asks for a target that is none of the test's.
fn wait_for(url: &str, process: &Process) -> Result<()> {
    wait::until(&format!("a server at {url}"), || net::get(url).ok())
        .map(drop)
        .with_context(|| process.stderr())
}

fn agent_of(cgroup: &Cgroup, pids: impl IntoIterator<Item = u32>) -> Result<Agent> {
    let builder = Builder::jsonl().flag("--cgroup", cgroup.path().display());
    builder.pids(pids).start()
}

fn is_ours(span: &Span) -> bool {
    span.target().starts_with("/seen/") || span.target().starts_with("/chain/")
}

/// `child` was caused by `parent`.
fn assert_joined(parent: &Span, child: &Span) {
    let (is, should) = (
        (&child.trace_id, &child.parent_span_id),
        (&parent.trace_id, &parent.span_id),
    );
    assert_eq!(is, should, "{parent:#?}\n{child:#?}");
}

#[test]
fn trace_joins_across_machines() {
    run("trace_joins_across_machines", || {
        propagation::need()?;
        let mut machines = Machines::new()?;
        let (near, far) = (machines.near_agent()?, machines.far_agent()?);
        let (requests, seen) = machines.ask()?;
        let clients = near.finish(REQUESTS, is_ours)?;
        let servers = far.finish(REQUESTS, is_ours)?;
        assert!(clients.iter().all(|span| span.kind == CLIENT));
        assert!(servers.iter().all(|span| span.kind == SERVER));
        for (request, seen) in requests.iter().zip(&seen) {
            let client = expect::only(&clients, CLIENT, request.target());
            assert_joined(client, expect::only(&servers, SERVER, request.target()));
            assert_eq!(seen.traceparent()?.parent_id, client.span_id);
        }
        Ok(())
    });
}

/// The same by the TCP option alone: the server sees no field, the far agent knows all the same.
#[test]
fn trace_joins_by_the_tcp_option() {
    run("trace_joins_by_the_tcp_option", || {
        propagation::need()?;
        propagation::need_way("tcp")?;
        let mut machines = Machines::new()?;
        let near = Builder::jsonl()
            .flag("--cgroup", machines.near.path().display())
            .flag("--propagate", "tcp")
            .pids([machines.client.process.pid()])
            .start()?;
        let far = machines.far_agent()?;
        let (requests, seen) = machines.ask()?;
        assert!(seen.iter().all(|seen| seen.traceparents.is_empty()));
        let clients = near.finish(REQUESTS, is_ours)?;
        let servers = far.finish(REQUESTS, is_ours)?;
        for request in &requests {
            let client = expect::only(&clients, CLIENT, request.target());
            assert_joined(client, expect::only(&servers, SERVER, request.target()));
        }
        Ok(())
    });
}

/// The layout is OpenTelemetry eBPF Instrumentation's; it goes with the packet of each request and with no other.
#[test]
fn the_tcp_option_on_the_wire() {
    run("the_tcp_option_on_the_wire", || {
        propagation::need_way("tcp")?;
        let options = options_on_the_wire("always_on", |span| {
            format!("26 {}{}", span.trace_id, span.span_id)
        })?;
        assert_eq!(options, REQUESTS);
        Ok(())
    });
}

/// A trace that is not recorded says so, in a form that readers of the short one pass over.
#[test]
fn the_tcp_option_of_an_unsampled_trace() {
    run("the_tcp_option_of_an_unsampled_trace", || {
        propagation::need_way("tcp")?;
        let options = options_on_the_wire("always_off", |_| unreachable!("there is no span"))?;
        assert_eq!(options, REQUESTS);
        Ok(())
    });
}

/// Makes the requests and checks each option that was sent: what `expected` says for each span, or a long one without
/// the sampled flag. Gives how many there were.
fn options_on_the_wire(sampler: &str, expected: impl Fn(&Span) -> String) -> Result<usize> {
    let mut machines = Machines::new()?;
    let mut command = Command::new(environment::python()?);
    command.arg(environment::sources("peer").join("options.py"));
    command.arg(machines.port());
    let wire = Process::start("options on the wire", &mut command)?;
    wait::until("packets", || wire.stdout().contains("ready").then_some(()))?;
    let near = Builder::jsonl()
        .flag("--cgroup", machines.near.path().display())
        .flag("--propagate", "tcp")
        .flag("--sampler", sampler)
        .pids([machines.client.process.pid()])
        .start()?;
    let (requests, _) = machines.ask()?;
    let options = wait::until("an option a request", || {
        let lines: Vec<String> = wire.stdout().lines().skip(1).map(str::to_owned).collect();
        (lines.len() >= REQUESTS).then_some(lines)
    })?;
    assert!(
        options.iter().all(|line| !line.ends_with(" 0")),
        "{options:?}"
    );
    if sampler == "always_off" {
        assert!(
            options.iter().all(|line| line.starts_with("27 ")),
            "{options:?}"
        );
        near.finish(0, is_ours)?;
        return Ok(options.len());
    }
    let spans = near.finish(REQUESTS, is_ours)?;
    for request in &requests {
        let option = expected(expect::only(&spans, CLIENT, request.target()));
        assert!(
            options.iter().any(|line| line.starts_with(&option)),
            "{option}: {options:?}"
        );
    }
    Ok(options.len())
}

/// Over a wire that drops, repeats and delays packets the option comes with what is sent again.
#[test]
fn the_tcp_option_survives_a_lossy_wire() {
    run("the_tcp_option_survives_a_lossy_wire", || {
        propagation::need_way("tcp")?;
        let mut machines = Machines::over(Namespace::lossy()?)?;
        let near = Builder::jsonl()
            .flag("--cgroup", machines.near.path().display())
            .flag("--propagate", "tcp")
            .pids([machines.client.process.pid()])
            .start()?;
        let far = machines.far_agent()?;
        let (mut joined, mut roots) = (0, 0);
        for _ in 0..5 {
            machines.ask()?;
        }
        let clients = near.finish(4 * REQUESTS, is_ours).context("near")?;
        for server in far.finish(4 * REQUESTS, is_ours).context("far")? {
            let parent = server.parent_span_id.as_str();
            let known = clients
                .iter()
                .any(|client| client.span_id == parent && client.trace_id == server.trace_id);
            assert!(known || parent.is_empty(), "{server:#?}");
            joined += usize::from(known);
            roots += usize::from(parent.is_empty());
        }
        assert!(roots * 20 <= joined, "{joined} joined, {roots} roots");
        Ok(())
    });
}

/// Without an agent on its side the server sees an ordinary field.
#[test]
fn agent_on_the_client_machine_only() {
    run("agent_on_the_client_machine_only", || {
        propagation::need()?;
        let mut machines = Machines::new()?;
        let near = machines.near_agent()?;
        let (requests, seen) = machines.ask()?;
        let clients = near.finish(REQUESTS, is_ours)?;
        for (request, seen) in requests.iter().zip(&seen) {
            let (field, span) = (
                seen.traceparent()?,
                expect::only(&clients, CLIENT, request.target()),
            );
            assert_eq!(
                (&field.trace_id, &field.parent_id),
                (&span.trace_id, &span.span_id)
            );
        }
        Ok(())
    });
}

/// Nobody adds anything for a client without an agent: each server span is a root of its own. This passes before there is
/// any propagation, too.
#[test]
fn agent_on_the_server_machine_only() {
    run("agent_on_the_server_machine_only", || {
        agent::binary()?;
        let mut machines = Machines::new()?;
        let far = machines.far_agent()?;
        let (requests, seen) = machines.ask()?;
        assert!(seen.iter().all(|seen| seen.traceparents.is_empty()));
        let servers = far.finish(REQUESTS, is_ours)?;
        let mut traces = std::collections::HashSet::new();
        for request in &requests {
            let span = expect::only(&servers, SERVER, request.target());
            assert_eq!(span.parent_span_id, "", "{span:#?}");
            assert!(traces.insert(&span.trace_id), "two in one trace: {span:#?}");
        }
        Ok(())
    });
}

/// A service here asks a service there: from the one server span to the other there is one chain.
#[test]
fn chain_across_machines() {
    run("chain_across_machines", || {
        propagation::need()?;
        let mut machines = Machines::new()?;
        let (near, far) = (Cgroup::new()?, Cgroup::new()?);
        let port = net::free_port()?;
        let far_command = chain::flask_command(INSIDE, port, None)?;
        let mut there = Command::new("ip");
        there.args(["netns", "exec", machines.namespace.name()]);
        there
            .arg(far_command.get_program())
            .args(far_command.get_args());
        there.current_dir(environment::sources("chain"));
        let back = Process::start("far flask", &mut far.command(&there))?;
        let next = format!("http://{INSIDE}:{port}");
        wait_for(&next, &back)?;
        let port = net::free_port()?;
        let here = chain::flask_command(OUTSIDE, port, Some(&next))?;
        let front = Process::start("near flask", &mut near.command(&here))?;
        let url = format!("http://{OUTSIDE}:{port}");
        wait_for(&url, &front)?;

        let (near, far) = (
            agent_of(&near, [front.pid()])?,
            agent_of(&far, [back.pid()])?,
        );
        let requests: Vec<Request> = (0..REQUESTS)
            .map(|i| Request::new("GET", format!("{url}/chain/{i}")))
            .collect();
        machines.client.make(&requests)?;
        let fronts = near.finish(2 * REQUESTS, is_ours)?;
        let backs = far.finish(REQUESTS, is_ours)?;
        for request in &requests {
            let entry = expect::only(&fronts, SERVER, request.target());
            let call = expect::only(&fronts, CLIENT, request.target());
            assert_joined(entry, call);
            assert_joined(call, expect::only(&backs, SERVER, request.target()));
        }
        Ok(())
    });
}
