//! Header blocks of one direction, as an observer from the beginning and a late one decode them.
//!
//! The input is blocks in hexadecimal, one a line; what is no digit is passed over. A line that begins with `L` sets the
//! limit of size updates to the number (a byte, times 64) that follows, one with `F` makes both forget.
//!
//! Checked: no panic, bounded memory, and that what the late one knows is what the other knows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sonde_fuzz::hexadecimal;
use sonde_protocols::hpack::{Decoder, Line};

const MEMORY: usize = 2048;
/// What is counted of a table is about what it takes, slots and the space for decoded strings aside.
const FOOTPRINT: usize = MEMORY * 4 + 8192;

type Pair = (Option<Vec<u8>>, Option<Vec<u8>>);

fn decode(decoder: &mut Decoder, block: &[u8]) -> Option<Vec<Pair>> {
    let mut lines = Vec::new();
    let take = |line: Line<'_>| {
        lines.push((
            line.name.map(<[u8]>::to_vec),
            line.value.map(<[u8]>::to_vec),
        ));
    };
    decoder.decode(block, take).ok()?;
    assert!(decoder.footprint() <= FOOTPRINT);
    Some(lines)
}

fuzz_target!(|input: &[u8]| {
    let mut whole = Decoder::new(MEMORY);
    let mut late = Decoder::new(MEMORY);
    late.forget();
    for line in input.split(|&byte| byte == b'\n') {
        let block = hexadecimal(line);
        match line.first() {
            Some(b'L') => {
                let limit = u32::from(block.first().copied().unwrap_or_default()) * 64;
                whole.set_limit(limit);
                late.set_limit(limit);
            }
            Some(b'F') => {
                whole.forget();
                late.forget();
            }
            _ => {
                let (known, partly) = (decode(&mut whole, &block), decode(&mut late, &block));
                let (Some(known), Some(partly)) = (known, partly) else {
                    whole.forget();
                    late.forget();
                    continue;
                };
                assert_eq!(known.len(), partly.len());
                for ((name, value), (late_name, late_value)) in known.iter().zip(&partly) {
                    assert!(late_name.is_none() || late_name == name);
                    assert!(late_value.is_none() || late_value == value);
                }
            }
        }
    }
});
