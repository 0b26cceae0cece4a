//! An ELF file by virtual address: symbols, words and pointers as they are once relocated.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use object::LittleEndian;
use object::elf::{
    EM_AARCH64, EM_X86_64, FileHeader64, R_AARCH64_ABS64, R_AARCH64_RELATIVE, R_X86_64_64,
    R_X86_64_RELATIVE, SHT_DYNSYM, SHT_SYMTAB,
};
use object::read::elf::{FileHeader, Rela, SectionHeader, SymbolTable};

use crate::runtime::segment::{self, Segment};

type Header = FileHeader64<LittleEndian>;
const ENDIAN: LittleEndian = LittleEndian;

/// A file of this machine's word size.
pub(super) struct Image {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    symbols: HashMap<String, u64>,
    /// Address -> the pointer that the dynamic linker puts there, before the base is added.
    relocated: HashMap<u64, u64>,
}

/// The only symbols anybody asks for: two that every interpreter exports, and uvloop's own.
const WANTED: [&str; 3] = ["_PyRuntime", "PyContext_Type", UVLOOP_CONNECTION_MADE];
/// Cython's name of `TCPTransport._call_connection_made`.
pub(super) const UVLOOP_CONNECTION_MADE: &str =
    "__pyx_f_6uvloop_4loop_12TCPTransport__call_connection_made";

impl Image {
    /// Reads `file` whole; nothing if it is longer than `limit` or no 64-bit little-endian ELF.
    pub(super) fn read(mut file: &File, limit: u64) -> Option<Self> {
        let length = file.metadata().ok()?.len();
        if length > limit {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
        file.by_ref().take(limit).read_to_end(&mut bytes).ok()?;
        Self::parse(bytes)
    }

    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let data = bytes.as_slice();
        let header = Header::parse(data).ok()?;
        if !header.is_little_endian() {
            return None;
        }
        let headers = header.program_headers(ENDIAN, data).ok()?;
        let segments = Segment::all(headers, ENDIAN, data.len() as u64);
        let mut symbols = symbols(header, data, SHT_DYNSYM).unwrap_or_default();
        if symbols.is_empty() {
            symbols = self::symbols(header, data, SHT_SYMTAB).unwrap_or_default();
        }
        let relocated = relocations(header, data).unwrap_or_default();
        Some(Self {
            bytes,
            segments,
            symbols,
            relocated,
        })
    }

    /// Address of a symbol, of the few that are kept.
    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).copied()
    }

    /// What to add to an address of the file, given where a page of the file is mapped.
    pub(super) fn base(&self, start: u64, offset: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|s| offset <= s.file.start)?;
        let mapped = segment.address.checked_sub(segment.file.start - offset)?;
        start.checked_sub(mapped & !0xfff)
    }

    /// Where in the file the code at `address` lies.
    pub(super) fn file_offset(&self, address: u64) -> Option<u64> {
        segment::code_offset(&self.segments, address)
    }

    /// `length` bytes at `address`.
    pub(super) fn bytes(&self, address: u64, length: u64) -> Option<&[u8]> {
        let segment = self
            .segments
            .iter()
            .find(|s| s.offset_of(address).is_some())?;
        let offset = segment.offset_of(address)?;
        if offset.checked_add(length)? > segment.file.end {
            return None;
        }
        let from = usize::try_from(offset).ok()?;
        self.bytes
            .get(from..from.checked_add(usize::try_from(length).ok()?)?)
    }

    /// The word at `address` as it is in the file.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(address, 8)?.try_into().ok()?))
    }

    /// The pointer at `address`.
    pub(super) fn pointer(&self, address: u64) -> Option<u64> {
        self.relocated
            .get(&address)
            .copied()
            .or_else(|| self.word(address))
    }

    /// Addresses of the string `text`.
    pub(super) fn strings(&self, text: &str) -> Vec<u64> {
        let needle: Vec<u8> = [b"\0", text.as_bytes(), b"\0"].concat();
        let mut found = Vec::new();
        for segment in self.segments.iter().filter(|s| !s.is_writable()) {
            let Some(bytes) = self.bytes(segment.address, segment.size()) else {
                continue;
            };
            let hits = memchr::memmem::find_iter(bytes, &needle);
            found.extend(hits.map(|at| segment.address + at as u64 + 1));
        }
        found
    }

    /// Addresses in data that point to one of `targets`.
    pub(super) fn pointers_to(&self, targets: &[u64]) -> Vec<u64> {
        let relocated = self.relocated.iter().filter(|(_, to)| targets.contains(to));
        let mut found: Vec<u64> = relocated.map(|(at, _)| *at).collect();
        if found.is_empty() {
            found = self.plain_pointers_to(targets);
        }
        found.sort_unstable();
        found
    }

    /// The same for a file that is not relocated, or whose relocations are in place (`DT_RELR`).
    fn plain_pointers_to(&self, targets: &[u64]) -> Vec<u64> {
        let mut found = Vec::new();
        for segment in self.segments.iter().filter(|s| s.is_writable()) {
            let skew = segment.address.wrapping_neg() % 8;
            let length = segment.size().saturating_sub(skew);
            let Some(bytes) = self.bytes(segment.address + skew, length) else {
                continue;
            };
            for (at, word) in (0..).step_by(8).zip(bytes.as_chunks::<8>().0) {
                if targets.contains(&u64::from_le_bytes(*word)) {
                    found.push(segment.address + skew + at);
                }
            }
        }
        found
    }
}

fn symbols(header: &Header, data: &[u8], kind: u32) -> Option<HashMap<String, u64>> {
    let sections = header.sections(ENDIAN, data).ok()?;
    let table = sections.symbols(ENDIAN, data, kind).ok()?;
    let mut found = HashMap::new();
    for symbol in table.iter() {
        let name = symbol.st_name.get(ENDIAN);
        let Ok(name) = table.strings().get(name).map(String::from_utf8_lossy) else {
            continue;
        };
        if symbol.st_shndx.get(ENDIAN) != 0 && WANTED.contains(&name.as_ref()) {
            found.insert(name.into_owned(), symbol.st_value.get(ENDIAN));
        }
    }
    Some(found)
}

fn relocations(header: &Header, data: &[u8]) -> Option<HashMap<u64, u64>> {
    let (relative, absolute) = match header.e_machine(ENDIAN) {
        EM_X86_64 => (R_X86_64_RELATIVE, R_X86_64_64),
        EM_AARCH64 => (R_AARCH64_RELATIVE, R_AARCH64_ABS64),
        _ => return None,
    };
    let sections = header.sections(ENDIAN, data).ok()?;
    let dynamic = sections.symbols(ENDIAN, data, SHT_DYNSYM).ok()?;
    let mut found = HashMap::new();
    for section in sections.iter() {
        let Ok(Some((entries, _))) = section.rela(ENDIAN, data) else {
            continue;
        };
        for entry in entries {
            let kind = entry.r_type(ENDIAN, false);
            let addend = entry.r_addend(ENDIAN).cast_unsigned();
            if kind == relative {
                found.insert(entry.r_offset(ENDIAN), addend);
            } else if kind == absolute {
                let symbol = defined(&dynamic, entry.r_sym(ENDIAN, false));
                found.insert(entry.r_offset(ENDIAN), symbol.wrapping_add(addend));
            }
        }
    }
    Some(found)
}

/// Address of a symbol of this file; 0 if it is another's.
fn defined(table: &SymbolTable<'_, Header>, index: u32) -> u64 {
    let symbol = table.symbol(object::SymbolIndex(index as usize));
    symbol.map_or(0, |symbol| symbol.st_value.get(ENDIAN))
}
