//! Compares what comes in with what the plan says, byte for byte, and takes out at most one added `traceparent` field of each
//! message that may have one.

use std::fmt;

use crate::plan::Message;
use crate::pool::Pool;

/// `traceparent: 00-<32 hex>-<16 hex>-<2 hex>` and the line's end.
pub(crate) const FIELD_LENGTH: usize = 70;

const CONTEXT: usize = 48;

/// The first byte that is not as planned.
#[derive(Debug)]
pub(crate) struct Difference {
    what: &'static str,
    position: usize,
    before: Vec<u8>,
    expected: Vec<u8>,
    found: Vec<u8>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} at byte {} of the message\n    after    \"{}\"\n    expected \"{}\"\n    found    \"{}\"",
            self.what,
            self.position,
            self.before.escape_ascii(),
            self.expected.escape_ascii(),
            self.found.escape_ascii()
        )
    }
}

impl std::error::Error for Difference {}

/// Follows one message.
#[derive(Debug)]
pub(crate) struct Checker {
    message: Message,
    length: usize,
    part: usize,
    in_part: usize,
    position: usize,
    field: Vec<u8>,
    inserted: bool,
}

impl Checker {
    /// Expects `message`.
    pub(crate) fn new(message: Message) -> Self {
        Self {
            length: message.length(),
            message,
            part: 0,
            in_part: 0,
            position: 0,
            field: Vec::new(),
            inserted: false,
        }
    }

    /// All of it has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.position == self.length
    }

    /// How many bytes of the message itself have come.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// A field was added.
    pub(crate) fn inserted(&self) -> bool {
        self.inserted
    }

    /// A field could have been added.
    pub(crate) fn eligible(&self) -> bool {
        self.message.insert_at.is_some()
    }

    /// Takes bytes until the message is complete; gives how many it took.
    pub(crate) fn feed(&mut self, bytes: &[u8], pool: &Pool) -> Result<usize, Difference> {
        let mut taken = 0;
        while taken < bytes.len() && !self.is_complete() {
            let rest = &bytes[taken..];
            taken += if self.field_begins(rest) {
                self.take_field(rest, pool)?
            } else {
                self.take_planned(rest, pool)?
            };
        }
        Ok(taken)
    }

    /// The connection ended here.
    pub(crate) fn end(&self, pool: &Pool) -> Result<(), Difference> {
        if self.is_complete() {
            return Ok(());
        }
        Err(self.difference("the end", pool, 0, &[]))
    }

    /// Bytes came after the last message.
    pub(crate) fn extra(bytes: &[u8]) -> Difference {
        Difference {
            what: "bytes that nobody sent",
            position: 0,
            before: Vec::new(),
            expected: Vec::new(),
            found: bytes[..bytes.len().min(CONTEXT)].to_vec(),
        }
    }

    /// Instead of the empty line's CR something else comes, or has begun to.
    fn field_begins(&self, rest: &[u8]) -> bool {
        let here = self.message.insert_at == Some(self.position) && !self.inserted;
        here && (!self.field.is_empty() || rest[0] == b't')
    }

    fn take_field(&mut self, rest: &[u8], pool: &Pool) -> Result<usize, Difference> {
        let count = rest.len().min(FIELD_LENGTH - self.field.len());
        self.field.extend_from_slice(&rest[..count]);
        if self.field.len() < FIELD_LENGTH {
            return Ok(count);
        }
        if !is_field(&self.field) {
            return Err(self.difference("no valid traceparent field", pool, 0, &self.field));
        }
        self.inserted = true;
        Ok(count)
    }

    fn take_planned(&mut self, rest: &[u8], pool: &Pool) -> Result<usize, Difference> {
        let part = self.message.parts[self.part].bytes(pool);
        let mut count = rest.len().min(part.len() - self.in_part);
        if let Some(at) = self.message.insert_at
            && at > self.position
        {
            count = count.min(at - self.position);
        }
        let expected = &part[self.in_part..self.in_part + count];
        if expected != &rest[..count] {
            let same = expected.iter().zip(rest).take_while(|(a, b)| a == b);
            let same = same.count();
            return Err(self.difference("another byte", pool, same, &rest[same..]));
        }
        self.position += count;
        self.in_part += count;
        while self.in_part == self.message.parts[self.part].length()
            && self.part + 1 < self.message.parts.len()
        {
            (self.part, self.in_part) = (self.part + 1, 0);
        }
        Ok(count)
    }

    /// `same` more bytes were right before `found`.
    fn difference(&self, what: &'static str, pool: &Pool, same: usize, found: &[u8]) -> Difference {
        let whole: Vec<u8> = self
            .message
            .parts
            .iter()
            .flat_map(|part| part.bytes(pool))
            .copied()
            .collect();
        let position = self.position + same;
        let until = (position + CONTEXT).min(whole.len());
        Difference {
            what,
            position,
            before: whole[position.saturating_sub(CONTEXT)..position].to_vec(),
            expected: whole[position..until].to_vec(),
            found: found[..found.len().min(CONTEXT + FIELD_LENGTH)].to_vec(),
        }
    }
}

