extern crate std;

use super::encoder::{Encoder, Form, huffman};
use super::{HUFFMAN_NAME, Scan};
use crate::{http1::Window, traceparent::Traceparent};
use proptest::prelude::*;
use std::{format, string::String, vec, vec::Vec};

struct Slice<'a>(&'a [u8]);

impl Window for Slice<'_> {
    fn word(&self, at: u32) -> u64 {
        let mut bytes = [0xa5; 8];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(at as usize)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

/// Scans a block cut into windows of the given lengths; false if it is none.
fn scan(scan: &mut Scan, block: &[u8], mut cuts: impl Iterator<Item = usize>) -> bool {
    scan.begin();
    let mut from = 0;
    while from < block.len() {
        let left = block.len() - from;
        let length = cuts.next().unwrap_or(usize::MAX).clamp(1, left);
        let window = Slice(&block[from..from + length]);
        let mut at = 0;
        while (at as usize) < length {
            let next = scan.step(&window, at, length as u32);
            assert!(next > at && next as usize <= length, "{at} {next} {length}");
            at = next;
        }
        from += length;
        scan.bytes = from as u32;
    }
    scan.finish()
}

fn whole(state: &mut Scan, block: &[u8]) -> bool {
    scan(state, block, std::iter::empty())
}

const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn told(text: &str) -> Option<Traceparent> {
    crate::traceparent::parse(&Slice(format!("{text} ").as_bytes()), 0)
}

fn literal(first: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![first];
    if first & 0x0f == 0 {
        block.push(name.len() as u8);
        block.extend(name);
    }
    block.push(value.len() as u8);
    block.extend(value);
    block
}

#[test]
fn the_name_in_huffman_code() {
    assert_eq!(huffman(b"traceparent"), HUFFMAN_NAME.to_le_bytes());
}

#[test]
fn takes_a_field_in_every_form() {
    for first in [0x00, 0x10, 0x40] {
        for coded in [false, true] {
            let mut block = vec![0x82, 0x87, 0x84, 0x41, 0x01, b'a', first];
            match coded {
                true => {
                    block.extend([0x88]);
                    block.extend(huffman(b"traceparent"));
                    let value = huffman(OWN.as_bytes());
                    block.push(0x80 | value.len() as u8);
                    block.extend(value);
                }
                false => {
                    block = [&block[..6], &literal(first, b"traceparent", OWN.as_bytes())].concat()
                }
            }
            block.push(0x90);
            let mut state = Scan::START;
            assert!(whole(&mut state, &block));
            assert_eq!(state.traceparent(), told(OWN).as_ref(), "{first} {coded}");
            assert!(state.has_traceparent() && state.has_method());
            let open = (first != 0x40 && !coded).then_some(20);
            assert_eq!(state.open_value(), open);
        }
    }
}

#[test]
fn an_entry_is_found_again() {
    let mut state = Scan::START;
    assert!(whole(
        &mut state,
        &literal(0x40, b"traceparent", OWN.as_bytes())
    ));
    assert!(whole(&mut state, &literal(0x40, b"x", b"y")));
    assert!(!state.has_traceparent() && !state.has_method());
    // Both entries, then a new value of the second's name.
    assert!(whole(&mut state, &[0xbf]));
    assert_eq!(state.traceparent(), told(OWN).as_ref());
    assert_eq!(state.open_value(), None);
    assert!(whole(&mut state, &[0xbe]));
    assert!(!state.has_traceparent() && !state.is_unsure());
    let other = OWN.replace("c-b7", "c-b8");
    let mut block = vec![0x0f, 0x30];
    block.extend(&literal(1, b"", other.as_bytes())[1..]);
    assert!(whole(&mut state, &block));
    assert_eq!(state.traceparent(), told(&other).as_ref());
}

#[test]
fn an_unseen_name_is_known_by_its_value() {
    let mut state = Scan::START;
    let mut block = vec![0x7e];
    block.extend(&literal(1, b"", OWN.as_bytes())[1..]);
    assert!(whole(&mut state, &block));
    assert_eq!(state.traceparent(), told(OWN).as_ref());
    // It is remembered.
    assert!(whole(&mut state, &[0xbe]));
    assert_eq!(state.traceparent(), told(OWN).as_ref());
    // A copy under another name that was not seen either.
    let copies = [&block[..], &block[..]].concat();
    assert!(whole(&mut state, &copies));
    assert_eq!(state.traceparent(), told(OWN).as_ref());
    // An entry that nobody has seen.
    assert!(whole(&mut state, &[0xff, 0x00]));
    assert!(state.is_unsure() && !state.has_traceparent());
    // Since all entries were seen: this one is named x.
    let mut state = Scan::START;
    assert!(whole(&mut state, &literal(0x40, b"x", b"y")));
    block[0] = 0x7e;
    assert!(whole(&mut state, &block));
    assert!(!state.has_traceparent());
}

#[test]
fn several_and_invalid_ones_are_told() {
    let mut state = Scan::START;
    let one = literal(0x00, b"traceparent", OWN.as_bytes());
    assert!(whole(&mut state, &[&one[..], &one[..]].concat()));
    assert!(state.has_several() && state.traceparent().is_none());
    for value in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        &format!("{OWN}-x"),
    ] {
        assert!(whole(
            &mut state,
            &literal(0x00, b"traceparent", value.as_bytes())
        ));
        assert!(state.is_invalid() && state.has_traceparent(), "{value}");
        let mut block = literal(0x00, b"traceparent", &huffman(value.as_bytes()));
        block[13] |= 0x80;
        assert!(whole(&mut state, &block));
        assert!(state.is_invalid(), "{value}");
    }
    let later = format!("01{}-more", &OWN[2..]);
    assert!(whole(
        &mut state,
        &literal(0x00, b"traceparent", later.as_bytes())
    ));
    assert_eq!(state.traceparent(), told(&later).as_ref());
    assert!(state.traceparent().is_some());
}

