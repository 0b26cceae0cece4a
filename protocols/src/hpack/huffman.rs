//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B), decoded four bits at a step.
//!
//! The code is canonical: the lengths alone give it. The steps are worked out by the compiler.

/// Bits of the code of each byte, and last of EOS.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const EOS: u16 = 256;
/// A child that is a leaf: the symbol is in the low bits.
const LEAF: u16 = 0x8000;
/// Inner nodes of a binary tree with 257 leaves.
const NODES: usize = 256;

/// What four bits do at an inner node.
#[derive(Clone, Copy)]
struct Step {
    /// The node they lead to.
    next: u8,
    /// The byte that ended within them, if `emits`. The shortest code has five bits, so there is one at most.
    symbol: u8,
    emits: bool,
    /// They hold EOS, which section 5.2 forbids.
    fails: bool,
}

const TREE: [[u16; 2]; NODES] = tree();
const STEPS: [[Step; 16]; NODES] = steps();
const ENDS: [bool; NODES] = ends();

/// The code as a tree; node 0 is the root.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which would refuse"
)]
const fn tree() -> [[u16; 2]; NODES] {
    let mut tree = [[0; 2]; NODES];
    let (mut used, mut code, mut length) = (1, 0u32, 1);
    while length <= 30 {
        let mut symbol = 0;
        while symbol <= EOS {
            if LENGTHS[symbol as usize] == length {
                let (mut node, mut bit) = (0, length);
                while bit > 1 {
                    bit -= 1;
                    let side = (code >> bit & 1) as usize;
                    if tree[node][side] == 0 {
                        tree[node][side] = used;
                        used += 1;
                    }
                    node = tree[node][side] as usize;
                }
                tree[node][(code & 1) as usize] = LEAF | symbol;
                code += 1;
            }
            symbol += 1;
        }
        code <<= 1;
        length += 1;
    }
    assert!(used as usize == NODES);
    tree
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler, which would refuse; 256 nodes are numbered by a byte"
)]
const fn steps() -> [[Step; 16]; NODES] {
    let none = Step {
        next: 0,
        symbol: 0,
        emits: false,
        fails: false,
    };
    let mut steps = [[none; 16]; NODES];
    let mut from = 0;
    while from < NODES {
        let mut bits = 0;
        while bits < 16 {
            let (mut step, mut node, mut bit) = (none, from, 4);
            while bit > 0 {
                bit -= 1;
                let child = TREE[node][bits >> bit & 1];
                if child & LEAF == 0 {
                    node = child as usize;
                    continue;
                }
                step.fails |= child == LEAF | EOS;
                step.emits = true;
                step.symbol = child as u8;
                node = 0;
            }
            step.next = node as u8;
            steps[from][bits] = step;
            bits += 1;
        }
        from += 1;
    }
    steps
}

/// Where a string may end: padding is the beginning of EOS, all ones, and shorter than a byte.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which would refuse"
)]
const fn ends() -> [bool; NODES] {
    let mut ends = [false; NODES];
    let (mut node, mut bits) = (0, 0);
    while bits < 8 {
        ends[node] = true;
        node = TREE[node][1] as usize;
        bits += 1;
    }
    ends
}

/// Not a string of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadCode;

/// Appends what `bytes` stand for.
pub(super) fn decode(bytes: &[u8], text: &mut Vec<u8>) -> Result<(), BadCode> {
    // The shortest code has five bits.
    text.reserve(bytes.len().saturating_mul(8).div_ceil(5));
    let mut node = 0_u8;
    for byte in bytes {
        for bits in [byte >> 4, byte & 0xf] {
            let steps = STEPS.get(usize::from(node)).ok_or(BadCode)?;
            let step = steps.get(usize::from(bits)).ok_or(BadCode)?;
            if step.fails {
                return Err(BadCode);
            }
            if step.emits {
                text.push(step.symbol);
            }
            node = step.next;
        }
    }
    let ends = ENDS.get(usize::from(node)).copied().unwrap_or_default();
    if ends { Ok(()) } else { Err(BadCode) }
}

/// The code of a text, for tests.
#[cfg(test)]
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut order: Vec<usize> = (0..LENGTHS.len()).collect();
    order.sort_by_key(|&symbol| (LENGTHS[symbol], symbol));
    let mut codes = [0_u32; 257];
    let (mut code, mut length) = (0, 0);
    for symbol in order {
        code <<= LENGTHS[symbol] - length;
        length = LENGTHS[symbol];
        codes[symbol] = code;
        code += 1;
    }
    let mut bits: Vec<bool> = Vec::new();
    for &byte in text {
        let length = LENGTHS[usize::from(byte)];
        bits.extend(
            (0..length)
                .rev()
                .map(|bit| codes[usize::from(byte)] >> bit & 1 == 1),
        );
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    bits.chunks(8).map(byte).collect()
}
