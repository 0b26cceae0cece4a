//! HTTP/1.x framing (RFC 9112 section 6) for the kernel side: where a head ends and how long the
//! body is, so that bodies can be counted without being copied.
//!
//! The scanners are resumable after any byte and look at eight bytes at a time where they can. They
//! decide only what may be left out of the records; the agent parses heads again in full.

mod body;
mod chunked;
mod scan;

pub use body::{Body, body_of};
pub use chunked::ChunkScan;
pub use scan::{HeadScan, Window, line_end};
pub(crate) use scan::{first, line_feeds};
