//! Random blocks against another implementation, from the beginning and from the middle.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use fluke_hpack::Decoder as Other;
use proptest::prelude::*;

use super::*;

/// A representation to encode.
#[derive(Clone, Debug)]
enum Piece {
    Static(u8),
    /// An entry of the dynamic table, modulo how many there are.
    Dynamic(u8),
    Literal {
        indexed: bool,
        /// Name of the dynamic table, modulo how many there are; 0: literal.
        name: u8,
        coded: bool,
        value: Vec<u8>,
    },
    /// At the beginning of a block only.
    Resize(u16),
}

fn piece() -> impl Strategy<Value = Piece> {
    let value = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => proptest::collection::vec(any::<u8>(), 60..200),
    ];
    prop_oneof![
        2 => (1..62_u8).prop_map(Piece::Static),
        4 => any::<u8>().prop_map(Piece::Dynamic),
        6 => (any::<bool>(), 0..4_u8, any::<bool>(), value)
            .prop_map(|(indexed, name, coded, value)| Piece::Literal { indexed, name, coded, value }),
        1 => (0..600_u16).prop_map(Piece::Resize),
    ]
}

fn put_integer(block: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let mask = (1 << prefix) - 1;
    if value < mask {
        block.push(pattern | value as u8);
        return;
    }
    block.push(pattern | mask as u8);
    let mut rest = value - mask;
    while rest > 127 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn put_string(block: &mut Vec<u8>, coded: bool, text: &[u8]) {
    if !coded {
        put_integer(block, 0, 7, text.len());
        block.extend_from_slice(text);
        return;
    }
    let code = huffman::encode(text);
    put_integer(block, 0x80, 7, code.len());
    block.extend_from_slice(&code);
}

/// Encodes blocks that a decoder with this table can take.
fn encoded(pieces: &[Vec<Piece>]) -> Vec<Vec<u8>> {
    let mut model = Decoder::new(MEMORY);
    let mut blocks = Vec::new();
    for pieces in pieces {
        let mut whole = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let mut block = Vec::new();
            let known = model.table.len();
            match piece {
                Piece::Static(index) => put_integer(&mut block, 0x80, 7, usize::from(*index)),
                Piece::Dynamic(_) if known == 0 => continue,
                Piece::Dynamic(index) => {
                    put_integer(&mut block, 0x80, 7, 62 + usize::from(*index) % known);
                }
                Piece::Resize(size) if at == 0 => {
                    put_integer(&mut block, 0x20, 5, usize::from(*size));
                }
                Piece::Resize(_) => continue,
                Piece::Literal {
                    indexed,
                    name,
                    coded,
                    value,
                } => {
                    let (pattern, prefix) = if *indexed { (0x40, 6) } else { (0x10, 4) };
                    if *name == 0 || known == 0 {
                        block.push(pattern);
                        put_string(&mut block, !coded, &value[..value.len() / 2]);
                    } else {
                        let index = 62 + usize::from(*name) % known;
                        put_integer(&mut block, pattern, prefix, index);
                    }
                    put_string(&mut block, *coded, value);
                }
            }
            assert_eq!(model.decode(&block, |_| ()), Ok(()));
            whole.extend_from_slice(&block);
        }
        // The other refuses a block that ends in a size update.
        whole.push(0x82);
        blocks.push(whole);
    }
    blocks
}

type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

fn ours(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Pair>, Malformed> {
    let mut lines = Vec::new();
    decoder.decode(block, |line| {
        lines.push((
            line.name.map(<[u8]>::to_vec),
            line.value.map(<[u8]>::to_vec),
        ));
    })?;
    Ok(lines)
}

/// What the other implementation finds, `None` for an error. It panics at a size update that is cut short or has more than
/// five bytes, which is an error as well, and no fault of ours.
fn theirs(decoder: &mut Other<'_>, block: &[u8]) -> Option<Vec<Pair>> {
    let decoded = quietly(|| catch_unwind(AssertUnwindSafe(|| decoder.decode(block))));
    let lines = decoded.ok()?.ok()?;
    let known = |(name, value)| (Some(name), Some(value));
    Some(lines.into_iter().map(known).collect())
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Without a word of this thread's panics, which would look like failures in a log.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let said = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                said(info);
            }
        }));
    });
    QUIET.set(true);
    let result = work();
    QUIET.set(false);
    result
}

