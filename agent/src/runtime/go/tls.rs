//! Where a thread keeps its `g`.
//!
//! The Go linker gives `g` the last word before the thread pointer. An external linker lays thread-local
//! variables of C code out as well, and then only the code tells; it is read where Go enters from assembly:
//! `MOVQ (TLS), R14`, in two forms.

use memchr::memmem;

use super::image::Image;

/// `MOVQ FS:imm32, R14`.
const ABSOLUTE: &[u8] = &[0x64, 0x4c, 0x8b, 0x34, 0x25];
/// `MOVQ $imm32, R14`, before `MOVQ FS:(R14), R14`: position independent code.
const LOADED: &[u8] = &[0x49, 0xc7, 0xc6];
const INDIRECT: &[u8] = &[0x64, 0x4d, 0x8b, 0x36];
const ONLY_G: i32 = -8;
/// Of this much code, from the runtime's own packages, hundreds of such loads are part.
const SEARCH: usize = 512 * 1024;

/// Offset of the pointer to `g` from the `fs` base, given the address of the first Go code.
pub(super) fn g_offset(image: &Image, text: Option<u64>) -> Option<i32> {
    // Nothing, or one word: there is room for `g` only.
    if image
        .thread_local()
        .is_none_or(|(size, align)| size <= 8 && align <= 8)
    {
        return Some(ONLY_G);
    }
    let start = image.code_offset(text?)?;
    let mut code = vec![0; SEARCH];
    let count = image.read(start, &mut code);
    in_code(&code[..count])
}

/// What all loads of `g` in some code agree upon.
fn in_code(code: &[u8]) -> Option<i32> {
    let number = |at: usize| {
        let bytes = code.get(at..)?.first_chunk()?;
        Some(i32::from_le_bytes(*bytes)).filter(|offset| *offset < 0 && offset % 8 == 0)
    };
    let absolute = memmem::find_iter(code, ABSOLUTE).filter_map(|at| number(at + ABSOLUTE.len()));
    let loaded = memmem::find_iter(code, INDIRECT).filter_map(|at| {
        let load = at.checked_sub(LOADED.len() + 4)?;
        let is_load = code.get(load..)?.starts_with(LOADED);
        is_load.then(|| number(load + LOADED.len())).flatten()
    });
    let mut all = absolute.chain(loaded);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_of_g() {
        let absolute = [ABSOLUTE, &(-0x60i32).to_le_bytes()].concat();
        let loaded = [LOADED, &(-0x60i32).to_le_bytes(), INDIRECT].concat();
        let other = [ABSOLUTE, &(-8i32).to_le_bytes()].concat();
        let guard = [ABSOLUTE, &0x28i32.to_le_bytes()].concat();
        let cases: [(Vec<u8>, Option<i32>); 6] = [
            (absolute.clone(), Some(-0x60)),
            ([&absolute[..], &guard, &loaded].concat(), Some(-0x60)),
            (loaded[1..].to_vec(), None),
            ([absolute, other].concat(), None),
            (ABSOLUTE.to_vec(), None),
            (INDIRECT.to_vec(), None),
        ];
        for (code, expected) in cases {
            assert_eq!(in_code(&code), expected, "{code:x?}");
        }
    }
}
