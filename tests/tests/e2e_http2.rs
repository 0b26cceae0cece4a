//! Plain HTTP/2 without TLS: real servers, clients and proxies; every request is exactly one right span a side, joined.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::Command;

use anyhow::{Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::client::{self, Client, Outcome, Request};
use sonde_tests::http2::{self, Kind};
use sonde_tests::process::{Process, output_of};
use sonde_tests::rpc::{self, Call};
use sonde_tests::service::{Nginx, Service};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{environment, expect, plan, run, wait};

/// Each sampled request has one span a side, right in every field, the server's the child of the client's.
fn check_all(spans: &[Span], port: u16, requests: &[Request], outcomes: &[Outcome]) {
    let sampled = requests.iter().filter(|request| request.is_sampled());
    let brief = agent::brief(spans);
    assert_eq!(spans.len(), 2 * sampled.count(), "{brief:#?}");
    let mut of: HashMap<(u64, String), Vec<&Span>> = HashMap::new();
    for span in spans {
        of.entry((span.kind, span.target())).or_default().push(span);
    }
    for (request, outcome) in requests.iter().zip(outcomes) {
        assert!(
            outcome.status != 0,
            "the request itself failed: {request:?}"
        );
        if !request.is_sampled() {
            continue;
        }
        let [client, server] = [CLIENT, SERVER].map(|kind| {
            let found = of.get(&(kind, request.target().to_owned()));
            let found = found.map_or(&[][..], Vec::as_slice);
            assert_eq!(found.len(), 1, "kind {kind} of {request:?}: {found:#?}");
            found[0]
        });
        for span in [client, server] {
            expect::check_version(span, request, *outcome, port, "2");
        }
        assert_eq!(
            (&server.trace_id, &server.parent_span_id),
            (&client.trace_id, &client.span_id),
            "{client:#?} {server:#?}"
        );
    }
}

fn make_and_check(
    service: &Service,
    client: &mut Client,
    agent: Agent,
    requests: &[Request],
) -> Result<()> {
    let outcomes = client.make(requests)?;
    let sampled = requests.iter().filter(|request| request.is_sampled());
    let spans = agent.finish(2 * sampled.count(), |_| true)?;
    check_all(&spans, service.port, requests, &outcomes);
    Ok(())
}

fn pair(name: &str, server: Kind, client: fn() -> Result<Client>) {
    run(name, || {
        agent::binary()?;
        let service = server.start()?;
        let mut client = client()?;
        let agent = Builder::watching([&service.process, &client.process]).start()?;
        make_and_check(&service, &mut client, agent, &plan::requests(&service.url))
    });
}

#[test]
fn go_and_node() {
    pair("go_and_node", Kind::Go, http2::node_client);
}

#[test]
fn node_and_go() {
    pair("node_and_go", Kind::Node, || http2::go_client(1));
}

#[test]
fn go_and_go_upgrade() {
    pair("go_and_go_upgrade", Kind::GoUpgrade, || http2::go_client(4));
}

/// Requests before the agent starts keep a connection open; those after it use the same one.
#[test]
fn older_connection() {
    run("older_connection", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let mut client = http2::node_client()?;
        client.make(&plan::requests(&service.url)[..6])?;
        let agent = Builder::watching([&service.process, &client.process]).start()?;
        // New paths are new literals: each is known, and so is what follows once it is.
        let requests: Vec<Request> = (40..60)
            .map(|size| Request::new("GET", format!("{}/sized/{size}", service.url)))
            .collect();
        let outcomes = client.make(&requests)?;
        let spans = agent.finish(2 * requests.len(), |_| true)?;
        assert_eq!(spans.len(), 2 * requests.len(), "{spans:#?}");
        let (clients, servers) = (rpc::ordered(&spans, CLIENT), rpc::ordered(&spans, SERVER));
        for (index, (request, outcome)) in requests.iter().zip(outcomes).enumerate() {
            // The authority is a field that was sent before, and a client's URL is not whole without.
            let (client, server) = (clients[index], servers[index]);
            assert_eq!(server.get("url.path"), request.path(), "{server:#?}");
            assert_eq!(client.get("url.template"), "/sized/{id}", "{client:#?}");
            for span in [client, server] {
                let status = span.get("http.response.status_code");
                let right = outcome.status.to_string();
                assert!(status == right || status.is_empty(), "{span:#?}");
            }
        }
        Ok(())
    });
}

/// curl and nghttp, by prior knowledge and by `Upgrade: h2c`.
#[test]
fn curl_both_ways() {
    run("curl_both_ways", || {
        agent::binary()?;
        let service = Kind::GoUpgrade.start()?;
        let agent = Builder::watching([&service.process])
            .flag("--include", "exe=*/curl")
            .start()?;
        let (mut requests, mut outcomes) = (Vec::new(), Vec::new());
        for (way, size) in [("--http2-prior-knowledge", 100), ("--http2", 200)] {
            for more in 0..3 {
                let url = format!("{}/sized/{}", service.url, size + more);
                let request = Request::new("GET", url);
                outcomes.push(client::curl_with(&request, &[way])?.0);
                requests.push(request);
            }
        }
        let spans = agent.finish(2 * requests.len(), |_| true)?;
        check_all(&spans, service.port, &requests, &outcomes);
        Ok(())
    });
}

