//! Sonde: a zero-code tracing agent for Linux.
//!
//! The way of a request through the modules, left to right:
//! `capture` (records from the kernel) -> `connections` (bytes in order, exchanges) ->
//! [`spans`] (OpenTelemetry spans) -> [`export`] (OTLP, stdout). [`process`] knows who the processes
//! are, [`runtime`] how their languages' runtimes lie in memory, [`own_spans`] which of them trace themselves, [`cli`] and
//! [`config`] what the operator wants, [`health`] what the agent counts about itself.

pub mod capture;
pub mod cli;
pub mod config;
pub mod connections;
pub mod context;
pub mod export;
pub mod health;
pub mod logging;
pub mod own_spans;
pub mod pipeline;
pub mod process;
pub mod run;
pub mod runtime;
pub mod spans;
pub mod terminal;
