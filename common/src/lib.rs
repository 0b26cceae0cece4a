//! What both sides of the kernel border share: the records on the ring, the values in the maps, the
//! limits, and the byte scanners that run inside the BPF programs.
//!
//! `no_std` and without dependencies, so that the BPF target can compile it. Every type that crosses
//! the border is `repr(C)`, has no padding, no `bool` and no enum in memory, and asserts its size.
//! What is not here: anything that allocates, locks or makes a system call.
#![no_std]
#![forbid(unsafe_code)]

pub mod ancestry;
pub mod baggage;
pub mod config;
pub mod connection;
pub mod context;
pub mod event_loop;
pub mod field;
pub mod go;
pub mod grpc;
pub mod hpack;
pub mod http1;
pub mod http2;
pub mod loss;
pub mod nghttp2;
pub mod option;
pub mod process;
pub mod propagator;
pub mod proxy_protocol;
pub mod python;
pub mod received;
pub mod record;
pub mod sampler;
pub mod span_id;
pub mod table;
pub mod tokio;
pub mod traceparent;
pub mod tracestate;
