//! Which traces are recorded, whose word about a parent counts, and what single services have instead: as the next service sees
//! it in `traceparent`, and in the spans.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::client::{self, Request};
use sonde_tests::load::Load;
use sonde_tests::netns::{Namespace, OUTSIDE};
use sonde_tests::process::output_of;
use sonde_tests::propagation::{self, Seen, Traceparent};
use sonde_tests::service::{Kind, Service};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{chain, environment, expect, net, run, wait};

/// Without another exchange for so long, all have come.
const QUIET: Duration = Duration::from_millis(500);

/// A front that is watched, and behind it a service that is not.
struct Pair {
    front: Service,
    callee: Service,
    cgroup: Cgroup,
    asked: usize,
}

impl Pair {
    fn new() -> Result<Self> {
        propagation::need()?;
        propagation::need_way("header")?;
        let callee = Kind::Go.start()?;
        let cgroup = Cgroup::new()?;
        let port = net::free_port()?;
        let next = format!("{}/seen", callee.url);
        let command = chain::flask_command("0.0.0.0", port, Some(&next))?;
        let front = Service::start("chain flask", port, &mut cgroup.command(&command))?;
        let asked = 0;
        Ok(Self {
            front,
            callee,
            cgroup,
            asked,
        })
    }

    fn agent(&self) -> Builder {
        let builder = Builder::jsonl().flag("--cgroup", self.cgroup.path().display());
        builder.pids(self.front.process.group())
    }

    /// Asks with each parent (`None`: with none); gives what the callee saw.
    fn ask(&mut self, parents: &[Option<String>]) -> Result<Vec<Seen>> {
        for parent in parents {
            let field = parent
                .as_ref()
                .map(|parent| format!("traceparent: {parent}\r\n"));
            let target = format!("/chain/{}", self.asked);
            get(self.front.port, &target, &field.unwrap_or_default())?;
            self.asked += 1;
        }
        let all = propagation::seen(&self.callee.process, self.asked)?;
        Ok(all[self.asked - parents.len()..].to_vec())
    }
}

fn get(port: u16, target: &str, lines: &str) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let host = format!("127.0.0.1:{port}");
    let rest = format!("Connection: close\r\n{lines}\r\n");
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n{rest}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    Ok(())
}

/// Exchanges that no span was made for as their traces are not sampled.
fn unsampled(agent: &Agent) -> Result<f64> {
    agent.metric("sonde_exchanges_without_span_total", "not_sampled")
}

/// Waits until every one of `exchanges` has a span or is counted as not sampled; gives the spans.
fn account(agent: Agent, exchanges: usize) -> Result<Vec<Span>> {
    let of_chain = |span: &Span| span.target().contains("/chain/");
    wait::until("all exchanges", || {
        let spans = agent.count(of_chain).ok()?;
        (spans as f64 + unsampled(&agent).ok()? >= exchanges as f64).then_some(())
    })
    .with_context(|| agent.metrics_page())?;
    let counted = unsampled(&agent)?;
    let spans = agent.finish(0, of_chain)?;
    let all = spans.len() as f64 + counted;
    ensure!(
        all == exchanges as f64,
        "{} spans and {counted}",
        spans.len()
    );
    Ok(spans)
}

/// Which of the traces are to be sampled: by what their parent said, and by their id.
type Rule = fn(Option<bool>, &Traceparent) -> bool;

/// What a sampler is called in messages, its flags, its variables, and what it is to do.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
    Rule,
);

/// The random part of the trace-id is in the lower half.
fn is_low(field: &Traceparent) -> bool {
    u64::from_str_radix(&field.trace_id[18..], 16).is_ok_and(|random| random < 1 << 55)
}

