//! Requests that clients have under way on streams, and those that left without a field.

use crate::{
    maps::{STREAM_JOINTS, STREAMS},
    table::{self, Key},
};
use core::mem::offset_of;
use sonde_common::{
    connection::Connection,
    context::{Ends, SpanContext},
};

/// Words of a [`Stream`].
pub const STREAM: usize = size_of::<Stream>() / 8;
/// Words of a [`StreamJoint`].
pub const STREAM_JOINT: usize = size_of::<StreamJoint>() / 8;
/// Where [`Stream::handle`] is.
const HANDLE: usize = 1;

/// A request that a client has under way on a stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Stream {
    /// `bpf_ktime_get_ns`.
    pub begun_at: u64,
    /// Handle of what it was sent for; 0: unknown.
    pub handle: u64,
    /// Its span.
    pub span: SpanContext,
}

/// The span of a request that left without a field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StreamJoint {
    /// `bpf_ktime_get_ns`.
    pub sent_at: u64,
    pub span: SpanContext,
}

/// A stream of a socket in a table. Those that clients begin are odd, and have 31 bits (RFC 9113 section 5.1.1).
#[inline(always)]
pub const fn key(cookie: u64, stream: u32) -> Key {
    Key {
        owner: cookie,
        number: (stream >> 1) as u64,
    }
}

/// A client's request is under way.
#[inline(never)]
pub unsafe fn begin(cookie: u64, stream: u32, value: *const Stream) {
    let key = key(cookie, stream);
    // SAFETY: the caller passes a stream, which is made of words.
    unsafe { table::put(&STREAMS, key, &*value.cast(), |_| false) };
}

/// Copies it. False: it is not known.
#[inline(never)]
pub unsafe fn copy(cookie: u64, stream: u32, to: *mut Stream) -> bool {
    let key = key(cookie, stream);
    // SAFETY: the caller passes room for a stream.
    unsafe { table::copy(&STREAMS, key, to.cast()) }
}

/// Handle of what it was sent for; 0: not known.
#[inline(never)]
pub fn handle(cookie: u64, stream: u32) -> u64 {
    table::word(&STREAMS, key(cookie, stream), HANDLE).unwrap_or(0)
}

/// It has ended: the same, and `None` if it was not known or another has said so.
#[inline(always)]
pub unsafe fn end(cookie: u64, stream: u32) -> Option<u64> {
    let mut handle = 0_u64;
    // SAFETY: room for a word.
    let ended = unsafe { take(cookie, stream, &raw mut handle) };
    ended.then_some(handle)
}

#[inline(never)]
unsafe fn take(cookie: u64, stream: u32, handle: *mut u64) -> bool {
    let Some(taken) = table::take(&STREAMS, key(cookie, stream), HANDLE) else {
        return false;
    };
    // SAFETY: the caller passes room for a word.
    unsafe { handle.write(taken) };
    true
}

/// A request left without a field.
#[inline(never)]
pub unsafe fn leave_joint(connection: *const Connection, stream: u32, joint: *const StreamJoint) {
    // SAFETY: the caller passes map values; a joint is made of words.
    unsafe {
        let key = joint_key(connection, stream);
        table::put(&STREAM_JOINTS, key, &*joint.cast(), |_| false);
    }
}

/// Takes one over. False: there is none.
#[inline(never)]
pub unsafe fn take_joint(connection: *const Connection, stream: u32, to: *mut StreamJoint) -> bool {
    // SAFETY: the caller passes a map value, and room for a joint.
    unsafe {
        let key = joint_key(connection, stream);
        table::copy(&STREAM_JOINTS, key, to.cast()) && table::take(&STREAM_JOINTS, key, 0).is_some()
    }
}

/// By a digest of the addresses and ports, of 64 bits.
#[inline(always)]
unsafe fn joint_key(connection: *const Connection, stream: u32) -> Key {
    const PORTS: usize = offset_of!(Ends, client_port);
    const _: () = assert!(offset_of!(Connection, ends) % 8 == 0 && PORTS == 32);
    // SAFETY: as in `leave_joint`; the addresses are whole words, the ports half of one.
    unsafe {
        let ends = &raw const (*connection).ends;
        let ports = ends.byte_add(PORTS).cast::<u32>().read();
        let mut owner = table::fold(u64::MAX, ports as u64);
        for index in 0..PORTS / 8 {
            let word = ends.cast::<u64>().add(index).read();
            owner = table::fold(owner.rotate_left(29), word);
        }
        Key {
            owner: owner | 1,
            number: (stream >> 1) as u64,
        }
    }
}
