//! What a request has brought beside `traceparent`: the lines that go on into the requests which are sent for it, and what
//! other propagators tell of its parent.
//!
//! The scanner of heads only notes that something is there. When the head has ended its lines are walked once more, where that
//! is needed, which takes that they lie in the segment at hand. All is kept in a slot by the request's handle, which a later
//! request may take over.

use crate::{
    context,
    maps::{RECEIVED, config, lose},
    walk::Walk,
    window::{Bytes, Words},
};
use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_loop, bpf_skb_load_bytes},
};
use core::ffi::c_void;
use sonde_common::{
    field,
    http1::HeadScan,
    loss::{Hook, Reason},
    propagator::{Parent, Told, decision},
    received::{Received, wanted},
    traceparent::Traceparent,
};

/// Slots; a power of two. A handle's low bits are its slot.
pub const SLOTS: usize = 1 << 12;
/// Bytes that are looked at, at a time.
const WINDOW: usize = 256;
/// Steps of a walk: more than any head takes that fits into a packet, twice.
const STEPS: u32 = 1 << 18;

/// What a request has brought.
#[repr(C)]
pub struct Slot {
    /// Handle of the request whose head was read last.
    reader: u64,
    /// The same where the requests that are sent for it may have the lines; else 0.
    pub handle: u64,
    /// Bytes of the line of `tracestate`; 0: there is none.
    pub tracestate: u32,
    /// Bytes of the line of `baggage`; 0: there is none.
    pub baggage: u32,
    /// The reader, with its lines.
    pub received: Received,
    /// The parent by other propagators.
    parent: Parent,
    /// Where the walk begins in the packet, and how long it is.
    start: u32,
    length: u32,
    /// The same for what is left of it from the window on.
    from: u32,
    left: u32,
    /// Position in the window, and its end.
    at: u32,
    end: u32,
    /// 1: the walk begins in the value of `tracestate`.
    in_tracestate: u32,
    /// 1: it ends with that line.
    one_line: u32,
    window: Bytes<WINDOW>,
}

/// A walk; lives on the BPF stack.
#[repr(C)]
struct Pass {
    skb: *mut __sk_buff,
    slot: *mut Slot,
}

/// The `traceparent` that names the parent.
#[inline(always)]
pub fn traceparent(head: &HeadScan) -> Option<&Traceparent> {
    head.traceparent().filter(|_| config().traceparent != 0)
}

/// Reads what the head that ends at `end` of the segment has, if it may be needed.
#[inline(always)]
pub unsafe fn read(walk: &Walk, head: &HeadScan, end: u32, handle: u64) {
    let wanted = wanted(head);
    if wanted == 0 || handle == 0 {
        return;
    }
    let in_tracestate = wanted == wanted::TRACESTATE;
    let before = if in_tracestate { head.state_at } else { 0 };
    let length = head.bytes.wrapping_sub(before);
    if length > end {
        lose(Hook::Ingress, Reason::HeadInPieces);
        return;
    }
    let Some(slot) = slot(handle) else {
        return;
    };
    // SAFETY: a map value; a slot is written by the one run that got its handle.
    unsafe {
        (*slot).handle = 0;
        (*slot).reader = handle;
        (*slot).start = walk.segment.payload.wrapping_add(end).wrapping_sub(length);
        (*slot).length = length;
        (*slot).in_tracestate = in_tracestate as u32;
        (*slot).one_line = (in_tracestate && !head.has_several_states()) as u32;
        (*slot).received.start(wanted, in_tracestate);
        rewind(&mut *slot);
        let mut pass = Pass {
            skb: walk.skb,
            slot,
        };
        bpf_loop(STEPS, step as *mut c_void, (&raw mut pass).cast(), 0);
        finish(slot);
    }
}

#[inline(always)]
fn slot(handle: u64) -> Option<*mut Slot> {
    RECEIVED.get_ptr_mut(handle as u32 & (SLOTS as u32 - 1))
}

/// Bits of what is looked for.
#[inline(always)]
fn wanted(head: &HeadScan) -> u32 {
    let config = config();
    let told = traceparent(head).is_some();
    let mut wanted = 0;
    if told && head.state_at != 0 {
        wanted |= wanted::TRACESTATE;
    }
    if config.baggage != 0 && head.has_baggage() {
        wanted |= wanted::BAGGAGE;
    }
    if !told {
        for bit in config.propagators {
            wanted |= bit;
        }
    }
    wanted
}

#[inline(always)]
fn rewind(slot: &mut Slot) {
    slot.from = slot.start;
    slot.left = slot.length;
    slot.at = 0;
    slot.end = 0;
}

