//! The bytes that a head is scanned in: in a ring record, or in a socket's storage.

use core::arch::asm;
use sonde_common::http1::Window;

/// `SIZE` bytes (a power of two), with room for a word behind the last.
#[repr(C)]
pub struct Bytes<const SIZE: usize> {
    pub bytes: [u8; SIZE],
    slack: [u8; 8],
}

/// Writes a word at any address: one store; the compiler would make eight of it.
#[inline(always)]
pub unsafe fn store(at: *mut u8, word: u64) {
    // SAFETY: the caller passes a place in a map value with room for a word.
    unsafe { asm!("*(u64 *)({0} + 0) = {1}", in(reg) at, in(reg) word) };
}

/// Reads words of them.
pub struct Words<const SIZE: usize>(*const u8);

impl<const SIZE: usize> Words<SIZE> {
    /// The caller passes bytes that live as long as this.
    #[inline(always)]
    pub const unsafe fn of(bytes: *const Bytes<SIZE>) -> Self {
        Self(bytes.cast())
    }
}

impl<const SIZE: usize> Window for Words<SIZE> {
    #[inline(always)]
    fn word(&self, at: u32) -> u64 {
        let at = at as usize & (SIZE - 1);
        let word: u64;
        // One unaligned load; the compiler would make eight of it.
        // SAFETY: `at` lies within the bytes, and a word's room behind them.
        unsafe { asm!("{0} = *(u64 *)({1} + 0)", out(reg) word, in(reg) self.0.add(at)) };
        word
    }
}
