//! The few facts of an ELF executable that tell its language, read with bounds.
//!
//! Go: the `.go.buildinfo` section (it survives stripping) or, without section headers, its magic at
//! the start of the writable segment (Go's `debug/buildinfo`). Rust: `.comment`, or the path
//! `/rustc/HASH` that panic messages carry. Others: names of needed libraries, of sections, and of functions that
//! the executable itself offers to extensions. What they mean: [`super::marks`].

use std::fs::File;
use std::path::Path;

use object::Endianness;
use object::elf::{
    DT_NEEDED, DT_STRTAB, ET_REL, FileHeader32, FileHeader64, PF_W, PT_DYNAMIC, PT_LOAD, SHT_DYNSYM,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, Sym};
use object::read::{ReadCache, ReadRef};

use super::{marks, scan};

const MAGIC: &[u8] = b"\xff Go buildinf:";
const GO_SEARCH: u64 = 64 * 1024;
const GO_STRING: u64 = 16 * 1024;
const RUST_SEARCH: u64 = 4 * 1024 * 1024;
const DYNAMIC: u64 = 64 * 1024;
const COMMENT: u64 = 4 * 1024;
/// Most symbols that are looked at.
const EXPORTS: usize = 1 << 20;

/// What an executable tells.
#[derive(Clone, Debug, Default)]
pub(in crate::process) struct Facts {
    pub(super) is_elf: bool,
    pub(super) go: Option<Go>,
    pub(super) rust: bool,
    pub(super) rust_version: Option<String>,
    /// File names of needed libraries.
    pub(super) needed: Vec<String>,
    /// Those of [`marks::SECTIONS`] that it has.
    pub(super) sections: Vec<&'static str>,
    /// Those of [`marks::EXPORTS`] that it defines for others.
    pub(super) exports: Vec<&'static str>,
    /// Those of [`marks::TEXTS`] in its read-only data, where that is in doubt.
    pub(super) texts: Vec<&'static str>,
}

/// What the Go linker wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Go {
    /// `go1.22.1`; empty if unreadable.
    pub(super) version: String,
    /// The version with what follows it: `go1.22.1 X:boringcrypto`.
    toolchain: String,
    /// Version of the main module, unless it is `(devel)`.
    pub(super) module_version: Option<String>,
    /// The build information of the modules: a line each.
    modules: String,
}

/// Reads `path`; nothing if it is no ELF executable.
pub(in crate::process) fn inspect(path: &Path) -> Option<Facts> {
    let file = File::open(path).ok()?;
    let cache = ReadCache::new(file.try_clone().ok()?);
    let data = &cache;
    match object::FileKind::parse(data).ok()? {
        object::FileKind::Elf64 => Image::<FileHeader64<Endianness>, _>::parse(data)?.facts(&file),
        object::FileKind::Elf32 => Image::<FileHeader32<Endianness>, _>::parse(data)?.facts(&file),
        _ => None,
    }
}

/// What the Go linker wrote as its version into `path`, experiments and all: `go1.22.1 X:boringcrypto`.
pub(crate) fn go_toolchain(path: &Path) -> Option<String> {
    inspect(path)?.go.map(|go| go.toolchain)
}

/// Version of a module that is built into the executable at `path`: `v1.76.0`. None if there is no such module, or another
/// was put in its place.
pub(crate) fn go_module(path: &Path, module: &str) -> Option<String> {
    let modules = inspect(path)?.go?.modules;
    let mut lines = modules.lines().peekable();
    while let Some(line) = lines.next() {
        let mut fields = line.split('\t');
        let is_it = fields.next() == Some("dep") && fields.next() == Some(module);
        let replaced = lines.peek().is_some_and(|next| next.starts_with("=>"));
        if is_it && !replaced {
            return fields.next().map(str::to_owned);
        }
    }
    None
}

struct Image<'data, Elf: FileHeader, R: ReadRef<'data>> {
    data: R,
    endian: Endianness,
    header: &'data Elf,
    segments: &'data [Elf::ProgramHeader],
}

