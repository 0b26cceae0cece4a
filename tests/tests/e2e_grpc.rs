//! Real gRPC servers and clients: every call is exactly one right span on each side, joined.

use anyhow::Result;
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::rpc::{self, Call, Caller, Client, Kind, Outcome};
use sonde_tests::run;
use sonde_tests::service::Service;
use sonde_tests::span::{CLIENT, SERVER, Span};

/// Clocks that are read on one machine, and a client that takes its time around the socket calls.
const SLACK_NS: u64 = 3_000_000;

/// All codes, all kinds of streams, large and small messages, contexts of the application's own.
fn plan() -> Vec<Call> {
    let mut calls: Vec<Call> = (0..5).map(|_| Call::new("Say")).collect();
    calls.extend((1..=16).map(Call::failing));
    let of = |method: &str, change: &dyn Fn(&mut Call)| {
        let mut call = Call::new(method);
        change(&mut call);
        call
    };
    calls.push(of("Say", &|call| {
        (call.payload, call.size) = (300_000, 200_000)
    }));
    calls.push(of("Collect", &|call| call.messages = 5));
    calls.push(of("Collect", &|call| {
        (call.messages, call.payload) = (3, 100_000)
    }));
    calls.push(of("Collect", &|call| (call.messages, call.code) = (2, 10)));
    calls.push(of("Spread", &|call| {
        (call.count, call.milliseconds) = (5, 20)
    }));
    calls.push(of("Spread", &|call| (call.count, call.code) = (0, 5)));
    calls.push(of("Spread", &|call| (call.count, call.code) = (3, 14)));
    calls.push(of("Spread", &|call| (call.count, call.size) = (4, 70_000)));
    calls.push(of("Chat", &|call| (call.messages, call.count) = (3, 2)));
    calls.push(of("Chat", &|call| {
        (call.messages, call.milliseconds) = (4, 10)
    }));
    for (index, call) in calls.iter_mut().enumerate() {
        // Every third call comes with a context, sampled or not.
        if index % 3 == 0 {
            let flags = if index % 2 == 0 { "01" } else { "00" };
            call.traceparent = Some(format!(
                "00-{:032x}-{:016x}-{flags}",
                0xabc_0000 + index,
                0xdef_0000 + index
            ));
        }
    }
    calls
}

fn given_up() -> Vec<Call> {
    let wait = |deadline, cut| Call {
        milliseconds: 3000,
        deadline,
        cut,
        ..Call::new("Wait")
    };
    let stream = Call {
        count: 100,
        milliseconds: 20,
        cut: 90,
        ..Call::new("Spread")
    };
    vec![wait(80, 0), wait(0, 80), stream, Call::new("Say")]
}

/// The calls one after another, and the spans of each, in the order of the calls.
fn make_and_check(
    server: &Service,
    client: &mut Caller,
    agent: Agent,
    calls: &[Call],
) -> Result<Vec<Span>> {
    let outcomes = client.make(calls)?;
    let sampled = calls.iter().filter(|call| call.is_sampled()).count();
    let spans = agent.finish(2 * sampled, |_| true)?;
    check_all(&spans, server.port, calls, &outcomes);
    Ok(spans)
}

fn check_all(spans: &[Span], port: u16, calls: &[Call], outcomes: &[Outcome]) {
    let made = calls.iter().zip(outcomes);
    let sampled: Vec<_> = made.filter(|(call, _)| call.is_sampled()).collect();
    let (clients, servers) = (rpc::ordered(spans, CLIENT), rpc::ordered(spans, SERVER));
    let brief = || agent::brief(spans);
    assert_eq!(clients.len(), sampled.len(), "clients of {:#?}", brief());
    assert_eq!(servers.len(), sampled.len(), "servers of {:#?}", brief());
    for (index, (call, outcome)) in sampled.into_iter().enumerate() {
        check_outcome(call, *outcome);
        rpc::check(clients[index], servers[index], call, *outcome, port);
    }
}

/// What the client itself must have seen.
fn check_outcome(call: &Call, outcome: Outcome) {
    let expected = match (call.cut, call.deadline) {
        (0, 0) => call.code,
        (0, _) => 4,
        _ => 1,
    };
    assert_eq!(outcome.code, expected, "{call:?} {outcome:?}");
    if call.cut == 0 && call.deadline == 0 {
        assert_eq!(outcome.replies, call.replies(), "{call:?} {outcome:?}");
    }
}

