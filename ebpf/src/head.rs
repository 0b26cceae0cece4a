//! Captures message heads: loads a window of the payload into a ring record, scans it there, and
//! decides what follows.

use crate::{
    announce, chain,
    maps::{RECORDS, config, lose},
    omit, ring, segment, target,
    walk::Walk,
    window::{Bytes, Words},
};
use aya_ebpf::{
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
    maps::ring_buf::RingBufEntry,
};
use core::ffi::c_void;
use sonde_common::{
    connection::{Connection, Direction, phase, protocol, role, state},
    context::SpanContext,
    http1::{Body, ChunkScan, HeadScan, body_of},
    loss::Reason,
    record::{DataHeader, Kind, flag},
};

/// Bytes in a record; a longer head takes several. One size: the verifier walks through all that follows
/// once for each.
const WINDOW: usize = 512;

/// A data record with its window.
///
/// The scan's state lies where the header goes afterwards, not on the stack: the verifier follows the
/// values of stack slots and would walk the loop once for every position, but takes what is read
/// from the ring as unknown.
#[repr(C)]
struct Record {
    header: Scratch,
    window: Bytes<WINDOW>,
}

/// The header, or before it is written the scan.
#[repr(C)]
union Scratch {
    header: DataHeader,
    scan: Scan,
}

/// Position in the window.
#[repr(C)]
#[derive(Clone, Copy)]
struct Scan {
    head: HeadScan,
    at: u32,
    end: u32,
}

const _: () = assert!(size_of::<Scan>() <= size_of::<DataHeader>());

/// Captures from the walk's position on: a whole head, or as much as the window holds.
#[inline(always)]
pub unsafe fn capture<const EGRESS: bool>(walk: &mut Walk, direction: *mut Direction) {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe {
        let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
            lose(segment::hook::<EGRESS>(), Reason::RingFull);
            (*direction).phase = phase::UNSYNCED;
            (*direction).stop = 1;
            return;
        };
        let record: *mut Record = entry.as_mut_ptr();
        let bytes = (&raw mut (*record).window.bytes).cast::<u8>();
        let Some(end) = load(walk, (*direction).at, bytes) else {
            lose(segment::hook::<EGRESS>(), Reason::Unreadable);
            return give_up(entry, direction);
        };
        if (*direction).phase == phase::UNSYNCED {
            (*direction).head = HeadScan::START;
        }
        let scan = &raw mut (*record).header.scan;
        (*scan).head = (*direction).head;
        (*scan).at = 0;
        (*scan).end = end;
        let mut context = record;
        bpf_loop(
            WINDOW as u32 + 16,
            scan_step as *mut c_void,
            (&raw mut context).cast(),
            0,
        );
        let at = (*record).header.scan.at;
        // Asked for only now: what the verifier knows before the loop makes it walk the loop once for each case.
        let probing = phase_of(direction) == phase::UNSYNCED;
        let begins = (*direction).head.is_start();
        if probing {
            omit::give_up(walk.connection);
        }
        // The head's state lies in the map from here on, a copy on the stack would be too large.
        let head = &raw mut (*direction).head;
        *head = (*record).header.scan.head;
        (*head).bytes = (*head).bytes.wrapping_add(at);

        if EGRESS && ((*head).is_failed() || (*head).is_odd()) {
            (*walk.connection).distrusted = 1;
        }
        if (*head).is_failed() || (probing && !(*head).is_recognised()) {
            if !probing && (*walk.connection).state == state::NEW {
                (*walk.connection).state = state::OPAQUE;
            }
            return give_up(entry, direction);
        }
        if (*head).bytes > config().max_head_bytes {
            lose(segment::hook::<EGRESS>(), Reason::HeadTooLarge);
            if EGRESS {
                (*walk.connection).distrusted = 1;
            }
            return give_up(entry, direction);
        }
        (*direction).phase = phase::HEAD;
        if begins && !(*head).is_start() {
            (*direction).begun = (*direction).begun.wrapping_add(1);
            chain::answers::<EGRESS>(walk.connection);
            if (*walk.connection).of_proxy != 0 {
                (*direction).target = target::digest(&raw const (*record).window, at);
            }
        }
        if (*walk.connection).state == state::NEW && is_confused::<EGRESS>(walk, &*head) {
            (*walk.connection).state = state::OPAQUE;
            return give_up(entry, direction);
        }
        if (*walk.connection).state == state::NEW && !introduce::<EGRESS>(walk, &*head) {
            return give_up(entry, direction);
        }
        emit::<EGRESS>(entry, walk, direction, at);
    }
}

