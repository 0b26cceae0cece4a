//! The machine's first file system: busybox, the modules, and the script that finds the real root.
//!
//! Written in the "newc" format of cpio that the kernel unpacks
//! (<https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>).

use super::kernel::Kernel;
use anyhow::{Context, Result};
use std::fs;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const FILE: u32 = 0o100_644;
const TRAILER: &str = "TRAILER!!!";

/// The archive for `kernel`, uncompressed.
///
/// # Errors
/// busybox or a module cannot be read.
pub(super) fn build(kernel: &Kernel) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    archive.add("bin", DIRECTORY, &[]);
    archive.add("modules", DIRECTORY, &[]);
    let busybox = fs::read("/bin/busybox").context("cannot read /bin/busybox")?;
    archive.add("bin/busybox", PROGRAM, &busybox);
    archive.add("init", PROGRAM, include_bytes!("init.sh"));
    for module in &kernel.modules {
        let content =
            fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        archive.add(&format!("modules/{name}"), FILE, &content);
    }
    Ok(archive.end())
}

/// A cpio archive being written.
#[derive(Debug, Default)]
struct Archive {
    bytes: Vec<u8>,
    members: usize,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.members += 1;
        // ino, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj, rmin, namesize (with its zero byte), chksum
        let fields = [
            self.members,
            mode as usize,
            0,
            0,
            1,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    /// Names and contents end at multiples of four bytes.
    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        self.add(TRAILER, 0, &[]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, FILE};

    #[test]
    fn members_are_padded_and_counted() {
        let mut archive = Archive::default();
        archive.add("ab", FILE, b"12345");
        let bytes = archive.end();
        assert!(bytes.starts_with(b"07070100000001000081A4"));
        // 110 bytes of header, "ab\0" to 116, five bytes of content to 124.
        assert_eq!(&bytes[54..62], b"00000005", "file size");
        assert_eq!(&bytes[94..102], b"00000003", "size of the name");
        assert_eq!(&bytes[110..124], b"ab\0\0\0\x0012345\0\0\0");
        assert_eq!(&bytes[124 + 110..], b"TRAILER!!!\0\0\0\0");
    }
}
