//! The kernel side's other half: loads and attaches the BPF programs, reads their records, takes in
//! sockets older than the agent.
//!
//! The only module that knows aya. What it does not do: interpret bytes ([`crate::connections`] does).

mod btf;
mod enroll;
mod error;
mod fionread;
mod loader;
mod other_reads;
mod records;
mod samplers;
mod statistics;
mod told;
mod uprobes;

pub use btf::Offsets;
pub use enroll::{Enrolled, Enroller};
pub use error::CaptureError;
pub use fionread::Fionread;
pub use loader::{Capture, Options, PROGRAMS, Verdicts};
pub use records::{Data, ExecFacts, OpenFacts, Protocol, Record, Records, UnknownRecord};
pub use samplers::SamplerMap;
pub use statistics::{Losses, ProgramRuns, Statistics};
pub use told::told;
pub use uprobes::Uprobes;
