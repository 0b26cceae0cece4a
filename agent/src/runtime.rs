//! Where language runtimes keep what the BPF programs have to read.
//!
//! Each module turns an executable into offsets and addresses, once per file. Nothing here attaches,
//! and nothing reads a target's memory; which language a process speaks is the matter of `process`.

pub mod go;
pub mod python;
