//! Not one byte is changed, lost, moved or held back, whatever goes over the sockets of a watched process: `exact` compares.
//!
//! By hand, beside an agent of your own: `cargo run --release -p sonde-tests --bin exact -- --bytes 10000000000 --connections 32`.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Agent, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::process::Process;
use sonde_tests::{kernel, propagation, run, wait};

/// Enough for any run here on a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// What a run said of itself.
#[derive(Debug)]
struct Report(String);

impl Report {
    fn get(&self, key: &str) -> Result<u64> {
        let mut pairs = self.0.split_whitespace().filter_map(|w| w.split_once('='));
        let found = pairs.find(|(name, _)| *name == key);
        let (_, value) = found.with_context(|| format!("no {key} in {}", self.0))?;
        Ok(value.parse()?)
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exact"));
    command.args(arguments);
    command
}

/// Ends well, with no difference and nothing that stalled.
fn finish(mut process: Process) -> Result<Report> {
    let status = process.wait(LONG)?;
    ensure!(status.success(), "{}", process.stderr());
    let output = process.stdout();
    let line = output.lines().last().unwrap_or_default();
    println!("exact: {line}");
    Ok(Report(line.to_owned()))
}

/// A run inside `cgroup` that waits for [`begin`]; where the kernel miscounts for sockets of a SOCKHASH, FIONREAD is held to be
/// right at the end that `miscounted` names.
fn prepared(cgroup: &Cgroup, arguments: &[&str], miscounted: &str) -> Result<Process> {
    let mut inside = command(arguments);
    let counts = kernel::counts_in_sockhash()?;
    let how = if counts { "both" } else { miscounted };
    inside.args(["--wait-stdin", "--fionread", how]);
    let process = Process::start("exact", &mut cgroup.command(&inside))?;
    wait::until("exact to be ready", || {
        process.stdout().contains("ready").then_some(())
    })?;
    Ok(process)
}

fn begin(process: &mut Process) -> Result<()> {
    Ok(process.stdin()?.write_all(b"\n")?)
}

fn watching(cgroup: &Cgroup, process: &Process) -> Builder {
    Builder::jsonl()
        .flag("--cgroup", cgroup.path().display())
        .pids([process.pid()])
}

/// The comparison itself: alone it finds nothing, and it finds everything that is done to the bytes on purpose.
#[test]
fn faults_are_found() {
    run("faults_are_found", || {
        let short = ["--bytes", "20000000", "--connections", "4"];
        let insert = command(&[&short[..], &["--fault", "insert"]].concat());
        let report = finish(Process::start("exact", &mut { insert })?)?;
        assert!(report.get("inserted")? > 100, "{report:?}");
        for fault in [
            "flip",
            "lose",
            "repeat",
            "swap",
            "reorder",
            "truncate",
            "two-fields",
            "misplaced",
            "upper-case",
            "zero-id",
            "beside-own",
            "overwrite",
        ] {
            let mut spoiled =
                command(&[&short[..], &["--patience", "3", "--fault", fault]].concat());
            let mut process = Process::start("exact", &mut spoiled)?;
            let status = process.wait(LONG)?;
            let said = process.stderr();
            assert_eq!(status.code(), Some(1), "{fault}: {said}");
            assert!(said.contains(" of the message"), "{fault}: {said}");
        }
        Ok(())
    });
}

#[test]
fn exact_beside_an_agent() {
    run("exact_beside_an_agent", || {
        agent::binary()?;
        let cgroup = Cgroup::new()?;
        let arguments = ["--bytes", "150000000", "--connections", "16"];
        let mut load = prepared(&cgroup, &arguments, "server")?;
        let mut agent = watching(&cgroup, &load).start()?;
        begin(&mut load)?;
        let report = finish(load)?;
        agent.stop()?;
        if propagation::is_known("--propagate")? {
            let (requests, inserted) = (report.get("requests")?, report.get("inserted")?);
            // Nothing need be written into a head whose empty line is cut, one behind a chunked body in the same send,
            // or one that a tiny send queue may cut.
            assert!(inserted * 3 >= requests, "{report:?}");
        }
        Ok(())
    });
}

/// Nothing may be added when the flag says so.
#[test]
fn exact_without_headers() {
    run("exact_without_headers", || {
        propagation::need()?;
        let cgroup = Cgroup::new()?;
        for how in propagation::known_ways(&["off", "tcp"])? {
            let mut load = prepared(&cgroup, &["--bytes", "40000000"], "both")?;
            let watching = watching(&cgroup, &load).flag("--propagate", how);
            let mut agent = watching.start()?;
            begin(&mut load)?;
            let report = finish(load)?;
            agent.stop()?;
            assert_eq!(report.get("inserted")?, 0, "{how}: {report:?}");
        }
        Ok(())
    });
}

/// Agents start under load, see some of it, and end, in turn as they should and by SIGKILL.
#[test]
fn exact_while_agents_come_and_go() {
    run("exact_while_agents_come_and_go", || {
        agent::binary()?;
        let cgroup = Cgroup::new()?;
        let arguments = ["--seconds", "15", "--connections", "16", "--seed", "2"];
        // Which end a socket older than the agent is, it cannot know at once.
        let mut load = prepared(&cgroup, &arguments, "none")?;
        begin(&mut load)?;
        let mut agents = 0;
        while load.exited().is_none() {
            let mut agent = watching(&cgroup, &load).start()?;
            see_some(&agent, &mut load)?;
            if agents % 2 == 0 {
                agent.kill()?;
            } else {
                agent.stop()?;
            }
            agents += 1;
        }
        let report = finish(load)?;
        println!("exact: {agents} agents came and went");
        assert!(agents >= 3, "only {agents} agents: {report:?}");
        Ok(())
    });
}

/// Waits until the agent has written spans of the load, or that has ended.
fn see_some(agent: &Agent, load: &mut Process) -> Result<()> {
    wait::until("spans of the load", || {
        let enough = agent.count(|_| true).is_ok_and(|count| count >= 100);
        (enough || load.exited().is_some()).then_some(())
    })
}
