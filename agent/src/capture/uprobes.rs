//! The uprobes in the processes of runtimes that hide who causes what.
//!
//! Each is attached for one process, so that others which map the same file are not slowed down. Dropping
//! a link detaches it, as does the end of the agent. Which processes, and where: [`crate::runtime`].
//! With the first Node.js process comes a tracepoint at reads from other sockets than those of TCP.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use aya::programs::uprobe::{UProbeAttachPoint, UProbeLink, UProbeScope};
use aya::programs::{ProbeKind, ProgramError, UProbe};
use rustc_hash::FxHashMap;
use sonde_common::tokio::Probe;

use super::other_reads::OtherReads;
use super::{Capture, CaptureError};
use crate::runtime::python::{Module, Uvloop, grpc::Cygrpc};

/// The programs, loaded, and where they are attached.
pub struct Uprobes {
    task_init: UProbe,
    set_result: UProbe,
    connection_made: UProbe,
    init_stream: UProbe,
    start_batch: UProbe,
    round_trip: UProbe,
    run_timers: UProbe,
    other_reads: OtherReads,
    wake: UProbe,
    attached: FxHashMap<u32, Attached>,
}

#[derive(Default)]
struct Attached {
    asyncio: Vec<UProbeLink>,
    uvloop: Vec<UProbeLink>,
    grpc: Vec<UProbeLink>,
    /// In the executable itself: a process is Go or Node.js, if either.
    executable: Vec<UProbeLink>,
    tokio: Vec<UProbeLink>,
}

impl Uprobes {
    /// Loads the programs; they stay loaded as long as this lives.
    pub fn new(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            task_init: load(capture, "task_init")?,
            set_result: load(capture, "future_set_result")?,
            connection_made: load(capture, "uvloop_connection_made")?,
            init_stream: load(capture, "grpc_init_stream")?,
            start_batch: load(capture, "grpc_start_batch")?,
            round_trip: load(capture, "uprobe_round_trip")?,
            run_timers: load(capture, "uprobe_run_timers")?,
            other_reads: OtherReads::new(capture),
            wake: load(capture, "uprobe_wake")?,
            attached: FxHashMap::default(),
        })
    }

    /// Attaches to asyncio in process `pid`, if that has not been done. Gives whether it is attached.
    pub fn asyncio(&mut self, pid: u32, module: &Module) -> bool {
        let attached = self.attached.entry(pid).or_default();
        if attached.asyncio.is_empty() {
            let links = [
                attach(
                    &mut self.task_init,
                    pid,
                    &module.target.path,
                    module.task_init,
                ),
                attach(
                    &mut self.set_result,
                    pid,
                    &module.target.path,
                    module.set_result,
                ),
            ];
            attached.asyncio = complete(pid, links);
        }
        !attached.asyncio.is_empty()
    }

    /// The same for uvloop.
    pub fn uvloop(&mut self, pid: u32, uvloop: &Uvloop) -> bool {
        let attached = self.attached.entry(pid).or_default();
        if attached.uvloop.is_empty() {
            let at = uvloop.connection_made;
            let link = attach(&mut self.connection_made, pid, &uvloop.target.path, at);
            attached.uvloop = complete(pid, [link]);
        }
        !attached.uvloop.is_empty()
    }

    /// The same for gRPC's C core in grpcio.
    pub fn grpc(&mut self, pid: u32, module: &Cygrpc) -> bool {
        let attached = self.attached.entry(pid).or_default();
        if attached.grpc.is_empty() {
            let target = &module.target.path;
            let links = [
                attach(&mut self.init_stream, pid, target, module.init_stream),
                attach(&mut self.start_batch, pid, target, module.start_batch),
            ];
            attached.grpc = complete(pid, links);
        }
        !attached.grpc.is_empty()
    }

    /// Attaches to Go's HTTP client in process `pid`, at this offset of its executable.
    pub fn go(&mut self, pid: u32, offset: u64) -> bool {
        let attached = self.attached.entry(pid).or_default();
        if attached.executable.is_empty() {
            let link = attach(&mut self.round_trip, pid, &executable(pid), offset);
            attached.executable = complete(pid, [link]);
        }
        !attached.executable.is_empty()
    }

    /// Attaches to the messages of tokio in process `pid`, at these offsets of its executable.
    pub fn tokio(&mut self, pid: u32, probes: &[(u64, Probe)]) {
        let attached = self.attached.entry(pid).or_default();
        if !attached.tokio.is_empty() {
            return;
        }
        let target = executable(pid);
        let links = probes.iter().map(|(offset, probe)| {
            let point = UProbeAttachPoint {
                location: (*offset).into(),
                cookie: Some(probe.cookie()),
            };
            attach(&mut self.wake, pid, &target, point)
        });
        let links: Vec<_> = links.collect();
        attached.tokio = complete(pid, links);
    }

    /// Attaches to the timers of Node.js process `pid`, at these offsets of its executable.
    pub fn node(&mut self, pid: u32, offsets: &[u64]) {
        self.other_reads.attach();
        let attached = self.attached.entry(pid).or_default();
        if attached.executable.is_empty() {
            let target = executable(pid);
            let links = offsets
                .iter()
                .map(|offset| attach(&mut self.run_timers, pid, &target, *offset));
            attached.executable = complete(pid, links);
        }
    }

    /// Are reads seen that Node.js makes from other sockets than those of TCP?
    #[must_use]
    pub fn sees_other_reads(&self) -> bool {
        self.other_reads.is_there()
    }

    /// The process is gone, or runs another program.
    pub fn forget(&mut self, pid: u32) {
        self.attached.remove(&pid);
    }
}

/// All links or none.
fn complete(
    pid: u32,
    links: impl IntoIterator<Item = Result<UProbeLink, ProgramError>>,
) -> Vec<UProbeLink> {
    let links: Result<Vec<_>, _> = links.into_iter().collect();
    links.unwrap_or_else(|error| {
        tracing::debug!(pid, %error, "no uprobe: links between requests will be missing");
        Vec::new()
    })
}

fn executable(pid: u32) -> PathBuf {
    format!("/proc/{pid}/exe").into()
}

fn attach<'loc>(
    program: &mut UProbe,
    pid: u32,
    target: &Path,
    point: impl Into<UProbeAttachPoint<'loc>>,
) -> Result<UProbeLink, ProgramError> {
    let pid = NonZeroU32::new(pid).ok_or(ProgramError::NotLoaded)?;
    let link = program.attach(point, target, UProbeScope::OneProcess(pid))?;
    program.take_link(link)
}

fn load(capture: &mut Capture, name: &'static str) -> Result<UProbe, CaptureError> {
    let step = |step| {
        move |source: ProgramError| CaptureError::Program {
            program: name,
            step,
            source,
        }
    };
    let program: &mut UProbe = capture
        .program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or(CaptureError::Missing(name))?;
    if program.fd().is_err() {
        program.load().map_err(step("load"))?;
    }
    let info = program.info().map_err(step("load"))?;
    // SAFETY: it is the program that was loaded above, as a uprobe.
    let own = unsafe { UProbe::from_program_info(info, name.into(), ProbeKind::Entry) };
    own.map_err(step("load"))
}
