//! Where in a `node::Environment` the address of its async ids is: four doubles, of which the first is the id of what runs and the
//! second that of what made it.
//!
//! Two exported functions read these. In both the address is loaded from the environment by one and the same displacement, and
//! the number from there: at 0 in one, at 8 in the other. Where that is not so, nothing is known.

/// Execution id and trigger id.
pub(super) const READERS: [&str; 2] = [
    "_ZN4node29AsyncHooksGetExecutionAsyncIdEPN2v87IsolateE",
    "_ZN4node27AsyncHooksGetTriggerAsyncIdEPN2v87IsolateE",
];

/// The greatest displacement that is believed.
const ENVIRONMENT: u32 = 1 << 16;
/// Bytes between the two loads at most: the end of the function may come in between.
const BETWEEN: usize = 16;

/// The displacement, by the code of the two functions.
pub(super) fn place(code: [Option<&[u8]>; 2]) -> Option<u32> {
    let [execution, trigger] = code;
    let execution = loaded(execution?, 0)?;
    let trigger = loaded(trigger?, 8)?;
    (execution == trigger).then_some(execution)
}

/// The one displacement by which a function loads a pointer through which it then loads a double, `index` bytes in.
fn loaded(code: &[u8], index: u8) -> Option<u32> {
    let mut found = None;
    for at in 0..code.len() {
        let Some((displacement, to, length)) = pointer(&code[at..]) else {
            continue;
        };
        let behind = code.get(at + length..)?;
        let near = &behind[..behind.len().min(BETWEEN)];
        if !(0..near.len()).any(|at| double(&near[at..], to) == Some(index)) {
            continue;
        }
        match found {
            None => found = Some(displacement),
            Some(other) if other != displacement => return None,
            Some(_) => {}
        }
    }
    found
}

/// `mov disp32(r), r`: displacement, register that is loaded, length.
fn pointer(code: &[u8]) -> Option<(u32, u8, usize)> {
    let (rex, modrm, rest) = match code {
        [rex @ (0x48 | 0x49), 0x8b, modrm, rest @ ..] => (rex, modrm, rest),
        _ => return None,
    };
    let (mode, to, from) = (modrm >> 6, modrm >> 3 & 7, modrm & 7);
    // With `rsp` or `r12` one byte more says so, and that there is no index.
    let (rest, length) = match from {
        4 if *rex == 0x49 && rest.first() == Some(&0x24) => (rest.get(1..)?, 8),
        4 => return None,
        _ => (rest, 7),
    };
    let displacement = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
    let believed = mode == 2 && displacement < ENVIRONMENT && displacement.is_multiple_of(8);
    believed.then_some((displacement, to, length))
}

/// `movsd disp(r), %xmm0` or `vmovsd`: how far in, if it is through this register.
fn double(code: &[u8], from: u8) -> Option<u8> {
    let rest = match code {
        [0xf2, 0x0f, 0x10, rest @ ..] | [0xc5, 0xfb, 0x10, rest @ ..] => rest,
        _ => return None,
    };
    match rest {
        [modrm, ..] if *modrm == from => Some(0),
        [modrm, index, ..] if *modrm == (0x40 | from) => Some(*index),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    const EXECUTION: [u8; 22] = [
        // mov 0x480(%r12),%rax; mov -8(%rbp),%r12; movsd (%rax),%xmm0; leave; ret; nop
        0x49, 0x8b, 0x84, 0x24, 0x80, 0x04, 0, 0, 0x4c, 0x8b, 0x65, 0xf8, 0xf2, 0x0f, 0x10, 0x00,
        0xc9, 0xc3, 0x90, 0x90, 0x90, 0x90,
    ];
    const TRIGGER: [u8; 20] = [
        // mov 0x480(%rbx),%rax; movsd 8(%rax),%xmm0; add $40,%rsp; pop %rbx; pop %rbp; ret
        0x48, 0x8b, 0x83, 0x80, 0x04, 0, 0, 0xf2, 0x0f, 0x10, 0x40, 0x08, 0x48, 0x83, 0xc4, 0x28,
        0x5b, 0x5d, 0xc3, 0x90,
    ];

    #[test]
    fn both_functions_agree() {
        assert_eq!(place([Some(&EXECUTION), Some(&TRIGGER)]), Some(0x480));
    }

    #[test]
    fn what_does_not_agree_is_not_believed() {
        assert_eq!(place([Some(&EXECUTION), Some(&EXECUTION)]), None);
        assert_eq!(place([Some(&EXECUTION), None]), None);
        let mut other = TRIGGER;
        other[3] = 0x88;
        assert_eq!(place([Some(&EXECUTION), Some(&other)]), None);
        assert_eq!(place([Some(&[]), Some(&TRIGGER)]), None);
    }
}
