//! Which traces are recorded: as the next service sees it in `traceparent`, and in the spans.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Builder};
use sonde_tests::client::{self, Request};
use sonde_tests::load::Load;
use sonde_tests::pair::{Pair, account, unsampled};
use sonde_tests::propagation::{Seen, Traceparent};
use sonde_tests::service::Kind;
use sonde_tests::span::{SERVER, Span};
use sonde_tests::{expect, run, wait};

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
