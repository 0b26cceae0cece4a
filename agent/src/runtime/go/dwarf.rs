//! Offsets of structure members, from DWARF 4 and 5 as the Go linker writes it.
//!
//! `.debug_info` of a large program is hundreds of megabytes when inflated: it is read as a stream, entry by entry, until all
//! members have been seen, and nothing of it is kept. That is why it is not done by a DWARF crate, which
//! needs the section in memory. Names in `.debug_str`, 64-bit DWARF and types by signature are passed over: Go uses
//! none of them.

use rustc_hash::FxHashMap;

use super::image::Image;
use super::stream::Stream;

const ABBREVIATIONS: u64 = 16 << 20;
const TAG_MEMBER: u64 = 0x0d;
const TAG_STRUCTURE: u64 = 0x13;
const AT_NAME: u64 = 0x03;
const AT_MEMBER_LOCATION: u64 = 0x38;
const FORM_STRING: u64 = 0x08;
const FORM_INDIRECT: u64 = 0x16;
const FORM_IMPLICIT_CONST: u64 = 0x21;
const UNIT_TYPE: u64 = 2;
const UNIT_SKELETON: u64 = 4;
const UNIT_SPLIT: u64 = 5;
const UNIT_SPLIT_TYPE: u64 = 6;

/// Offsets of members, each given as the names of structure and member; those that are not there are None.
///
/// None at all if the executable has no DWARF, or it cannot be read.
pub(super) fn members<const N: usize>(
    image: &Image,
    wanted: &[(&str, &str); N],
) -> Option<[Option<u32>; N]> {
    let section = image.section(".debug_abbrev")?;
    let abbreviations = Stream::new(image, section)?.rest(ABBREVIATIONS)?;
    let mut reader = Reader {
        info: Stream::new(image, image.section(".debug_info")?)?,
        wanted,
        found: [None; N],
        entry: Entry::default(),
    };
    let mut known = None;
    while !reader.is_done() {
        let Some(unit) = Unit::read(&mut reader.info) else {
            break;
        };
        let table = match known.take() {
            Some((offset, table)) if offset == unit.abbreviations => table,
            _ => Table::parse(&abbreviations, unit.abbreviations)?,
        };
        // A damaged unit ends the reading; what was found before stands.
        if reader.unit(&unit, &table).is_none() {
            break;
        }
        known = Some((unit.abbreviations, table));
    }
    Some(reader.found)
}

/// Header of a unit.
#[derive(Debug)]
struct Unit {
    end: u64,
    abbreviations: u64,
    version: u64,
    address_size: u8,
}

impl Unit {
    fn read(info: &mut Stream<'_>) -> Option<Self> {
        let length = info.number(4).filter(|length| *length < 0xffff_fff0)?;
        let end = info.position() + length;
        let version = info.number(2)?;
        let (abbreviations, address_size) = match version {
            2..=4 => (info.number(4)?, info.byte()?),
            5 => {
                let kind = info.number(1)?;
                let address_size = info.byte()?;
                let abbreviations = info.number(4)?;
                info.skip(match kind {
                    UNIT_SKELETON | UNIT_SPLIT => 8,
                    UNIT_TYPE | UNIT_SPLIT_TYPE => 12,
                    _ => 0,
                })?;
                (abbreviations, address_size)
            }
            _ => return None,
        };
        Some(Self {
            end,
            abbreviations,
            version,
            address_size,
        })
    }
}

/// Forms of the entries of some units, by code.
#[derive(Debug, Default)]
struct Table(FxHashMap<u64, Abbreviation>);

#[derive(Debug)]
struct Abbreviation {
    tag: u64,
    /// Attribute, form, value of an implicit constant.
    attributes: Vec<(u64, u64, u64)>,
}

impl Table {
    fn parse(bytes: &[u8], offset: u64) -> Option<Self> {
        let mut bytes = bytes.get(usize::try_from(offset).ok()?..)?;
        let mut table = Self::default();
        loop {
            let code = leb128(&mut bytes)?;
            if code == 0 {
                return Some(table);
            }
            let tag = leb128(&mut bytes)?;
            let (_has_children, rest) = bytes.split_first()?;
            bytes = rest;
            let mut attributes = Vec::new();
            loop {
                let (attribute, form) = (leb128(&mut bytes)?, leb128(&mut bytes)?);
                let constant = match form {
                    FORM_IMPLICIT_CONST => leb128(&mut bytes)?,
                    _ => 0,
                };
                if (attribute, form) == (0, 0) {
                    break;
                }
                attributes.push((attribute, form, constant));
            }
            table.0.insert(code, Abbreviation { tag, attributes });
        }
    }
}

