//! The first instructions of a function, as far as a place for a uprobe has to be found among them.
//!
//! The kernel runs `push`, `nop`, `call` and jumps by itself; for any other instruction under a uprobe the thread stops a second time,
//! which takes ten times as long. No decoder of instructions: what is not among the few below ends the search.

/// As much of a function as is looked at.
pub(super) const FUNCTION: u64 = 512;

/// Where in the function, by its first bytes, a uprobe costs least: the first instruction that the kernel runs by itself, if those
/// before it change no argument and are certain to run once. Else its beginning.
pub(super) fn cheap(code: &[u8]) -> u64 {
    let mut at = 0;
    while let Some(rest) = code.get(at..) {
        if is_run_by_kernel(rest) {
            return at as u64;
        }
        match keeps_arguments(rest) {
            Some(length) => at += length,
            None => break,
        }
    }
    0
}

/// `push` of a register, `nop`, a conditional jump.
fn is_run_by_kernel(code: &[u8]) -> bool {
    matches!(
        code,
        [0x50..=0x57, ..]
            | [0x41, 0x50..=0x57, ..]
            | [0x90, ..]
            | [0x70..=0x7f, ..]
            | [0x0f, 0x80..=0x8f, ..]
    )
}

/// Length of an instruction that leaves all registers with arguments, and the stack, as they were.
fn keeps_arguments(code: &[u8]) -> Option<usize> {
    match *code {
        // endbr64
        [0xf3, 0x0f, 0x1e, 0xfa, ..] => Some(4),
        // test r, r; of 64 and of 32 bits
        [0x48, 0x85, modrm, ..] if modrm >> 6 == 3 => Some(3),
        [0x85, modrm, ..] if modrm >> 6 == 3 => Some(2),
        // mov disp8(r), r
        [0x48, 0x8b, modrm, ..] if is_load(modrm) => Some(4),
        [0x8b, modrm, ..] if is_load(modrm) => Some(3),
        _ => None,
    }
}

/// A load from a register and one byte of displacement, into one that holds neither of the first two arguments.
fn is_load(modrm: u8) -> bool {
    const RSP: u8 = 4;
    const RSI: u8 = 6;
    const RDI: u8 = 7;
    let (mode, to, from) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
    mode == 1 && from != RSP && !matches!(to, RSP | RSI | RDI)
}

#[cfg(test)]
mod tests {
    use super::cheap;

    #[test]
    fn a_push_is_the_place() {
        assert_eq!(cheap(&[0x55, 0x48, 0x89, 0xe5]), 0);
        assert_eq!(cheap(&[0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x57]), 4);
    }

    #[test]
    fn a_jump_behind_what_keeps_the_arguments() {
        // mov -24(%rdi),%rdx; mov 32(%rdx),%eax; test %eax,%eax; je
        let code = [
            0x48, 0x8b, 0x57, 0xe8, 0x8b, 0x42, 0x20, 0x85, 0xc0, 0x74, 0x1e,
        ];
        assert_eq!(cheap(&code), 9);
        // test %rdx,%rdx; je, far
        assert_eq!(cheap(&[0x48, 0x85, 0xd2, 0x0f, 0x84, 0xbb]), 3);
    }

    #[test]
    fn an_argument_that_changes_ends_the_search() {
        // mov -24(%rdi),%rdi; push
        assert_eq!(cheap(&[0x48, 0x8b, 0x7f, 0xe8, 0x55]), 0);
        // sub $8,%rsp; push
        assert_eq!(cheap(&[0x48, 0x83, 0xec, 0x08, 0x55]), 0);
        assert_eq!(cheap(&[]), 0);
    }
}
