//! Bounded reading of what other processes control.
//!
//! Every file here may be hostile: endless, a FIFO, a device, a symlink out of the container. So: only
//! regular files, never more than a limit, and files of a target resolve inside its own root
//! (`openat2(2)`, `RESOLVE_IN_ROOT`). Not defended against: a network or FUSE mount that never answers.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};

/// Reads at most `limit` bytes of a regular file (procfs files count as regular); the rest is ignored.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options()
        .read(true)
        .custom_flags(nonblock)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    take(file, limit)
}

/// [`read`] as text; invalid UTF-8 becomes U+FFFD, an unreadable file is empty.
pub(super) fn text(path: &Path, limit: u64) -> String {
    read(path, limit)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn take(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file system as one process sees it.
#[derive(Debug)]
pub(super) struct TargetFiles {
    root: Option<OwnedFd>,
    /// Working directory in terms of `root`; `/` if unknown.
    pub(super) cwd: PathBuf,
}

impl TargetFiles {
    /// Of `directory`, a `/proc/PID`. A process that is gone, or not ours to read, has no files.
    pub(super) fn of(directory: &Path) -> Self {
        let root_link = directory.join("root");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &root_link, flags, Mode::empty()).ok();
        let cwd = std::fs::read_link(directory.join("cwd")).unwrap_or_else(|_| "/".into());
        // In a chroot of the agent's own mount namespace the kernel shows the path from outside.
        let outside = std::fs::read_link(root_link).unwrap_or_default();
        let cwd = match cwd.strip_prefix(&outside) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => cwd,
        };
        Self { root, cwd }
    }

    /// `path` made absolute (against the working directory) and free of `.` and `..`.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        let mut clean = PathBuf::from("/");
        for component in self.cwd.join(path).components() {
            match component {
                Component::Normal(part) => clean.push(part),
                Component::ParentDir => {
                    clean.pop();
                }
                _ => {}
            }
        }
        clean
    }

    /// At most `limit` bytes of a regular file below the target's root.
    pub(super) fn read(&self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        let found = self.find(path)?;
        // The file is opened for reading only now that it is known to be no device or FIFO.
        let reopen = format!("/proc/self/fd/{}", found.as_raw_fd());
        take(File::open(reopen).ok()?, limit).ok()
    }

    /// [`Self::read`] as text.
    pub(super) fn text(&self, path: &Path, limit: u64) -> Option<String> {
        Some(String::from_utf8_lossy(&self.read(path, limit)?).into_owned())
    }

    /// Whether `path` is a regular file below the target's root.
    pub(super) fn is_file(&self, path: &Path) -> bool {
        self.find(path).is_some()
    }

    fn find(&self, path: &Path) -> Option<OwnedFd> {
        let root = self.root.as_ref()?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let found = openat2(root, self.absolute(path), flags, Mode::empty(), resolve).ok()?;
        let kind = FileType::from_raw_mode(fstat(&found).ok()?.st_mode);
        (kind == FileType::RegularFile).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn stays_inside_the_root_and_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("target");
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(folder.path().join("secret"), "outside").unwrap();
        std::fs::write(root.join("etc/name"), "inside").unwrap();
        symlink("/etc/name", root.join("absolute")).unwrap();
        symlink("../../../secret", root.join("escape")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        let fifo = root.join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        let proc_directory = folder.path().join("1");
        std::fs::create_dir(&proc_directory).unwrap();
        symlink(&root, proc_directory.join("root")).unwrap();
        symlink(root.join("etc"), proc_directory.join("cwd")).unwrap();

        let files = TargetFiles::of(&proc_directory);
        assert_eq!(files.cwd, Path::new("/etc"));
        let cases: [(&str, Option<&str>); 7] = [
            ("/etc/name", Some("insi")),
            ("name", Some("insi")),
            ("/absolute", Some("insi")),
            ("/escape", None),
            ("/loop", None),
            ("/fifo", None),
            ("/etc", None),
        ];
        for (path, expected) in cases {
            let got = files.text(Path::new(path), 4);
            assert_eq!(got.as_deref(), expected, "{path}");
        }
        assert!(read(&fifo, 10).is_err());
    }
}
