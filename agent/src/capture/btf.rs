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
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
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
    /// `bpf_sock_ops_kern.skb`
    pub sock_ops_skb: u32,
    /// `tcp_skb_cb.seq` in `sk_buff.cb`
    pub skb_sequence: u32,
    /// `task_struct.pid`
    pub task_pid: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
    /// `task_struct.real_parent`
    pub task_real_parent: u32,
    /// `task_struct.nvcsw`
    pub task_nvcsw: u32,
    /// `task_struct.comm`
    pub task_comm: u32,
    /// Base of the thread's TLS in `task_struct`
    pub task_tls: u32,
    /// `sock.sk_protocol`
    pub sock_protocol: u32,
    /// `sock.sk_lock.owned`
    pub sock_owned: u32,
    /// `sock.sk_wq`
    pub sock_wait_queue: u32,
    /// `socket_wq.wait.head`
    pub wait_queue_head: u32,
    /// `sock.sk_socket`
    pub sock_socket: u32,
    /// `file.f_flags`
    pub file_flags: u32,
    /// `tcp_sock.copied_seq`
    pub tcp_copied_seq: u32,
    /// `sock.sk_wmem_queued`
    pub sock_wmem_queued: u32,
    /// `sock.sk_sndbuf`
    pub sock_sndbuf: u32,
    /// `tcp_sock.write_seq`
    pub tcp_write_seq: u32,
    /// `tcp_sock.rcv_nxt`
    pub tcp_rcv_nxt: u32,
    /// `task_struct.files`; 0 unless all on the way from a descriptor to its socket's cookie are known.
    pub task_files: u32,
    /// `files_struct.fdt`
    pub files_fdt: u32,
    /// `fdtable.max_fds`; it is the first field.
    pub fdtable_max_fds: u32,
    /// `fdtable.fd`
    pub fdtable_fd: u32,
    /// `file.private_data`
    pub file_private_data: u32,
    /// `socket.sk`
    pub socket_sk: u32,
    /// `socket.file`
    pub socket_file: u32,
    /// `sock.__sk_common.skc_cookie`
    pub sock_cookie: u32,
}

/// Where the base of thread-local storage is kept.
#[cfg(target_arch = "x86_64")]
const TLS: [&str; 2] = ["thread", "fsbase"];
#[cfg(target_arch = "aarch64")]
const TLS: [&str; 3] = ["thread", "uw", "tp_value"];

impl Offsets {
    /// Reads them from the file at `path`.
    pub fn read(path: &Path) -> Result<Self, CaptureError> {
        let fail = |why: String| CaptureError::Btf {
            path: path.to_owned(),
            why,
        };
        let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        let types = Types::parse(&bytes).ok_or_else(|| fail("not a BTF file".to_owned()))?;
        let path = |name: &str, fields: &[&str]| types.offset(name, fields).unwrap_or_default();
        let offset = |name: &str, field: &str| path(name, &[field]);
        let required = |name: &str, fields: &[&str]| {
            types
                .offset(name, fields)
                .ok_or_else(|| fail(format!("no {name}.{}", fields.join("."))))
        };
        let (fdtable_fd, file_private_data) =
            (offset("fdtable", "fd"), offset("file", "private_data"));
        let (files_fdt, socket_sk) = (offset("files_struct", "fdt"), offset("socket", "sk"));
        let socket_file = offset("socket", "file");
        let sock_cookie = path("sock", &["__sk_common", "skc_cookie"]);
        let way = [
            fdtable_fd,
            file_private_data,
            files_fdt,
            socket_file,
            socket_sk,
            sock_cookie,
        ];
        let task_files = match way.contains(&0) {
            true => 0,
            false => offset("task_struct", "files"),
        };
        Ok(Self {
            task_files,
            files_fdt,
            fdtable_max_fds: offset("fdtable", "max_fds"),
            fdtable_fd,
            file_private_data,
            socket_file,
            socket_sk,
            sock_cookie,
            task_mm: offset("task_struct", "mm"),
            mm_arg_start: offset("mm_struct", "arg_start"),
            mm_arg_end: offset("mm_struct", "arg_end"),
            binprm_filename: offset("linux_binprm", "filename"),
            sock_ops_skb: offset("bpf_sock_ops_kern", "skb"),
            skb_sequence: offset("sk_buff", "cb") + offset("tcp_skb_cb", "seq"),
            task_pid: required("task_struct", &["pid"])?,
            task_tgid: required("task_struct", &["tgid"])?,
            task_nvcsw: required("task_struct", &["nvcsw"])?,
            task_comm: required("task_struct", &["comm"])?,
            task_real_parent: required("task_struct", &["real_parent"])?,
            task_tls: path("task_struct", &TLS),
            sock_protocol: required("sock", &["sk_protocol"])?,
            sock_owned: required("sock", &["sk_lock", "owned"])?,
            sock_wait_queue: required("sock", &["sk_wq"])?,
            wait_queue_head: required("socket_wq", &["wait", "head"])?,
            sock_socket: required("sock", &["sk_socket"])?,
            file_flags: required("file", &["f_flags"])?,
            tcp_copied_seq: required("tcp_sock", &["copied_seq"])?,
            sock_wmem_queued: required("sock", &["sk_wmem_queued"])?,
            sock_sndbuf: required("sock", &["sk_sndbuf"])?,
            tcp_write_seq: required("tcp_sock", &["write_seq"])?,
            tcp_rcv_nxt: required("tcp_sock", &["rcv_nxt"])?,
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

    /// Offset of the field that `path` leads to, from structure to structure.
    fn offset(&self, name: &str, path: &[&str]) -> Option<u32> {
        let is_wanted = |start: &&u32| {
            let at = **start as usize;
            let kind = word(self.section, at + 4).map(|info| (info >> 24) & 0x1f);
            kind == Some(KIND_STRUCT) && self.name(at) == Some(name.as_bytes())
        };
        let mut at = *self.starts.iter().find(is_wanted)? as usize;
        let mut offset = 0;
        for (index, field) in path.iter().enumerate() {
            let (inner, id) = self.member(at, field.as_bytes(), 0)?;
            offset += inner;
            if index + 1 < path.len() {
                at = self.resolve(id)?;
            }
        }
        Some(offset)
    }

    /// Record of a type, without the names and qualifiers before it.
    fn resolve(&self, mut id: u32) -> Option<usize> {
        for _ in 0..MAX_DEPTH {
            let at = *self.starts.get(id.checked_sub(1)? as usize)? as usize;
            match (word(self.section, at + 4)? >> 24) & 0x1f {
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST => id = word(self.section, at + 8)?,
                _ => return Some(at),
            }
        }
        None
    }

    /// Offset and type of a member.
    fn member(&self, at: usize, field: &[u8], depth: u32) -> Option<(u32, u32)> {
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
                return Some((bits / 8, word(self.section, member + 4)?));
            }
            if name.is_empty() {
                let start = self.resolve(word(self.section, member + 4)?)?;
                if let Some((offset, id)) = self.member(start, field, depth + 1) {
                    return Some((bits / 8 + offset, id));
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
        assert_ne!(offsets.task_tls, 0);
        assert_ne!(offsets.task_files, 0);
        assert_ne!(offsets.sock_owned, 0);
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