/// Decodes blocks of which nothing is certain with both, as far as both go.
fn compared(blocks: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let mut other = Other::new();
    let mut decoder = Decoder::new(MEMORY);
    for block in blocks {
        match (ours(&mut decoder, block), theirs(&mut other, block)) {
            (Ok(found), Some(wanted)) => prop_assert_eq!(found, wanted),
            // The other knows no limit of size updates and takes them behind fields.
            (Err(Malformed::SizeUpdate), _) => return Ok(()),
            (Err(error), found) => {
                prop_assert_eq!(found, None, "{:?}", error);
                return Ok(());
            }
            // It refuses more: a block that ends in a size update, integers of six bytes.
            (Ok(_), None) => return Ok(()),
        }
    }
    Ok(())
}

#[test]
fn blocks_that_the_other_panics_at() {
    let cases = [
        // A size update without the rest of its integer; the same behind a field, and with a byte of it.
        ("3f", Err(Malformed::Truncated)),
        ("82 3f", Err(Malformed::Truncated)),
        ("3f e1", Err(Malformed::Truncated)),
        // Five bytes and more to come: too long for the other, not for us as long as it fits 32 bits.
        ("3f 80808080 00 82", Ok(())),
        ("3f 80808080 80 00 82", Err(Malformed::Integer)),
    ];
    for (hex, wanted) in cases {
        let found = ours(&mut Decoder::new(MEMORY), &bytes(hex));
        assert_eq!(found.map(|_| ()), wanted, "{hex}");
        assert_eq!(theirs(&mut Other::new(), &bytes(hex)), None, "{hex}");
    }
}

proptest! {
    #[test]
    fn agrees_with_another_implementation(
        pieces in proptest::collection::vec(proptest::collection::vec(piece(), 0..12), 1..12),
        late in 0..12_usize,
    ) {
        let blocks = encoded(&pieces);
        let mut other = Other::new();
        let mut whole = Decoder::new(MEMORY);
        let mut joined = Decoder::new(MEMORY);
        joined.forget();
        for (at, block) in blocks.iter().enumerate() {
            let wanted = other.decode(block).unwrap();
            let found = ours(&mut whole, block).unwrap();
            let known: Vec<_> = wanted.iter().cloned().map(|(name, value)| (Some(name), Some(value))).collect();
            prop_assert_eq!(&found, &known);
            if at < late {
                continue;
            }
            let partly = ours(&mut joined, block).unwrap();
            prop_assert_eq!(partly.len(), wanted.len());
            for ((name, value), (real_name, real_value)) in partly.iter().zip(&wanted) {
                prop_assert!(name.as_ref().is_none_or(|name| name == real_name));
                prop_assert!(value.as_ref().is_none_or(|value| value == real_value));
            }
        }
    }

    #[test]
    fn random_bytes(blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 1..8)) {
        compared(&blocks)?;
        let mut late = Decoder::new(512);
        late.forget();
        for block in &blocks {
            let _ = ours(&mut late, block);
            prop_assert!(late.footprint() <= 512 * 3 + SCRATCH);
        }
    }

    /// Right blocks, but for the last: it ends too early, or has a byte changed.
    #[test]
    fn spoiled_blocks(
        pieces in proptest::collection::vec(proptest::collection::vec(piece(), 0..6), 1..4),
        at in any::<prop::sample::Index>(),
        other in proptest::option::of(any::<u8>()),
    ) {
        let mut blocks = encoded(&pieces);
        if let Some(last) = blocks.last_mut() {
            let at = at.index(last.len());
            match other {
                Some(byte) => last[at] = byte,
                None => last.truncate(at),
            }
        }
        compared(&blocks)?;
    }
}
