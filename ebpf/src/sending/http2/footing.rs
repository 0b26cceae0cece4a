//! Where a message begins among the frames of its connection.

use super::{Frames, OUTSIDE, phase};
use crate::{
    http2::sent_frames,
    maps::{HTTP2, SENDING},
    sending::is_preface_at,
    words,
};
use core::ffi::c_void;
use sonde_common::{connection::Connection, hpack::Scan, http2::PREFACE};

/// Stands the walk at the message's first byte?
#[inline(always)]
pub unsafe fn find(
    sk: *mut c_void,
    connection: *const Connection,
    frames: *mut Frames,
    sequence: u32,
) -> bool {
    // SAFETY: the caller passes checked map values.
    unsafe {
        let goes_on = (*frames).synced != 0 && (*frames).sequence == sequence;
        if !goes_on && !begin(sk, frames, sequence) && !join(sk, connection, frames, sequence) {
            (*frames).synced = 0;
            return false;
        }
        (*frames).base = 0;
        (*frames).at = 0;
        (*frames).end = 0;
        (*frames).count = 0;
        (*frames).stop = 0;
        (*frames).readable = 0;
        (*frames).frame_at = OUTSIDE;
        (*frames).carried = ((*frames).open != 0) as u8;
        true
    }
}

/// The preface: nothing was sent before.
#[inline(always)]
unsafe fn begin(sk: *mut c_void, frames: *mut Frames, sequence: u32) -> bool {
    // SAFETY: as in `find`.
    unsafe {
        let sending = SENDING.get(sk);
        let fresh = (*frames).begun == 0 && !sending.is_null();
        if !fresh || !is_preface_at(sending, sequence) {
            return false;
        }
        (*frames).begun = 1;
        (*frames).synced = 1;
        (*frames).scan = Scan::START;
        (*frames).phase = phase::SKIP;
        (*frames).left = PREFACE.len() as u32;
        true
    }
}

/// Goes on where the egress hook stands, if that has seen all that was written, and a frame begins. It does not run for this
/// socket now: its lock is held.
#[inline(always)]
unsafe fn join(
    sk: *mut c_void,
    connection: *const Connection,
    frames: *mut Frames,
    sequence: u32,
) -> bool {
    // SAFETY: as in `find`.
    unsafe {
        let egress = &raw const (*connection).egress;
        if (*egress).sequenced == 0 || (*egress).next_sequence != sequence {
            return false;
        }
        let http2 = HTTP2.get(sk);
        if http2.is_null() {
            return false;
        }
        let Some((scan, highest)) = sent_frames(http2) else {
            return false;
        };
        (*frames).begun = 1;
        (*frames).synced = 1;
        words::copy(scan, &raw mut (*frames).scan);
        (*frames).highest = highest;
        (*frames).open = 0;
        (*frames).phase = phase::HEADER;
        (*frames).have = 0;
        (*frames).left = 0;
        true
    }
}
