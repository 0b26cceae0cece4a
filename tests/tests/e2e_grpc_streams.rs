//! Many gRPC streams on one connection, and connections that end under them.
//!
//! The long form: `SONDE_TEST_CALLS=100000 cargo test --release -p sonde-tests --test e2e_grpc_streams calls_at_once_go`.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sonde_tests::agent::{self, Builder};
use sonde_tests::rpc::{self, Call, Client, Kind, Outcome};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{run, wait};

/// Streams at once.
const AT_ONCE: usize = 64;
/// Enough for the long form.
const LONG: Duration = Duration::from_secs(600);

/// `SONDE_TEST_CALLS`, or these.
fn how_many(usual: usize) -> Result<usize> {
    match std::env::var("SONDE_TEST_CALLS") {
        Ok(text) => text.parse().context("SONDE_TEST_CALLS is no number"),
        Err(_) => Ok(usual),
    }
}

/// Of every kind some; every fourth with a context of its own, which tells its spans from all others, and, where the server
/// takes any name, every fourth with a name of its own, which does too.
fn mixture(count: usize, named: bool) -> Vec<Call> {
    (0..count)
        .map(|index| {
            let code = u32::try_from(index % 17).unwrap_or(0);
            let mut call = match index % 4 {
                0 if named => Call {
                    code,
                    ..Call::new(format!("N{index}"))
                },
                1 => Call::failing(code.max(1)),
                2 if index % 8 == 2 => Call {
                    count: index % 5,
                    ..Call::new("Spread")
                },
                2 => Call {
                    messages: 1 + index % 3,
                    ..Call::new("Chat")
                },
                _ => Call::new("Say"),
            };
            call.payload = index % 700;
            if index % 4 == 3 || index % 16 == 1 {
                let (trace, span) = (0xca11_0000_0000 + index, 0x5ba9_0000_0000 + index);
                call.traceparent = Some(format!("00-{trace:032x}-{span:016x}-01"));
            }
            call
        })
        .collect()
}

/// What must be equal between what was called and what the spans say.
type Sort = (String, String);

fn sort_of(span: &Span) -> Sort {
    let code = span.get("rpc.response.status_code");
    (span.name.clone(), code.to_owned())
}

/// Every call is one CLIENT and one SERVER span, joined: those that can be told apart each by itself, all together by name and
/// status.
fn check_all(spans: &[Span], calls: &[Call], outcomes: &[Outcome]) {
    let mut wanted: HashMap<Sort, usize> = HashMap::new();
    let mut of_trace: HashMap<String, Sort> = HashMap::new();
    for (call, outcome) in calls.iter().zip(outcomes) {
        assert_eq!(outcome.code, call.code, "{call:?} {outcome:?}");
        let sort = (call.full_method(), rpc::code_name(outcome.code).to_owned());
        *wanted.entry(sort.clone()).or_default() += 1;
        if let Some(parent) = &call.traceparent {
            let trace = parent.split('-').nth(1).unwrap_or_default();
            of_trace.insert(trace.to_owned(), sort);
        }
    }
    let mut clients = HashMap::new();
    for kind in [CLIENT, SERVER] {
        let mut left = wanted.clone();
        let mut own = of_trace.clone();
        for span in spans.iter().filter(|span| span.kind == kind) {
            let sort = sort_of(span);
            let count = left.get_mut(&sort);
            let count = count.unwrap_or_else(|| panic!("no such call: {span:#?}"));
            *count = count.checked_sub(1).unwrap_or_else(|| {
                panic!("more spans of kind {kind} than calls: {span:#?}");
            });
            if let Some(expected) = own.remove(&span.trace_id) {
                assert_eq!(sort, expected, "{span:#?}");
            }
            if kind == CLIENT {
                clients.insert(span.span_id.clone(), span);
            }
        }
        left.retain(|_, count| *count > 0);
        assert!(left.is_empty(), "kind {kind} lacks {left:?}");
        assert!(own.is_empty(), "kind {kind}: {} traces", own.len());
    }
    for server in spans.iter().filter(|span| span.kind == SERVER) {
        let client = clients.remove(&server.parent_span_id);
        let client = client.unwrap_or_else(|| panic!("not joined: {server:#?}"));
        assert_eq!(sort_of(server), sort_of(client), "{server:#?} {client:#?}");
        assert_eq!(server.trace_id, client.trace_id, "{server:#?} {client:#?}");
    }
    assert!(clients.is_empty(), "{} clients alone", clients.len());
}

fn at_once(name: &str, server: Kind, client: Client, count: usize) {
    run(name, || {
        agent::binary()?;
        let count = how_many(count)?;
        let service = server.serve()?;
        let mut caller = client.call(service.port, AT_ONCE)?;
        let agent = Builder::watching([&service.process, &caller.process]).start()?;
        let calls = mixture(count, server == Kind::Go && client == Client::Go);
        // In portions, so that no pipe is filled beyond what is read.
        let mut outcomes = Vec::new();
        for portion in calls.chunks(5000) {
            caller.begin(portion)?;
            outcomes.extend(caller.end(portion.len(), LONG)?);
        }
        let spans = agent.finish(2 * calls.len(), |_| true)?;
        assert_eq!(spans.len(), 2 * calls.len());
        check_all(&spans, &calls, &outcomes);
        Ok(())
    });
}

#[test]
fn calls_at_once_go() {
    at_once("calls_at_once_go", Kind::Go, Client::Go, 5000);
}