/// Tells of the first bytes of a segment that came too early, unscanned; `offset` is where they belong.
/// False if the ring has no room.
#[inline(always)]
pub unsafe fn capture_early<const EGRESS: bool>(
    walk: &Walk,
    direction: *mut Direction,
    offset: u64,
) -> bool {
    // SAFETY: as in `capture`.
    unsafe {
        let Some(mut entry) = RECORDS.reserve::<Record>(0) else {
            return false;
        };
        let record: *mut Record = entry.as_mut_ptr();
        let bytes = (&raw mut (*record).window.bytes).cast::<u8>();
        let Some(captured) = load(walk, (*direction).at, bytes) else {
            entry.discard(0);
            return false;
        };
        (&raw mut (*record).header.header).write(DataHeader {
            kind: Kind::Data as u32,
            flags: flag::OUT_OF_ORDER | if EGRESS { flag::EGRESS } else { 0 },
            captured: captured as u16,
            cookie: (*walk.connection).cookie,
            at: walk.now,
            read_at: (*walk.connection).read_at,
            offset,
            elided: 0,
            content: 0,
            tgid: (*walk.connection).tgid,
            role: (*walk.connection).role as u32,
            span: SpanContext::NONE,
        });
        ring::submit(entry, size_of::<Record>() as u64);
        true
    }
}

/// The phase as it is in the map: the compiler must not remember it, or the verifier would.
#[inline(always)]
unsafe fn phase_of(direction: *const Direction) -> u8 {
    // SAFETY: the caller passes a pointer into a checked map value.
    unsafe { (&raw const (*direction).phase).read_volatile() }
}

/// Drops the record and the footing in this direction.
#[inline(always)]
unsafe fn give_up(entry: RingBufEntry<Record>, direction: *mut Direction) {
    entry.discard(0);
    // SAFETY: as in `capture`.
    unsafe {
        (*direction).head = HeadScan::START;
        (*direction).phase = phase::UNSYNCED;
        (*direction).stop = 1;
    }
}

/// Loads up to a window of payload; gives how many.
#[inline(always)]
unsafe fn load(walk: &Walk, at: u32, to: *mut u8) -> Option<u32> {
    let left = walk.segment.length.wrapping_sub(at);
    let wanted = if left > WINDOW as u32 {
        WINDOW as u32
    } else {
        left
    };
    // The verifier wants 1..=WINDOW; read back so that the compiler cannot drop the mask as redundant.
    // SAFETY: a local variable.
    let wanted = unsafe { core::ptr::read_volatile(&wanted) };
    let length = (wanted.wrapping_sub(1) & (WINDOW as u32 - 1)) + 1;
    let offset = walk.segment.payload.wrapping_add(at);
    // SAFETY: `to` has room for WINDOW bytes; the helper checks the packet's bounds.
    let failed = unsafe { bpf_skb_load_bytes(walk.skb.cast(), offset, to.cast(), length) } != 0;
    (!failed).then_some(length)
}

unsafe extern "C" fn scan_step(_index: u64, context: *mut *mut Record) -> i64 {
    // SAFETY: `window` passes a reserved record that holds a scan.
    unsafe {
        let record = *context;
        let scan = &mut (*record).header.scan;
        if scan.at >= scan.end || scan.head.is_end() || scan.head.is_failed() {
            return 1;
        }
        let window = Words::of(&raw const (*record).window);
        scan.at = scan.head.step(&window, scan.at, scan.end);
        0
    }
}

/// Does a client begin with a response, or a server receive one? That is another protocol.
#[inline(always)]
unsafe fn is_confused<const EGRESS: bool>(walk: &Walk, head: &HeadScan) -> bool {
    // SAFETY: the connection is a checked map value.
    let role = unsafe { (*walk.connection).role };
    role != role::UNKNOWN && (role == role::CLIENT) == (EGRESS == head.is_response())
}

/// The first message tells which end this is, where that was not known; then the agent is told.
#[inline(always)]
unsafe fn introduce<const EGRESS: bool>(walk: &mut Walk, head: &HeadScan) -> bool {
    // SAFETY: the connection is a checked map value.
    unsafe {
        if (*walk.connection).role == role::UNKNOWN {
            let client = EGRESS != head.is_response();
            (*walk.connection).role = if client { role::CLIENT } else { role::SERVER };
        }
        announce::open::<EGRESS>(walk, protocol::HTTP1)
    }
}

