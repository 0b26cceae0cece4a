//! Who the processes are: discovery, selection, runtime, service name, resource.
//!
//! Reads `/proc` and files of the target below `/proc/PID/root`, all bounded, and remembers what it
//! found: [`Processes::get`] costs a hash look-up for a known process. The caller tells what the kernel
//! reports (exec, exit, ports); there is no polling and no thread here, and nothing about BPF.
//!
//! A process that is known and exits without the caller being told stays until it is the least
//! recently used, or until [`Processes::scan`] sees another start time for its id.

use std::path::PathBuf;
use std::sync::Arc;

use crate::spans::Resource;

mod container;
mod environment;
mod files;
mod list;
mod name;
mod overrides;
mod ports;
mod resource;
mod runtime;
mod selection;
mod table;

pub use list::{Row, render};
pub use overrides::{Override, OverrideError, OverrideRule, OverrideRules, Overrides};
pub use resource::HostFacts;
pub(crate) use runtime::elf::{go_module, go_toolchain};
pub use runtime::{Language, Runtime};
pub use selection::{Matcher, RuleError, Selection, ServiceNameRule, Verdict};
pub use table::{Options, Processes};

/// What the kernel reported at exec; stands in for `/proc` if the process is gone before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// Process id (thread group id) in the agent's namespace.
    pub pid: u32,
    /// Path given to `execve(2)`.
    pub filename: String,
    /// Arguments, each ended by NUL; perhaps cut.
    pub cmdline: Vec<u8>,
    /// Name of the thread, at most 15 bytes.
    pub comm: String,
}

/// All that is known of one process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id in the agent's namespace.
    pub pid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat` field 22); 0 if it was gone too soon.
    pub start_ticks: u64,
    /// Executable as seen in the target's own root.
    pub exe: PathBuf,
    /// Arguments, the program first; lossy UTF-8, at most 64 KiB in all.
    pub command_line: Vec<String>,
    /// What executes its code.
    pub runtime: Runtime,
    /// Container it is in.
    pub container_id: Option<String>,
    /// Path of its control group.
    pub cgroup: String,
    /// Attributes of its spans.
    pub resource: Arc<Resource>,
    /// Whether spans are made.
    pub verdict: Verdict,
    /// What its service has of its own.
    pub overrides: Overrides,
}
