//! Which processes are watched: keeps the kernel side's verdicts in step with what is known.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use sonde_common::process::{Go, Process as Told, propagate, runtime, threads, verdict};
use sonde_common::python::Python;
use sonde_common::tokio::Tokio;

use super::Sampling;
use crate::capture::{Enroller, OpenFacts, Uprobes, Verdicts};
use crate::context::{self, Switch};
use crate::process::{Exec, Language, Process, Processes};
use crate::runtime::go::{self, GoFacts};
use crate::runtime::tokio::{self, TokioFacts};
use crate::runtime::{Executables, node, python};
use crate::spans::Role;

/// Known processes and the verdicts told to the kernel.
pub struct Watch {
    processes: Processes,
    verdicts: Verdicts,
    /// Processes that had a connection.
    seen: FxHashSet<u32>,
    /// Ports on which connections to a process were seen.
    ports: FxHashMap<u32, Vec<u16>>,
    propagation: Propagation,
    sampling: Sampling,
    uprobes: Uprobes,
    enroller: Enroller,
    go: Executables<GoFacts>,
    /// File offsets of its event loop and its HTTP/2.
    node: Executables<node::NodeFacts>,
    tokio: Executables<TokioFacts>,
}

/// How contexts are carried on from this machine.
#[derive(Clone, Copy, Debug)]
pub struct Propagation {
    /// Bits of [`sonde_common::process::propagate`] that the operator wants.
    pub ways: u8,
    /// Sockets of any process may be put into a sockhash.
    pub sockhash_is_harmless: bool,
    /// Whether Go's HTTP client gets a uprobe.
    pub go_uprobes: Switch,
}

impl Watch {
    /// Nothing told yet.
    #[must_use]
    pub fn new(
        processes: Processes,
        verdicts: Verdicts,
        propagation: Propagation,
        sampling: Sampling,
        uprobes: Uprobes,
        enroller: Enroller,
    ) -> Self {
        Self {
            processes,
            verdicts,
            seen: FxHashSet::default(),
            ports: FxHashMap::default(),
            propagation,
            sampling,
            uprobes,
            enroller,
            go: Executables::default(),
            node: Executables::default(),
            tokio: Executables::default(),
        }
    }

    /// Decides on every process there is and takes in the sockets of the watched ones.
    pub fn take_in(&mut self) {
        let mut totals = (0, 0, 0);
        for process in self.processes.scan() {
            let told = self.tell(&process);
            let watch = told.verdict == verdict::WATCH;
            let found = self.enroller.enroll(process.pid, &told);
            if watch {
                totals.0 += found.connected;
                totals.1 += found.listening;
                totals.2 += found.failed;
            }
        }
        self.enroller.finish();
        let (connected, listening, failed) = totals;
        tracing::info!(
            connected,
            listening,
            failed,
            "sockets older than the agent taken in"
        );
    }

    /// A process runs a new program.
    pub fn executed(&mut self, exec: &Exec) {
        let process = self.processes.executed(exec);
        self.uprobes.forget(process.pid);
        // Most processes never have a connection: they are looked into with their first.
        let told = self.told(&process);
        self.verdicts.decide(process.pid, told);
    }

    /// A process is gone; its facts are kept for late spans.
    pub fn exited(&mut self, tgid: u32) {
        self.processes.exited(tgid);
        self.verdicts.forget(tgid);
        self.seen.remove(&tgid);
        self.ports.remove(&tgid);
        self.uprobes.forget(tgid);
    }

    /// A connection was announced: a server's port may decide about its process.
    pub fn opened(&mut self, facts: &OpenFacts) {
        if facts.tgid == 0 {
            return;
        }
        if facts.role == Role::Server {
            self.serves(facts.tgid, facts.local.port());
        }
        if self.seen.insert(facts.tgid)
            && let Some(process) = self.processes.get(facts.tgid)
        {
            let told = self.tell(&process);
            self.enroll_early(process.pid, &told);
        }
    }

    /// Takes in the sockets that the process had connected before the kernel side knew of it.
    fn enroll_early(&mut self, pid: u32, told: &Told) {
        if told.propagate & propagate::HEADER != 0 {
            self.enroller.enroll(pid, told);
            self.enroller.finish();
        }
    }

    /// Facts of a process.
    pub fn process(&mut self, tgid: u32) -> Option<Arc<Process>> {
        self.processes.get(tgid)
    }

    /// Notes in the kernel side's table whether the process makes spans of its own.
    pub fn set_traces_itself(&mut self, tgid: u32, traces_itself: bool) {
        self.verdicts.set_traces_itself(tgid, traces_itself);
    }

    /// Processes that had a connection.
    #[must_use]
    pub fn watched(&self) -> usize {
        self.seen.len()
    }

    /// A port that is new for the process is looked at once.
    fn serves(&mut self, tgid: u32, port: u16) {
        let ports = self.ports.entry(tgid).or_default();
        if ports.contains(&port) {
            return;
        }
        ports.push(port);
        if let Some(process) = self.processes.ports_changed(tgid, ports) {
            self.tell(&process);
        }
    }