#[test]
fn calls_at_once_python() {
    at_once("calls_at_once_python", Kind::Python, Client::Go, 1500);
}

#[test]
fn calls_at_once_node() {
    at_once("calls_at_once_node", Kind::Node, Client::PythonAio, 1500);
}

#[test]
fn calls_at_once_java() {
    at_once("calls_at_once_java", Kind::Java, Client::Node, 1500);
}

#[test]
fn calls_at_once_tonic() {
    at_once("calls_at_once_tonic", Kind::Tonic, Client::Java, 1500);
}

#[test]
fn calls_at_once_aio() {
    at_once("calls_at_once_aio", Kind::PythonAio, Client::Tonic, 1500);
}

/// 1,000 streams are open on one connection at the same moment, and each is a span as long as its call.
#[test]
fn thousand_streams() {
    run("thousand_streams", || {
        agent::binary()?;
        let service = Kind::Go.serve()?;
        let mut caller = Client::Go.call(service.port, 1000)?;
        let agent = Builder::watching([&service.process, &caller.process]).start()?;
        let calls: Vec<Call> = (0..1000)
            .map(|index| Call {
                milliseconds: 1500,
                code: index % 17,
                ..Call::new("Wait")
            })
            .collect();
        let outcomes = caller.make(&calls)?;
        let spans = agent.finish(2 * calls.len(), |_| true)?;
        check_all(&spans, &calls, &outcomes);
        let latest = spans.iter().map(|span| span.start_ns).max();
        let first = spans.iter().map(|span| span.end_ns).min();
        assert!(latest < first, "they were not open at the same moment");
        for span in &spans {
            assert!(span.milliseconds() >= 1499.0, "too short: {span:#?}");
        }
        Ok(())
    });
}

/// The client gives calls up and the server's limits make others wait; the spans tell who ended what.
#[test]
fn given_up_among_others() {
    run("given_up_among_others", || {
        agent::binary()?;
        let service = Kind::Go.serve()?;
        let mut caller = Client::Go.call(service.port, AT_ONCE)?;
        let agent = Builder::watching([&service.process, &caller.process]).start()?;
        let calls: Vec<Call> = (0..600)
            .map(|index| match index % 3 {
                0 => Call {
                    milliseconds: 5000,
                    deadline: 40,
                    ..Call::new("Wait")
                },
                1 => Call {
                    milliseconds: 5000,
                    cut: 30,
                    ..Call::new("Wait")
                },
                _ => Call::new("Say"),
            })
            .collect();
        let outcomes = caller.make(&calls)?;
        let spans = agent.finish(2 * calls.len(), |_| true)?;
        assert_eq!(spans.len(), 2 * calls.len(), "{:#?}", agent::brief(&spans));
        for (code, wanted) in [(0, "OK"), (1, "CANCELLED"), (4, "DEADLINE_EXCEEDED")] {
            let made = outcomes.iter().filter(|outcome| outcome.code == code);
            assert_eq!(made.clone().count(), 200, "{wanted}");
            for kind in [CLIENT, SERVER] {
                let told = spans.iter().filter(|span| {
                    span.kind == kind && span.get("rpc.response.status_code") == wanted
                });
                assert_eq!(told.count(), 200, "{wanted} of kind {kind}");
            }
        }
        Ok(())
    });
}

/// The server shuts down gracefully (GOAWAY) under 200 open calls: each ends as it should. A killed one ends them as failures.
#[test]
fn server_goes_away() {
    run("server_goes_away", || {
        agent::binary()?;
        for signal in [libc::SIGTERM, libc::SIGKILL] {
            let mut service = Kind::Go.serve()?;
            let mut caller = Client::Go.call(service.port, 201)?;
            let agent = Builder::watching([&service.process, &caller.process]).start()?;
            let spread = Call {
                count: 4,
                milliseconds: 400,
                ..Call::new("Spread")
            };
            let mut calls = vec![spread; 200];
            caller.begin(&calls)?;
            // The answer to one that comes behind them says that all of them are open.
            caller.begin_more(&[Call::new("Say")], calls.len())?;
            wait::until("an answer", || {
                (!caller.process.stdout().is_empty()).then_some(())
            })?;
            calls.push(Call::new("Say"));
            service.process.signal(signal);
            let outcomes = caller.end(calls.len(), wait::DEADLINE)?;
            service.process.wait(wait::DEADLINE)?;
            let expected = if signal == libc::SIGTERM { 0 } else { 14 };
            let last = outcomes.len() - 1;
            let right = outcomes[..last]
                .iter()
                .all(|outcome| outcome.code == expected);
            assert!(right && outcomes[last].code == 0, "{signal}: {outcomes:?}");
            let spans = agent.finish(2 * calls.len(), |_| true)?;
            assert_eq!(spans.len(), 2 * calls.len(), "{:#?}", agent::brief(&spans));
            for span in spans.iter().filter(|span| !span.name.ends_with("/Say")) {
                assert_eq!(span.name, "sonde.test.v1.Echo/Spread", "{span:#?}");
                let code = span.get("rpc.response.status_code");
                let right = if expected == 0 {
                    code == "OK"
                } else {
                    ["", "UNAVAILABLE"].contains(&code)
                };
                assert!(right, "{signal}: {span:#?}");
                if expected != 0 && span.kind == CLIENT {
                    assert!(!span.get("error.type").is_empty(), "{span:#?}");
                }
            }
        }
        Ok(())
    });
}
