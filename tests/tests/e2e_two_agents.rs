//! Two agents on one machine: the second is refused where it would see the first one's sockets, and only there.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::{self, Builder};
use sonde_tests::cgroup::Cgroup;
use sonde_tests::process::Process;
use sonde_tests::{environment, net, run, wait};

fn sonde(arguments: &[&str], cgroup: &Path) -> Result<Output> {
    let mut command = Command::new(agent::binary()?);
    command.args(arguments).arg("--cgroup").arg(cgroup);
    command.output().with_context(|| format!("{command:?}"))
}

fn on(cgroup: &Path) -> Builder {
    Builder::jsonl().flag("--cgroup", cgroup.display())
}

/// The second one says who is there and what to do, with the exit code of what keeps an agent from starting.
#[test]
fn a_second_agent_is_refused() {
    run("a_second_agent_is_refused", || {
        agent::binary()?;
        let cgroup = Cgroup::new()?;
        let below = cgroup.path().join("below");
        let mut first = on(cgroup.path()).start()?;
        std::fs::create_dir(&below)?;
        let pid = format!("process {}", first.process().pid());
        for path in [cgroup.path(), &below] {
            let second = sonde(&["run", "--export", "jsonl"], path)?;
            let said = String::from_utf8_lossy(&second.stderr);
            ensure!(second.status.code() == Some(3), "{second:?}");
            ensure!(said.contains(&pid) && said.contains("--cgroup"), "{said}");
            ensure!(second.stdout.is_empty(), "{second:?}");
        }
        std::fs::remove_dir(&below)?;
        let check = sonde(&["check"], cgroup.path())?;
        let said = String::from_utf8_lossy(&check.stdout);
        ensure!(said.contains(&pid), "{said}");
        // Nothing is left of one that could not tidy up.
        first.kill()?;
        let mut third = on(cgroup.path()).start()?;
        third.stop()
    });
}

#[test]
fn agents_of_cgroups_beside_each_other_do_not_meet() {
    run("agents_of_cgroups_beside_each_other_do_not_meet", || {
        agent::binary()?;
        let (left, right) = (Cgroup::new()?, Cgroup::new()?);
        let (mut one, mut other) = (on(left.path()).start()?, on(right.path()).start()?);
        one.stop()?;
        other.stop()
    });
}

/// However close they start, one stays and one goes.
#[test]
fn one_of_two_that_start_at_once_stays() {
    run("one_of_two_that_start_at_once_stays", || {
        let binary = agent::binary()?;
        let cgroup = Cgroup::new()?;
        for _ in 0..3 {
            let ports = [net::free_port()?, net::free_port()?];
            let start = |port: u16| {
                let mut command = Command::new(&binary);
                command.args(["run", "--export", "jsonl", "--metrics-listen"]);
                command.arg(format!("127.0.0.1:{port}"));
                command.arg("--cgroup").arg(cgroup.path());
                Process::start("sonde", &mut command)
            };
            let mut both = [start(ports[0])?, start(ports[1])?];
            let stays = wait::until("one to be ready", || {
                ports.iter().position(|port| {
                    let ready = net::get(&format!("http://127.0.0.1:{port}/readyz"));
                    matches!(ready, Ok((200, _)))
                })
            })?;
            let status = both[1 - stays].wait(wait::DEADLINE)?;
            ensure!(status.code() == Some(3), "{}", both[1 - stays].stderr());
            ensure!(both[stays].exited().is_none(), "{}", both[stays].stderr());
            both[stays].signal(libc::SIGTERM);
            both[stays].wait(wait::DEADLINE)?;
        }
        Ok(())
    });
}

/// Everybody may lock a directory that they may read: that keeps no agent away.
#[test]
fn others_cannot_keep_it_away() {
    run("others_cannot_keep_it_away", || {
        agent::binary()?;
        environment::need("setpriv")?;
        environment::need("flock")?;
        let cgroup = Cgroup::new()?;
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["flock", "-F"]).arg(cgroup.path());
        command.args(["sh", "-c", "echo locked; exec sleep 60"]);
        let mut locker = Process::start("flock", &mut command)?;
        wait::until("the lock", || {
            locker.stdout().contains("locked").then_some(())
        })?;
        let mut agent = on(cgroup.path()).start()?;
        agent.stop()?;
        let said = agent.process().stderr();
        ensure!(said.contains("is no agent"), "{said}");
        locker.signal(libc::SIGTERM);
        locker.wait(wait::DEADLINE).map(drop)
    });
}