fn leb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What matters of the entry just read.
#[derive(Default)]
struct Entry {
    name: Vec<u8>,
    location: Option<u64>,
}

struct Reader<'a, const N: usize> {
    info: Stream<'a>,
    wanted: &'a [(&'a str, &'a str); N],
    found: [Option<u32>; N],
    entry: Entry,
}

impl<'a, const N: usize> Reader<'a, N> {
    fn is_done(&self) -> bool {
        self.found.iter().all(Option::is_some)
    }

    /// Reads the entries of a unit. Members of a structure follow it directly, up to an entry that is null.
    fn unit(&mut self, unit: &Unit, table: &Table) -> Option<()> {
        let mut structure = None;
        while self.info.position() < unit.end && !self.is_done() {
            let code = self.info.leb128()?;
            if code == 0 {
                structure = None;
                continue;
            }
            let abbreviation = table.0.get(&code)?;
            self.attributes(abbreviation, unit)?;
            match (abbreviation.tag, structure) {
                (TAG_STRUCTURE, _) => structure = self.structure(),
                (TAG_MEMBER, Some(structure)) => self.member(structure),
                _ => {}
            }
        }
        Some(())
    }

    /// Name of the structure just read, if a member of it is wanted.
    fn structure(&self) -> Option<&'a str> {
        let mut names = self.wanted.iter().map(|(structure, _)| *structure);
        names.find(|name| name.as_bytes() == self.entry.name)
    }

    fn member(&mut self, structure: &str) {
        let named =
            |(of, member): &(&str, &str)| *of == structure && member.as_bytes() == self.entry.name;
        let index = self.wanted.iter().position(named);
        let location = self.entry.location.and_then(|at| u32::try_from(at).ok());
        if let Some(found) = index.and_then(|index| self.found.get_mut(index)) {
            *found = location;
        }
    }

    fn attributes(&mut self, abbreviation: &Abbreviation, unit: &Unit) -> Option<()> {
        self.entry.name.clear();
        self.entry.location = None;
        for (attribute, form, constant) in &abbreviation.attributes {
            match (*attribute, *form) {
                (AT_NAME, FORM_STRING) => self.info.string(&mut self.entry.name)?,
                (AT_MEMBER_LOCATION, FORM_IMPLICIT_CONST) => self.entry.location = Some(*constant),
                (AT_MEMBER_LOCATION, form) => {
                    self.entry.location = self.value(form, unit)?;
                }
                (_, form) => {
                    self.value(form, unit)?;
                }
            }
        }
        Some(())
    }

    /// Passes over a value; what it is if it is a number.
    fn value(&mut self, form: u64, unit: &Unit) -> Option<Option<u64>> {
        let info = &mut self.info;
        let size = match form {
            // data1, data2, data4, data8, udata
            0x0b => return Some(Some(info.number(1)?)),
            0x05 => return Some(Some(info.number(2)?)),
            0x06 => return Some(Some(info.number(4)?)),
            0x07 => return Some(Some(info.number(8)?)),
            0x0f => return Some(Some(info.leb128()?)),
            FORM_STRING => {
                let mut unused = Vec::new();
                info.string(&mut unused)?;
                0
            }
            FORM_INDIRECT => {
                let form = info.leb128().filter(|form| *form != FORM_INDIRECT)?;
                return self.value(form, unit);
            }
            // sdata, ref_udata, strx, addrx, loclistx, rnglistx
            0x0d | 0x15 | 0x1a | 0x1b | 0x22 | 0x23 => {
                info.leb128()?;
                0
            }
            // block2, block4, block and exprloc, block1
            0x03 => info.number(2)?,
            0x04 => info.number(4)?,
            0x09 | 0x18 => info.leb128()?,
            0x0a => info.number(1)?,
            0x01 => u64::from(unit.address_size),
            // ref_addr, the size of an address before DWARF 3
            0x10 if unit.version < 3 => u64::from(unit.address_size),
            // flag, ref1, strx1, addrx1
            0x0c | 0x11 | 0x25 | 0x29 => 1,
            // ref2, strx2, addrx2
            0x12 | 0x26 | 0x2a => 2,
            // strx3, addrx3
            0x27 | 0x2b => 3,
            // strp, ref_addr, ref4, sec_offset, ref_sup4, strp_sup, line_strp, strx4, addrx4
            0x0e | 0x10 | 0x13 | 0x17 | 0x1c | 0x1d | 0x1f | 0x28 | 0x2c => 4,
            // ref8, ref_sig8, ref_sup8
            0x14 | 0x20 | 0x24 => 8,
            // data16
            0x1e => 16,
            // flag_present, implicit_const
            0x19 | FORM_IMPLICIT_CONST => 0,
            _ => return None,
        };
        info.skip(size)?;
        Some(None)
    }
}