/// Completes the record with what the scan of its first `scanned` bytes found and sends it.
#[inline(always)]
unsafe fn emit<const EGRESS: bool>(
    mut entry: RingBufEntry<Record>,
    walk: &mut Walk,
    direction: *mut Direction,
    scanned: u32,
) {
    // SAFETY: as in `capture`.
    unsafe {
        let record: *mut Record = entry.as_mut_ptr();
        let header = &raw mut (*record).header.header;
        let at = (*direction).at.wrapping_add(scanned);
        let left = walk.segment.length.wrapping_sub(at) as u64;
        (*header).elided = 0;
        (*header).flags = if EGRESS { flag::EGRESS } else { 0 };
        (*header).span = SpanContext::NONE;
        omit::message::<EGRESS>(walk.connection, direction);
        if (*direction).head.is_end() {
            let body = framing::<EGRESS>(walk.connection, direction, &(*direction).head);
            (*header).elided = enter::<EGRESS>(walk, direction, body, left);
        }
        fill::<EGRESS>(header, walk, direction, scanned);
        // Read back: the verifier must not tell apart by which way it got here.
        let elided = (&raw const (*header).elided).read_volatile();
        let ended = (*direction).head.is_end();
        if ended && phase_of(direction) == phase::HEAD {
            (*header).flags |= flag::END_OF_MESSAGE;
            if (*direction).head.is_final_response() {
                chain::answered::<EGRESS>(walk.connection, walk.now);
            }
        }
        if ended && !(*direction).head.is_response() {
            chain::request::<EGRESS>(walk, direction, at, &raw mut (*header).span);
            omit::request::<EGRESS>(walk.connection, direction, &*header);
        }
        if ended {
            (*direction).head = HeadScan::START;
        }
        (*direction).at = at.wrapping_add(elided as u32);
        if omit::record::<EGRESS>(walk.connection, direction, &*header, ended) {
            ring::discard(entry, size_of::<Record>() as u64);
        } else {
            ring::submit(entry, size_of::<Record>() as u64);
        }
    }
}

/// All of a record's header that does not depend on what the head says.
#[inline(always)]
unsafe fn fill<const EGRESS: bool>(
    header: *mut DataHeader,
    walk: &Walk,
    direction: *mut Direction,
    scanned: u32,
) {
    // SAFETY: as in `capture`.
    unsafe {
        let from = (*direction).offset;
        let elided = (*header).elided;
        (*direction).offset = from + scanned as u64 + elided;
        (*direction).reported = (*direction).offset;
        (*direction).content = 0;
        (*header).kind = Kind::Data as u32;
        (*header).captured = scanned as u16;
        (*header).cookie = (*walk.connection).cookie;
        (*header).at = walk.now;
        (*header).read_at = (*walk.connection).read_at;
        (*header).offset = from;
        (*header).content = elided;
        (*header).tgid = (*walk.connection).tgid;
        (*header).role = (*walk.connection).role as u32;
    }
}

/// Goes on behind a head; gives how many of the next `left` bytes are content that ends with or before the
/// segment.
#[inline(always)]
unsafe fn enter<const EGRESS: bool>(
    walk: &mut Walk,
    direction: *mut Direction,
    body: Body,
    left: u64,
) -> u64 {
    // SAFETY: as in `capture`.
    unsafe {
        match body {
            Body::None | Body::Interim => {}
            Body::Length(length) => {
                let elided = if length < left { length } else { left };
                (*direction).remaining = length - elided;
                if length != elided {
                    (*direction).phase = phase::BODY;
                }
                return elided;
            }
            Body::Chunked => {
                (*direction).chunk = ChunkScan::START;
                (*direction).phase = phase::CHUNKED;
            }
            Body::UntilClose => (*direction).phase = phase::UNTIL_CLOSE,
            Body::Tunnel => {
                (*walk.connection).state = state::UPGRADED;
                (*direction).stop = 1;
            }
        }
        0
    }
}

/// Length of the body behind a head; keeps the pairing of requests and responses.
#[inline(always)]
unsafe fn framing<const EGRESS: bool>(
    connection: *mut Connection,
    direction: *mut Direction,
    head: &HeadScan,
) -> Body {
    // SAFETY: as in `capture`; the request direction writes the method bits, the response direction
    // only reads them.
    unsafe {
        let index = (*direction).messages;
        let bit = 1_u64 << (index & 63);
        if !head.is_response() {
            let mark = |bits: u64, set: bool| if set { bits | bit } else { bits & !bit };
            (*connection).head_requests = mark((*connection).head_requests, head.is_head_request());
            (*connection).connect_requests =
                mark((*connection).connect_requests, head.is_connect_request());
            (*direction).messages = index.wrapping_add(1);
            return body_of(head, false, false);
        }
        let requests = (*segment::other::<EGRESS>(connection)).messages;
        if index == requests {
            return body_of(head, false, false);
        }
        let to_head = (*connection).head_requests & bit != 0;
        let to_connect = (*connection).connect_requests & bit != 0;
        let body = body_of(head, to_head, to_connect);
        if !matches!(body, Body::Interim) {
            (*direction).messages = index.wrapping_add(1);
        }
        body
    }
}
