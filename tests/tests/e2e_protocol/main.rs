//! HTTP/1.1 as it is allowed to be and as it should not be: scripted ends, one table, both ends observed.

mod cases;

use anyhow::Result;
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::peer::{Peer, Played, Step};
use sonde_tests::run;
use sonde_tests::span::{CLIENT, SERVER, Span};

use cases::{CASES, Exchange, GARBAGE};

#[test]
fn protocol_cases() {
    run("protocol_cases", || {
        agent::binary()?;
        let mut server = Peer::serve("127.0.0.1")?;
        let mut client = Peer::connect("127.0.0.1", server.port)?;
        let agent = Builder::jsonl()
            .pids([server.process.pid(), client.process.pid()])
            .start()?;
        let mut played = Vec::new();
        for case in CASES {
            played.push(play(&mut client, &mut server, case.client, case.server)?);
            assert!(
                played.last().is_some_and(|p| p.received.is_ok()),
                "{}: {played:#?}",
                case.name
            );
        }
        for (client_steps, server_steps) in GARBAGE {
            play(&mut client, &mut server, client_steps, server_steps)?;
        }
        finish(agent, &played)
    });
}

/// A request that is still in flight after `--max-exchange` is exported as such, on both sides, and not lost.
#[test]
fn exchange_without_end() {
    run("exchange_without_end", || {
        agent::binary()?;
        let mut server = Peer::serve("127.0.0.1")?;
        let mut client = Peer::connect("127.0.0.1", server.port)?;
        let pids = [server.process.pid(), client.process.pid()];
        let agent = Builder::jsonl()
            .flag("--max-exchange", "1s")
            .pids(pids)
            .start()?;
        server.begin(&[Step::ReadHead, Step::ReadEof])?;
        client.begin(&[
            Step::Send("GET /stuck HTTP/1.1\r\nHost: h\r\n\r\n"),
            Step::ReadEof,
        ])?;
        let spans = agent.finish(2, |span| span.target() == "/stuck")?;
        assert_eq!(spans.len(), 2, "{spans:#?}");
        for span in spans {
            assert!(span.milliseconds() >= 900.0, "{span:#?}");
            assert_eq!(span.get("http.response.status_code"), "");
        }
        Ok(())
    });
}

/// The scripts themselves, without an agent: each side gets what the other sends.
#[test]
fn scripts_play() {
    run("scripts_play", || {
        let mut server = Peer::serve("127.0.0.1")?;
        let mut client = Peer::connect("127.0.0.1", server.port)?;
        for case in CASES {
            let played = play(&mut client, &mut server, case.client, case.server)?;
            assert!(played.received.is_ok(), "{}: {played:?}", case.name);
        }
        for (client_steps, server_steps) in GARBAGE {
            play(&mut client, &mut server, client_steps, server_steps)?;
        }
        Ok(())
    });
}

fn play(
    client: &mut Peer,
    server: &mut Peer,
    of_client: &[Step],
    of_server: &[Step],
) -> Result<Played> {
    server.begin(of_server)?;
    client.begin(of_client)?;
    let served = server.end()?;
    assert!(
        served.received.is_ok(),
        "the server's side of {of_server:?}: {served:?}"
    );
    client.end()
}

/// Collects what is wrong with all cases before failing, so that one run shows the whole table.
fn finish(agent: Agent, played: &[Played]) -> Result<()> {
    let exchanges: usize = CASES.iter().map(|case| case.exchanges.len()).sum();
    let spans = agent.finish(2 * exchanges, |_| true)?;
    let mut wrong = Vec::new();
    for (case, played) in CASES.iter().zip(played) {
        for exchange in case.exchanges {
            for kind in [SERVER, CLIENT] {
                if let Err(what) = check(&spans, kind, exchange, played) {
                    wrong.push(format!(
                        "{} ({}, kind {kind}): {what}",
                        case.name, exchange.target
                    ));
                }
            }
        }
    }
    let known = |span: &&Span| {
        CASES
            .iter()
            .flat_map(|case| case.exchanges)
            .any(|e| e.target == span.target())
    };
    let stray: Vec<Span> = spans
        .iter()
        .filter(|span| !known(span) && span.target() != "/half-a-head")
        .cloned()
        .collect();
    assert!(
        wrong.is_empty() && stray.is_empty(),
        "{wrong:#?}\nstray: {:#?}",
        agent::brief(&stray)
    );
    Ok(())
}

fn check(spans: &[Span], kind: u64, exchange: &Exchange, played: &Played) -> Result<(), String> {
    let found: Vec<&Span> = spans
        .iter()
        .filter(|s| s.kind == kind && s.target() == exchange.target)
        .collect();
    let [span] = found[..] else {
        return Err(format!("{} spans", found.len()));
    };
    let differs = |key: &str, wanted: &str| {
        (span.get(key) != wanted).then(|| format!("{key} is {:?}, not {wanted:?}", span.get(key)))
    };
    let fixed = [
        ("http.request.method", exchange.method),
        ("http.response.status_code", exchange.status),
    ];
    for (key, wanted) in fixed.iter().chain(exchange.has) {
        differs(key, wanted).map_or(Ok(()), Err)?;
    }
    let error = span.get("error.type");
    match exchange.error {
        Some("*") if error.is_empty() => return Err("no error.type".to_owned()),
        Some("") if !error.is_empty() => return Err(format!("error.type {error:?}")),
        _ => {}
    }
    // When a connection breaks, the two ends learn of it one after the other.
    let slack = if exchange.error == Some("*") {
        50_000_000
    } else {
        2_000_000
    };
    let inside = span.start_ns + slack >= played.start_ns && span.end_ns <= played.end_ns + slack;
    inside
        .then_some(())
        .ok_or_else(|| format!("{}..{} not within {played:?}", span.start_ns, span.end_ns))
}
