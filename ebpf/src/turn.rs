//! One CPU at a time walks what arrives on a connection: on the loopback device two packets of one socket can be under way
//! at a time, when their sender has changed its CPU.
//!
//! The second waits as it would for the socket's lock, where it goes next; it cannot be delivered before the first. What leaves
//! needs no turns: the kernel sends with the socket's lock held.

use aya_ebpf::helpers::generated::{bpf_ktime_get_ns, bpf_loop};
use core::{arch::asm, ffi::c_void};

/// Longest wait, in nanoseconds: softirqs of the CPU stand still meanwhile, since the holder's virtual CPU may have been taken away.
const LONGEST: u64 = 100_000;
/// Most looks; time ends them first.
const LOOKS: u32 = 1 << 20;

/// What a wait needs; lives on the BPF stack.
#[repr(C)]
struct Context {
    taken: *mut u64,
    until: u64,
}

/// Waits for the direction's turn; `taken` is the connection's word for it. False: it did not come, and the packet is a hole.
#[inline(always)]
pub unsafe fn take<const EGRESS: bool>(taken: *mut u64) -> bool {
    // SAFETY: the caller passes a word of a checked map value.
    unsafe { EGRESS || is_ours(taken) || wait(taken) }
}

/// The next may have its turn.
#[inline(always)]
pub unsafe fn pass_on<const EGRESS: bool>(taken: *mut u64) {
    if !EGRESS {
        // SAFETY: as in `take`.
        unsafe { taken.write_volatile(0) };
    }
}

/// Does a CPU walk what has arrived?
#[inline(always)]
pub unsafe fn is_taken(taken: *const u64) -> bool {
    // SAFETY: as in `take`.
    unsafe { taken.read_volatile() != 0 }
}

#[inline(always)]
unsafe fn wait(taken: *mut u64) -> bool {
    // SAFETY: as in `take`; the context outlives the call.
    unsafe {
        let until = bpf_ktime_get_ns() + LONGEST;
        let mut context = Context { taken, until };
        bpf_loop(LOOKS, look as *mut c_void, (&raw mut context).cast(), 0);
        (&raw const context.until).read_volatile() == 0
    }
}

/// One look; 1 ends them. `until` is 0 when the turn has come.
unsafe extern "C" fn look(_index: u64, context: *mut Context) -> i64 {
    // SAFETY: `wait` passes a valid context and a word of a checked map value.
    unsafe {
        let taken = (*context).taken;
        if taken.read_volatile() == 0 && is_ours(taken) {
            (*context).until = 0;
            return 1;
        }
        (bpf_ktime_get_ns() > (*context).until) as i64
    }
}

#[inline(always)]
unsafe fn is_ours(at: *mut u64) -> bool {
    let mut taken = 1_u64;
    // SAFETY: an atomic operation on a map value; the former value comes back.
    unsafe {
        asm!("{0} = atomic_fetch_or((u64 *)({1} + 0), {0})", inout(reg) taken, in(reg) at);
    }
    taken == 0
}
