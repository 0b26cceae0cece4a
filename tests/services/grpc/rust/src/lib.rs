//! Messages, server and client side of `echo.proto`.

#[rustfmt::skip]
#[allow(clippy::all, reason = "generated")]
pub mod echo;
