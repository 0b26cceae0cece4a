//! One agent a cgroup: two whose programs see the same sockets would both write fields into the same requests, and each would
//! take the other's for those of an application that traces itself.
//!
//! An agent holds `flock(2)` locks on directories of cgroup2: an exclusive one on the cgroup that its programs are attached to,
//! shared ones on those above. So agents of cgroups that lie beside each other do not meet, those of which one holds the other
//! do. The inodes are the kernel's own, the same in every mount, container and network namespace, and the kernel takes the locks
//! back in whatever way the agent ends. What it does not see: cgroups above the one that is the root of the agent's mount.
//!
//! Everybody who may read the directory may lock it. A holder that could not attach a program is no agent and is passed over.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often a lock is tried for: `sonde check` holds one for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// Bit of `CapEff` (capabilities(7)).
const CAP_NET_ADMIN: u32 = 12;

/// The locks; held for as long as this lives.
#[derive(Debug)]
pub(super) struct Alone {
    _locks: Vec<File>,
}

/// Why there are none.
#[derive(Debug)]
pub(super) enum Refused {
    /// Another agent has them.
    Other(Other),
    /// The directory cannot be read.
    Failed(io::Error),
}

/// Another agent whose programs see the same sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    /// Its process; `None`: it is in another PID namespace.
    pub(super) pid: Option<u32>,
    /// The cgroup that both want.
    pub(super) cgroup: PathBuf,
}

impl Other {
    /// Who it is.
    pub(super) fn who(&self) -> String {
        let cgroup = self.cgroup.display();
        match self.pid {
            Some(pid) => format!("another agent (process {pid}) traces {cgroup}"),
            None => {
                format!("another agent (a process in another PID namespace) traces {cgroup}")
            }
        }
    }

    /// What to do about it.
    pub(super) fn advice(&self) -> String {
        let stop = match self.pid {
            Some(pid) => format!("stop it first (kill {pid})"),
            None => "stop it first".to_owned(),
        };
        format!("{stop}, or give each agent a cgroup of its own with --cgroup")
    }
}

impl Alone {
    /// Takes the locks for an agent on `cgroup`.
    pub(super) fn on(cgroup: &Path) -> Result<Self, Refused> {
        let mut tries = 1;
        loop {
            match Self::try_on(cgroup) {
                Err(Refused::Other(_)) if tries < TRIES => thread::sleep(PAUSE),
                outcome => return outcome,
            }
            tries += 1;
        }
    }

    fn try_on(cgroup: &Path) -> Result<Self, Refused> {
        let cgroup = fs::canonicalize(cgroup).map_err(Refused::Failed)?;
        let device = fs::metadata(&cgroup).map_err(Refused::Failed)?.dev();
        let is_in_mount =
            |path: &&Path| fs::metadata(path).is_ok_and(|metadata| metadata.dev() == device);
        let locks = cgroup
            .ancestors()
            .take_while(is_in_mount)
            .map(|path| lock(path, path == cgroup))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { _locks: locks })
    }
}

fn lock(path: &Path, exclusive: bool) -> Result<File, Refused> {
    let directory = File::open(path).map_err(Refused::Failed)?;
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    match flock(&directory, operation) {
        Ok(()) => Ok(directory),
        Err(Errno::WOULDBLOCK) => match other(path, &directory) {
            Some(other) => Err(Refused::Other(other)),
            None => Ok(directory),
        },
        Err(error) => Err(Refused::Failed(error.into())),
    }
}

/// The agent that holds a lock; `None` if all who hold one are none.
fn other(path: &Path, directory: &File) -> Option<Other> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let holders = directory
        .metadata()
        .map(|metadata| holders(&locks, metadata.dev(), metadata.ino()))
        .unwrap_or_default();
    let other = |pid| Other {
        pid,
        cgroup: path.to_owned(),
    };
    if holders.is_empty() {
        return Some(other(None));
    }
    let agent = holders.iter().find(|pid| may_attach(**pid)).copied();
    if agent.is_none() {
        tracing::warn!(
            cgroup = %path.display(),
            processes = ?holders,
            "locked by a process that is no agent: whether another agent is at work is not known"
        );
    }
    agent.map(|pid| other(Some(pid)))
}

