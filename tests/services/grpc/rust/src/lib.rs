//! Messages, server and client side of `echo.proto`.
//!
//! `echo.rs` is generated and kept, so that neither protoc nor the generator is needed to build the tests. To make it anew: a crate
//! with the build dependency `tonic-prost-build = "0.14"`, protoc in the `PATH`, a `build.rs` with
//! `tonic_prost_build::compile_protos(".../tests/services/grpc/echo.proto")?`, and its `sonde.test.v1.rs` below the first two lines of
//! the file there is.

#[rustfmt::skip]
#[allow(clippy::all, reason = "generated")]
pub mod echo;
