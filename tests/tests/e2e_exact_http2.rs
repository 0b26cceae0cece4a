//! HTTP/2 as it was sent, but for a `traceparent` more: the h2 crate or Node's nghttp2 at one end, Python's h2 at the other, and the
//! agent between.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::process::Process;
use sonde_tests::service::Service;
use sonde_tests::{http2, net, propagation, rpc, run, wait};

/// Enough for any run here on a busy machine.
const LONG: Duration = Duration::from_secs(90);

/// The echo, and a client that waits for [`begin`].
struct Load {
    echo: Service,
    client: Process,
}

impl Load {
    /// The h2 crate, six connections at a time.
    fn prepare(seconds: u32, seed: u32, more: &[&str]) -> Result<Self> {
        let mut client = Command::new(rpc::tonic("exact-h2")?);
        Self::with(|port| {
            client.args([port.to_string(), 6.to_string()]);
            client.args([seconds, seed].map(|number| number.to_string()));
            client.args(more);
            Ok(client)
        })
    }

    /// nghttp2, which pads its frames.
    fn padded(seconds: u32, seed: u32) -> Result<Self> {
        Self::with(|port| {
            let numbers = [port.into(), seconds, seed].map(|number| number.to_string());
            http2::node("exact.js", &numbers.each_ref().map(|number| &**number))
        })
    }

    fn with(client: impl FnOnce(u16) -> Result<Command>) -> Result<Self> {
        let port = net::free_port()?;
        let mut echo = rpc::python("../../http2/echo.py", &[&port.to_string()])?;
        let echo = Service::start("echo", port, &mut echo)?;
        let client = Process::start("exact-h2", &mut client(port)?)?;
        wait::until("the client", || {
            client.stdout().contains("ready").then_some(())
        })?;
        Ok(Self { echo, client })
    }

    fn watching(&self) -> Builder {
        Builder::jsonl().pids([self.echo.process.pid(), self.client.pid()])
    }

    fn begin(&mut self) -> Result<()> {
        Ok(self.client.stdin()?.write_all(b"\n")?)
    }

    /// What the client counted; fails at any difference, and if the other end found fault with what came.
    fn finish(mut self) -> Result<String> {
        let status = self.client.wait(LONG)?;
        let (said, other) = (self.client.stderr(), self.echo.process.stderr());
        ensure!(status.success(), "{said}\n{other}");
        let output = self.client.stdout();
        let line = output.lines().last().unwrap_or_default();
        println!("exact-h2: {line}");
        Ok(line.to_owned())
    }
}

fn get(report: &str, key: &str) -> Result<u64> {
    let mut pairs = report.split_whitespace().filter_map(|w| w.split_once('='));
    let found = pairs.find(|(name, _)| *name == key);
    Ok(found
        .with_context(|| format!("no {key} in {report}"))?
        .1
        .parse()?)
}

/// The comparison itself: alone it finds nothing, and it finds a byte that is not as it was.
#[test]
fn differences_are_found() {
    run("differences_are_found", || {
        let mut load = Load::prepare(1, 1, &[])?;
        load.begin()?;
        let report = load.finish()?;
        assert!(get(&report, "requests")? > 50, "{report}");
        assert_eq!(get(&report, "inserted")?, 0, "{report}");
        let mut spoiled = Load::prepare(1, 1, &["flip"])?;
        spoiled.begin()?;
        assert!(spoiled.finish().is_err());
        Ok(())
    });
}

/// Beside an agent nothing but the field is new, and it is written into one request of `often`.
fn beside_an_agent(name: &str, load: fn() -> Result<Load>, often: u64) {
    run(name, || {
        agent::binary()?;
        let mut load = load()?;
        let mut agent = load.watching().start()?;
        load.begin()?;
        let report = load.finish()?;
        agent.stop()?;
        let (requests, inserted) = (get(&report, "requests")?, get(&report, "inserted")?);
        if propagation::is_known("--propagate")? {
            assert!(inserted * often >= requests, "{report}");
        }
        Ok(())
    });
}

/// Not into blocks beyond one frame, nor into what a small send buffer cuts.
#[test]
fn exact_beside_an_agent() {
    beside_an_agent("exact_beside_an_agent", || Load::prepare(8, 2, &[]), 5);
}

#[test]
fn exact_with_padding() {
    beside_an_agent("exact_with_padding", || Load::padded(8, 4), 5);
}

/// Agents start under load, see some of it, and end, in turn as they should and by SIGKILL.
#[test]
fn exact_while_agents_come_and_go() {
    run("exact_while_agents_come_and_go", || {
        agent::binary()?;
        let mut load = Load::prepare(600, 3, &[])?;
        load.begin()?;
        for how in [Agent::kill, Agent::stop, Agent::kill] {
            let mut agent = load.watching().start()?;
            wait::until("spans of the load", || {
                let enough = agent.count(|_| true).is_ok_and(|count| count >= 100);
                (enough || load.client.exited().is_some()).then_some(())
            })?;
            how(&mut agent)?;
        }
        // The load has outlived all of them, and some of it sees no agent.
        ensure!(load.client.exited().is_none(), "{}", load.client.stderr());
        load.client.close_stdin();
        load.finish()?;
        Ok(())
    });
}
