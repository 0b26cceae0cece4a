//! The sampler: decides once, where a trace begins, whether it is recorded (W3C trace-flags, bit 0).

use crate::maps::{PROCESSES, SAMPLERS};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use core::arch::asm;
use sonde_common::{
    connection::Connection,
    context::SAMPLED,
    process::threads,
    sampler::{Sampler, kind},
};

/// The random part of a trace-id: its last seven bytes (W3C Trace Context Level 2 section 3.2.2.3).
const RANDOM_PART: u64 = (1 << 56) - 1;
/// Tries to take a token while other CPUs take one of the same service; then the trace goes without.
const TRIES: u32 = 4;

/// trace-flags of a trace on this connection; `given`: what its sender has decided, if it began elsewhere and that was said.
#[inline(always)]
pub unsafe fn flags(connection: *const Connection, given: Option<u8>, trace_id: &[u8; 16]) -> u8 {
    let flags = given.unwrap_or(0);
    // SAFETY: the caller passes a checked map value.
    unsafe {
        let Some(sampler) = of(connection) else {
            return flags;
        };
        if given.is_some() && (*sampler).parent_based != 0 {
            return flags;
        }
        let sampled = if decide(sampler, trace_id) {
            SAMPLED
        } else {
            0
        };
        flags & !SAMPLED | sampled
    }
}

/// Notes what is known of the process that accepts the connection: what the listener says may be from before that was known.
#[inline(always)]
pub unsafe fn accepted(connection: *mut Connection) {
    // SAFETY: as in `flags`; the process is used before the program ends.
    unsafe {
        if let Some(process) = PROCESSES.get((*connection).tgid) {
            (*connection).sampler = process.sampler as u16;
            (*connection).of_proxy = (process.threads & threads::PROXY != 0) as u8;
        }
    }
}

#[inline(always)]
unsafe fn of(connection: *const Connection) -> Option<*mut Sampler> {
    // SAFETY: as in `flags`.
    SAMPLERS.get_ptr_mut(unsafe { (*connection).sampler } as u32)
}

#[inline(always)]
fn decide(sampler: *mut Sampler, trace_id: &[u8; 16]) -> bool {
    // SAFETY: a map value.
    unsafe {
        match (*sampler).kind {
            kind::ALWAYS_ON => true,
            kind::ALWAYS_OFF => false,
            kind::RATIO => {
                let [.., a, b, c, d, e, f, g, h] = *trace_id;
                u64::from_be_bytes([a, b, c, d, e, f, g, h]) & RANDOM_PART < (*sampler).limit
            }
            _ => take(sampler),
        }
    }
}

/// Takes a token. A try that fails means that another CPU took one: never more than the rate is given away.
#[inline(always)]
unsafe fn take(sampler: *mut Sampler) -> bool {
    // SAFETY: a map value; no arguments.
    unsafe {
        let now = bpf_ktime_get_ns();
        for _ in 0..TRIES {
            let spent = (&raw const (*sampler).spent).read_volatile();
            let Some(next) = (*sampler).take(spent, now) else {
                return false;
            };
            if replace(&raw mut (*sampler).spent, spent, next) {
                return true;
            }
        }
    }
    false
}

/// Replaces a value if it still is `old`, atomically.
#[inline(always)]
unsafe fn replace(value: *mut u64, old: u64, new: u64) -> bool {
    let mut found = old;
    // SAFETY: the caller passes a pointer into a map value.
    unsafe {
        asm!(
            "r0 = cmpxchg_64({0} + 0, r0, {1})",
            in(reg) value,
            in(reg) new,
            inout("r0") found,
        );
    }
    found == old
}
