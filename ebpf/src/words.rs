//! Copies and clears values by words.
//!
//! LLVM's own calls of `memcpy` and `memset` are loops over bytes in a BPF program: slower by ten, and walked byte by byte by the verifier. For small
//! values a linker option expands them; these two are for the large ones.

/// Clears a value of a map.
///
/// # Safety
/// `to` points to a value whose size is a multiple of eight bytes, of which zeros are a valid value.
#[inline(always)]
pub unsafe fn clear<T>(to: *mut T) {
    let to = to.cast::<u64>();
    for index in 0..size_of::<T>() / 8 {
        // SAFETY: within the value, as the caller promises; volatile, or the compiler would make it a call again.
        unsafe { to.add(index).write_volatile(0) };
    }
}

/// Copies a value from one map value to another.
///
/// # Safety
/// Both point to values of `T`, whose size is a multiple of eight bytes.
#[inline(always)]
pub unsafe fn copy<T>(from: *const T, to: *mut T) {
    let (from, to) = (from.cast::<u64>(), to.cast::<u64>());
    for index in 0..size_of::<T>() / 8 {
        // SAFETY: within the values, as the caller promises; volatile as in `clear`.
        unsafe {
            to.add(index)
                .write_volatile(from.add(index).read_volatile())
        };
    }
}