impl<'data, Elf, R> Image<'data, Elf, R>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    fn parse(data: R) -> Option<Self> {
        let header = Elf::parse(data).ok()?;
        let endian = header.endian().ok()?;
        // Zero with a table is the extended numbering: up to 2^64 entries that nobody needs.
        let extended = header.e_shnum(endian) == 0 && header.e_shoff(endian).into() != 0;
        if extended || header.e_phnum(endian) == u16::MAX || header.e_type(endian) == ET_REL {
            return None;
        }
        let segments = header.program_headers(endian, data).ok()?;
        Some(Self {
            data,
            endian,
            header,
            segments,
        })
    }

    fn facts(&self, file: &File) -> Option<Facts> {
        let mut facts = Facts {
            is_elf: true,
            go: self.go(),
            ..Facts::default()
        };
        if facts.go.is_some() {
            return Some(facts);
        }
        facts.needed = self.needed().unwrap_or_default();
        facts.rust_version = self.section(".comment", COMMENT).and_then(rustc_version);
        facts.rust = facts.rust_version.is_some()
            || self
                .section(".rodata", RUST_SEARCH)
                .is_some_and(names_rustc);
        facts.sections = self.present_sections();
        facts.exports = self.exports().unwrap_or_default();
        if marks::are_in_doubt(&facts) {
            facts.texts = self.texts(file).unwrap_or_default();
        }
        Some(facts)
    }

    fn present_sections(&self) -> Vec<&'static str> {
        let is_there = |name: &&&str| {
            let sections = self.header.sections(self.endian, self.data).ok();
            sections.is_some_and(|all| all.section_by_name(self.endian, name.as_bytes()).is_some())
        };
        marks::SECTIONS.iter().filter(is_there).copied().collect()
    }

    fn exports(&self) -> Option<Vec<&'static str>> {
        let sections = self.header.sections(self.endian, self.data).ok()?;
        let table = sections.symbols(self.endian, self.data, SHT_DYNSYM).ok()?;
        let strings = table.strings();
        let mut found = Vec::new();
        for symbol in table.iter().take(EXPORTS) {
            if symbol.is_undefined(self.endian) {
                continue;
            }
            let name = symbol.name(self.endian, strings).unwrap_or_default();
            found.extend(marks::EXPORTS.iter().find(|mark| mark.as_bytes() == name));
        }
        Some(found)
    }

    fn texts(&self, file: &File) -> Option<Vec<&'static str>> {
        let sections = self.header.sections(self.endian, self.data).ok()?;
        let (_, section) = sections.section_by_name(self.endian, b".rodata")?;
        let range = section.file_range(self.endian)?;
        let found = scan::contains(file, range, marks::TEXTS);
        let texts = marks::TEXTS.iter().zip(found);
        Some(
            texts
                .filter(|(_, found)| *found)
                .map(|(text, _)| *text)
                .collect(),
        )
    }

    /// The first `limit` bytes of a section.
    fn section(&self, name: &str, limit: u64) -> Option<&'data [u8]> {
        let sections = self.header.sections(self.endian, self.data).ok()?;
        let (_, section) = sections.section_by_name(self.endian, name.as_bytes())?;
        let (offset, size) = section.file_range(self.endian)?;
        self.bytes(offset, size.min(limit))
    }

    /// Bytes of the file, as many of `size` as it has.
    fn bytes(&self, offset: u64, size: u64) -> Option<&'data [u8]> {
        let left = self.data.len().ok()?.checked_sub(offset)?;
        self.data.read_bytes_at(offset, size.min(left)).ok()
    }

    fn needed(&self) -> Option<Vec<String>> {
        let dynamic = self
            .segments
            .iter()
            .find(|s| s.p_type(self.endian) == PT_DYNAMIC)?;
        if dynamic.p_filesz(self.endian).into() > DYNAMIC {
            return None;
        }
        let entries = dynamic.dynamic(self.endian, self.data).ok()??;
        let value = |tag: i64| {
            let entry = entries
                .iter()
                .find(|entry| entry.d_tag(self.endian).into() == tag)?;
            Some(entry.d_val(self.endian).into())
        };
        let strings = value(DT_STRTAB)?;
        let names = entries
            .iter()
            .filter(|e| e.d_tag(self.endian).into() == DT_NEEDED);
        Some(
            names
                .filter_map(|entry| {
                    let at = strings.checked_add(entry.d_val(self.endian).into())?;
                    let text = self.at_address(at, 256)?;
                    let end = memchr::memchr(0, text)?;
                    Some(String::from_utf8_lossy(&text[..end]).into_owned())
                })
                .take(256)
                .collect(),
        )
    }

    /// Up to `size` bytes that the file maps at a virtual address.
    fn at_address(&self, address: u64, size: u64) -> Option<&'data [u8]> {
        self.segments
            .iter()
            .filter(|s| s.p_type(self.endian) == PT_LOAD)
            .find_map(|segment| {
                let within = address.checked_sub(segment.p_vaddr(self.endian).into())?;
                let left = segment.p_filesz(self.endian).into().checked_sub(within)?;
                let offset = segment.p_offset(self.endian).into().checked_add(within)?;
                (left > 0)
                    .then(|| self.bytes(offset, size.min(left)))
                    .flatten()
            })
    }

    fn go(&self) -> Option<Go> {
        let info = self
            .section(".go.buildinfo", GO_SEARCH)
            .filter(|bytes| bytes.starts_with(MAGIC))
            .or_else(|| self.go_by_magic())?;
        let (toolchain, modules) = self.go_strings(info).unwrap_or_default();
        let module_version = modules.lines().find_map(|line| {
            let version = line.strip_prefix("mod\t")?.split('\t').nth(1)?;
            (version != "(devel)" && !version.is_empty()).then(|| version.to_owned())
        });
        // The version may carry experiments: `go1.22.1 X:loopvar`.
        let version = toolchain.split(' ').next().unwrap_or_default().to_owned();
        Some(Go {
            version,
            toolchain,
            module_version,
            modules,
        })
    }

    fn go_by_magic(&self) -> Option<&'data [u8]> {
        let writable = |s: &&Elf::ProgramHeader| {
            s.p_type(self.endian) == PT_LOAD && s.p_flags(self.endian) & PF_W != 0
        };
        let segment = self.segments.iter().find(writable)?;
        let size = segment.p_filesz(self.endian).into().min(GO_SEARCH);
        let bytes = self.bytes(segment.p_offset(self.endian).into(), size)?;
        let at = memchr::memmem::find(bytes, MAGIC)?;
        (at % 16 == 0).then(|| &bytes[at..])
    }

    /// Version and module text: inline since Go 1.18, through pointers before.
    fn go_strings(&self, info: &'data [u8]) -> Option<(String, String)> {
        let (pointer_size, flags) = (usize::from(*info.get(14)?), *info.get(15)?);
        if flags & 2 != 0 {
            let (version, rest) = inline_string(info.get(32..)?)?;
            let modules = inline_string(rest).map_or(&b""[..], |(modules, _)| modules);
            return Some((lossy(version), lossy(unframed(modules))));
        }
        let text = |at: usize| {
            let header = self.pointer(info.get(at..)?, pointer_size)?;
            let header = self.at_address(header, 16)?;
            let start = self.pointer(header, pointer_size)?;
            let length = self.pointer(header.get(pointer_size..)?, pointer_size)?;
            self.at_address(start, length.min(GO_STRING))
        };
        let modules = text(16 + pointer_size).unwrap_or_default();
        Some((lossy(text(16)?), lossy(unframed(modules))))
    }

    fn pointer(&self, bytes: &[u8], size: usize) -> Option<u64> {
        let big = self.endian == Endianness::Big;
        match size {
            8 => {
                let bytes = *bytes.first_chunk()?;
                Some(if big {
                    u64::from_be_bytes(bytes)
                } else {
                    u64::from_le_bytes(bytes)
                })
            }
            4 => {
                let bytes = *bytes.first_chunk()?;
                Some(u64::from(if big {
                    u32::from_be_bytes(bytes)
                } else {
                    u32::from_le_bytes(bytes)
                }))
            }
            _ => None,
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Module text is framed by 16 bytes on each side.
fn unframed(modules: &[u8]) -> &[u8] {
    let end = modules.len().saturating_sub(16);
    modules.get(16..end).unwrap_or_default()
}

/// A string after its length as a varint (Go's `binary.Uvarint`), cut at what is there.
fn inline_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = bytes.get(index + 1..)?;
            return Some(rest.split_at(length.min(rest.len())));
        }
    }
    None
}

