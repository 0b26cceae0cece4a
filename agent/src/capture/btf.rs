//! Offsets of the few kernel struct fields the programs read, from the running kernel's own type
//! information (`/sys/kernel/btf/vmlinux`; format: kernel `Documentation/bpf/btf.rst`).
//!
//! Rust's BPF output has no CO-RE relocations, so the offsets are found here and handed to the programs
//! as read-only globals. Anonymous members are searched too; bit fields are not.

use std::path::Path;

use super::CaptureError;

/// Where the running kernel describes its types.
pub(super) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xeb9f;
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
/// Nesting of anonymous members that is followed.
const MAX_DEPTH: u32 = 8;

/// Byte offsets; 0 where a kernel lacks the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `task_struct.mm`
    pub task_mm: u32,
    /// `mm_struct.arg_start`
    pub mm_arg_start: u32,
    /// `mm_struct.arg_end`
    pub mm_arg_end: u32,
    /// `linux_binprm.filename`
    pub binprm_filename: u32,
}

impl Offsets {
    /// Reads them from the file at `path`.
    pub fn read(path: &Path) -> Result<Self, CaptureError> {
        let fail = |why: String| CaptureError::Btf {
            path: path.to_owned(),
            why,
        };
        let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        let types = Types::parse(&bytes).ok_or_else(|| fail("not a BTF file".to_owned()))?;
        let offset = |name: &str, field: &str| types.offset(name, field).unwrap_or_default();
        Ok(Self {
            task_mm: offset("task_struct", "mm"),
            mm_arg_start: offset("mm_struct", "arg_start"),
            mm_arg_end: offset("mm_struct", "arg_end"),
            binprm_filename: offset("linux_binprm", "filename"),
        })
    }
}

/// The type section of a BTF file, split into its records.
struct Types<'a> {
    strings: &'a [u8],
    /// Start of each type's record in `section`; the type id is the index plus one.
    starts: Vec<u32>,
    section: &'a [u8],
}

impl<'a> Types<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        if u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?) != MAGIC {
            return None;
        }
        let header = word(bytes, 4)? as usize;
        let part = |at: usize| -> Option<&'a [u8]> {
            let (from, length) = (word(bytes, at)? as usize, word(bytes, at + 4)? as usize);
            let from = header.checked_add(from)?;
            bytes.get(from..from.checked_add(length)?)
        };
        let (section, strings) = (part(8)?, part(16)?);
        let mut starts = Vec::new();
        let mut at = 0;
        while at + 12 <= section.len() {
            starts.push(u32::try_from(at).ok()?);
            at = at.checked_add(record_length(word(section, at + 4)?)?)?;
        }
        Some(Self {
            strings,
            starts,
            section,
        })
    }

    fn offset(&self, name: &str, field: &str) -> Option<u32> {
        let is_wanted = |start: &&u32| {
            let at = **start as usize;
            let kind = word(self.section, at + 4).map(|info| (info >> 24) & 0x1f);
            kind == Some(KIND_STRUCT) && self.name(at) == Some(name.as_bytes())
        };
        let start = *self.starts.iter().find(is_wanted)?;
        self.member(start as usize, field.as_bytes(), 0)
    }

    fn member(&self, at: usize, field: &[u8], depth: u32) -> Option<u32> {
        let info = word(self.section, at + 4)?;
        let kind = (info >> 24) & 0x1f;
        if depth > MAX_DEPTH || (kind != KIND_STRUCT && kind != KIND_UNION) {
            return None;
        }
        let has_bit_fields = info >> 31 == 1;
        for index in 0..(info & 0xffff) as usize {
            let member = at + 12 + index * 12;
            let bits = word(self.section, member + 8)?;
            let bits = if has_bit_fields {
                bits & 0x00ff_ffff
            } else {
                bits
            };
            let name = self.name(member)?;
            if name == field {
                return Some(bits / 8);
            }
            if name.is_empty() {
                let inner = word(self.section, member + 4)?.checked_sub(1)?;
                let start = *self.starts.get(inner as usize)?;
                if let Some(offset) = self.member(start as usize, field, depth + 1) {
                    return Some(bits / 8 + offset);
                }
            }
        }
        None
    }

    fn name(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.strings.get(word(self.section, at)? as usize..)?;
        rest.split(|byte| *byte == 0).next()
    }
}

/// Bytes of a type record, from its info word.
fn record_length(info: u32) -> Option<usize> {
    let count = (info & 0xffff) as usize;
    let extra = match (info >> 24) & 0x1f {
        1 | 14 | 17 => 4,              // INT, VAR, DECL_TAG
        3 => 12,                       // ARRAY
        4 | 5 | 15 | 19 => count * 12, // STRUCT, UNION, DATASEC, ENUM64
        6 | 13 => count * 8,           // ENUM, FUNC_PROTO
        2 | 7..=12 | 16 | 18 => 0,     // PTR, FWD .. FUNC, FLOAT, TYPE_TAG
        _ => return None,
    };
    Some(12 + extra)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Offsets, Types, VMLINUX};
    use std::path::Path;

    #[test]
    fn running_kernel_has_every_field() {
        if !Path::new(VMLINUX).exists() {
            println!("\nSKIP running_kernel_has_every_field: no {VMLINUX}");
            return;
        }
        let offsets = Offsets::read(Path::new(VMLINUX)).unwrap();
        assert_ne!(offsets.task_mm, 0);
        assert_eq!(offsets.mm_arg_end, offsets.mm_arg_start + 8);
        assert_ne!(offsets.binprm_filename, 0);
    }

    #[test]
    fn garbage_is_no_btf() {
        for bytes in [
            &b""[..],
            b"\x9f",
            b"\x9f\xeb\x01\x00\xff\xff\xff\xff",
            &[0; 64],
        ] {
            assert!(Types::parse(bytes).is_none_or(|types| types.starts.is_empty()));
        }
    }
}
