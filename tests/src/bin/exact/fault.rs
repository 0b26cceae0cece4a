//! What must be found: the ways in which somebody between the two ends could spoil a message.

use crate::plan::Message;
use crate::rng::Rng;

/// A way to spoil, or with [`Fault::Insert`] what an agent does rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One field where it belongs.
    Insert,
    /// One bit of one byte.
    Flip,
    /// A byte is lost.
    Lose,
    /// A byte comes twice.
    Repeat,
    /// Two neighbours change places.
    Swap,
    /// A block comes after the one behind it.
    Reorder,
    /// The last bytes are missing.
    Truncate,
    /// Two fields where one belongs.
    TwoFields,
    /// A field after the request line, or anywhere in what has no head.
    Misplaced,
    /// A field with a digit in upper case.
    UpperCase,
    /// A field whose trace id is zero.
    ZeroId,
    /// A field although the request has its own.
    BesideOwn,
    /// The added field pushed out as many bytes at the end.
    Overwrite,
}

const FIELD: &[u8; 70] =
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";

impl Fault {
    /// All that must be found.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 12] = [
        Self::Flip,
        Self::Lose,
        Self::Repeat,
        Self::Swap,
        Self::Reorder,
        Self::Truncate,
        Self::TwoFields,
        Self::Misplaced,
        Self::UpperCase,
        Self::ZeroId,
        Self::BesideOwn,
        Self::Overwrite,
    ];

    /// By its name on the command line.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "insert" => Self::Insert,
            "flip" => Self::Flip,
            "lose" => Self::Lose,
            "repeat" => Self::Repeat,
            "swap" => Self::Swap,
            "reorder" => Self::Reorder,
            "truncate" => Self::Truncate,
            "two-fields" => Self::TwoFields,
            "misplaced" => Self::Misplaced,
            "upper-case" => Self::UpperCase,
            "zero-id" => Self::ZeroId,
            "beside-own" => Self::BesideOwn,
            "overwrite" => Self::Overwrite,
            _ => return None,
        })
    }
}

/// The message's `bytes` as they would come; unchanged where the fault has no place in it.
pub(crate) fn apply(fault: Fault, message: &Message, bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    match fault {
        Fault::Flip | Fault::Lose | Fault::Repeat | Fault::Swap => one_byte(fault, bytes, rng),
        Fault::Reorder => reordered(bytes, rng),
        Fault::Truncate => {
            let keep = rng.below(bytes.len());
            bytes[..keep].to_vec()
        }
        Fault::Misplaced => with_misplaced(message, bytes, rng),
        Fault::BesideOwn => beside_own(message, bytes),
        _ => with_field(fault, message, bytes),
    }
}

fn one_byte(fault: Fault, mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    if bytes.len() < 2 {
        return bytes;
    }
    let at = rng.below(bytes.len() - 1);
    match fault {
        Fault::Flip => bytes[at] ^= 1 << rng.below(8),
        Fault::Lose => drop(bytes.remove(at)),
        Fault::Repeat => bytes.insert(at, bytes[at]),
        _ => bytes.swap(at, at + 1),
    }
    bytes
}

fn reordered(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    let block = rng.within(1, 1448).min(bytes.len() / 2);
    let at = rng.below(bytes.len() - 2 * block + 1);
    bytes[at..at + 2 * block].rotate_left(block);
    bytes
}

/// In the head but not at its end; in anything else anywhere.
fn with_misplaced(message: &Message, mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    let at = match message.insert_at {
        Some(end) => bytes[..end - 2].iter().position(|byte| *byte == b'\n'),
        None => Some(rng.below(bytes.len())),
    };
    if let Some(at) = at {
        bytes.splice(at + 1..at + 1, *FIELD);
    }
    bytes
}

/// At the end of a head to which nothing may be added.
fn beside_own(message: &Message, mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    if let (None, Some(end)) = (message.insert_at, end) {
        bytes.splice(end + 2..end + 2, *FIELD);
    }
    bytes
}

fn with_field(fault: Fault, message: &Message, mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(at) = message.insert_at else {
        return bytes;
    };
    let mut field = FIELD.to_vec();
    match fault {
        Fault::UpperCase => field.make_ascii_uppercase(),
        Fault::ZeroId => field[16..48].fill(b'0'),
        Fault::TwoFields => field.extend_from_slice(FIELD),
        _ => {}
    }
    let length = bytes.len();
    bytes.splice(at..at, field);
    if fault == Fault::Overwrite {
        bytes.truncate(length);
    }
    bytes
}