#[test]
fn an_entry_that_does_not_fit_is_not_counted() {
    let mut state = Scan::START;
    assert!(whole(
        &mut state,
        &literal(0x40, b"traceparent", OWN.as_bytes())
    ));
    // Section 4.4: it empties the table.
    let mut block = vec![0x40, 1, b'x', 0x7f, 0x81, 0x1f];
    block.extend([b'y'; 4096]);
    assert!(whole(&mut state, &block));
    assert_eq!(state.inserted, 1);
    // Nothing fits a table of size 0.
    assert!(whole(
        &mut state,
        &[&[0x20][..], &literal(0x40, b"a", b"b")].concat()
    ));
    assert_eq!(state.inserted, 1);
}

#[test]
fn refuses_what_is_no_block() {
    for block in [
        &[0x80][..],
        &[0x40],
        &[0x00, 0x01],
        &[0x7f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00],
    ] {
        let mut state = Scan::START;
        assert!(!whole(&mut state, block), "{block:?}");
        assert!(state.is_failed());
    }
}

/// The public vectors, which hold no `traceparent`: their blocks end where they end, cut or whole.
#[test]
fn walks_the_blocks_of_other_encoders() {
    let Ok(folder) = std::env::var("HPACK_VECTORS") else {
        std::eprintln!("WARNING: skipped, HPACK_VECTORS does not name the folder of the vectors");
        return;
    };
    let mut blocks = 0;
    for encoder in std::fs::read_dir(folder).unwrap().flatten() {
        let Ok(stories) = std::fs::read_dir(encoder.path()) else {
            continue;
        };
        for story in stories.flatten() {
            let text = std::fs::read_to_string(story.path()).unwrap();
            let mut state = Scan::START;
            for wire in text.split("\"wire\": \"").skip(1) {
                let hex = wire.split('"').next().unwrap();
                let block: Vec<u8> = (0..hex.len())
                    .step_by(2)
                    .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
                    .collect();
                let mut cut = state;
                assert!(
                    scan(&mut cut, &block, std::iter::repeat(1)),
                    "{story:?} {hex}"
                );
                assert!(whole(&mut state, &block));
                assert_eq!(cut, state);
                assert!(
                    !state.has_traceparent() && !state.is_unsure(),
                    "{story:?} {hex}"
                );
                blocks += 1;
            }
        }
    }
    assert!(blocks > 100, "{blocks} blocks");
}

