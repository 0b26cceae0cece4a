//! Where code sets the id of the running task.
//!
//! The function exchanges the id: it loads and stores at the same place of the thread-local variable, directly
//! (`MOV FS:disp32, R`) or by a register that it has put the variable's offset into (`LEA disp32(R), R`, `MOV imm32, R`). Bytes are
//! looked at from every position, so more may be found than there is; what is found has to be one place.

use std::ops::Range;

/// `MOV R64, r/m64`
const LOAD: u8 = 0x8b;
/// `MOV r/m64, R64`
const STORE: u8 = 0x89;
/// `LEA R64, m`
const ADDRESS: u8 = 0x8d;
/// `MOV imm32, r/m64`
const NUMBER: u8 = 0xc7;
/// `ADD imm8, r/m64`
const ADD: u8 = 0x83;
/// Segment override.
const FS: u8 = 0x64;

/// Where the id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    /// From the `fs` base.
    pub(super) offset: i32,
    /// The word before tells whether there is an id.
    pub(super) tagged: bool,
}

/// What the code of a function that sets the id tells, given where the variable lies from the `fs` base.
pub(super) fn task_id(code: &[u8], variable: &Range<i32>) -> Option<TaskId> {
    let direct = places((0..code.len()).filter_map(|at| {
        let (opcode, place) = absolute(code.get(at..)?)?;
        (opcode == STORE && variable.contains(&place)).then_some(place)
    }));
    let places = if direct.is_empty() {
        by_register(code, variable)
    } else {
        direct
    };
    let (offset, tagged) = match places[..] {
        [id] => (id, false),
        [tag, id] if id == tag + 8 => (id, true),
        _ => return None,
    };
    let is_inside = variable.contains(&(offset + 7)) && (offset - variable.start) % 8 == 0;
    is_inside.then_some(TaskId { offset, tagged })
}

/// Places that the code loads from and stores to through a register.
fn by_register(code: &[u8], variable: &Range<i32>) -> Vec<i32> {
    let found = |wanted: u8| {
        let at = move |at: usize| {
            let (opcode, place) = relative(code.get(at..)?)?;
            (opcode == wanted).then_some(place)
        };
        (0..code.len()).filter_map(at)
    };
    // The registers hold the variable's address and no other inside it.
    let addresses = found(ADDRESS).filter(|place| *place > 0);
    let numbers = code.windows(7).filter_map(number);
    let offsets = found(ADDRESS).chain(numbers);
    let inside = places(addresses.chain(offsets.filter(|place| variable.contains(place))));
    if inside != [variable.start] || code.windows(3).any(adds) {
        return Vec::new();
    }
    let stores = places(found(STORE));
    let both = found(LOAD).filter(|place| stores.contains(place));
    places(both.map(|place| variable.start + place))
}

fn places(found: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut places: Vec<i32> = found.collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// `ADD` of a small number to a register that is not the stack's: addresses that go on elsewhere in the variable.
fn adds(code: &[u8]) -> bool {
    matches!(code, [rex, ADD, modrm] if rex & 0xf8 == 0x48 && modrm & 0xf8 == 0xc0 && modrm & 7 != 4)
}

/// `MOV` of a 64-bit register from or to `FS:disp32`.
fn absolute(code: &[u8]) -> Option<(u8, i32)> {
    match code {
        [FS, rex, opcode @ (LOAD | STORE), modrm, 0x25, rest @ ..]
            if rex & 0xf8 == 0x48 && modrm & 0xc7 == 0x04 =>
        {
            Some((*opcode, i32::from_le_bytes(*rest.first_chunk()?)))
        }
        _ => None,
    }
}

/// `MOV` of a number into a 64-bit register.
fn number(code: &[u8]) -> Option<i32> {
    match code {
        [rex, NUMBER, modrm, rest @ ..] if rex & 0xfe == 0x48 && modrm & 0xf8 == 0xc0 => {
            Some(i32::from_le_bytes(*rest.first_chunk()?))
        }
        _ => None,
    }
}

/// `MOV` or `LEA` of a 64-bit register with a displacement from a register that is not the stack's.
fn relative(code: &[u8]) -> Option<(u8, i32)> {
    let [rex, opcode @ (LOAD | STORE | ADDRESS), modrm, rest @ ..] = code else {
        return None;
    };
    if rex & 0xf8 != 0x48 || modrm & 7 == 4 {
        return None;
    }
    let place = match modrm >> 6 {
        1 => i32::from(rest.first()?.cast_signed()),
        2 => i32::from_le_bytes(*rest.first_chunk()?),
        _ => return None,
    };
    Some((*opcode, place))
}