#[test]
fn nghttp_both_ways() {
    run("nghttp_both_ways", || {
        environment::need("nghttp")?;
        agent::binary()?;
        let service = Kind::GoUpgrade.start()?;
        let agent = Builder::watching([&service.process])
            .flag("--include", "exe=*/nghttp")
            .flag("--max-head-bytes", "64KiB")
            .start()?;
        let ask = |options: &[&str], sizes: std::ops::Range<usize>| {
            let urls = sizes.map(|size| format!("{}/sized/{size}", service.url));
            let mut command = Command::new("nghttp");
            output_of(command.arg("-n").args(options).args(urls))
        };
        ask(&[], 100..110)?;
        ask(&["--upgrade"], 200..201)?;
        ask(&["--padding=100", "--continuation"], 300..310)?;
        let spans = agent.finish(42, |_| true)?;
        assert_eq!(spans.len(), 42, "{:#?}", agent::brief(&spans));
        for size in (100..110).chain(200..201).chain(300..310) {
            let target = format!("/sized/{size}");
            let [client, server] = [CLIENT, SERVER].map(|kind| expect::only(&spans, kind, &target));
            for span in [client, server] {
                assert_eq!(span.get("http.response.status_code"), "200", "{span:#?}");
                assert_eq!(span.get("network.protocol.version"), "2", "{span:#?}");
                assert_eq!(span.get("rpc.system.name"), "", "{span:#?}");
            }
            assert_eq!(
                server.parent_span_id, client.span_id,
                "{client:#?} {server:#?}"
            );
        }
        Ok(())
    });
}

/// Always the same request, 64 at once on one connection: as many spans as requests.
#[test]
fn h2load_counts() {
    run("h2load_counts", || {
        environment::need("h2load")?;
        agent::binary()?;
        let service = Kind::Go.start()?;
        let nginx = http2::nginx(1, &[600])?;
        let agent = Builder::watching([&service.process, &nginx.service.process])
            .flag("--include", "exe=*/h2load")
            .start()?;
        for url in [&service.url, &nginx.service.url] {
            let url = format!("{url}/sized/600");
            let mut load = Command::new("h2load");
            let report = output_of(load.args(["-c1", "-m64", "-n2000"]).arg(url))?;
            ensure!(report.contains(" 2000 2xx"), "{report}");
        }
        let spans = agent.finish(8000, |_| true)?;
        assert_eq!(spans.len(), 8000);
        let mut clients = HashMap::new();
        for span in &spans {
            assert_eq!(span.get("http.response.status_code"), "200", "{span:#?}");
            assert_eq!(span.get("network.protocol.version"), "2", "{span:#?}");
            assert_eq!(span.target(), "/sized/600", "{span:#?}");
            if span.kind == CLIENT {
                clients.insert(&span.span_id, &span.trace_id);
            }
        }
        for span in spans.iter().filter(|span| span.kind == SERVER) {
            let client = clients.remove(&span.parent_span_id);
            assert_eq!(client, Some(&span.trace_id), "not joined: {span:#?}");
        }
        assert!(clients.is_empty(), "{} have no server", clients.len());
        Ok(())
    });
}

/// A path for each of 5,000 requests, 64 at once on one connection: each is one span a side with its own status, joined.
#[test]
fn concurrent_streams() {
    run("concurrent_streams", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let mut client = http2::go_client(64)?;
        let agent = Builder::watching([&service.process, &client.process]).start()?;
        let requests: Vec<Request> = (0..5000)
            .map(|i| match i % 4 {
                0 => Request::new(
                    "GET",
                    format!("{}/status/{}?n={i}", service.url, 200 + i % 300),
                ),
                1 => Request {
                    body: 1 + i % 900,
                    ..Request::new("POST", format!("{}/echo/{i}", service.url))
                },
                _ => Request::new("GET", format!("{}/sized/{i}", service.url)),
            })
            .collect();
        make_and_check(&service, &mut client, agent, &requests)
    });
}

