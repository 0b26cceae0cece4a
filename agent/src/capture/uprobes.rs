//! Attaches uprobe programs to executables, each place once.
//!
//! The path is that of a process's executable or library as the agent sees it; the kernel keeps the inode, so the
//! process may go. Attached for every process of that file: the programs ask whose they are.

use std::path::{Path, PathBuf};

use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};
use rustc_hash::FxHashSet;

use super::Capture;

/// Files are replaced and programs come and go: a bound on what is kept attached.
const MOST: usize = 4096;

/// Where a uprobe program is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The BPF program.
    pub program: &'static str,
    /// The executable or library.
    pub file: PathBuf,
    /// Offset of the instruction in it.
    pub offset: u64,
}

/// The places that have a program already, by program, device, inode and offset.
#[derive(Debug, Default)]
pub(super) struct Attached(FxHashSet<(&'static str, u64, u64, u64)>);

impl Capture {
    /// Attaches a uprobe program, unless it is at that place already. What fails is logged: without it there are
    /// fewer links between requests, and nothing else.
    pub fn probe(&mut self, probe: &Probe) {
        match self.try_probe(probe) {
            Ok(true) => tracing::debug!(?probe, "uprobe attached"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(file = %probe.file.display(), program = probe.program, %error, "no uprobe")
            }
        }
    }

    fn try_probe(&mut self, probe: &Probe) -> Result<bool, Box<dyn std::error::Error>> {
        let place = place(probe)?;
        if self.attached.0.contains(&place) || self.attached.0.len() >= MOST {
            return Ok(false);
        }
        let program: &mut UProbe = self
            .ebpf
            .program_mut(probe.program)
            .ok_or("no such program")?
            .try_into()?;
        if program.fd().is_err() {
            program.load()?;
        }
        let at = UProbeAttachLocation::AbsoluteOffset(probe.offset);
        program.attach(at, &probe.file, UProbeScope::AllProcesses)?;
        self.attached.0.insert(place);
        Ok(true)
    }
}

fn place(probe: &Probe) -> std::io::Result<(&'static str, u64, u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let file = Path::new(&probe.file).metadata()?;
    Ok((probe.program, file.dev(), file.ino(), probe.offset))
}
