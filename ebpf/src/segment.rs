//! The two cgroup hooks: every segment of a watched socket, in stream order.
//!
//! Cost for a socket that is not watched: one storage look-up. Pure ACKs end after the headers.

use crate::{
    announce, chain, hold, http2,
    maps::{CONNECTIONS, PROCESSES, config, lose},
    option,
    packet::{self, Segment},
    pending, proxy_protocol,
    task::Socket,
    turn,
    walk::{self, Walk},
};
use aya_ebpf::{
    bindings::__sk_buff, helpers::generated::bpf_ktime_get_ns, macros::cgroup_skb,
    programs::SkBuffContext,
};
use sonde_common::{
    connection::{Connection, Direction, phase, state},
    loss::{Hook, Reason},
    process::verdict,
    record::flag,
};

/// In `Direction::stop`: the segment at hand was begun as HTTP/1, and goes on at `Direction::at` as HTTP/2.
pub const RESUME: u8 = 2;

/// cgroup_skb programs let the packet pass.
const PASS: i32 = 1;

/// Segments that arrive.
#[cgroup_skb(ingress)]
#[inline(always)]
pub fn cgroup_skb_ingress(ctx: SkBuffContext) -> i32 {
    observe::<false>(ctx.skb.skb);
    PASS
}

/// Segments that leave.
#[cgroup_skb(egress)]
#[inline(always)]
pub fn cgroup_skb_egress(ctx: SkBuffContext) -> i32 {
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
    // SAFETY: a map value, checked for null; it lives as long as the socket.
    let state = unsafe { (*connection).state };
    let listening = !EGRESS && state == state::LISTENING;
    // SAFETY: as above.
    if EGRESS && state == state::OPAQUE {
        let segment = packet::segment(skb)?;
        if segment.length > 0 {
            // SAFETY: as above.
            unsafe { chain::writes(connection, sk.cast()) };
        }
        return None;
    }
    let http2 = state == state::HTTP2;
    let open = state < state::OPAQUE || listening || http2 || state == state::UPGRADED;
    // SAFETY: as above.
    if !open || unsafe { !is_watched(connection) } {
        return None;
    }
    if http2 {
        // SAFETY: as above.
        unsafe { http2::enter::<EGRESS>(skb) };
        return None;
    }
    let segment = packet::segment(skb)?;
    if state != state::HTTP1 {
        // SAFETY: as above.
        unsafe { recognize::<EGRESS>(skb, connection, &segment, state)? };
    }
    let connection = match listening {
        true if segment.length == 0 => return None,
        // SAFETY: as above.
        true => unsafe { pending::begin(connection, &segment)? },
        false => connection,
    };
    let direction = direction::<EGRESS>(connection);
    // SAFETY: as above; `direction` points into the value and is written by this hook only.
    unsafe {
        let turn = &raw mut (*connection).turn;
        if !turn::take::<EGRESS>(turn) {
            lose(hook::<EGRESS>(), Reason::Busy);
            return None;
        }
        if !EGRESS {
            option::received(skb, &segment, connection);
        }
        let from = in_order::<EGRESS>(skb, connection, direction, &segment);
        if let Some(at) = from {
            let now = bpf_ktime_get_ns();
            (*direction).at = at;
            proxy_protocol::pass_over::<EGRESS>(skb, connection, &segment);
            walk::run::<EGRESS>(&mut Walk {
                skb,
                connection,
                now,
                segment,
            });
            if (*connection).state == state::UPGRADED && (*direction).at < segment.length {
                // The program that goes on there takes a turn of its own.
                turn::pass_on::<EGRESS>(turn);
                resume::<EGRESS>(skb, connection, direction, &segment);
            }
            let rest = segment.length.saturating_sub((*direction).at);
            (*direction).offset += rest as u64;
            hold::join(direction);
            if EGRESS && (*connection).state == state::OPAQUE {
                chain::writes(connection, sk.cast());
            }
        }
        if segment.fin || segment.reset {
            end::<EGRESS>(connection, direction, &segment);
        }
        turn::pass_on::<EGRESS>(turn);
    }
    Some(())
}

/// A segment of a connection of which nothing is known: if it may be HTTP/2, the program for that goes on. `None`: there is
/// nothing more to do.
#[inline(always)]
unsafe fn recognize<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    segment: &Segment,
    state: u8,
) -> Option<()> {
    if segment.length == 0 {
        return (state != state::UPGRADED).then_some(());
    }
    // SAFETY: the caller passes the program's context and a checked map value.
    unsafe {
        if (*direction::<EGRESS>(connection)).phase == phase::PROXY {
            return Some(());
        }
        if state == state::LISTENING {
            // Left to be found later, by its frames.
            return (!http2::recognize::begins(skb, segment)).then_some(());
        }
        if http2::recognize::may_be::<EGRESS>(skb, connection, segment, 0) {
            http2::enter::<EGRESS>(skb);
            return None;
        }
        if state == state::UPGRADED {
            (*connection).state = state::OPAQUE;
            return None;
        }
    }
    Some(())
}

/// The segment goes on behind a response that has given the connection to another protocol.
#[inline(always)]
unsafe fn resume<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    direction: *mut Direction,
    segment: &Segment,
) {
    // SAFETY: as in `recognize`.
    unsafe {
        let at = (*direction).at;
        if http2::recognize::may_be::<EGRESS>(skb, connection, segment, at) {
            (*direction).stop = RESUME;
            http2::enter::<EGRESS>(skb);
        }
        (*connection).state = state::OPAQUE;
    }
}