/// Parents, sampled and not, whose traces fall on both sides of a ratio of one half; and none.
fn parents() -> Vec<Option<String>> {
    let parent = |random: &str, flags: &str| {
        let span = "b7ad6b7169203331";
        Some(format!(
            "00-0af7651916cd43dd84{random}8eb211c80319-{span}-{flags}"
        ))
    };
    let told = ["00", "01"].into_iter().flat_map(|flags| {
        [
            parent("00", flags),
            parent("7f", flags),
            parent("80", flags),
        ]
    });
    told.chain([const { None }; 24]).collect()
}

fn judge(
    how: &str,
    parents: &[Option<String>],
    seen: &[Seen],
    spans: &[Span],
    rule: Rule,
) -> Result<()> {
    for (parent, seen) in parents.iter().zip(seen) {
        let field = seen.traceparent()?;
        let told = parent.as_ref().map(|parent| parent.ends_with("-01"));
        if let Some(parent) = parent {
            ensure!(
                parent.contains(&field.trace_id),
                "{how}: {parent} {field:?}"
            );
        }
        let sampled = field.flags & 1 == 1;
        ensure!(
            sampled == rule(told, &field),
            "{how}: {parent:?} became {field:?}"
        );
        // The same trace may have been asked for twice, once sampled and once not.
        let own = spans.iter().filter(|span| span.span_id == field.parent_id);
        ensure!(
            own.count() == usize::from(sampled),
            "{how}: spans of {field:?}"
        );
    }
    Ok(())
}

/// Each sampler by its flags or variables: what the next service is told, and which spans are made.
#[test]
fn samplers_decide() {
    run("samplers_decide", || {
        let mut pair = Pair::new()?;
        let cases: [Case; 8] = [
            ("always_on", &["--sampler", "always_on"], &[], |_, _| true),
            ("always_off", &["--sampler=always_off"], &[], |_, _| false),
            (
                "traceidratio",
                &["--sampler=traceidratio=0.5"],
                &[],
                |_, field| is_low(field),
            ),
            (
                "traceidratio by variables",
                &[],
                &[
                    ("OTEL_TRACES_SAMPLER", "traceidratio"),
                    ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
                ],
                |_, field| is_low(field),
            ),
            (
                "parentbased_traceidratio",
                &[
                    "--sampler",
                    "parentbased_traceidratio",
                    "--sampler-arg",
                    "0.5",
                ],
                &[],
                |parent, field| parent.unwrap_or_else(|| is_low(field)),
            ),
            ("the default", &[], &[], |parent, _| parent.unwrap_or(true)),
            (
                "parentbased_always_off by variables",
                &[],
                &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")],
                |parent, _| parent.unwrap_or(false),
            ),
            (
                "a variable that no specification knows",
                &[],
                &[("OTEL_TRACES_SAMPLER", "sometimes")],
                |parent, _| parent.unwrap_or(true),
            ),
        ];
        let parents = parents();
        for (how, flags, variables, rule) in cases {
            let mut builder = pair.agent();
            for flag in flags {
                builder = builder.arg(*flag);
            }
            for (name, value) in variables {
                builder = builder.env(name, value);
            }
            let agent = builder.start()?;
            let seen = pair.ask(&parents)?;
            let spans = account(agent, 2 * parents.len())?;
            judge(how, &parents, &seen, &spans, rule)?;
        }
        Ok(())
    });
}

/// Traces that begin in the kernel are as random as they must be: their share is the ratio's.
#[test]
fn a_ratio_is_a_share() {
    const REQUESTS: usize = 20_000;
    run("a_ratio_is_a_share", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let agent = Builder::jsonl()
            .pids(service.process.group())
            .flag("--sampler", "parentbased_traceidratio=0.25")
            .start()?;
        Load::start(&format!("{}/sized/1", service.url), REQUESTS, 8)?.finish()?;
        wait::until("all exchanges", || {
            let spans = agent.metric("sonde_spans_total", "server").ok()?;
            (spans + unsampled(&agent).ok()? >= REQUESTS as f64).then_some(())
        })?;
        // One standard deviation is 61: eight of them are never seen.
        let spans = agent.metric("sonde_spans_total", "server")?;
        ensure!((4_500.0..5_500.0).contains(&spans), "{spans} of {REQUESTS}");
        Ok(())
    });
}