/// Processes with a `flock(2)` lock on the inode, by `/proc/locks` (proc(5)): `1: FLOCK ADVISORY WRITE 7 00:1a:1 0 EOF`. The
/// kernel leaves out those of other PID namespaces.
fn holders(locks: &str, device: u64, inode: u64) -> Vec<u32> {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let wanted = format!("{major:02x}:{minor:02x}:{inode}");
    let holder = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_flock = fields.next() == Some("FLOCK");
        let pid = fields.nth(2)?.parse().ok()?;
        (is_flock && fields.next() == Some(&wanted)).then_some(pid)
    };
    locks.lines().filter_map(holder).collect()
}

/// Could the process attach a program to a cgroup? Not without the capability, nor from a user namespace of its own.
fn may_attach(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/user")).ok();
    let elsewhere = match (namespace(&pid.to_string()), namespace("self")) {
        (Some(its), Some(ours)) => its != ours,
        _ => false,
    };
    !elsewhere && has_capability(&status, CAP_NET_ADMIN)
}

/// True as well where that cannot be read.
fn has_capability(status: &str, capability: u32) -> bool {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    effective.is_none_or(|bits| bits & (1 << capability) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> bool {
        match Alone::try_on(path) {
            Ok(_) => false,
            Err(Refused::Other(other)) => {
                // Without privileges the holder, which is this process, could not be an agent.
                assert_eq!(other.pid, Some(std::process::id()));
                true
            }
            Err(Refused::Failed(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn cgroups_beside_each_other_do_not_meet() {
        let is_seen = fs::read_to_string("/proc/self/status")
            .is_ok_and(|status| has_capability(&status, CAP_NET_ADMIN));
        if !is_seen {
            println!("SKIP cgroups_beside_each_other_do_not_meet: needs root");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let [left, right] = ["left", "right"].map(|name| root.path().join(name));
        let below = left.join("below");
        for path in [&below, &right] {
            fs::create_dir_all(path).unwrap();
        }
        let on = |path: &Path| Alone::try_on(path).unwrap();
        let first = on(&left);
        assert!(!refused(&right), "beside");
        assert!(refused(&left), "the same");
        assert!(refused(&below), "below");
        assert!(refused(root.path()), "above");
        drop(first);
        assert!(!refused(&below), "the end gives it back");
        let _both = (on(&below), on(&right));
        assert!(refused(&left), "above one of two");
    }

    #[test]
    fn only_what_is_locked_is_missed() {
        assert!(matches!(
            Alone::on(Path::new("/nonexistent/cgroup")),
            Err(Refused::Failed(_))
        ));
    }

    #[test]
    fn lines_of_the_kernel() {
        let locks = "\
1: FLOCK  ADVISORY  WRITE 71 00:1a:1 0 EOF
1: -> FLOCK  ADVISORY  WRITE 72 00:1a:1 0 EOF
2: POSIX  ADVISORY  WRITE 73 00:1a:1 0 EOF
3: FLOCK  ADVISORY  READ  74 00:1a:1 0 EOF
4: FLOCK  ADVISORY  READ  75 00:1a:11 0 EOF
5: FLOCK  ADVISORY  READ  76 08:1a:1 0 EOF
nonsense
6: FLOCK
";
        let device = rustix::fs::makedev(0, 0x1a);
        assert_eq!(holders(locks, device, 1), [71, 74]);
        assert!(holders(locks, device, 2).is_empty());
    }

    #[test]
    fn capabilities() {
        let cases = [
            ("Name:\tx\nCapEff:\t000001ffffffffff\n", true),
            ("CapEff:\t0000000000001000\n", true),
            ("CapEff:\t0000000000000fff\n", false),
            ("CapEff:\t0000000000000000\n", false),
            ("CapEff:\tnonsense\n", true),
            ("", true),
        ];
        for (status, expected) in cases {
            assert_eq!(has_capability(status, CAP_NET_ADMIN), expected, "{status}");
        }
    }

    #[test]
    fn sentences() {
        let other = |pid| Other {
            pid,
            cgroup: "/sys/fs/cgroup".into(),
        };
        assert_eq!(
            format!("{}; {}", other(Some(7)).who(), other(Some(7)).advice()),
            "another agent (process 7) traces /sys/fs/cgroup; stop it first (kill 7), or give each agent a cgroup of its own with --cgroup"
        );
        assert!(other(None).advice().starts_with("stop it first, or"));
    }
}
