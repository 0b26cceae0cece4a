//! HTTP/2 as it was sent, but for a `traceparent` more: the h2 crate at one end, Python's h2 at the other, and the agent between.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::process::Process;
use sonde_tests::service::Service;
use sonde_tests::{net, propagation, rpc, run, wait};

/// Enough for any run here on a busy machine.
const LONG: Duration = Duration::from_secs(90);

/// The echo, and a client that waits for [`begin`].
struct Load {
    echo: Service,
    client: Process,
}

impl Load {
    fn prepare(seconds: u32, seed: u32, more: &[&str]) -> Result<Self> {
        let port = net::free_port()?;
        let mut echo = rpc::python("../../http2/echo.py", &[&port.to_string()])?;
        let echo = Service::start("echo", port, &mut echo)?;
        let mut client = Command::new(rpc::tonic("exact-h2")?);
        client.args([port, 6].map(|number| number.to_string()));
        client.args([seconds, seed].map(|number| number.to_string()));
        let client = Process::start("exact-h2", client.args(more))?;
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

#[test]
fn exact_beside_an_agent() {
    run("exact_beside_an_agent", || {
        agent::binary()?;
        let mut load = Load::prepare(8, 2, &[])?;
        let mut agent = load.watching().start()?;
        load.begin()?;
        let report = load.finish()?;
        agent.stop()?;
        let (requests, inserted) = (get(&report, "requests")?, get(&report, "inserted")?);
        if propagation::is_known("--propagate")? {
            // Not into blocks beyond one frame, nor into what a small send buffer cuts.
            assert!(inserted * 5 >= requests, "{report}");
        }
        Ok(())
    });
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