/// On connections where some exchanges are left out, those that are not have right spans: every request has a target and a response
/// of its own, of any form.
#[test]
fn what_is_left_out_leaves_the_rest_right() {
    run("what_is_left_out_leaves_the_rest_right", || {
        agent::binary()?;
        for (kind, sampler) in [
            (client::Kind::Go, "traceidratio=0.5"),
            (client::Kind::Requests, "traceidratio=0.5"),
            (client::Kind::Fetch, "ratelimited=20/s"),
        ] {
            let service = Kind::Go.start()?;
            let mut client = kind.start()?;
            let agent = Builder::jsonl()
                .pids(service.process.group())
                .pids(client.process.group())
                .flag("--sampler", sampler)
                .start()?;
            let requests: Vec<Request> = (0..600).map(|i| mixed(&service.url, i)).collect();
            let outcomes = client.make(&requests)?;
            wait::until("all exchanges", || {
                let spans = agent.metric("sonde_spans_total", "").ok()?;
                (spans + unsampled(&agent).ok()? >= 1200.0).then_some(())
            })
            .with_context(|| agent.metrics_page())?;
            let counted = unsampled(&agent)?;
            let spans = agent.finish(2, |_| true)?;
            ensure!(
                spans.len() as f64 + counted == 1200.0,
                "{kind:?}: {} {counted}",
                spans.len()
            );
            ensure!(counted > 100.0, "{kind:?}: {counted}");
            for span in &spans {
                let of_span = requests.iter().zip(&outcomes);
                let mut same = of_span.filter(|(request, _)| request.target() == span.target());
                let (request, outcome) = same.next().context("no request")?;
                expect::check(span, request, *outcome, service.port);
            }
        }
        Ok(())
    });
}

/// Request number `i` of many that are not alike; with a target that no other has.
fn mixed(url: &str, i: usize) -> Request {
    let (method, path, body) = match i % 7 {
        0 => ("GET", format!("sized/{i}"), 0),
        1 => ("GET", format!("chunked/{}", i % 9 + 1), 0),
        2 => ("POST", format!("echo/{i}"), i * 40 + 1),
        3 => ("GET", "status/404".to_owned(), 0),
        4 => ("GET", format!("sized/{}", i * 900), 0),
        5 => ("POST", format!("echo/{i}"), 200_000),
        _ => ("GET", "status/204".to_owned(), 0),
    };
    let padding = "p".repeat(if i.is_multiple_of(5) { 700 } else { 0 });
    let mut request = Request::new(method, format!("{url}/{path}?n={i}{padding}"));
    request.body = body;
    request
}

/// Never more than the rate, all processors together, and not much less under enough load.
#[test]
fn a_rate_is_kept() {
    const REQUESTS: usize = 100_000;
    const RATE: f64 = 200.0;
    run("a_rate_is_kept", || {
        agent::binary()?;
        let service = Kind::Go.start()?;
        let started = Instant::now();
        let agent = Builder::jsonl()
            .pids(service.process.group())
            .flag("--sampler", "ratelimited")
            .flag("--sampler-arg", RATE)
            .start()?;
        let loaded = Instant::now();
        Load::start(&format!("{}/sized/1", service.url), REQUESTS, 64)?.finish()?;
        let load = loaded.elapsed().as_secs_f64();
        let spans = || agent.metric("sonde_spans_total", "server");
        wait::until("all exchanges", || {
            (spans().ok()? + unsampled(&agent).ok()? >= REQUESTS as f64).then_some(())
        })?;
        let most = RATE * (started.elapsed().as_secs_f64() + 1.0);
        let found = spans()?;
        println!("{found} traces of {REQUESTS} requests in {load:.2} s, at most {most:.0}");
        ensure!(found <= most, "{found} traces, at most {most}");
        ensure!(found >= RATE, "the bucket was not full: {found}");
        Ok(())
    });
}

