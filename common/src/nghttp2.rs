//! HTTP/2 in Node.js, which has nghttp2 do it: what the kernel side keeps of its sessions, and which uprobe is which.

/// What a uprobe stands on: its cookie.
pub mod probe {
    /// `node::http2::Http2Session::Http2Session(this, ...)`
    pub const SESSION: u64 = 1;
    /// `node::http2::Http2Session::OnStreamRead(this, nread, ...)`
    pub const READ: u64 = 2;
    /// `node::http2::Http2Session::OnFrameReceive(handle, frame, session)`
    pub const FRAME: u64 = 3;
    /// `node::http2::Http2Session::OnDataChunkReceived(handle, flags, stream, data, length, session)`
    pub const DATA: u64 = 4;
    /// `node::http2::Http2Stream::Http2Stream(this, session, object, stream, category, ...)`
    pub const STREAM: u64 = 5;
    /// `node::http2::Http2Session::SendPendingData(this)`
    pub const SEND: u64 = 6;
    /// JavaScript gives a session bytes that it has read itself.
    pub const GIVEN: u64 = 7;
}

/// A stream of a session.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Process.
    pub tgid: u32,
    /// Its number; 0: the session itself.
    pub id: u32,
    /// Address of the `Http2Session`.
    pub session: u64,
}

const _: () = assert!(size_of::<Stream>() == 16);
