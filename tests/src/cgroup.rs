//! A cgroup of one's own: an agent that is attached to it sees the sockets of those inside and of nobody else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};

use crate::{skip, wait};

/// Exists as long as this handle; what runs inside must have ended before, so declare it first.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// An empty one below the root of cgroup2.
    pub fn new() -> Result<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let root = mount()?;
        let path = root.join(format!("sonde-test-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same command, begun inside: its sockets belong here from the first one on. The process is the program itself.
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", "echo 0 > \"$0\" && exec \"$@\""]);
        inside.arg(self.path.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Those that were killed leave it a moment later. A failure has nobody left to tell.
        drop(wait::until("the cgroup to be empty", || {
            std::fs::remove_dir(&self.path).ok()
        }));
    }
}

/// Where cgroup2 is mounted: field 5 of a line of `/proc/self/mountinfo` whose type, after the hyphen, is cgroup2.
fn mount() -> Result<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let of_cgroup2 = mounts
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .and_then(|line| line.split(' ').nth(4));
    of_cgroup2
        .map(PathBuf::from)
        .ok_or_else(|| skip("cgroup2 is not mounted"))
}
