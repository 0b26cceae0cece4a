//! The small records: a connection opened, bytes counted.

use crate::{
    chain,
    maps::{RECORDS, lose},
    omit, ring, segment,
    walk::Walk,
};
use aya_ebpf::helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes};
use sonde_common::{
    connection::{Connection, Direction, protocol, role, state},
    context::SpanContext,
    loss::Reason,
    record::{DataHeader, Kind, Open, TENTATIVE, flag},
};

/// Tells of bytes that were counted since the last record of this direction.
#[inline(always)]
pub unsafe fn elided<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *mut Direction,
    now: u64,
    flags: u16,
) {
    // SAFETY: the caller passes pointers into a checked map value.
    unsafe {
        let ends_badly = flags & (flag::FIN | flag::RESET) != 0;
        if omit::finish::<EGRESS>(connection, direction) && !ends_badly {
            return chain::answered::<EGRESS>(connection, now);
        }
        let (from, content) = ((*direction).reported, (*direction).content);
        (*direction).reported = (*direction).offset;
        (*direction).content = 0;
        let Some(mut entry) = RECORDS.reserve::<DataHeader>(0) else {
            lose(segment::hook::<EGRESS>(), Reason::RingFull);
            return;
        };
        entry.write(DataHeader {
            kind: Kind::Data as u32,
            flags: flags | if EGRESS { flag::EGRESS } else { 0 },
            captured: 0,
            cookie: (*connection).cookie,
            at: now,
            read_at: (*connection).read_at,
            offset: from,
            elided: (*direction).offset.wrapping_sub(from),
            content,
            tgid: (*connection).tgid,
            role: (*connection).role as u32,
            span: SpanContext::NONE,
        });
        ring::submit(entry, size_of::<DataHeader>() as u64);
        if flags & (flag::END_OF_MESSAGE | flag::FIN | flag::RESET) != 0 {
            chain::answered::<EGRESS>(connection, now);
        }
    }
}

/// Announces the connection, once. False if that failed: then nothing of it may be told.
#[inline(always)]
pub unsafe fn open<const EGRESS: bool>(walk: &Walk, protocol: u8) -> bool {
    // SAFETY: the connection is a checked map value; the record is written in place, since a copy on
    // the stack would be too large; the helpers check the packet's bounds.
    unsafe {
        let connection = walk.connection;
        let Some(mut entry) = RECORDS.reserve::<Open>(0) else {
            lose(segment::hook::<EGRESS>(), Reason::RingFull);
            return false;
        };
        let open: *mut Open = entry.as_mut_ptr();
        if (*connection).cookie & TENTATIVE == 0 {
            (*connection).cookie = bpf_get_socket_cookie(walk.skb.cast());
        }
        (*open).kind = Kind::Open as u32;
        (*open).tgid = (*connection).tgid;
        (*open).cookie = (*connection).cookie;
        (*open).at = walk.now;
        let ends = &raw mut (*connection).ends;
        // The client is the source of what it sends.
        if EGRESS == ((*connection).role == role::CLIENT) {
            addresses(
                walk,
                (&raw mut (*ends).client).cast(),
                (&raw mut (*ends).server).cast(),
            );
            ((*ends).client_port, (*ends).server_port) = ports(walk);
        } else {
            addresses(
                walk,
                (&raw mut (*ends).server).cast(),
                (&raw mut (*ends).client).cast(),
            );
            ((*ends).server_port, (*ends).client_port) = ports(walk);
        }
        (*open).ends = *ends;
        (*open).proxied = (*connection).proxied;
        (*open).role = (*connection).role;
        (*open).protocol = protocol;
        (*open).reserved = [0; 2];
        ring::submit(entry, size_of::<Open>() as u64);
        (*connection).announced = 1;
        (*connection).state = match protocol {
            protocol::HTTP2 => state::HTTP2,
            _ => state::HTTP1,
        };
        true
    }
}

/// Source and destination address; IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
#[inline(always)]
unsafe fn addresses(walk: &Walk, source: *mut u8, destination: *mut u8) {
    // SAFETY: both have room for 16 bytes; the helper fills exactly the given length, or fails.
    unsafe {
        let skb = walk.skb.cast();
        if walk.segment.is_v6() {
            bpf_skb_load_bytes(skb, 8, source.cast(), 16);
            bpf_skb_load_bytes(skb, 24, destination.cast(), 16);
            return;
        }
        for address in [source, destination] {
            address.cast::<u64>().write(0);
            address.add(8).cast::<u32>().write(0xffff_0000);
        }
        bpf_skb_load_bytes(skb, 12, source.add(12).cast(), 4);
        bpf_skb_load_bytes(skb, 16, destination.add(12).cast(), 4);
    }
}

/// Source and destination port, host order.
#[inline(always)]
unsafe fn ports(walk: &Walk) -> (u16, u16) {
    let mut ports = [0_u16; 2];
    // SAFETY: as in `addresses`.
    unsafe {
        bpf_skb_load_bytes(
            walk.skb.cast(),
            walk.segment.transport,
            (&raw mut ports).cast(),
            4,
        )
    };
    (u16::from_be(ports[0]), u16::from_be(ports[1]))
}
