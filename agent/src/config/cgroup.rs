//! The cgroup2 hierarchy that the programs attach to.

use crate::cli::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// The directory given, or the mount of cgroup2 that shows most of the hierarchy.
///
/// # Errors
/// [`crate::cli::Kind::Configuration`] if the directory given is none, [`crate::cli::Kind::Missing`] if cgroup2 is
/// not mounted.
pub fn resolve(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = given {
        if path.join("cgroup.procs").exists() {
            return Ok(path.to_owned());
        }
        let path = path.display();
        return Err(Failure::configuration(format!(
            "--cgroup: {path} is not a cgroup2 directory"
        )));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo")
        .map_err(|error| Failure::run_time("cannot read /proc/self/mountinfo").because(error))?;
    find(&mounts).ok_or_else(|| {
        Failure::missing(
            "no cgroup2 hierarchy is mounted: mount one (mount -t cgroup2 none /sys/fs/cgroup), or give its \
             directory with --cgroup",
        )
    })
}

/// The best cgroup2 mount in a mountinfo text (proc_pid_mountinfo(5)): a root of `/` shows the whole hierarchy of
/// the cgroup namespace, and among those the shortest path is the one that people use.
pub fn find(mountinfo: &str) -> Option<PathBuf> {
    mountinfo
        .lines()
        .filter_map(cgroup2_mount)
        .min_by_key(|(root, path)| (root != "/", path.as_os_str().len()))
        .map(|(_, path)| path)
}

/// Root and mount point, if the line is a mount of cgroup2.
fn cgroup2_mount(line: &str) -> Option<(String, PathBuf)> {
    let (mount, file_system) = line.split_once(" - ")?;
    if file_system.split(' ').next()? != "cgroup2" {
        return None;
    }
    let mut fields = mount.split(' ').skip(3);
    let root = unescape(fields.next()?);
    let path = unescape(fields.next()?);
    Some((root, PathBuf::from(path)))
}

/// The kernel writes blanks, tabs, line ends and backslashes as three octal digits.
fn unescape(field: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .into_iter()
    .fold(field.to_owned(), |text, (escaped, plain)| {
        text.replace(escaped, plain)
    })
}

#[cfg(test)]
mod tests {
    use super::find;
    use std::path::PathBuf;

    #[test]
    fn mounts() {
        let unified =
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        let hybrid = "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        let part = "40 23 0:26 /kubepods /short rw - cgroup2 cgroup2 rw";
        let cases = [
            (unified.to_owned(), Some("/sys/fs/cgroup")),
            (hybrid.to_owned(), Some("/sys/fs/cgroup/unified")),
            (format!("{part}\n{unified}"), Some("/sys/fs/cgroup")),
            (part.to_owned(), Some("/short")),
            (
                "41 1 0:26 / /mnt/my\\040groups rw - cgroup2 none rw".to_owned(),
                Some("/mnt/my groups"),
            ),
            (
                "32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu".to_owned(),
                None,
            ),
            ("garbage - cgroup2".to_owned(), None),
            (String::new(), None),
        ];
        for (mountinfo, expected) in cases {
            assert_eq!(find(&mountinfo), expected.map(PathBuf::from), "{mountinfo}");
        }
    }
}
