//! HTTP/2 connections: programs of their own, with a budget of their own for the verifier, which the cgroup hooks call in
//! place of themselves (tail calls).
//!
//! They walk the frames of a direction in stream order and hand up its digest (`sonde_common::http2`): header blocks
//! as they were on the wire, sizes of all else, never content. What begins and ends streams also moves the causal chain.
//!
//! After a hole the footing is found again where a packet is made of whole frames.

use crate::{
    announce,
    maps::{CONNECTIONS, HTTP2, lose},
    packet,
    segment::{self, RESUME, direction},
    turn,
    walk::Walk,
};
use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_ktime_get_ns, bpf_tail_call},
    macros::{cgroup_skb, map},
    maps::ProgramArray,
    programs::SkBuffContext,
};
use sonde_common::{
    connection::{phase, protocol, role, state},
    loss::Reason,
};

pub mod chain;
pub mod data;
mod digest;
mod frame;
mod frames;
pub mod hold;
mod layout;
mod order;
pub mod recognize;
pub mod streams;

use layout::Half;
pub use layout::{Http2, Messages, is_unsent, sent_frames};

/// cgroup_skb programs let the packet pass.
const PASS: i32 = 1;

/// The programs for each direction; an array of programs holds one kind only.
#[map]
static INGRESS_HTTP2: ProgramArray = ProgramArray::with_max_entries(1, 0);
#[map]
static EGRESS_HTTP2: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Goes on in the program for HTTP/2; comes back only if that is not there.
#[inline(always)]
pub unsafe fn enter<const EGRESS: bool>(skb: *mut __sk_buff) {
    let programs = if EGRESS {
        &raw const EGRESS_HTTP2
    } else {
        &raw const INGRESS_HTTP2
    };
    // SAFETY: the caller passes the program's context; the map holds programs of the same kind.
    unsafe { bpf_tail_call(skb.cast(), programs.cast_mut().cast(), 0) };
}

/// Segments of HTTP/2 connections that arrive.
#[cgroup_skb(ingress)]
pub fn cgroup_skb_ingress_http2(ctx: SkBuffContext) -> i32 {
    observe::<false>(ctx.skb.skb);
    PASS
}

/// Segments of HTTP/2 connections that leave.
#[cgroup_skb(egress)]
pub fn cgroup_skb_egress_http2(ctx: SkBuffContext) -> i32 {
    observe::<true>(ctx.skb.skb);
    PASS
}

#[inline(always)]
fn observe<const EGRESS: bool>(skb: *mut __sk_buff) -> Option<()> {
    // SAFETY: `skb` is the program's context.
    let sk = unsafe { (*skb).__bindgen_anon_2.sk };
    if sk.is_null() {
        return None;
    }
    let connection = CONNECTIONS.get(sk.cast());
    if connection.is_null() {
        return None;
    }
    let segment = packet::segment(skb)?;
    let mut walk = Walk {
        skb,
        connection,
        // SAFETY: no arguments.
        now: unsafe { bpf_ktime_get_ns() },
        segment,
    };
    // SAFETY: a map value, checked for null.
    if unsafe { (*connection).state != state::HTTP2 && !is_recognised::<EGRESS>(&mut walk) } {
        return None;
    }
    let http2 = HTTP2.get_or_create(sk.cast());
    if http2.is_null() {
        return None;
    }
    // SAFETY: map values, checked for null; they live as long as the socket. Each direction's part is written by its own
    // hook only.
    unsafe {
        let direction = direction::<EGRESS>(connection);
        let half = layout::half::<EGRESS>(http2);
        if !turn::take::<EGRESS>(&raw mut (*http2).turn.taken) {
            lose(segment::hook::<EGRESS>(), Reason::Busy);
            return None;
        }
        settle(&mut walk, half);
        if (*half).introduced == 0 && !introduce::<EGRESS>(&walk, http2) {
            turn::pass_on::<EGRESS>(&raw mut (*http2).turn.taken);
            return None;
        }
        if let Some(at) = order::place::<EGRESS>(&mut walk, half, direction) {
            (*direction).at = at;
            frames::run::<EGRESS>(&mut walk, http2);
        }
        let flags = order::end(&walk, direction);
        digest::flush::<EGRESS>(&walk, half, flags);
        turn::pass_on::<EGRESS>(&raw mut (*http2).turn.taken);
    }
    Some(())
}

/// Reads the segment back from the map: the verifier then knows nothing of how its headers were read, and goes through the walk
/// once instead of once for each way to it.
#[inline(always)]
unsafe fn settle(walk: &mut Walk, half: *mut Half) {
    // SAFETY: the caller passes a checked map value that no other CPU is at work on.
    unsafe {
        let at = &raw mut (*half).segment;
        at.write_volatile(walk.segment);
        walk.segment = at.read_volatile();
    }
}

/// The first packet of a connection that may speak HTTP/2: does it?
#[inline(always)]
unsafe fn is_recognised<const EGRESS: bool>(walk: &mut Walk) -> bool {
    // SAFETY: as in `observe`.
    unsafe {
        let direction = direction::<EGRESS>(walk.connection);
        let resumes = (*direction).stop == RESUME;
        let at = if resumes { (*direction).at } else { 0 };
        let (stop, upgraded) = (
            (*direction).stop,
            (*walk.connection).state == state::UPGRADED,
        );
        let it_is = recognize::is_http2::<EGRESS>(walk, at);
        (*direction).stop = stop;
        (*direction).at = at;
        if !it_is && upgraded {
            (*walk.connection).state = state::OPAQUE;
        }
        it_is
    }
}

/// Sets a direction to its beginning, and tells the agent of the connection. Each hook does so for its own direction; where
/// both come here at a time the agent may be told twice, which does no harm.
#[inline(always)]
unsafe fn introduce<const EGRESS: bool>(walk: &Walk, http2: *mut Http2) -> bool {
    // SAFETY: as in `observe`.
    unsafe {
        let connection = walk.connection;
        let told = (*http2).announced != 0;
        if !told && !announce::open::<EGRESS>(walk, protocol::HTTP2) {
            return false;
        }
        (*http2).announced = 1;
        let direction = direction::<EGRESS>(connection);
        let requests = EGRESS == ((*connection).role == role::CLIENT);
        layout::begin(layout::half::<EGRESS>(http2), (*direction).phase, requests);
        // What was before the agent came is a hole.
        (*direction).offset = ((*direction).phase != phase::HEAD) as u64;
        (*direction).phase = phase::HEAD;
        (*direction).reported = 0;
        (*direction).content = 0;
        true
    }
}
