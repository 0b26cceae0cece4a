//! The loadable segments of an ELF file: which part of the file is mapped at which address.
//!
//! Reads nothing but program headers.

use std::ops::Range;

use object::elf::{PF_W, PF_X, PT_LOAD};
use object::read::elf::ProgramHeader;

/// A loadable segment, as far as the file has bytes for it.
#[derive(Debug)]
pub(super) struct Segment {
    /// Virtual address of its first byte.
    pub(super) address: u64,
    /// Its bytes in the file.
    pub(super) file: Range<u64>,
    flags: u32,
}

impl Segment {
    /// Those of a file of `length` bytes.
    pub(super) fn all<H: ProgramHeader<Word = u64>>(
        headers: &[H],
        endian: H::Endian,
        length: u64,
    ) -> Vec<Self> {
        let loads = headers.iter().filter(|s| s.p_type(endian) == PT_LOAD);
        let segments = loads.filter_map(|segment| {
            let start = segment.p_offset(endian);
            let end = start.checked_add(segment.p_filesz(endian))?;
            Some(Self {
                address: segment.p_vaddr(endian),
                file: start..end.min(length),
                flags: segment.p_flags(endian),
            })
        });
        segments.collect()
    }

    /// Bytes in the file.
    pub(super) const fn size(&self) -> u64 {
        self.file.end.saturating_sub(self.file.start)
    }

    /// It holds code.
    pub(super) const fn is_executable(&self) -> bool {
        self.flags & PF_X != 0
    }

    /// The program may write to it.
    pub(super) const fn is_writable(&self) -> bool {
        self.flags & PF_W != 0
    }

    /// Where in the file the byte at an address lies, if that is in this segment.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let within = address.checked_sub(self.address)?;
        let offset = self.file.start.checked_add(within)?;
        self.file.contains(&offset).then_some(offset)
    }
}

/// Where in the file the byte at an address lies.
pub(super) fn offset_of(segments: &[Segment], address: u64) -> Option<u64> {
    segments.iter().find_map(|s| s.offset_of(address))
}

/// The same, if it is code.
pub(super) fn code_offset(segments: &[Segment], address: u64) -> Option<u64> {
    let code = segments.iter().filter(|s| s.is_executable());
    code.into_iter().find_map(|s| s.offset_of(address))
}
