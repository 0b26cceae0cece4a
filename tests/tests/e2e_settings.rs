//! What single services have instead of what all have, and whose word about a parent counts.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::netns::{Namespace, OUTSIDE};
use sonde_tests::pair::{Pair, account, get, unsampled};
use sonde_tests::process::output_of;
use sonde_tests::propagation::{self, Seen};
use sonde_tests::service::Service;
use sonde_tests::span::{CLIENT, SERVER, Span};
use sonde_tests::{chain, environment, net, run, wait};

/// Without another exchange for so long, all have come.
const QUIET: Duration = Duration::from_millis(500);

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
