//! Digests of request lines, by method and target: a proxy that sends one on unchanged, while exactly one request with it is at work in the
//! process, sends it for that request.
//!
//! Only for processes that are known to be proxies: a service may call others by the paths of its own, and for other reasons. A head whose line
//! does not lie in its first window has none.

use crate::{
    table::fold,
    window::{Bytes, Words},
};
use aya_ebpf::helpers::generated::bpf_loop;
use core::ffi::c_void;
use sonde_common::http1::{Window, line_end};

/// Most bytes of a line that are looked at.
const LONGEST: u32 = 512;

/// What is known of a line; on the stack, so nothing in it counts up (decision 1): the position is the loop's index.
#[repr(C)]
struct Line<const SIZE: usize> {
    window: *const Bytes<SIZE>,
    end: u64,
    /// The word before the one at hand: whether the line ends behind it shows there.
    last: u64,
    digest: u64,
    complete: u64,
}

/// The digest of the request line that begins with the window, of which `end` bytes are valid; 0: it does not end there.
#[inline(never)]
pub unsafe fn digest<const SIZE: usize>(window: *const Bytes<SIZE>, end: u32) -> u32 {
    let mut line = Line {
        window,
        end: end as u64,
        last: 0,
        digest: 0,
        complete: 0,
    };
    // SAFETY: the callback gets `line` back, which outlives the call; the caller passes bytes that do too.
    unsafe {
        bpf_loop(
            LONGEST / 8,
            step::<SIZE> as *mut c_void,
            (&raw mut line).cast(),
            0,
        );
        match (&raw const line.complete).read_volatile() {
            0 => 0,
            _ => ((&raw const line.digest).read_volatile() >> 32) as u32 | 1,
        }
    }
}

/// One word; 1 ends the loop. The last character, the minor version, is the hop's own and does not count.
unsafe extern "C" fn step<const SIZE: usize>(index: u64, line: *mut Line<SIZE>) -> i64 {
    // SAFETY: `digest` passes a valid line.
    unsafe {
        let line = &mut *line;
        let at = index << 3;
        if at >= line.end {
            return 1;
        }
        let word = Words::of(line.window).word(at as u32);
        let length = line_end(word);
        if length == 8 {
            line.digest = fold(line.digest, line.last);
            line.last = word;
            return 0;
        }
        // Without the last character, which is the word before's if the line ends at once.
        let last = match length {
            0 => line.last & (u64::MAX >> 8),
            _ => line.last,
        };
        let rest = word & (((1_u64 << (length * 8 & 63)) - 1) >> 8);
        line.digest = fold(fold(line.digest, last), rest);
        line.complete = 1;
        1
    }
}