/// Through `proxy` to grpc-go: two pairs of spans a call, each joined.
fn through(name: &str, proxy: fn(u16) -> Result<Nginx>) {
    run(name, || {
        agent::binary()?;
        let server = rpc::Kind::Go.serve()?;
        let proxy = proxy(server.port)?;
        let mut caller = rpc::Client::Go.call(proxy.service.port, 1)?;
        let agent = Builder::watching([&server.process, &proxy.service.process, &caller.process])
            .start()?;
        let mut calls: Vec<Call> = (0..5).map(|_| Call::new("Say")).collect();
        calls.extend([3, 5, 13].map(Call::failing));
        let spread = Call {
            count: 3,
            milliseconds: 20,
            ..Call::new("Spread")
        };
        calls.push(spread);
        let outcomes = caller.make(&calls)?;
        let spans = agent.finish(4 * calls.len(), |_| true)?;
        assert_eq!(spans.len(), 4 * calls.len(), "{:#?}", agent::brief(&spans));
        let pids = proxy.service.process.group();
        let (within, outside): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(|span| {
            let pid = span.resource("process.pid").parse();
            pid.is_ok_and(|pid| pids.contains(&pid))
        });
        let outer = (
            rpc::ordered(&outside, CLIENT),
            rpc::ordered(&within, SERVER),
        );
        let inner = (
            rpc::ordered(&within, CLIENT),
            rpc::ordered(&outside, SERVER),
        );
        for (index, (call, outcome)) in calls.iter().zip(outcomes).enumerate() {
            let port = proxy.service.port;
            rpc::check(outer.0[index], outer.1[index], call, outcome, port);
            let (copy, last) = (inner.0[index], inner.1[index]);
            assert_eq!(copy.name, call.full_method(), "{copy:#?}");
            assert_eq!(last.name, call.full_method(), "{last:#?}");
            assert_eq!(
                (&last.trace_id, &last.parent_span_id),
                (&copy.trace_id, &copy.span_id),
                "{copy:#?} {last:#?}"
            );
            let code = rpc::code_name(outcome.code);
            assert_eq!(copy.get("rpc.response.status_code"), code, "{copy:#?}");
            assert_eq!(last.get("rpc.response.status_code"), code, "{last:#?}");
        }
        Ok(())
    });
}

#[test]
fn nginx_grpc_pass() {
    through("nginx_grpc_pass", |upstream| http2::nginx(upstream, &[]));
}

#[test]
fn envoy_between() {
    through("envoy_between", http2::envoy);
}

/// curl's ways to speak HTTP/1 and HTTP/2.
const WAYS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// A POST by curl.
fn post(way: &str, headers: &[&str], body: &[u8], url: &str) -> Result<()> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*"]);
    command.args(["--output", "/dev/null", way]);
    for header in headers {
        command.args(["--header", header]);
    }
    let mut curl = Process::start("curl", command.args(["--data-binary", "@-", url]))?;
    curl.stdin()?.write_all(body)?;
    curl.close_stdin();
    let status = curl.wait(wait::DEADLINE)?;
    ensure!(status.success(), "{way}: {status} {}", curl.stderr());
    Ok(())
}

/// Connect, one message each way, over HTTP/1 and HTTP/2.
#[test]
fn connect_unary() {
    run("connect_unary", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let agent = Builder::watching([&service.process])
            .flag("--include", "exe=*/curl")
            .start()?;
        let headers = [
            "content-type: application/json",
            "connect-protocol-version: 1",
        ];
        for way in WAYS {
            for method in ["Say", "Fail"] {
                let url = format!("{}/sonde.test.v1.Echo/{method}", service.url);
                post(way, &headers, b"{}", &url)?;
            }
        }
        let spans = agent.finish(8, |_| true)?;
        assert_eq!(spans.len(), 8, "{:#?}", agent::brief(&spans));
        for span in &spans {
            assert_eq!(span.get("rpc.system.name"), "connectrpc", "{span:#?}");
            assert_eq!(span.name, span.get("rpc.method"), "{span:#?}");
        }
        for (method, status) in [("Say", ""), ("Fail", "404")] {
            let name = format!("sonde.test.v1.Echo/{method}");
            let told = spans.iter().filter(|span| {
                span.name == name && span.get("http.response.status_code") == status
            });
            assert_eq!(told.count(), 4, "{method}: {:#?}", agent::brief(&spans));
        }
        Ok(())
    });
}

/// gRPC-Web over HTTP/1 and HTTP/2 to Envoy, which makes gRPC of it.
#[test]
fn grpc_web() {
    run("grpc_web", || {
        agent::binary()?;
        let server = rpc::Kind::Go.serve()?;
        let envoy = http2::envoy(server.port)?;
        let agent = Builder::watching([&server.process, &envoy.service.process]).start()?;
        for way in WAYS {
            let url = format!("{}/sonde.test.v1.Echo/Say", envoy.service.url);
            post(
                way,
                &["content-type: application/grpc-web+proto"],
                &[0; 5],
                &url,
            )?;
        }
        let spans = agent.finish(6, |_| true)?;
        assert_eq!(spans.len(), 6, "{:#?}", agent::brief(&spans));
        for span in &spans {
            assert_eq!(span.name, "sonde.test.v1.Echo/Say", "{span:#?}");
            assert_eq!(span.get("rpc.system.name"), "grpc", "{span:#?}");
        }
        Ok(())
    });
}