/// From a line such as `rustc version 1.95.0 (59807616e 2026-04-14)`.
fn rustc_version(comment: &[u8]) -> Option<String> {
    let key = b"rustc version ";
    let at = memchr::memmem::find(comment, key)? + key.len();
    let rest = comment.get(at..)?;
    let end = rest
        .iter()
        .position(|byte| b" \0(".contains(byte))
        .unwrap_or(rest.len());
    Some(lossy(&rest[..end.min(32)]))
}

/// Whether panic locations of the standard library (`/rustc/HASH/library/..`) are in `rodata`.
fn names_rustc(rodata: &[u8]) -> bool {
    memchr::memmem::find_iter(rodata, b"/rustc/").any(|at| {
        let hash = rodata.get(at + 7..at + 47);
        hash.is_some_and(|hash| hash.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn own_executable_is_rust() {
        let facts = inspect(&std::env::current_exe().unwrap()).unwrap();
        assert!(facts.rust && facts.go.is_none());
        assert!(facts.rust_version.unwrap().starts_with("1."));
        assert!(facts.needed.iter().any(|name| name.starts_with("libc.so")));
    }

    #[test]
    fn strings() {
        assert_eq!(inline_string(b"\x02abc"), Some((&b"ab"[..], &b"c"[..])));
        assert_eq!(inline_string(b"\x7fab"), Some((&b"ab"[..], &b""[..])));
        assert_eq!(inline_string(b"\xff\xff\xff\xff\xff"), None);
        assert_eq!(
            rustc_version(b"GCC\0rustc version 1.95.0 (x)\0").as_deref(),
            Some("1.95.0")
        );
        assert!(names_rustc(
            b"x/rustc/0123456789abcdef0123456789abcdef01234567/library"
        ));
        assert!(!names_rustc(b"/rustc/short"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_executables_are_survived(cut in 0usize..4096, at in 0usize..512, value: u8) {
            let image = crate::process::files::read(&std::env::current_exe().unwrap(), 8192).unwrap();
            let mut image = image[..image.len() - cut].to_vec();
            image[at] = value;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("damaged");
            std::fs::write(&path, image).unwrap();
            inspect(&path);
        }
    }
}