/// All processes of a service share its tokens, and no other service has a part in them.
#[test]
fn a_rate_is_each_services_own() {
    run("a_rate_is_each_services_own", || {
        agent::binary()?;
        let services = [Kind::Go.start()?, Kind::Gunicorn.start()?];
        let mut builder = Builder::jsonl().flag("--sampler", "parentbased_ratelimited=0.001/s");
        for service in &services {
            builder = builder.pids(service.process.group());
        }
        let agent = builder.start()?;
        for service in &services {
            Load::start(&format!("{}/sized/1", service.url), 400, 16)?.finish()?;
        }
        wait::until("all exchanges", || {
            let spans = agent.metric("sonde_spans_total", "server").ok()?;
            (spans + unsampled(&agent).ok()? >= 800.0).then_some(())
        })?;
        let spans = agent.finish(2, |span| span.kind == SERVER)?;
        let mut languages: Vec<&str> = spans
            .iter()
            .map(|span| span.resource("telemetry.sdk.language"))
            .collect();
        languages.sort_unstable();
        ensure!(languages == ["go", "python"], "{spans:#?}");
        Ok(())
    });
}

/// Services with a sampler of their own beside one without; by name, and by a port that is known later than the service.
#[test]
fn services_have_samplers_of_their_own() {
    run("services_have_samplers_of_their_own", || {
        agent::binary()?;
        let cgroup = Cgroup::new()?;
        let [quiet, loud, late] = [net::free_port()?, net::free_port()?, net::free_port()?];
        let command = cgroup.command(&chain::flask_command("127.0.0.1", quiet, None)?);
        let _quiet = Service::start("quiet", quiet, &mut { command })?;
        let agent = Builder::jsonl()
            .flag("--cgroup", cgroup.path().display())
            .flag("--service-sampler", "chain=always_off")
            .flag("--service-sampler", format!("port={late}=traceidratio=0"))
            .start()?;
        let go = |port: u16| -> Result<Service> {
            let mut command = Command::new(environment::go_program("server", false)?);
            command.arg(format!("127.0.0.1:{port}"));
            Service::start("go", port, &mut cgroup.command(&command))
        };
        let _services = [go(loud)?, go(late)?];
        for number in 0..10 {
            get(quiet, &format!("/chain/{number}"), "")?;
            get(loud, &format!("/sized/{number}"), "")?;
        }
        let left_out =
            |count: f64| Some(()).filter(|()| unsampled(&agent).is_ok_and(|n| n >= count));
        wait::until("the quiet one's exchanges", || left_out(10.0))?;
        // The port is known with the first connections; from then on all are left out, each on a connection of its own.
        wait::until("the late one's sampler", || {
            get(late, "/sized/1", "").ok()?;
            left_out(11.0)
        })?;
        let before = wait::until_stable(QUIET, "the late one's first exchanges", || {
            unsampled(&agent).unwrap_or_default()
        })?;
        for number in 0..20 {
            get(late, &format!("/sized/7?{number}"), "")?;
        }
        wait::until("the late one's exchanges", || left_out(before + 20.0))?;
        let spans = agent.finish(10, |span| span.kind == SERVER)?;
        let on = |port: u16| {
            let port = port.to_string();
            spans
                .iter()
                .filter(move |span| span.get("server.port") == port)
        };
        ensure!(
            on(loud).count() == 10 && on(quiet).count() == 0,
            "{spans:#?}"
        );
        let mut later = on(late).filter(|span| span.target().contains('?'));
        ensure!(later.next().is_none(), "{spans:#?}");
        Ok(())
    });
}