/// One server and one client, both observed.
fn pair(name: &str, server: Kind, client: Client) {
    run(name, || {
        agent::binary()?;
        let service = server.serve()?;
        let mut caller = client.call(service.port, 1)?;
        let agent = Builder::watching([&service.process, &caller.process]).start()?;
        let calls = [plan(), given_up()].concat();
        let spans = make_and_check(&service, &mut caller, agent, &calls)?;
        for (kind, language) in [(SERVER, server.language()), (CLIENT, client.language())] {
            let wrong = spans.iter().find(|span| {
                span.kind == kind && span.resource("telemetry.sdk.language") != language
            });
            assert!(wrong.is_none(), "not {language}: {wrong:#?}");
        }
        Ok(())
    });
}

#[test]
fn go_and_go() {
    pair("go_and_go", Kind::Go, Client::Go);
}

#[test]
fn go_and_python() {
    pair("go_and_python", Kind::Go, Client::Python);
}

#[test]
fn python_and_node() {
    pair("python_and_node", Kind::Python, Client::Node);
}

#[test]
fn aio_and_go() {
    pair("aio_and_go", Kind::PythonAio, Client::Go);
}

#[test]
fn node_and_java() {
    pair("node_and_java", Kind::Node, Client::Java);
}

#[test]
fn java_and_tonic() {
    pair("java_and_tonic", Kind::Java, Client::Tonic);
}

#[test]
fn tonic_and_aio() {
    pair("tonic_and_aio", Kind::Tonic, Client::PythonAio);
}

/// A connection that is older than the agent: what it cannot know is left out, what it says is right.
fn older(name: &str, server: Kind, client: Client) {
    run(name, || {
        agent::binary()?;
        let service = server.serve()?;
        let mut caller = client.call(service.port, 1)?;
        let before: Vec<Call> = (0..5).map(|_| Call::new("Say")).collect();
        caller.make(&before)?;
        let agent = Builder::watching([&service.process, &caller.process]).start()?;
        let mut calls: Vec<Call> = (0..4).map(|_| Call::new("Say")).collect();
        calls.extend([Call::failing(5), Call::failing(13), Call::new("Say")]);
        let outcomes = caller.make(&calls)?;
        // The first packets of an old connection may tell nothing yet.
        let spans = agent.finish(2 * (calls.len() - 1), |_| true)?;
        for kind in [CLIENT, SERVER] {
            let found = rpc::ordered(&spans, kind);
            let missed = calls.len().checked_sub(found.len());
            assert!(missed.is_some_and(|missed| missed <= 1), "{found:#?}");
            let made = calls.iter().zip(&outcomes).skip(missed.unwrap_or(0));
            for (span, (call, outcome)) in found.into_iter().zip(made) {
                honest(span, call, *outcome);
            }
        }
        Ok(())
    });
}

/// The name is right or not there, and so is the status; the time is right in any case.
fn honest(span: &Span, call: &Call, outcome: Outcome) {
    let about = format!("{call:?} {outcome:?}\n{span:#?}");
    let method = span.get("rpc.method");
    let known = method == call.full_method();
    assert!(known || method.is_empty(), "method of {about}");
    // Where only the path is known, it is the name of a plain request.
    let plain = format!("POST /{}", call.full_method());
    let incomplete = span.get("sonde.request.head_incomplete") == "true";
    assert!(
        known || incomplete || span.name == plain,
        "does not say so: {about}"
    );
    let code = span.get("rpc.response.status_code");
    let right = rpc::code_name(outcome.code);
    assert!(code == right || code.is_empty(), "status of {about}");
    assert!(
        span.start_ns + SLACK_NS >= outcome.start_ns,
        "start of {about}"
    );
    assert!(span.end_ns <= outcome.end_ns + SLACK_NS, "end of {about}");
}

#[test]
fn older_connection_go() {
    older("older_connection_go", Kind::Go, Client::Go);
}

#[test]
fn older_connection_python_node() {
    older("older_connection_python_node", Kind::Python, Client::Node);
}

#[test]
fn older_connection_java_tonic() {
    older("older_connection_java_tonic", Kind::Java, Client::Tonic);
}
