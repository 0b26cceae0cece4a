//! HPACK (RFC 7541) as a passive observer can decode it.
//!
//! An observer may come late or miss a block. A reference to an entry it has not seen is then a field of which the name,
//! the value or both are not known, and no error; with every entry that is added it knows more. Right is what it says it
//! knows. What no encoder may send (section 5.1: integers too large; section 5.2: bad padding; index 0; a size update
//! above the limit) leaves it without knowledge of the table, as the block's end is not known to be where it stopped.

mod huffman;
mod table;
#[cfg(test)]
mod tests;

pub use table::Line;
use table::Table;

/// Maximum size before any size update (RFC 9113 section 6.5.2).
const DEFAULT_SIZE: u32 = 4096;
/// More than this of the space for decoded strings is given back after a block.
const SCRATCH: usize = 4096;

/// What makes a header block malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The block ends within a representation.
    Truncated,
    /// An integer of more than 32 bits.
    Integer,
    /// A Huffman code that is none, or padding that is not the beginning of EOS.
    Huffman,
    /// An index of 0, or one above the table.
    Index,
    /// A size update above the limit, or behind a field.
    SizeUpdate,
}

/// Decoder of one direction's header blocks.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// Most that a size update may ask for (`SETTINGS_HEADER_TABLE_SIZE`).
    limit: u32,
    scratch: Vec<u8>,
}

/// Where a string lies.
enum Text<'b> {
    Block(&'b [u8]),
    /// Decoded: this part of the scratch space.
    Scratch(usize, usize),
}

impl Decoder {
    /// The decoder of a new connection, which keeps at most so many bytes of the dynamic table (counted as section 4.1
    /// counts).
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self {
            table: Table::new(DEFAULT_SIZE as usize, memory),
            limit: DEFAULT_SIZE,
            scratch: Vec::new(),
        }
    }

    /// Blocks were missed: what is known of the table is not the table any more.
    pub fn forget(&mut self) {
        self.table.forget();
    }

    /// The most that a size update may ask for from now on; the table itself changes with the update only.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Decodes one header block, whole.
    ///
    /// # Errors
    /// [`Malformed`], and nothing is known of the table any more.
    pub fn decode(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(Line<'_>),
    ) -> Result<(), Malformed> {
        let decoded = self.lines(block, &mut take);
        if decoded.is_err() {
            self.forget();
        }
        if self.scratch.capacity() > SCRATCH {
            self.scratch = Vec::new();
        }
        decoded
    }

    /// Heap bytes held.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.table
            .footprint()
            .saturating_add(self.scratch.capacity())
    }

    fn lines(&mut self, block: &[u8], take: &mut impl FnMut(Line<'_>)) -> Result<(), Malformed> {
        let mut rest = block;
        let mut fields = false;
        while let Some(&first) = rest.first() {
            match first.leading_zeros() {
                0 => {
                    let index = integer(&mut rest, 7)?;
                    take(self.table.get(index).ok_or(Malformed::Index)?);
                }
                1 => self.literal(&mut rest, 6, true, take)?,
                2 => {
                    let size = integer(&mut rest, 5)?;
                    if fields || size > self.limit {
                        return Err(Malformed::SizeUpdate);
                    }
                    self.table.resize(size as usize);
                    continue;
                }
                // Without indexing, and never indexed.
                _ => self.literal(&mut rest, 4, false, take)?,
            }
            fields = true;
        }
        Ok(())
    }

    /// A literal field (section 6.2).
    fn literal(
        &mut self,
        rest: &mut &[u8],
        prefix: u32,
        indexed: bool,
        take: &mut impl FnMut(Line<'_>),
    ) -> Result<(), Malformed> {
        self.scratch.clear();
        let index = integer(rest, prefix)?;
        let literal_name = if index == 0 {
            Some(self.string(rest)?)
        } else {
            None
        };
        let value = self.string(rest)?;
        let name = match &literal_name {
            Some(name) => Some(text(name, &self.scratch)),
            None => self.table.get(index).ok_or(Malformed::Index)?.name,
        };
        let value = text(&value, &self.scratch);
        take(Line {
            name,
            value: Some(value),
        });
        if !indexed {
            return Ok(());
        }
        let entry = Table::entry(name, value);
        self.table.insert(entry);
        Ok(())
    }

    /// A string literal (section 5.2).
    fn string<'b>(&mut self, rest: &mut &'b [u8]) -> Result<Text<'b>, Malformed> {
        let coded = rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = integer(rest, 7)?;
        let (bytes, after) = rest
            .split_at_checked(length as usize)
            .ok_or(Malformed::Truncated)?;
        *rest = after;
        if !coded {
            return Ok(Text::Block(bytes));
        }
        let from = self.scratch.len();
        huffman::decode(bytes, &mut self.scratch).map_err(|huffman::BadCode| Malformed::Huffman)?;
        Ok(Text::Scratch(from, self.scratch.len()))
    }
}

fn text<'t>(text: &Text<'t>, scratch: &'t [u8]) -> &'t [u8] {
    match *text {
        Text::Block(bytes) => bytes,
        Text::Scratch(from, to) => scratch.get(from..to).unwrap_or_default(),
    }
}

/// An integer with a prefix of so many bits (section 5.1), of at most 32 bits and six bytes.
fn integer(rest: &mut &[u8], prefix: u32) -> Result<u32, Malformed> {
    let (&first, mut after) = rest.split_first().ok_or(Malformed::Truncated)?;
    let mask = (1_u32 << prefix).saturating_sub(1);
    let mut value = u32::from(first) & mask;
    if value == mask {
        let mut shift = 0_u32;
        loop {
            let (&byte, left) = after.split_first().ok_or(Malformed::Truncated)?;
            after = left;
            let part = u64::from(byte & 0x7f) << shift;
            let sum = u64::from(value).saturating_add(part);
            value = u32::try_from(sum).map_err(|_| Malformed::Integer)?;
            if byte & 0x80 == 0 {
                break;
            }
            shift = shift.saturating_add(7);
            if shift > 28 {
                return Err(Malformed::Integer);
            }
        }
    }
    *rest = after;
    Ok(value)
}