/// The direction this hook owns.
#[inline(always)]
pub fn direction<const EGRESS: bool>(connection: *mut Connection) -> *mut Direction {
    // SAFETY: address arithmetic inside a map value that the caller has checked for null.
    unsafe {
        if EGRESS {
            &raw mut (*connection).egress
        } else {
            &raw mut (*connection).ingress
        }
    }
}

/// The direction the other hook owns.
#[inline(always)]
pub fn other<const EGRESS: bool>(connection: *mut Connection) -> *mut Direction {
    // SAFETY: as in `direction`.
    unsafe {
        if EGRESS {
            &raw mut (*connection).ingress
        } else {
            &raw mut (*connection).egress
        }
    }
}

/// Has the agent decided to watch the owner? An open question counts as yes, and is asked again.
#[inline(always)]
unsafe fn is_watched(connection: *mut Connection) -> bool {
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let known = (*connection).verdict;
        if known == verdict::WATCH || (known == verdict::UNKNOWN && config().watch_all != 0) {
            return true;
        }
        if known == verdict::UNKNOWN {
            let tgid = (*connection).tgid;
            (*connection).verdict = PROCESSES
                .get(tgid)
                .map_or(verdict::UNKNOWN, |process| process.verdict);
        }
        (*connection).verdict != verdict::LEAVE
    }
}

/// Where in the payload the new bytes begin, or `None` if all were seen before (a retransmission) or
/// came before their turn. Keeps `next_sequence`.
#[inline(always)]
unsafe fn in_order<const EGRESS: bool>(
    skb: *mut __sk_buff,
    connection: *mut Connection,
    direction: *mut Direction,
    segment: &Segment,
) -> Option<u32> {
    if segment.length == 0 {
        return None;
    }
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe {
        let end = segment.sequence.wrapping_add(segment.length);
        if (*direction).sequenced == 0 {
            (*direction).sequenced = 1;
            (*direction).next_sequence = end;
            return Some(0);
        }
        let ahead = segment.sequence.wrapping_sub((*direction).next_sequence) as i32;
        if ahead < 0 {
            let seen = ahead.unsigned_abs();
            if seen >= segment.length {
                return None;
            }
            (*direction).next_sequence = end;
            return Some(seen);
        }
        if ahead > 0 {
            let (missing, length) = (ahead as u64, segment.length as u64);
            let inside = is_inside_body(direction, missing + length);
            let to_come = EGRESS || !is_received(skb, direction);
            let keep = !inside && to_come;
            if keep && hold::keep::<EGRESS>(skb, connection, direction, segment, missing) {
                return None;
            }
            skip_hole::<EGRESS>(direction, missing, inside);
        }
        (*direction).next_sequence = end;
        Some(0)
    }
}

/// Does TCP have the next byte already? It came by where this hook did not see the socket, and will not come again.
#[inline(always)]
pub unsafe fn is_received(skb: *const __sk_buff, direction: *const Direction) -> bool {
    // SAFETY: as in `in_order`; `skb` is the program's context.
    unsafe {
        let sk = (*skb).__bindgen_anon_2.sk;
        if sk.is_null() {
            return false;
        }
        let expected = Socket::of(sk.cast()).map(|socket| socket.expected_sequence());
        expected.is_some_and(|at| at.wrapping_sub((*direction).next_sequence) as i32 > 0)
    }
}

/// Whether the next `length` bytes are all content of the body at hand: their order does not matter.
#[inline(always)]
unsafe fn is_inside_body(direction: *const Direction, length: u64) -> bool {
    // SAFETY: as in `in_order`.
    unsafe {
        match (*direction).phase {
            phase::BODY => (*direction).remaining >= length,
            phase::CHUNKED => (*direction).chunk.in_data() && (*direction).chunk.remaining > length,
            phase::UNTIL_CLOSE => true,
            _ => false,
        }
    }
}

/// Goes on behind a hole. Inside a body it is counted as body, anywhere else it costs the footing.
#[inline(always)]
unsafe fn skip_hole<const EGRESS: bool>(direction: *mut Direction, missing: u64, inside: bool) {
    // SAFETY: as in `in_order`.
    unsafe {
        (*direction).offset += missing;
        if !inside {
            lose(hook::<EGRESS>(), Reason::Gap);
            (*direction).phase = phase::UNSYNCED;
            return;
        }
        (*direction).content += missing;
        match (*direction).phase {
            phase::BODY => (*direction).remaining -= missing,
            phase::CHUNKED => (*direction).chunk.skip(missing),
            _ => {}
        }
    }
}

/// FIN or RST: tells the agent where something is unfinished.
#[inline(always)]
unsafe fn end<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *mut Direction,
    segment: &Segment,
) {
    // SAFETY: as in `in_order`.
    unsafe {
        if (*connection).state != state::HTTP1 || (*direction).finished != 0 {
            return;
        }
        (*direction).finished = 1;
        // A client that leaves in the middle of a response has nothing unfinished of its own.
        let other = if EGRESS {
            &raw const (*connection).ingress
        } else {
            &raw const (*connection).egress
        };
        let idle = (*direction).phase == phase::HEAD
            && (*other).phase == phase::HEAD
            && (*direction).head.is_start()
            && (*connection).ingress.messages == (*connection).egress.messages;
        if idle {
            return;
        }
        let flags = if segment.reset {
            flag::RESET
        } else {
            flag::FIN
        };
        announce::elided::<EGRESS>(connection, direction, bpf_ktime_get_ns(), flags);
    }
}

/// The hook's row in the loss counters.
#[inline(always)]
pub const fn hook<const EGRESS: bool>() -> Hook {
    if EGRESS { Hook::Egress } else { Hook::Ingress }
}
