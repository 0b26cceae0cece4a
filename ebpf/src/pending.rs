//! Data that comes with the last packet of a handshake: its acknowledgement was lost, or the server
//! defers its accepting (`TCP_DEFER_ACCEPT`). The filter then still sees the listening socket; the new one
//! is made right afterwards, in the same run of the network's softirq.

use crate::{
    maps::{PENDING, RECORDS, lose},
    packet::Segment,
    ring,
    socket::reset,
    words,
};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use sonde_common::{
    connection::{Connection, phase, role, state},
    loss::{Hook, Reason},
    record::{Accepted, Kind, TENTATIVE},
};

/// A value for the connection to come, under a made-up cookie.
#[inline(always)]
pub unsafe fn begin(listener: *const Connection, segment: &Segment) -> Option<*mut Connection> {
    let pending = PENDING.get_ptr_mut(0)?;
    // SAFETY: both point to map values; this CPU alone writes its pending value.
    unsafe {
        let connection = &raw mut (*pending).connection;
        reset(connection, role::SERVER, state::NEW);
        (*connection).cookie = TENTATIVE | bpf_ktime_get_ns();
        (*connection).tgid = (*listener).tgid;
        (*connection).verdict = (*listener).verdict;
        (*connection).sampler = (*listener).sampler;
        (*connection).ingress.sequenced = 1;
        (*connection).ingress.next_sequence = segment.sequence;
        (*connection).ingress.phase = phase::HEAD;
        // Nothing has left yet: its first response will be seen whole.
        (*connection).egress.phase = phase::HEAD;
        (*pending).sequence = segment.sequence;
        (*pending).waiting = 1;
        Some(connection)
    }
}

/// Gives the accepted socket what was seen before it was there. False if that was nothing.
#[inline(always)]
pub unsafe fn hand_over(connection: *mut Connection, next_received: u32) -> bool {
    let Some(pending) = PENDING.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: as in `begin`.
    unsafe {
        if (*pending).waiting == 0 || (*pending).sequence != next_received {
            return false;
        }
        (*pending).waiting = 0;
        words::copy(&raw const (*pending).connection, connection);
        if (*connection).state != state::HTTP1 {
            (*connection).cookie = 0;
            return true;
        }
        let Some(mut entry) = RECORDS.reserve::<Accepted>(0) else {
            lose(Hook::SockOps, Reason::RingFull);
            return true;
        };
        entry.write(Accepted {
            kind: Kind::Accepted as u32,
            reserved: 0,
            cookie: (*connection).cookie,
        });
        ring::submit(entry, size_of::<Accepted>() as u64);
        true
    }
}
