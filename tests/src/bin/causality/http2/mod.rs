//! The same over HTTP/2: many streams on one connection, gRPC or not.
//!
//! Both ends frame gRPC messages themselves: a message is bytes that nobody decodes, so no service needs
//! generated code, and any path serves as a method.

pub(crate) mod callee;
pub(crate) mod load;

use std::io;

use h2::RecvStream;
use tokio::runtime::{Builder, Runtime};

/// `content-type` of gRPC.
const GRPC: &str = "application/grpc";
/// A flag and the length.
const MESSAGE_PREFIX: usize = 5;

/// One thread for all connections: neither end is what is measured.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A gRPC message.
fn message(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(MESSAGE_PREFIX + text.len());
    bytes.push(0);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Reads a body to its end.
async fn drain(body: &mut RecvStream) -> Result<(), h2::Error> {
    while let Some(data) = body.data().await {
        let length = data?.len();
        body.flow_control().release_capacity(length)?;
    }
    Ok(())
}
