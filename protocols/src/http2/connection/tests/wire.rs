//! Frames as they are on the wire, and a reference digester: wire to digest, as the kernel side does it.

use std::collections::BTreeMap;

use crate::http2::frame;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const PRIORITY: u8 = 2;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;

/// One frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// So many gRPC messages of three bytes.
pub(super) fn messages(count: usize) -> Vec<u8> {
    [0, 0, 0, 0, 3, b'a', b'b', b'c'].repeat(count)
}

/// Padding around a payload.
pub(super) fn padded(payload: &[u8], padding: u8) -> Vec<u8> {
    let mut bytes = vec![padding];
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len() + usize::from(padding), 0);
    bytes
}

/// Where a stream is in its messages: bytes of a prefix, then the bytes that it says follow.
#[derive(Default)]
struct Place {
    prefix: Vec<u8>,
    left: usize,
}

impl Place {
    fn count(&mut self, content: &[u8]) -> u16 {
        let mut count = 0;
        for &byte in content {
            if self.left > 0 {
                self.left -= 1;
                continue;
            }
            self.prefix.push(byte);
            if let [_, length @ ..] = &self.prefix[..]
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.left = u32::from_be_bytes(length) as usize;
                self.prefix.clear();
                count += 1;
            }
        }
        count
    }
}

/// One direction.
#[derive(Default)]
pub(super) struct Digester(BTreeMap<u32, Place>);

impl Digester {
    /// The digest of whole frames, behind a preface or not.
    pub(super) fn digest(&mut self, wire: &[u8]) -> Vec<u8> {
        let mut rest = wire.strip_prefix(PREFACE).unwrap_or(wire);
        let mut digest = Vec::new();
        while let Some((header, after)) = rest.split_first_chunk::<9>() {
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
            let stream = u32::from_be_bytes(header[5..].try_into().unwrap());
            let (payload, after) = after.split_at(length);
            rest = after;
            match header[3] {
                frame::DATA => {
                    digest.extend_from_slice(header);
                    digest.extend(self.data(header[4], stream, payload));
                }
                frame::GOAWAY => {
                    digest.extend_from_slice(header);
                    digest.extend_from_slice(&payload[..length.min(8)]);
                }
                frame::HEADERS
                | frame::CONTINUATION
                | frame::PUSH_PROMISE
                | frame::RST_STREAM
                | frame::SETTINGS => {
                    digest.extend_from_slice(header);
                    digest.extend_from_slice(payload);
                }
                _ => {}
            }
        }
        assert!(rest.is_empty());
        digest
    }

    fn data(&mut self, flags: u8, stream: u32, payload: &[u8]) -> [u8; 4] {
        let (padding, content) = if flags & frame::PADDED == 0 {
            (0, payload)
        } else {
            let padding = payload[0];
            (
                padding + 1,
                &payload[1..payload.len() - usize::from(padding)],
            )
        };
        let count = self
            .0
            .entry(stream)
            .or_default()
            .count(content)
            .to_le_bytes();
        [count[0], count[1], 0, padding]
    }
}

/// What the kernel side puts behind the header block of a request.
pub(super) fn label(stream: u32, byte: u8) -> Vec<u8> {
    frame(frame::LABEL, 0, stream, &[byte; 40])
}