/// A service whose contexts are not carried on, and what `sonde list` says of it.
#[test]
fn services_are_carried_on_as_told() {
    run("services_are_carried_on_as_told", || {
        let mut pair = Pair::new()?;
        let rule = "service=chain=off";
        let agent = pair.agent().flag("--service-propagate", rule).start()?;
        let seen = pair.ask(&[None, None])?;
        ensure!(
            seen.iter().all(|seen| seen.traceparents.is_empty()),
            "{seen:?}"
        );
        account(agent, 4)?;
        let agent = pair
            .agent()
            .flag("--service-propagate", "other=off")
            .start()?;
        let seen = pair.ask(&[None, None])?;
        ensure!(
            seen.iter().all(|seen| seen.traceparent().is_ok()),
            "{seen:?}"
        );
        account(agent, 4)?;

        let mut list = Command::new(agent::binary()?);
        list.args(["list", "--json", "--service-propagate", rule]);
        list.args([
            "--sampler=always_off",
            "--service-sampler=chai?=ratelimited=5/s",
        ]);
        let rows: serde_json::Value = serde_json::from_str(&output_of(&mut list)?)?;
        let pid = u64::from(pair.front.process.pid());
        let mut rows = rows.as_array().context("no rows")?.iter();
        let row = rows.find(|row| row["pid"] == pid).context("no row")?;
        ensure!(
            row["propagation"] == format!("off by --service-propagate {rule}"),
            "{row}"
        );
        let sampler = "ratelimited=5/s by --service-sampler chai?=ratelimited=5/s";
        ensure!(row["sampler"] == sampler, "{row}");
        Ok(())
    });
}

/// A parent that is told by a peer nobody trusts is only linked to.
#[test]
fn trust_is_given_to_peers() {
    const OWN: [&str; 2] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    run("trust_is_given_to_peers", || {
        environment::need("curl")?;
        let mut pair = Pair::new()?;
        let namespace = Namespace::new()?;
        let parent = format!("00-{}-{}-01", OWN[0], OWN[1]);
        for (trust, private, public) in [
            ("all", true, true),
            ("private", true, false),
            ("none", false, false),
        ] {
            let agent = pair.agent().flag("--trust-incoming", trust).start()?;
            let near = pair.ask(&[Some(parent.clone())])?;
            let mut curl = namespace.command("curl".as_ref());
            curl.args(["--silent", "--fail", "--noproxy", "*"]);
            curl.args(["--header", &format!("traceparent: {parent}")]);
            let (port, number) = (pair.front.port, pair.asked);
            curl.arg(format!("http://{OUTSIDE}:{port}/chain/{number}"));
            output_of(&mut curl)?;
            pair.asked += 1;
            let far = propagation::seen(&pair.callee.process, pair.asked)?.split_off(number);
            let spans = account(agent, 4)?;
            for (seen, trusted) in [(near, private), (far, public)] {
                let found = trusts(&seen[0], &spans, trusted, OWN);
                found.with_context(|| format!("{trust}: {seen:?} {spans:#?}"))?;
            }
        }
        Ok(())
    });
}

fn trusts(seen: &Seen, spans: &[Span], trusted: bool, [trace, span]: [&str; 2]) -> Result<()> {
    let field = seen.traceparent()?;
    let call = spans.iter().find(|span| span.span_id == field.parent_id);
    let call = call.context("no CLIENT span")?;
    let entry = spans
        .iter()
        .find(|span| span.span_id == call.parent_span_id);
    let entry = entry.context("no SERVER span")?;
    ensure!(call.kind == CLIENT && entry.kind == SERVER);
    ensure!(call.trace_id == field.trace_id && entry.trace_id == field.trace_id);
    if trusted {
        ensure!(entry.trace_id == trace && entry.parent_span_id == span && entry.links.is_empty());
    } else {
        ensure!(entry.trace_id != trace && entry.parent_span_id.is_empty());
        ensure!(entry.links == [(trace.to_owned(), span.to_owned())]);
    }
    Ok(())
}
