//! The uprobes in the processes of runtimes that hide who causes what.
//!
//! Each is attached for one process, so that others which map the same file are not slowed down. Dropping
//! a link detaches it, as does the end of the agent. Which processes, and where: [`crate::runtime`].
//! With the first Node.js or Python process comes a tracepoint at the reads of all sockets.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use aya::programs::uprobe::{UProbeAttachPoint, UProbeLink, UProbeScope};
use aya::programs::{ProgramError, UProbe};
use rustc_hash::FxHashMap;
use sonde_common::go;

use programs::{Asyncio, Go, Grpc, Node, Programs, Tokio};

use super::other_reads::OtherReads;
use super::{Capture, CaptureError};
use crate::runtime::node::NodeFacts;
use crate::runtime::python::{Module, Uvloop, grpc::Cygrpc};
use crate::runtime::tokio::TokioFacts;

mod programs;

/// The programs, as far as the kernel has loaded them, and where they are attached.
pub struct Uprobes {
    asyncio: Option<Asyncio>,
    grpc: Option<Grpc>,
    go: Option<Go>,
    node: Option<Node>,
    tokio: Option<Tokio>,
    other_reads: OtherReads,
    refused: Vec<CaptureError>,
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
    pub fn new(capture: &mut Capture) -> Self {
        let mut refused = Vec::new();
        Self {
            asyncio: loaded(capture, &mut refused),
            grpc: loaded(capture, &mut refused),
            go: loaded(capture, &mut refused),
            node: loaded(capture, &mut refused),
            tokio: loaded(capture, &mut refused),
            other_reads: OtherReads::new(capture),
            refused,
            attached: FxHashMap::default(),
        }
    }

    /// Why there are none for some runtimes: one error each.
    #[must_use]
    pub fn refused(&self) -> &[CaptureError] {
        &self.refused
    }

    /// Attaches to asyncio in process `pid`, if that has not been done. Gives whether it is attached.
    pub fn asyncio(&mut self, pid: u32, module: &Module) -> bool {
        let Some(programs) = &mut self.asyncio else {
            return false;
        };
        let attached = self.attached.entry(pid).or_default();
        if attached.asyncio.is_empty() {
            let target = &module.target.path;
            let links = [
                attach(&mut programs.task_init, pid, target, module.task_init),
                attach(&mut programs.set_result, pid, target, module.set_result),
            ];
            attached.asyncio = complete(pid, links);
        }
        !attached.asyncio.is_empty()
    }

    /// The same for uvloop.
    pub fn uvloop(&mut self, pid: u32, uvloop: &Uvloop) -> bool {
        let Some(programs) = &mut self.asyncio else {
            return false;
        };
        let attached = self.attached.entry(pid).or_default();
        if attached.uvloop.is_empty() {
            let at = uvloop.connection_made;
            let link = attach(&mut programs.connection_made, pid, &uvloop.target.path, at);
            attached.uvloop = complete(pid, [link]);
        }
        !attached.uvloop.is_empty()
    }

    /// The same for gRPC's C core in grpcio.
    pub fn grpc(&mut self, pid: u32, module: &Cygrpc) -> bool {
        let Some(programs) = &mut self.grpc else {
            return false;
        };
        let attached = self.attached.entry(pid).or_default();
        if attached.grpc.is_empty() {
            let target = &module.target.path;
            let links = [
                attach(&mut programs.init_stream, pid, target, module.init_stream),
                attach(&mut programs.start_batch, pid, target, module.start_batch),
            ];
            attached.grpc = complete(pid, links);
        }
        !attached.grpc.is_empty()
    }

    /// Attaches to Go's HTTP client in process `pid`, and to where streams are served and opened, at these offsets of its
    /// executable.
    pub fn go(&mut self, pid: u32, round_trip: Option<u64>, streams: &[(u64, go::Probe)]) -> bool {
        let Some(programs) = &mut self.go else {
            return false;
        };
        let attached = self.attached.entry(pid).or_default();
        if attached.executable.is_empty() {
            let target = executable(pid);
            let (serve, open) = (&mut programs.serve_stream, &mut programs.open_stream);
            let streams = streams.iter().map(|(offset, probe)| {
                let point = UProbeAttachPoint {
                    location: (*offset).into(),
                    cookie: Some(probe.cookie()),
                };
                let program = if probe.serves() {
                    &mut *serve
                } else {
                    &mut *open
                };
                attach(program, pid, &target, point)
            });
            let mut links: Vec<_> = streams.collect();
            links.extend(round_trip.map(|at| attach(&mut programs.round_trip, pid, &target, at)));
            attached.executable = complete(pid, links);
        }
        !attached.executable.is_empty()
    }

    /// Attaches to the messages of tokio in process `pid`, and to its HTTP/2.
    pub fn tokio(&mut self, pid: u32, facts: &TokioFacts) {
        let Some(programs) = &mut self.tokio else {
            return;
        };
        let attached = self.attached.entry(pid).or_default();
        if !attached.tokio.is_empty() {
            return;
        }
        let target = executable(pid);
        let messages = facts.probes.iter().map(|(offset, probe)| {
            let point = with_cookie(*offset, probe.cookie());
            attach(&mut programs.wake, pid, &target, point)
        });
        attached.tokio = complete(pid, messages);
        let streams = facts.streams.iter().map(|(offset, probe)| {
            let point = with_cookie(*offset, probe.cookie());
            attach(&mut programs.streams, pid, &target, point)
        });
        let streams = complete(pid, streams);
        attached.tokio.extend(streams);
    }

    /// Attaches to the event loop and the HTTP/2 of Node.js process `pid`. Gives whether the loop is attached to.
    pub fn node(&mut self, pid: u32, facts: &NodeFacts) -> bool {
        self.other_reads();
        let Some(programs) = &mut self.node else {
            return false;
        };
        let attached = self.attached.entry(pid).or_default();
        if !attached.executable.is_empty() {
            return true;
        }
        let target = executable(pid);
        let event_loop = facts.event_loop.iter().map(|(offset, cookie)| {
            let point = with_cookie(*offset, *cookie);
            attach(&mut programs.event_loop, pid, &target, point)
        });
        attached.executable = complete(pid, event_loop);
        if attached.executable.is_empty() {
            return false;
        }
        let http2 = facts.http2.iter().map(|(offset, cookie)| {
            let point = with_cookie(*offset, *cookie);
            attach(&mut programs.nghttp2, pid, &target, point)
        });
        let http2 = complete(pid, http2);
        attached.executable.extend(http2);
        true
    }

    /// There is a process whose reads of all sockets, and those that find nothing, tell something.
    pub fn other_reads(&mut self) {
        self.other_reads.attach();
    }

    /// Are such reads seen?
    #[must_use]
    pub fn sees_other_reads(&self) -> bool {
        self.other_reads.is_there()
    }

    /// The process is gone, or runs another program.
    pub fn forget(&mut self, pid: u32) {
        self.attached.remove(&pid);
    }
}

/// A runtime's programs, or a reason more why some are missing.
fn loaded<P: Programs>(capture: &mut Capture, refused: &mut Vec<CaptureError>) -> Option<P> {
    P::load(capture).map_err(|error| refused.push(error)).ok()
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

fn with_cookie(offset: u64, cookie: u64) -> UProbeAttachPoint<'static> {
    UProbeAttachPoint {
        location: offset.into(),
        cookie: Some(cookie),
    }
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