fn digits(length: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(prop::sample::select(b"0123456789abcdef".to_vec()), length)
        .prop_map(|bytes| String::from_utf8(bytes).unwrap())
}

fn value() -> impl Strategy<Value = String> {
    (digits(32), digits(16), digits(2)).prop_map(|(t, p, f)| format!("00-{t}-{p}-{f}"))
}

fn form() -> impl Strategy<Value = Form> {
    prop::sample::select(vec![
        Form::Indexed,
        Form::Incremental,
        Form::Plain,
        Form::Never,
    ])
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    value: String,
    form: Form,
    coded: bool,
    names: bool,
}

fn field() -> impl Strategy<Value = Field> {
    let name = prop_oneof![
        3 => Just(String::from("traceparent")),
        2 => prop::sample::select(vec!["user-agent", "tracestate", "traceparenu", "x"]).prop_map(String::from),
        1 => "[a-z-]{1,12}",
    ];
    let text = prop_oneof![2 => value(), 1 => "[ -~]{0,60}", 1 => Just(String::from(OWN))];
    (name, text, form(), any::<bool>(), any::<bool>()).prop_map(
        |(name, value, form, coded, names)| Field {
            name,
            value,
            form,
            coded,
            names,
        },
    )
}

#[derive(Clone, Debug)]
struct Block {
    resize: Option<usize>,
    fields: Vec<Field>,
}

fn block() -> impl Strategy<Value = Block> {
    let resize =
        proptest::option::weighted(0.2, prop::sample::select(vec![0, 97, 98, 300, 4096, 65536]));
    (resize, proptest::collection::vec(field(), 0..6))
        .prop_map(|(resize, fields)| Block { resize, fields })
}

proptest! {
    #[test]
    fn finds_what_the_encoder_wrote(
        blocks in proptest::collection::vec(block(), 1..12),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
        joined in 0_usize..4,
    ) {
        let mut encoder = Encoder::new();
        let (mut state, mut spoilt) = (Scan::START, false);
        for (index, block) in blocks.iter().enumerate() {
            let mut bytes = Vec::new();
            if let Some(limit) = block.resize {
                encoder.resize(limit, &mut bytes);
            }
            for field in &block.fields {
                encoder.field(&mut bytes, (field.name.as_bytes(), field.value.as_bytes()), field.form, field.coded, field.names);
            }
            if index < joined {
                state.forget();
                continue;
            }
            let mut other = state;
            prop_assert!(scan(&mut state, &bytes, cuts.iter().copied().cycle()));
            prop_assert!(whole(&mut other, &bytes));
            prop_assert_eq!(state, other);
            let values: Vec<&str> = block.fields.iter().filter(|f| f.name == "traceparent").map(|f| f.value.as_str()).collect();
            spoilt |= values.iter().any(|v| told(v).is_none());
            let wanted = match values[..] {
                [one] => told(one),
                _ => None,
            };
            let strange = block.fields.iter().any(|f| f.name != "traceparent" && told(&f.value).is_some());
            let partly = joined > 0 || state.unseen > 0;
            if partly && (strange || state.is_unsure()) {
                continue;
            }
            // By an unseen name an invalid value is another field's, and copies may be so.
            if partly && (spoilt || values.len() > 1) {
                continue;
            }
            if state.parent == super::parent::UNKNOWN {
                prop_assert_eq!(values.len(), 1);
                continue;
            }
            prop_assert_eq!(state.traceparent().copied(), wanted, "{:?}", values);
            if !partly {
                prop_assert!(!state.is_unsure());
                prop_assert_eq!(state.has_traceparent(), !values.is_empty());
                prop_assert_eq!(state.has_several(), values.len() > 1);
            }
        }
    }
}
