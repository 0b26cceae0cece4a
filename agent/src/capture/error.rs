//! Why capturing cannot start, with what to do about it.

use std::path::PathBuf;

use aya::programs::ProgramError;

/// A step of loading or attaching that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The binary was built without the BPF object.
    #[error("this binary was built without the BPF programs; build it with `cargo xtask build`")]
    NoObject,
    /// The kernel's type information is missing or unreadable.
    #[error("cannot read the kernel's type information (BTF) at {path}: {why}")]
    Btf {
        /// File that was read.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// No cgroup2 hierarchy to attach to.
    #[error("cannot open the cgroup2 hierarchy at {path}: {source}")]
    Cgroup {
        /// Directory that was opened.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The object as a whole was refused.
    #[error("the kernel refused Sonde's maps: {0}")]
    Load(#[from] aya::EbpfError),
    /// One program was refused.
    #[error("the kernel refused the program {program} ({step}): {}", brief(.source))]
    Program {
        /// Name of the program.
        program: &'static str,
        /// "load" or "attach".
        step: &'static str,
        /// What the kernel said, with the verifier's log.
        source: ProgramError,
    },
    /// The object lacks a program or map: agent and object do not belong together.
    #[error("the BPF object has no {0}; agent and object are of different builds")]
    Missing(&'static str),
    /// A try with sockets of the agent's own failed.
    #[error("cannot try sockets on loopback: {0}")]
    Probe(#[source] std::io::Error),
    /// A map was refused.
    #[error("map {map}: {source}")]
    Map {
        /// Name of the map.
        map: &'static str,
        /// What aya or the kernel said.
        source: aya::maps::MapError,
    },
}

/// Lines of the verifier's log that are shown.
const VERIFIER_LINES: usize = 3;

/// The kernel's answer with the end of the verifier's log, where the reason stands; the whole of it fills
/// pages.
fn brief(error: &ProgramError) -> String {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        return match error {
            ProgramError::SyscallError(error) => format!("{error}: {}", error.io_error),
            other => other.to_string(),
        };
    };
    let log = verifier_log.to_string();
    let reasons = log.lines().filter(|line| {
        let summary = ["processed ", "verification time", "stack depth"];
        !line.trim().is_empty() && !summary.iter().any(|start| line.starts_with(start))
    });
    let mut last: Vec<&str> = reasons.rev().take(VERIFIER_LINES).collect();
    last.reverse();
    format!("{io_error}; the verifier: {}", last.join(" | "))
}
