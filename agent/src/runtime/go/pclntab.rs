//! Addresses of functions, from the table that the Go runtime unwinds by.
//!
//! The table is in every Go executable, stripped or not. Its form is that of Go 1.18 and later
//! (`runtime.pcHeader`, `runtime._func`): a header, names, and an array of functions ordered by address. Older forms and
//! executables whose names were obfuscated give nothing.

use std::ops::Range;

use super::image::Image;

/// Beginnings of the header: Go 1.20 and later, Go 1.18 and 1.19; then the instruction's and a pointer's size.
const MAGICS: [[u8; 8]; 2] = [
    [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8],
    [0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8],
];
/// `runtime.moduledata.text`, Go 1.18 and later.
const MODULE_TEXT: u64 = 176;
const HEADER: u64 = 72;
const MOST_FUNCTIONS: u64 = 16 << 20;
/// A file with more places that look like the header is not worth the search.
const MOST_CANDIDATES: usize = 16;
const LONGEST_PROLOGUE: usize = 12;

/// The Go code of an executable.
#[derive(Debug)]
pub(super) struct Code {
    text: u64,
    names: Range<u64>,
    functions: u64,
    count: u64,
}

impl Code {
    /// Finds the table by its section or, without one, by its first bytes.
    pub(super) fn find(image: &Image) -> Option<Self> {
        let own = [".gopclntab", ".data.rel.ro.gopclntab"];
        if let Some(section) = own.into_iter().find_map(|name| image.section(name)) {
            return Self::parse(image, section.file.start);
        }
        // An external linker puts the table of a position independent executable among other data.
        let shared = image.section(".data.rel.ro").map(|s| s.file.clone());
        let ranges = shared.into_iter().chain(image.data());
        ranges
            .into_iter()
            .find_map(|range| Self::search(image, range))
    }

    fn search(image: &Image, range: Range<u64>) -> Option<Self> {
        MAGICS.iter().find_map(|magic| {
            let mut left = range.clone();
            (0..MOST_CANDIDATES).find_map(|_| {
                let at = image.find(&left, magic)?;
                left.start = at + 1;
                Self::parse(image, at)
            })
        })
    }

    fn parse(image: &Image, base: u64) -> Option<Self> {
        let mut window = image.window();
        let header = window.bytes(base, HEADER as usize)?;
        if !MAGICS.iter().any(|magic| header.starts_with(magic)) {
            return None;
        }
        let mut part = |at: u64| base.checked_add(window.u64(base + at)?);
        let (names, names_end, functions) = (part(32)?, part(40)?, part(64)?);
        let count = window.u64(base + 8)?;
        let ordered = base < names && names < names_end && names_end < functions;
        if !ordered || functions >= image.length() || count > MOST_FUNCTIONS {
            return None;
        }
        Some(Self {
            text: text(image, base)?,
            names: names..names_end,
            functions,
            count,
        })
    }

    /// Address of the first Go function.
    pub(super) fn text(&self) -> u64 {
        self.text
    }

    /// File offset of the first instruction of a function, if it begins as Go functions with a frame do.
    pub(super) fn entry(&self, image: &Image, name: &[u8]) -> Option<u64> {
        let address = self.text.checked_add(self.offset_of(image, name)?)?;
        let offset = image.code_offset(address)?;
        let mut window = image.window();
        checks_stack(window.bytes(offset, LONGEST_PROLOGUE)?).then_some(offset)
    }

    /// Offset of a function from the first.
    fn offset_of(&self, image: &Image, name: &[u8]) -> Option<u64> {
        let terminated = [b"\0", name, b"\0"].concat();
        let name = image.find(&self.names, &terminated)? + 1 - self.names.start;
        let name = u32::try_from(name).ok()?;
        let (mut index, mut functions) = (image.window(), image.window());
        let mut previous = 0;
        for number in 0..self.count {
            let at = u64::from(index.u32(self.functions + number * 8 + 4)?);
            // Functions lie in order; a damaged table could else have the whole file read for each.
            if at <= previous {
                return None;
            }
            previous = at;
            if functions.u32(self.functions + at + 4)? == name {
                return functions.u32(self.functions + at).map(u64::from);
            }
        }
        None
    }
}

/// Where functions are counted from: in the header until Go 1.25, in the module's data since 1.26.
fn text(image: &Image, base: u64) -> Option<u64> {
    let in_header = || image.pointer(image.address_of(base)?.checked_add(24)?);
    let in_module = || {
        let module = image.section(".go.module")?;
        image.pointer(module.address.checked_add(MODULE_TEXT)?)
    };
    in_module().or_else(in_header).filter(|text| *text != 0)
}

/// Whether code compares the stack with the goroutine's limit, `CMPQ 16(R14)`, before all else.
fn checks_stack(code: &[u8]) -> bool {
    const WITH_STACK_POINTER: [u8; 4] = [0x49, 0x3b, 0x66, 0x10];
    const WITH_R12: [u8; 4] = [0x4d, 0x3b, 0x66, 0x10];
    match code {
        [0x4c, 0x8d, 0x64, 0x24, _, rest @ ..]
        | [0x4c, 0x8d, 0xa4, 0x24, _, _, _, _, rest @ ..] => rest.starts_with(&WITH_R12),
        _ => code.starts_with(&WITH_STACK_POINTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prologues() {
        let cases: [(&[u8], bool); 5] = [
            (b"\x49\x3b\x66\x10\x76\x20", true),
            (b"\x4c\x8d\x64\x24\x80\x4d\x3b\x66\x10", true),
            (b"\x4c\x8d\xa4\x24\x58\xfe\xff\xff\x4d\x3b\x66\x10", true),
            (b"\x55\x48\x89\xe5", false),
            (b"", false),
        ];
        for (code, expected) in cases {
            assert_eq!(checks_stack(code), expected, "{code:x?}");
        }
    }
}