    /// Tells the kernel side of a process that runs already.
    fn tell(&mut self, process: &Process) -> Told {
        let mut told = self.told(process);
        match told.runtime {
            runtime::ASYNCIO => {
                self.look_into_python(process.pid, &mut told);
                self.look_into_grpc(process.pid, &mut told);
            }
            runtime::GO => self.look_into_go(process, &mut told),
            _ => match process.runtime.language {
                Some(Language::NodeJs) => self.look_into_node(process.pid, &mut told),
                Some(Language::Rust) => self.look_into_rust(process.pid, &mut told),
                _ => {}
            },
        }
        self.verdicts.decide(process.pid, told);
        told
    }

    /// Without asyncio a Python process is its threads; with an asyncio that is not understood, nothing is
    /// known of its work.
    fn look_into_python(&mut self, pid: u32, told: &mut Told) {
        self.uprobes.other_reads();
        if !self.uprobes.sees_other_reads() && python::may_switch(pid) {
            told.threads |= threads::SWITCHES;
        }
        let facts = python::inspect(pid).filter(|facts| facts.module.is_some());
        if facts.is_none() && !python::loads_asyncio(pid) {
            told.runtime = runtime::THREADS;
        }
        let Some(facts) = facts else {
            return;
        };
        let uprobes = &mut self.uprobes;
        let Some(module) = &facts.module else {
            return;
        };
        if uprobes.asyncio(pid, module) {
            let uvloop = facts.uvloop.as_ref();
            let known = uvloop.is_some_and(|uvloop| uprobes.uvloop(pid, uvloop));
            told.python = Python {
                uvloop: known.into(),
                ..facts.python
            };
        }
    }

    /// With a gRPC that is not understood no call of it is linked.
    fn look_into_grpc(&mut self, pid: u32, told: &mut Told) {
        let Some(module) = python::grpc(pid) else {
            return;
        };
        if self.uprobes.grpc(pid, &module) {
            told.grpc = module.layout;
            told.python.grpc = 1;
        }
    }

    /// Where its turns are not told apart, nothing is known of what it works on.
    fn look_into_node(&mut self, pid: u32, told: &mut Told) {
        let facts = self.node.of(pid, node::inspect).unwrap_or_default();
        if !facts.tells_turns() || !self.uprobes.node(pid, &facts) {
            told.runtime = runtime::MOVING;
        }
    }

    /// An executable that is not understood leaves its goroutines unknown.
    fn look_into_go(&mut self, process: &Process, told: &mut Told) {
        let pid = process.pid;
        let Some(facts) = self.go.of(pid, |path| goroutines(pid, path)) else {
            return;
        };
        told.go = Go {
            g: facts.g_tls_offset,
            goid: facts.goid,
            parent_goid: facts.parent_goid,
            start_pc: facts.life.map_or(0, |life| life.start_pc),
            wait_reason: facts.life.map_or(0, |life| life.wait_reason),
            waits: facts.life.map_or(0, |life| life.waits),
            ..Go::default()
        };
        let Some(path) = facts.connection else {
            return;
        };
        let wanted = self.propagation.go_uprobes == Switch::On;
        if wanted && self.uprobes.go(pid, facts.round_trip, &facts.streams) {
            told.go = Go {
                conn: facts.round_trip.map_or(0, |_| path.conn),
                fd: path.fd,
                local: path.local,
                descriptor: path.descriptor,
                context: facts.requests.map_or(0, |requests| requests.context),
                served: facts.requests.map_or(0, |requests| requests.served),
                ..told.go
            };
        }
    }

    /// An executable whose tasks are not understood keeps what [`context::carrier`] says: nothing is linked.
    fn look_into_rust(&mut self, pid: u32, told: &mut Told) {
        if told.verdict != verdict::WATCH {
            return;
        }
        let Some(facts) = self.tokio.of(pid, tokio::inspect) else {
            tracing::debug!(
                pid,
                "tasks stay unknown: links between requests will be missing"
            );
            return;
        };
        self.uprobes.tokio(pid, &facts);
        told.runtime = runtime::TOKIO;
        told.tokio = Tokio {
            task_id: facts.task_id,
            tagged: facts.tagged.into(),
        };
    }

    /// What the kernel side is told of a process.
    fn told(&mut self, process: &Process) -> Told {
        if !process.verdict.is_instrumented() {
            return Told {
                verdict: verdict::LEAVE,
                ..Told::default()
            };
        }
        let Propagation {
            ways,
            sockhash_is_harmless,
            ..
        } = self.propagation;
        Told {
            verdict: verdict::WATCH,
            propagate: context::of_process(process, ways, sockhash_is_harmless),
            runtime: context::carrier(process),
            threads: context::of_threads(process),
            sampler: self.sampling.of(process),
            ..Told::default()
        }
    }
}

fn goroutines(pid: u32, path: &Path) -> Option<GoFacts> {
    go::inspect(path)
        .inspect_err(|error| {
            tracing::warn!(pid, %error, "goroutines stay unknown: links between requests will be missing");
        })
        .ok()
}
