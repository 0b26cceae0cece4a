//! A service that knows nothing of tracing behaves under the agent as W3C Trace Context asks of a participant, case by case:
//! the names are those of the specification's test suite. The same for the fields of other propagators and for `baggage`.

use anyhow::{Result, anyhow, ensure};
use sonde_tests::agent::{Agent, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::propagation::{self, Seen};
use sonde_tests::service::{Kind, Service};
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{chain, expect, net, run, wait};

mod cases;

use cases::{Case, others, parents, states};

/// An unmodified service between the test and a callee that prints what it gets.
struct Setting {
    callee: Service,
    service: Service,
    cgroup: Cgroup,
}

impl Setting {
    fn new() -> Result<Self> {
        let callee = Kind::Go.start()?;
        let cgroup = Cgroup::new()?;
        let port = net::free_port()?;
        let next = format!("{}/seen", callee.url);
        let command = chain::flask_command("127.0.0.1", port, Some(&next))?;
        let service = Service::start("chain flask", port, &mut cgroup.command(&command))?;
        Ok(Self {
            callee,
            service,
            cgroup,
        })
    }

    fn agent(&self, flags: &[(&str, &str)]) -> Result<Agent> {
        let builder = Builder::jsonl()
            .flag("--cgroup", self.cgroup.path().display())
            .pids(self.service.process.group());
        let flagged =
            |builder: Builder, (name, value): &(&str, &str)| builder.arg(format!("{name}={value}"));
        flags.iter().fold(builder, flagged).start()
    }

    /// Sends the cases and compares; gives the agent's counts for `reasons`.
    fn check(&self, agent: Agent, cases: &[Case], reasons: &[(&str, u32)]) -> Result<()> {
        for (number, case) in cases.iter().enumerate() {
            propagation::ask(self.service.port, &format!("/chain/{number}"), &case.lines)?;
        }
        let seen = propagation::seen(&self.callee.process, cases.len())?;
        for (reason, count) in reasons {
            let label = format!("reason=\"{reason}\"");
            wait::until(&format!("{count} {reason}"), || {
                let found = agent.metric("sonde_losses", &label).ok()?;
                (found >= f64::from(*count)).then_some(())
            })?;
        }
        let sampled = cases.iter().filter(|case| case.sampled).count();
        let spans = agent.finish(2 * sampled, |span| span.target().contains("/chain/"))?;
        ensure!(spans.len() == 2 * sampled, "{} spans", spans.len());
        for (number, case) in cases.iter().enumerate() {
            let found = compare(number, case, &seen[number], &spans);
            found.map_err(|error| anyhow!("{}: {:?}: {error:#}", case.name, case.lines))?;
        }
        Ok(())
    }
}

fn compare(number: usize, case: &Case, seen: &Seen, spans: &[Span]) -> Result<()> {
    let field = seen.traceparent()?;
    ensure!((field.flags & 1 == 1) == case.sampled, "{field:?}");
    // Also of a trace that begins here.
    let random = case.random || case.parent.is_none();
    ensure!(field.flags & 2 == 2 || !random, "{field:?}");
    let values = |wanted: &str| -> Vec<String> {
        let fields = seen.fields.iter().filter(|(name, _)| name == wanted);
        fields.map(|(_, value)| value.clone()).collect()
    };
    ensure!(
        values("tracestate") == case.tracestate.as_slice(),
        "{seen:?}"
    );
    ensure!(values("baggage") == case.baggage.as_slice(), "{seen:?}");
    match &case.parent {
        Some((trace, _)) => ensure!(field.trace_id == *trace, "{field:?}"),
        None => ensure!(!case.lines.contains(&field.trace_id), "{field:?}"),
    }
    ensure!(!case.lines.contains(&field.parent_id), "{field:?}");
    if !case.sampled {
        return Ok(());
    }
    let server = expect::only(spans, SERVER, &format!("/chain/{number}"));
    let client = expect::only(spans, CLIENT, &format!("/seen/chain/{number}"));
    ensure!(
        (&field.trace_id, &field.parent_id) == (&client.trace_id, &client.span_id),
        "{client:#?}"
    );
    ensure!(
        (&server.trace_id, &server.span_id) == (&client.trace_id, &client.parent_span_id),
        "{server:#?}"
    );
    let parent = case.parent.as_ref().map_or("", |(_, parent)| parent);
    ensure!(server.parent_span_id == parent, "{server:#?}");
    let state = case.tracestate.as_deref().unwrap_or_default();
    ensure!(
        (&*server.trace_state, &*client.trace_state) == (state, state),
        "{server:#?}\n{client:#?}"
    );
    Ok(())
}

#[test]
fn traceparent_by_the_cases_of_w3c() {
    run("traceparent_by_the_cases_of_w3c", || {
        propagation::need()?;
        let setting = Setting::new()?;
        let reasons = [("several_traceparents", 1), ("invalid_traceparent", 20)];
        setting.check(setting.agent(&[])?, &parents(), &reasons)
    });
}

#[test]
fn tracestate_by_the_cases_of_w3c() {
    run("tracestate_by_the_cases_of_w3c", || {
        propagation::need()?;
        let setting = Setting::new()?;
        let reasons = [("invalid_tracestate", 8), ("tracestate_too_long", 1)];
        setting.check(setting.agent(&[])?, &states(), &reasons)
    });
}

#[test]
fn other_propagators_and_baggage() {
    run("other_propagators_and_baggage", || {
        propagation::need()?;
        let setting = Setting::new()?;
        let flags = [
            ("--propagators", "tracecontext,b3,b3multi,jaeger,datadog"),
            ("--propagate-baggage", "true"),
        ];
        let reasons = [
            ("invalid_propagator", 3),
            ("baggage_too_long", 1),
            ("invalid_baggage", 1),
        ];
        setting.check(setting.agent(&flags)?, &others(), &reasons)
    });
}

/// Without the flags, only `traceparent` counts, and no `baggage` is carried.
#[test]
fn only_what_is_listed_counts() {
    run("only_what_is_listed_counts", || {
        propagation::need()?;
        let setting = Setting::new()?;
        let mut cases = others();
        cases.retain(|case| !case.lines.contains("traceparent"));
        for case in &mut cases {
            (case.parent, case.baggage, case.sampled) = (None, None, true);
        }
        setting.check(setting.agent(&[])?, &cases, &[])
    });
}
