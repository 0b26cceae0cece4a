//! Connections of every age and family, in any network namespace.

use std::process::Command;

use anyhow::Result;
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::client::{self, Outcome, Request};
use sonde_tests::load::Load;
use sonde_tests::netns::{INSIDE, Namespace, OUTSIDE};
use sonde_tests::peer::{Peer, Step};
use sonde_tests::process::Process;
use sonde_tests::service::Kind;
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{environment, expect, kernel, net, run, skip, wait};

const ANSWER: Step = Step::Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

fn sized(url: &str, sizes: std::ops::Range<usize>) -> Vec<Request> {
    sizes
        .map(|size| Request::new("GET", format!("{url}/sized/{size}")))
        .collect()
}

/// Requests before the agent starts keep a connection open; those after it use the same one, and both of its ends are seen.
fn older_than_the_agent(name: &str, server: Kind, client: client::Kind) {
    run(name, || {
        agent::binary()?;
        let service = server.start()?;
        let mut client = client.start()?;
        client.make(&sized(&service.url, 10..13))?;
        let before = kernel::established_peers(service.port)?;
        let pids = service
            .process
            .group()
            .into_iter()
            .chain(client.process.group());
        let agent = Builder::jsonl().pids(pids).start()?;
        let requests = sized(&service.url, 20..30);
        let outcomes = client.make(&requests)?;
        let spans = agent.finish(2 * requests.len(), |_| true)?;
        assert_eq!(
            spans.len(),
            2 * requests.len(),
            "{:?}",
            agent::brief(&spans)
        );
        for (request, outcome) in requests.iter().zip(outcomes) {
            for kind in [SERVER, CLIENT] {
                expect::check(
                    expect::only(&spans, kind, request.target()),
                    request,
                    outcome,
                    service.port,
                );
            }
            let port = expect::only(&spans, SERVER, request.target())
                .get("network.peer.port")
                .parse()?;
            assert!(
                before.contains(&port),
                "port {port} is not of an older connection: {before:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn older_connection_go() {
    older_than_the_agent("older_connection_go", Kind::Go, client::Kind::Go);
}

#[test]
fn older_connection_gunicorn_requests() {
    older_than_the_agent(
        "older_connection_gunicorn_requests",
        Kind::Gunicorn,
        client::Kind::Requests,
    );
}

#[test]
fn older_connection_express_axios() {
    older_than_the_agent(
        "older_connection_express_axios",
        Kind::Express,
        client::Kind::Axios,
    );
}

#[test]
fn older_connection_java() {
    older_than_the_agent("older_connection_java", Kind::Jdk, client::Kind::Java);
}

/// One request from `client` to `server`; gives the server's and the client's span.
fn one_exchange(mut server: Peer, mut client: Peer) -> Result<(Span, Span)> {
    let agent = Builder::jsonl()
        .pids([server.process.pid(), client.process.pid()])
        .start()?;
    server.begin(&[Step::ReadHead, ANSWER])?;
    client.begin(&[
        Step::Send("GET /one HTTP/1.1\r\nHost: h\r\n\r\n"),
        Step::ReadHead,
        Step::Read(2),
    ])?;
    assert!(client.end()?.received.is_ok());
    let spans = agent.finish(2, |_| true)?;
    assert_eq!(spans.len(), 2, "{spans:#?}");
    Ok((
        expect::only(&spans, SERVER, "/one").clone(),
        expect::only(&spans, CLIENT, "/one").clone(),
    ))
}

/// The two ends' addresses as each span must tell them.
fn check_addresses(spans: &(Span, Span), client: &str, server: &str, port: u16) {
    assert_eq!(
        spans.0.get("network.peer.address"),
        client,
        "{:#?}",
        spans.0
    );
    assert_eq!(
        spans.1.get("network.peer.address"),
        server,
        "{:#?}",
        spans.1
    );
    assert_eq!(
        spans.1.get("network.peer.port"),
        port.to_string(),
        "{:#?}",
        spans.1
    );
}

#[test]
fn ipv6() {
    run("ipv6", || {
        agent::binary()?;
        let server = Peer::serve("::1")?;
        let port = server.port;
        let spans = one_exchange(server, Peer::connect("::1", port)?)?;
        check_addresses(&spans, "::1", "::1", port);
        Ok(())
    });
}

/// The server's socket is IPv6 and its peer `::ffff:127.0.0.1`: an IPv4 connection, told as one.
#[test]
fn v4_mapped() {
    run("v4_mapped", || {
        agent::binary()?;
        let server = Peer::serve("::")?;
        let port = server.port;
        let spans = one_exchange(server, Peer::connect("127.0.0.1", port)?)?;
        check_addresses(&spans, "127.0.0.1", "127.0.0.1", port);
        Ok(())
    });
}

#[test]
fn other_network_namespace() {
    run("other_network_namespace", || {
        agent::binary()?;
        let namespace = Namespace::new()?;
        let mut inside = namespace.command(&environment::python()?);
        let server = Peer::start(&mut inside, INSIDE, 0, "serve")?;
        let port = server.port;
        let spans = one_exchange(server, Peer::connect(INSIDE, port)?)?;
        check_addresses(&spans, OUTSIDE, INSIDE, port);
        Ok(())
    });
}

/// Segments are lost and sent again, come twice, come late: the bytes that count are those that TCP delivers.
#[test]
fn bad_wire() {
    over_a_bad_wire("bad_wire", "always_on", |_| Ok(0));
}

/// The same where half of the exchanges are left out: what is not is as right as ever.
#[test]
fn bad_wire_with_sampling() {
    over_a_bad_wire("bad_wire_with_sampling", "traceidratio=0.5", |agent| {
        let left_out = agent.metric("sonde_exchanges_without_span_total", "not_sampled")?;
        Ok(left_out.round() as usize)
    });
}

fn over_a_bad_wire(name: &str, sampler: &str, left_out: fn(&Agent) -> Result<usize>) {
    run(name, || {
        agent::binary()?;
        let namespace = Namespace::lossy()?;
        let program = environment::go_program("server", false)?;
        let port = net::free_port()?;
        let server = Process::start(
            "server",
            namespace.command(&program).arg(format!("{INSIDE}:{port}")),
        )?;
        let url = format!("http://{INSIDE}:{port}");
        wait::until("the server behind the bad wire", || {
            net::get(&format!("{url}/sized/1")).ok()
        })?;
        let mut client = client::Kind::Go.start()?;
        let agent = Builder::jsonl()
            .pids([server.pid(), client.process.pid()])
            .flag("--sampler", sampler)
            .start()?;
        let mut requests = sized(&url, 20_000..20_060);
        for (index, request) in requests.iter_mut().enumerate().skip(40) {
            (request.method, request.body) = ("POST", 15_000);
            request.url = format!("{url}/echo/{index}");
        }
        let outcomes = client.make(&requests)?;
        // The hooks stand before TCP puts segments in order: missing is allowed, wrong is not.
        let made = 2 * requests.len();
        wait::until("nine in ten exchanges", || {
            let known = agent.count(|_| true).ok()? + left_out(&agent).ok()?;
            (known >= made * 9 / 10).then_some(())
        })?;
        let left_out = left_out(&agent)?;
        let spans = agent.finish(0, |_| true)?;
        let mut right = 0;
        for (request, outcome) in requests.iter().zip(outcomes) {
            for kind in [SERVER, CLIENT] {
                right += usize::from(is_right(&spans, kind, request, outcome));
            }
        }
        println!(
            "{name}: {right} of {made} spans complete, {} in all, {left_out} left out",
            spans.len()
        );
        assert!(
            right + left_out >= made * 9 / 10,
            "{:?}",
            agent::brief(&spans)
        );
        Ok(())
    });
}

/// Whether there is a complete span of the request; panics if there are two, or one that tells a wrong status or size.
fn is_right(spans: &[Span], kind: u64, request: &Request, outcome: Outcome) -> bool {
    let mut found = spans
        .iter()
        .filter(|span| span.kind == kind && span.target() == request.target());
    let Some(span) = found.next() else {
        return false;
    };
    assert!(found.next().is_none(), "two spans of {}", request.url);
    let told = |key: &str, wanted: &str| {
        let value = span.get(key);
        let fits = value.is_empty() || value == wanted;
        assert!(fits, "{key} of {}: {value}, not {wanted}", request.url);
        !value.is_empty()
    };
    let status = told("http.response.status_code", &outcome.status.to_string());
    status & told("http.response.body.size", &outcome.body.to_string())
}

/// A service that starts after the agent is known the moment it execs: its first request is seen, by each way to select it.
#[test]
fn services_younger_than_the_agent() {
    run("services_younger_than_the_agent", || {
        agent::binary()?;
        for (kind, rule) in [
            (Kind::Go, "exe=*/goserver"),
            (Kind::Flask, "cmd=*app.py*"),
            (Kind::Jdk, "cmd=*JdkServer*"),
        ] {
            let agent = Builder::jsonl().flag("--include", rule).start()?;
            let service = kind.start()?;
            let requests = sized(&service.url, 30..33);
            for request in &requests {
                client::curl(request)?;
            }
            let port = service.port.to_string();
            let spans = agent.finish(requests.len(), |span| span.get("server.port") == port)?;
            assert_eq!(
                spans.len(),
                requests.len(),
                "{rule}: {:?}",
                agent::brief(&spans)
            );
        }
        Ok(())
    });
}

/// Go listens with MPTCP unless told otherwise; an ordinary client falls back to plain TCP on a socket that MPTCP made.
#[test]
fn mptcp_listener() {
    run("mptcp_listener", || {
        agent::binary()?;
        let enabled = std::fs::read_to_string("/proc/sys/net/mptcp/enabled").unwrap_or_default();
        if enabled.trim() != "1" {
            return Err(skip("this kernel has no MPTCP"));
        }
        let service = Kind::Go.start()?;
        let agent = Builder::jsonl().pids(service.process.group()).start()?;
        let requests = sized(&service.url, 1..4);
        for request in &requests {
            client::curl(request)?;
        }
        let spans = agent.finish(requests.len(), |_| true)?;
        assert_eq!(spans.len(), requests.len());
        Ok(())
    });
}

/// A server that defers its accepting gets the first request with the handshake's last packet, before its socket exists.
#[test]
fn deferred_accept() {
    run("deferred_accept", || {
        agent::binary()?;
        let port = net::free_port()?;
        let mut command = Command::new("python3");
        command
            .arg("deferred.py")
            .arg(port.to_string())
            .current_dir(environment::sources("peer"));
        let server = Process::start("deferred", &mut command)?;
        let url = format!("http://127.0.0.1:{port}");
        wait::until("the deferring server", || {
            net::get(&format!("{url}/sized/1")).ok()
        })?;
        let agent = Builder::jsonl().pids([server.pid()]).start()?;
        let requests = sized(&url, 500..520);
        for request in &requests {
            client::curl(request)?;
        }
        let spans = agent.finish(requests.len(), |_| true)?;
        assert_eq!(spans.len(), requests.len(), "{:?}", agent::brief(&spans));
        for request in &requests {
            expect::only(&spans, SERVER, request.target());
        }
        Ok(())
    });
}

/// Processes that live a few milliseconds, started after the agent: each is seen from its first byte, under its own name.
#[test]
fn short_lived_clients() {
    run("short_lived_clients", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let agent = Builder::jsonl().flag("--include", "exe=*/curl").start()?;
        let requests = sized(&service.url, 100..140);
        let mut pids = Vec::new();
        for request in &requests {
            pids.push(client::curl(request)?.1.to_string());
        }
        let port = service.port.to_string();
        let spans = agent.finish(requests.len(), |span| span.get("server.port") == port)?;
        assert_eq!(spans.len(), requests.len());
        for (request, pid) in requests.iter().zip(pids) {
            let span = expect::only(&spans, CLIENT, request.target());
            assert_eq!(
                (span.resource("service.name"), span.resource("process.pid")),
                ("curl", &*pid)
            );
        }
        Ok(())
    });
}

/// 20,000 requests over 50 kept-alive connections, and 2,000 with a connection each: not one span too few or too many.
#[test]
fn every_request_of_a_load() {
    run("every_request_of_a_load", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let agent = Builder::jsonl().pids(service.process.group()).start()?;
        let url = format!("{}/sized/100", service.url);
        Load::start(&url, 20_000, 50)?.finish()?;
        Load::start(&url, 2_000, 2_000)?.finish()?;
        let page = agent.metrics_page();
        let spans = agent.finish(22_000, |_| true)?;
        assert_eq!(spans.len(), 22_000, "{page}");
        let ids: std::collections::HashSet<&str> =
            spans.iter().map(|span| &*span.span_id).collect();
        assert_eq!(ids.len(), spans.len(), "a span id was used twice");
        Ok(())
    });
}
