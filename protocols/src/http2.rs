//! HTTP/2 (RFC 9113) as a passive observer sees it: header blocks decoded, content counted, exchanges by stream.
//!
//! It is fed with the digest of each direction (`sonde_common::http2` says what is in it), not with the bytes of the
//! wire: frames that say nothing about exchanges, and all content, are left out of it.

mod connection;
pub mod frame;
mod reader;
mod section;
mod settings;
mod stream;

pub use connection::{Connection, Limits};
