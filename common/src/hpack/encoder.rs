//! An encoder for the tests, with a dynamic table of its own (RFC 7541).

extern crate std;

use std::{collections::VecDeque, vec::Vec};

/// How a field is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// As an index if the table has it, else with incremental indexing.
    Indexed,
    /// With incremental indexing.
    Incremental,
    /// Without indexing.
    Plain,
    /// Never indexed.
    Never,
}

/// One end's table.
#[derive(Debug)]
pub(super) struct Encoder {
    entries: VecDeque<(Vec<u8>, Vec<u8>)>,
    limit: usize,
}

impl Encoder {
    pub(super) fn new() -> Self {
        let (entries, limit) = (VecDeque::new(), 4096);
        Self { entries, limit }
    }

    /// A dynamic table size update (section 6.3).
    pub(super) fn resize(&mut self, limit: usize, block: &mut Vec<u8>) {
        integer(block, 0x20, 5, limit);
        self.limit = limit;
        self.evict(0);
    }

    fn evict(&mut self, more: usize) {
        let size = |(n, v): &(Vec<u8>, Vec<u8>)| n.len() + v.len() + 32;
        while self.entries.iter().map(size).sum::<usize>() + more > self.limit {
            if self.entries.pop_back().is_none() {
                return;
            }
        }
    }

    /// Appends a field; `names` says whether a name may be an index.
    pub(super) fn field(
        &mut self,
        block: &mut Vec<u8>,
        field: (&[u8], &[u8]),
        form: Form,
        coded: bool,
        names: bool,
    ) {
        let (name, value) = field;
        let whole = self
            .entries
            .iter()
            .position(|(n, v)| n == name && v == value);
        if let (Form::Indexed, Some(place)) = (form, whole) {
            return integer(block, 0x80, 7, 62 + place);
        }
        let (first, prefix) = match form {
            Form::Indexed | Form::Incremental => (0x40, 6),
            Form::Plain => (0, 4),
            Form::Never => (0x10, 4),
        };
        let known = self.entries.iter().position(|(n, _)| n == name);
        let index = match known {
            Some(place) if names => 62 + place,
            _ if name == b"user-agent" => 58,
            _ => 0,
        };
        integer(block, first, prefix, index);
        if index == 0 {
            string(block, name, coded);
        }
        string(block, value, coded);
        if first == 0x40 {
            let size = name.len() + value.len() + 32;
            self.evict(size);
            if size <= self.limit {
                self.entries.push_front((name.to_vec(), value.to_vec()));
            }
        }
    }
}

/// Section 5.1.
fn integer(to: &mut Vec<u8>, first: u8, prefix: u32, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        return to.push(first | value as u8);
    }
    to.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 0x80 {
        to.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Section 5.2.
fn string(to: &mut Vec<u8>, text: &[u8], coded: bool) {
    let text = if coded { huffman(text) } else { text.to_vec() };
    integer(to, if coded { 0x80 } else { 0 }, 7, text.len());
    to.extend(text);
}

/// In Huffman code.
pub(super) fn huffman(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut bits, mut pending) = (Vec::new(), 0_u64, 0);
    for byte in text {
        let (code, length) = HUFFMAN[usize::from(byte - 0x20)];
        bits = (bits << length) | u64::from(code);
        pending += u32::from(length);
        while pending >= 8 {
            pending -= 8;
            bytes.push((bits >> pending) as u8);
        }
    }
    if pending > 0 {
        bytes.push((bits << (8 - pending)) as u8 | (0xff >> pending));
    }
    bytes
}

/// Codes of the printable characters from the blank on, and their lengths (RFC 7541 appendix B).
pub(super) const HUFFMAN: [(u32, u8); 95] = [
    (0x14, 6),
    (0x3f8, 10),
    (0x3f9, 10),
    (0xffa, 12),
    (0x1ff9, 13),
    (0x15, 6),
    (0xf8, 8),
    (0x7fa, 11),
    (0x3fa, 10),
    (0x3fb, 10),
    (0xf9, 8),
    (0x7fb, 11),
    (0xfa, 8),
    (0x16, 6),
    (0x17, 6),
    (0x18, 6),
    (0x0, 5),
    (0x1, 5),
    (0x2, 5),
    (0x19, 6),
    (0x1a, 6),
    (0x1b, 6),
    (0x1c, 6),
    (0x1d, 6),
    (0x1e, 6),
    (0x1f, 6),
    (0x5c, 7),
    (0xfb, 8),
    (0x7ffc, 15),
    (0x20, 6),
    (0xffb, 12),
    (0x3fc, 10),
    (0x1ffa, 13),
    (0x21, 6),
    (0x5d, 7),
    (0x5e, 7),
    (0x5f, 7),
    (0x60, 7),
    (0x61, 7),
    (0x62, 7),
    (0x63, 7),
    (0x64, 7),
    (0x65, 7),
    (0x66, 7),
    (0x67, 7),
    (0x68, 7),
    (0x69, 7),
    (0x6a, 7),
    (0x6b, 7),
    (0x6c, 7),
    (0x6d, 7),
    (0x6e, 7),
    (0x6f, 7),
    (0x70, 7),
    (0x71, 7),
    (0x72, 7),
    (0xfc, 8),
    (0x73, 7),
    (0xfd, 8),
    (0x1ffb, 13),
    (0x7fff0, 19),
    (0x1ffc, 13),
    (0x3ffc, 14),
    (0x22, 6),
    (0x7ffd, 15),
    (0x3, 5),
    (0x23, 6),
    (0x4, 5),
    (0x24, 6),
    (0x5, 5),
    (0x25, 6),
    (0x26, 6),
    (0x27, 6),
    (0x6, 5),
    (0x74, 7),
    (0x75, 7),
    (0x28, 6),
    (0x29, 6),
    (0x2a, 6),
    (0x7, 5),
    (0x2b, 6),
    (0x76, 7),
    (0x2c, 6),
    (0x8, 5),
    (0x9, 5),
    (0x2d, 6),
    (0x77, 7),
    (0x78, 7),
    (0x79, 7),
    (0x7a, 7),
    (0x7b, 7),
    (0x7ffe, 15),
    (0x7fc, 11),
    (0x3ffd, 14),
    (0x1ffd, 13),
];
