//! Where the uprobes for HTTP/2 on tokio stand, and where the numbers of streams are.
//!
//! Functions of h2, tokio and tonic that are no templates, so that each is compiled once, in its own crate. Where the stream's number
//! is, and that `http::HeaderMap` is laid out as [`header_map`] says, is read from their code ([`taken`], [`encoded`]): one place, or none.
//!
//! A server needs two of the functions and a client two others; where one is missing, as link-time optimisation may have it,
//! that side is not followed.

use sonde_common::tokio::streams::{Probe, header_map, place};

/// `MOV r/m, R32`
const LOAD: u8 = 0x8b;
/// `IMUL imm32, r/m64, R64`
const MULTIPLY: u8 = 0x69;
/// `IMUL imm8, r/m64, R64`
const MULTIPLY_SMALL: u8 = 0x6b;
/// The register of the second and of the third argument, as in ModRM.
const RSI: u8 = 6;
const RDX: u8 = 2;
/// Bits of REX.
const WIDE: u8 = 8;
const REGISTER: u8 = 4;
const BASE: u8 = 1;

/// A function that may get a uprobe: its file offset and its code.
pub(super) type Function<'data> = Option<(u64, &'data [u8])>;

/// The functions, as far as there is one of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Functions<'data> {
    /// `Recv::take_request`
    pub(super) take_request: Function<'data>,
    /// `TaskHooks::spawn`
    pub(super) spawn: Function<'data>,
    /// `Channel::call`
    pub(super) call: Function<'data>,
    /// `Headers::encode`
    pub(super) encode: Function<'data>,
}

/// Where uprobes stand, as file offsets, and what they need to know.
pub(super) fn probes(functions: &Functions<'_>) -> Vec<(u64, Probe)> {
    let sides = [server(functions), client(functions)];
    sides.into_iter().flatten().flatten().collect()
}

fn server(functions: &Functions<'_>) -> Option<[(u64, Probe); 2]> {
    let (takes, code) = functions.take_request?;
    let (spawns, _) = functions.spawn?;
    Some([
        (takes, probe(place::TAKES, taken(code)?)),
        (spawns, probe(place::SPAWNS, 0)),
    ])
}

fn client(functions: &Functions<'_>) -> Option<[(u64, Probe); 2]> {
    let (calls, _) = functions.call?;
    let (encodes, code) = functions.encode?;
    Some([
        (calls, probe(place::CALLS, 0)),
        (encodes, probe(place::ENCODES, encoded(code)?)),
    ])
}

const fn probe(place: u8, stream: u16) -> Probe {
    Probe { place, stream }
}

/// Where `Ptr`, the third argument, has the stream's number: two numbers of 32 bits lie together, and the other is multiplied by the size
/// of a slot.
pub(super) fn taken(code: &[u8]) -> Option<u16> {
    let loads = code.windows(4).filter_map(|code| load(code, RDX));
    let mut loads: Vec<(u16, u8)> = loads.collect();
    loads.dedup();
    let [first, second] = loads[..] else {
        return None;
    };
    if first.0.abs_diff(second.0) != 4 {
        return None;
    }
    let is_index = |register: u8| {
        code.windows(3)
            .any(|code| multiplied(code) == Some(register))
    };
    match (is_index(first.1), is_index(second.1)) {
        (true, false) => Some(second.0),
        (false, true) => Some(first.0),
        _ => None,
    }
}

/// Where `Headers`, the second argument, has the stream's number: it is the one number of 32 bits that lies behind the fields.
/// The code has to count these as [`header_map`] does.
pub(super) fn encoded(code: &[u8]) -> Option<u16> {
    let counts = code.windows(5).filter_map(count);
    let mut counts: Vec<(u64, u64)> = counts.collect();
    counts.dedup();
    if counts != [(header_map::LENGTH, header_map::ENTRY)] {
        return None;
    }
    let loads = (0..code.len()).filter_map(|at| far_load(code, at));
    let mut loads: Vec<u16> = loads.collect();
    loads.dedup();
    match loads[..] {
        [stream] => Some(stream),
        _ => None,
    }
}

/// `MOV disp8(BASE), R32`, and the byte before it: displacement and register.
fn load(code: &[u8], base: u8) -> Option<(u16, u8)> {
    let [before, LOAD, modrm, displacement] = *code else {
        return None;
    };
    let rex = if before & 0xf0 == 0x40 { before } else { 0 };
    if modrm & 0xc7 != 0x40 | base || rex & (WIDE | BASE) != 0 {
        return None;
    }
    let high = if rex & REGISTER == 0 { 0 } else { 8 };
    (displacement < 0x80).then_some((displacement.into(), modrm >> 3 & 7 | high))
}

/// `MOV disp32(%rsi), R32`: the displacement.
fn far_load(code: &[u8], at: usize) -> Option<u16> {
    let [LOAD, modrm, displacement @ ..] = code.get(at..)? else {
        return None;
    };
    let before = at.checked_sub(1).and_then(|before| code.get(before));
    let rex = before.copied().filter(|before| before & 0xf0 == 0x40);
    if modrm & 0xc7 != 0x80 | RSI || rex.unwrap_or(0) & (WIDE | BASE) != 0 {
        return None;
    }
    u16::try_from(u32::from_le_bytes(*displacement.first_chunk()?)).ok()
}

/// `IMUL imm32` of a 64-bit register: which one.
fn multiplied(code: &[u8]) -> Option<u8> {
    let [rex, MULTIPLY, modrm] = *code else {
        return None;
    };
    let high = if rex & BASE == 0 { 0 } else { 8 };
    (rex & 0xf8 == 0x48 && modrm & 0xc0 == 0xc0).then_some(modrm & 7 | high)
}

/// `IMUL imm8, disp8(%rsi), R64`: displacement and factor.
fn count(code: &[u8]) -> Option<(u64, u64)> {
    let [rex, MULTIPLY_SMALL, modrm, displacement, factor] = *code else {
        return None;
    };
    let is_argument = rex & 0xf9 == 0x48 && modrm & 0xc7 == 0x40 | RSI;
    is_argument.then_some((displacement.into(), factor.into()))
}
