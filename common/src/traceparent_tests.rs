extern crate std;

use super::{LINE, VALUE_AT, decode, encode, line, parse};
use crate::context::SpanContext;
use crate::http1::Window;
use proptest::prelude::*;
use std::{format, string::String, vec::Vec};

struct Text<'a>(&'a [u8]);

impl Window for Text<'_> {
    fn word(&self, at: u32) -> u64 {
        let mut bytes = [0xa5; 8];
        for (to, from) in bytes.iter_mut().zip(self.0.iter().skip(at as usize)) {
            *to = *from;
        }
        u64::from_le_bytes(bytes)
    }
}

fn written(span: &SpanContext) -> Vec<u8> {
    let mut bytes = [0; 72];
    line(span, |at, word| {
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes())
    });
    bytes[..LINE].to_vec()
}

proptest! {
    #[test]
    fn digits_as_the_standard_library_has_them(bytes: [u8; 4], text: [u8; 8]) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let number = u32::from_le_bytes(bytes);
        prop_assert_eq!(&encode(number).to_le_bytes(), hex.as_bytes());
        prop_assert_eq!(decode(encode(number)), Some(number));
        let lower = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        prop_assert_eq!(decode(u64::from_le_bytes(text)).is_some(), lower);
    }

    #[test]
    fn every_byte_counts_in_decode(at in 0_usize..8, byte: u8) {
        let mut text = *b"0189afbc";
        text[at] = byte;
        let lower = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        prop_assert_eq!(decode(u64::from_le_bytes(text)).is_some(), lower);
    }

    #[test]
    fn what_is_written_is_read(trace_id: [u8; 16], span_id: [u8; 8], flags in 0_u8..4) {
        let span = SpanContext { trace_id, span_id, flags, ..SpanContext::NONE };
        let text = written(&span);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected = format!("traceparent: 00-{}-{}-{flags:02x}\r\n", hex(&trace_id), hex(&span_id));
        prop_assert_eq!(text.as_slice(), expected.as_bytes());
        let told = parse(&Text(&text), VALUE_AT as u32);
        if trace_id != [0; 16] && span_id != [0; 8] {
            let told = told.unwrap();
            prop_assert_eq!(told.trace_id[0].to_le_bytes(), &trace_id[..8]);
            prop_assert_eq!(told.trace_id[1].to_le_bytes(), &trace_id[8..]);
            prop_assert_eq!(told.parent_id.to_le_bytes(), span_id);
            prop_assert_eq!(told.flags, flags);
        } else {
            prop_assert_eq!(told, None);
        }
    }
}