/// Exactly what may be added: version 00, lower-case digits, ids that are not zero.
fn is_field(field: &[u8]) -> bool {
    let Some(value) = field
        .strip_prefix(b"traceparent: 00-")
        .and_then(|rest| rest.strip_suffix(b"\r\n"))
    else {
        return false;
    };
    let parts: Vec<&[u8]> = value.split(|byte| *byte == b'-').collect();
    let [trace, parent, flags] = parts[..] else {
        return false;
    };
    let hex = |text: &[u8]| text.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |text: &[u8]| text.iter().all(|byte| *byte == b'0');
    let lengths = (trace.len(), parent.len(), flags.len()) == (32, 16, 2);
    lengths && parts.iter().all(|part| hex(part)) && !zero(trace) && !zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, apply};
    use crate::plan::{Mode, Part, Plan};
    use crate::pool::prepare;
    use crate::rng::Rng;

    /// Feeds `bytes` in random pieces; gives whether a field was added.
    fn check(message: &Message, bytes: &[u8], rng: &mut Rng) -> Result<bool, Difference> {
        let pool = prepare().expect("memory");
        let mut checker = Checker::new(message.clone());
        let mut at = 0;
        while at < bytes.len() {
            let count = rng.magnitude(1, bytes.len() - at);
            let taken = checker.feed(&bytes[at..at + count], pool)?;
            if taken < count {
                return Err(Checker::extra(&bytes[at + taken..]));
            }
            at += count;
        }
        checker.end(pool)?;
        Ok(checker.inserted())
    }

    fn flat(message: &Message) -> Vec<u8> {
        let pool = prepare().expect("memory");
        let bytes = message.parts.iter().flat_map(|part| part.bytes(pool));
        bytes.copied().collect()
    }

    /// Messages of every kind, small enough to try many.
    fn messages() -> Vec<Message> {
        (0..400)
            .flat_map(|seed| Plan::new(seed, Mode::Both).take(4))
            .map(|exchange| exchange.out)
            .filter(|message| (1..100_000).contains(&message.length()))
            .collect()
    }

    #[test]
    fn what_was_sent_passes() {
        let mut rng = Rng::new(7);
        for message in messages() {
            let bytes = flat(&message);
            assert!(matches!(check(&message, &bytes, &mut rng), Ok(false)));
        }
    }

    #[test]
    fn one_field_before_the_empty_line_passes_and_is_counted() {
        let mut rng = Rng::new(8);
        for message in messages() {
            let bytes = apply(Fault::Insert, &message, flat(&message), &mut rng);
            let found = check(&message, &bytes, &mut rng);
            let right = found.as_ref().ok() == Some(&message.insert_at.is_some());
            assert!(right, "{found:?}");
        }
    }

    #[test]
    fn every_fault_is_found() {
        let mut rng = Rng::new(9);
        for fault in Fault::ALL {
            let mut made = 0;
            for message in messages() {
                let right = flat(&message);
                let wrong = apply(fault, &message, right.clone(), &mut rng);
                if wrong == right {
                    continue;
                }
                made += 1;
                let found = check(&message, &wrong, &mut rng);
                assert!(found.is_err(), "{fault:?} was not found");
            }
            assert!(made > 100, "{fault:?} was made {made} times");
        }
    }

    #[test]
    fn a_difference_says_where() {
        let message = Message {
            parts: vec![Part::Text(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec())],
            insert_at: Some(25),
        };
        let sent = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n";
        let error = check(&message, sent, &mut Rng::new(1)).expect_err("a difference");
        assert!(
            error.to_string().starts_with("another byte at byte 22"),
            "{error}"
        );
    }
}
