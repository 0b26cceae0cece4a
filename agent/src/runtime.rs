//! What the memory and the executables of language runtimes tell about which work belongs together.

pub mod python;
