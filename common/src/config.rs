//! What the agent tells the BPF programs before they are loaded: one read-only global.

/// Settings and kernel facts; constant while the programs are loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Thread group of the agent: never watched.
    pub agent_tgid: u32,
    /// Longest head that is captured, in bytes.
    pub max_head_bytes: u32,
    /// Bytes in the ring at which the reader is woken before its timer.
    pub wake_bytes: u32,
    /// 1: watch every process; 0: only those the `VERDICTS` map says yes to, and those it does not
    /// know yet.
    pub watch_all: u32,
    /// Offset of `mm` in `task_struct` (kernel BTF); 0 where unknown.
    pub task_mm: u32,
    /// Offset of `arg_start` in `mm_struct`; 0 where unknown.
    pub mm_arg_start: u32,
    /// Offset of `arg_end` in `mm_struct`; 0 where unknown.
    pub mm_arg_end: u32,
    /// Offset of `filename` in `linux_binprm`; 0 where unknown.
    pub binprm_filename: u32,
}

/// Value of the `VERDICTS` map (key: tgid): what the agent decided about a process.
pub mod verdict {
    /// Not decided yet: capture, the agent will sort it out.
    pub const UNKNOWN: u8 = 0;
    /// Watch.
    pub const WATCH: u8 = 1;
    /// Leave alone.
    pub const LEAVE: u8 = 2;
}