/// One step of the walk; 1 ends it.
unsafe extern "C" fn step(_index: u64, pass: *mut Pass) -> i64 {
    // SAFETY: `read` passes a valid walk; its slot is a checked map value.
    unsafe {
        let slot = &mut *(*pass).slot;
        let at_line = slot.received.is_at_line();
        if slot.at >= slot.left || (at_line && slot.one_line != 0) {
            return ended(slot);
        }
        let cut = at_line && slot.end < slot.left && slot.end - slot.at < field::LONGEST;
        if slot.at >= slot.end || cut {
            return load((*pass).skb, slot);
        }
        let window = Words::of(&raw const slot.window);
        slot.at = slot.received.step(&window, slot.at, slot.end);
        0
    }
}

/// All lines are through; a list that is too long is read once more.
#[inline(always)]
fn ended(slot: &mut Slot) -> i64 {
    if !slot.received.tracestate.is_too_long() {
        return 1;
    }
    lose(Hook::Ingress, Reason::LongState);
    slot.received.shorten(slot.in_tracestate != 0);
    rewind(slot);
    0
}

/// Moves the window on.
#[inline(always)]
unsafe fn load(skb: *mut __sk_buff, slot: &mut Slot) -> i64 {
    slot.from = slot.from.wrapping_add(slot.at);
    slot.left = slot.left.wrapping_sub(slot.at);
    slot.at = 0;
    slot.end = slot.left.min(WINDOW as u32);
    // The verifier wants 1..=WINDOW; read back so that the compiler cannot drop the mask as redundant.
    // SAFETY: a field of a map value.
    let wanted = unsafe { (&raw const slot.end).read_volatile() };
    let length = (wanted.wrapping_sub(1) & (WINDOW as u32 - 1)) + 1;
    let to = (&raw mut slot.window.bytes).cast();
    // SAFETY: the window has room; the helper checks the packet's bounds.
    let failed = unsafe { bpf_skb_load_bytes(skb.cast(), slot.from, to, length) } != 0;
    if failed {
        lose(Hook::Ingress, Reason::Unreadable);
        slot.received.wanted = 0;
    }
    failed as i64
}

/// Completes what was found.
#[inline(always)]
unsafe fn finish(slot: *mut Slot) {
    // SAFETY: as in `read`.
    unsafe {
        let readable = (&raw const (*slot).received.wanted).read_volatile() != 0;
        let received = &mut (*slot).received;
        if received.tracestate.is_failed() {
            lose(Hook::Ingress, Reason::InvalidState);
        }
        if received.baggage.is_failed() {
            lose(Hook::Ingress, Reason::InvalidBaggage);
        } else if received.baggage.is_too_long() {
            lose(Hook::Ingress, Reason::LongBaggage);
        }
        (*slot).tracestate = received.tracestate.finish();
        (*slot).baggage = received.baggage.finish();
        (*slot).parent = Parent::default();
        if !readable {
            (*slot).tracestate = 0;
            (*slot).baggage = 0;
            return;
        }
        for bit in config().propagators {
            match (*slot).received.propagators.told(bit) {
                Told::Nothing => {}
                Told::Invalid => lose(Hook::Ingress, Reason::InvalidPropagator),
                Told::Parent(parent) => {
                    (*slot).parent = parent;
                    return;
                }
            }
        }
    }
}

/// What other propagators tell of the parent of the request that was just read; perhaps only the decision.
#[inline(always)]
pub unsafe fn parent<'slot>(handle: u64) -> Option<&'slot Parent> {
    let slot = slot(handle)?;
    // SAFETY: a map value.
    let (reader, parent) = unsafe { ((*slot).reader, &(*slot).parent) };
    let told = parent.told.is_valid() || parent.decision != decision::DEFERRED;
    (handle != 0 && reader == handle && told).then_some(parent)
}

/// Lets the requests that are sent for `handle` have the lines, of `tracestate` only if it belongs to their trace.
#[inline(always)]
pub unsafe fn publish(handle: u64, same_trace: bool) {
    let Some(slot) = slot(handle) else {
        return;
    };
    // SAFETY: a map value; the one run that got the handle is here.
    unsafe {
        if (*slot).reader != handle {
            return;
        }
        if !same_trace {
            (*slot).tracestate = 0;
        }
        if (*slot).tracestate | (*slot).baggage != 0 {
            (*slot).handle = handle;
        }
    }
}

/// What came in with the request that `handle` names.
#[inline(always)]
pub fn of(handle: u64) -> Option<*mut Slot> {
    context::get(handle)?;
    let slot = slot(handle)?;
    // SAFETY: a map value.
    (unsafe { (*slot).handle } == handle).then_some(slot)
}
