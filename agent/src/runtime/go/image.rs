//! An ELF executable as ranges of its file, read through a window.
//!
//! Go executables of 200 MB are ordinary: nothing is read as a whole, and what is read is not kept. The file is
//! not mapped, as a file that is cut short meanwhile would be a signal instead of an error.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::LittleEndian;
use object::elf::{EM_X86_64, ET_DYN, ET_EXEC, FileHeader64, PT_TLS, SHF_COMPRESSED, SHT_NOBITS};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use super::Error;
use crate::runtime::segment::{self, Segment};

/// Sections that are looked at.
const SECTIONS: [&str; 8] = [
    ".gopclntab",
    ".data.rel.ro.gopclntab",
    ".data.rel.ro",
    ".go.module",
    ".rela",
    ".rela.dyn",
    ".debug_info",
    ".debug_abbrev",
];
const WINDOW: usize = 64 * 1024;
const RELATIVE: u64 = 8;

/// An executable.
#[derive(Debug)]
pub(super) struct Image {
    file: File,
    length: u64,
    segments: Vec<Segment>,
    sections: Vec<Section>,
    /// Size and alignment of the thread-local segment.
    thread_local: Option<(u64, u64)>,
}

/// A section with contents.
#[derive(Clone, Debug)]
pub(super) struct Section {
    name: &'static str,
    pub(super) file: Range<u64>,
    pub(super) address: u64,
    pub(super) compressed: bool,
}

impl Image {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        Self::parse(file, length).ok_or_else(|| Error::Kind(path.into()))
    }

    fn parse(file: File, length: u64) -> Option<Self> {
        let endian = LittleEndian;
        let cache = ReadCache::new(&file);
        let header = FileHeader64::<LittleEndian>::parse(&cache).ok()?;
        let executable = matches!(header.e_type(endian), ET_EXEC | ET_DYN);
        // Zero with a table is the extended numbering: up to 2^64 entries that nobody needs.
        let extended = header.e_shnum(endian) == 0 && header.e_shoff(endian) != 0;
        let known = header.is_little_endian() && header.e_machine(endian) == EM_X86_64;
        if !executable || extended || !known || header.e_phnum(endian) == u16::MAX {
            return None;
        }
        let headers = header.program_headers(endian, &cache).ok()?;
        let segments = Segment::all(headers, endian, length);
        let thread_local = headers.iter().find(|s| s.p_type(endian) == PT_TLS);
        let sections = header.sections(endian, &cache).ok();
        let sections = sections.iter().flat_map(|table| {
            table.iter().filter_map(|section| {
                let name = table.section_name(endian, section).ok()?;
                let name = SECTIONS.iter().find(|known| known.as_bytes() == name)?;
                let start = section.sh_offset(endian);
                let end = start.checked_add(section.sh_size(endian))?;
                let contents = section.sh_type(endian) != SHT_NOBITS && end <= length;
                contents.then(|| Section {
                    name,
                    file: start..end,
                    address: section.sh_addr(endian),
                    compressed: section.sh_flags(endian) & u64::from(SHF_COMPRESSED) != 0,
                })
            })
        });
        let sections = sections.collect();
        let thread_local = thread_local.map(|s| (s.p_memsz(endian), s.p_align(endian)));
        drop(cache);
        Some(Self {
            file,
            length,
            segments,
            sections,
            thread_local,
        })
    }

    pub(super) fn thread_local(&self) -> Option<(u64, u64)> {
        self.thread_local
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Parts of the file that are mapped and hold no code.
    pub(super) fn data(&self) -> impl Iterator<Item = Range<u64>> {
        let data = self.segments.iter().filter(|s| !s.is_executable());
        data.map(|segment| segment.file.clone())
    }

    /// Where the code at an address is in the file.
    pub(super) fn code_offset(&self, address: u64) -> Option<u64> {
        segment::code_offset(&self.segments, address)
    }

    /// Where a byte of the file is mapped.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|s| s.file.contains(&offset))?;
        segment.address.checked_add(offset - segment.file.start)
    }

    /// Reads what there is of `buffer.len()` bytes.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self
                .file
                .read_at(rest, offset.saturating_add(filled as u64))
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        filled
    }

    pub(super) fn window(&self) -> Window<'_> {
        Window {
            image: self,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// The pointer at an address, as the loader leaves it but for the load bias.
    pub(super) fn pointer(&self, address: u64) -> Option<u64> {
        let offset = segment::offset_of(&self.segments, address)?;
        let value = self.window().u64(offset)?;
        if value != 0 {
            return Some(value);
        }
        self.relocated(address)
    }

    /// The addend of the relative relocation of an address: not all linkers write it in place as well.
    fn relocated(&self, address: u64) -> Option<u64> {
        let section = self.section(".rela.dyn").or(self.section(".rela"))?;
        let mut window = self.window();
        section.file.clone().step_by(24).find_map(|at| {
            if window.u64(at)? != address || window.u64(at + 8)? != RELATIVE {
                return None;
            }
            window.u64(at + 16)
        })
    }

    /// First place of a short `needle` in a range of the file.
    pub(super) fn find(&self, range: &Range<u64>, needle: &[u8]) -> Option<u64> {
        let mut buffer = vec![0; WINDOW];
        let mut at = range.start;
        while at < range.end {
            let size = WINDOW.min(usize::try_from(range.end - at).unwrap_or(WINDOW));
            let count = self.read(at, &mut buffer[..size]);
            if let Some(found) = memchr::memmem::find(&buffer[..count], needle) {
                return Some(at + found as u64);
            }
            if count < size || count < needle.len() || at + count as u64 == range.end {
                return None;
            }
            at += (count - needle.len() + 1) as u64;
        }
        None
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

/// Reads near places of the file with few calls.
#[derive(Debug)]
pub(super) struct Window<'image> {
    image: &'image Image,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// Exactly `size` bytes, at most a window.
    pub(super) fn bytes(&mut self, offset: u64, size: usize) -> Option<&[u8]> {
        if self.within(offset, size).is_none() {
            self.bytes.resize(WINDOW, 0);
            let count = self.image.read(offset, &mut self.bytes);
            self.bytes.truncate(count);
            self.start = offset;
        }
        self.bytes.get(self.within(offset, size)?)
    }

    fn within(&self, offset: u64, size: usize) -> Option<Range<usize>> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = start.checked_add(size)?;
        (end <= self.bytes.len()).then_some(start..end)
    }

    pub(super) fn u64(&mut self, offset: u64) -> Option<u64> {
        let bytes = self.bytes(offset, 8)?;
        Some(u64::from_le_bytes(*bytes.first_chunk()?))
    }

    pub(super) fn u32(&mut self, offset: u64) -> Option<u32> {
        let bytes = self.bytes(offset, 4)?;
        Some(u32::from_le_bytes(*bytes.first_chunk()?))
    }
}
