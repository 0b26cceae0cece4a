//! What can be read about kernel and machine without loading a program.

use super::{Row, Status};
use crate::cli::{Failure, privilege};
use crate::config::cgroup;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The kernel that a row is about: where its /proc and /sys are, its release and architecture.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    release: String,
    architecture: String,
}

/// Ring buffers came with 5.8.
const OLDEST: (u32, u32) = (5, 8);
/// `bpf_loop` came with 5.17.
const FULL: (u32, u32) = (5, 17);
/// Maps are charged to the memory cgroup since 5.11, not to RLIMIT_MEMLOCK.
const MEMORY_CGROUP: (u32, u32) = (5, 11);

impl Host {
    /// The machine the agent runs on.
    pub fn this() -> Self {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            root: PathBuf::from("/"),
            release: release.trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
        }
    }

    /// The rows, in the order in which a problem is best looked at.
    pub fn rows(&self, cgroup: Option<&Path>) -> Vec<Row> {
        vec![
            self.kernel(),
            capabilities(privilege::missing()),
            self.user_namespace(),
            self.btf(),
            self.lockdown(),
            cgroup2(cgroup::resolve(cgroup)),
            self.jit(),
            self.unprivileged(),
            self.memory_lock(),
        ]
    }

    fn kernel(&self) -> Row {
        let name = "kernel";
        let detail = format!("{} on {}", self.release, self.architecture);
        if !matches!(self.architecture.as_str(), "x86_64" | "aarch64") {
            return Row::new(name, Status::Failed, detail)
                .advise("use a machine with x86_64 or aarch64");
        }
        match version(&self.release) {
            None => Row::new(
                name,
                Status::Warning,
                format!("{detail}; its version cannot be read"),
            ),
            Some(version) if version < OLDEST => {
                Row::new(name, Status::Failed, detail).advise("use Linux 5.17 or later")
            }
            Some(version) if version < FULL => Row::new(name, Status::Warning, detail)
                .advise("use Linux 5.17 or later; the rows of the hooks show what this one lacks"),
            Some(_) => Row::new(name, Status::Ok, detail),
        }
    }

    fn user_namespace(&self) -> Row {
        let name = "user namespace";
        let Ok(map) = self.read("proc/self/uid_map") else {
            return Row::new(name, Status::Ok, "the kernel has none");
        };
        let fields: Vec<&str> = map.split_whitespace().collect();
        if fields == ["0", "0", "4294967295"] {
            return Row::new(name, Status::Ok, "the initial one");
        }
        Row::new(
            name,
            Status::Failed,
            "not the initial one, where capabilities for BPF do not count",
        )
        .advise("run outside of rootless containers and user namespaces")
    }

    fn btf(&self) -> Row {
        let name = "BTF";
        let path = "sys/kernel/btf/vmlinux";
        match fs::read(self.root.join(path)) {
            // The magic number of struct btf_header, in the byte order of the machine.
            Ok(bytes) if bytes.starts_with(&0xeb9f_u16.to_ne_bytes()) => Row::new(
                name,
                Status::Ok,
                format!("/{path}, {} KiB", bytes.len() / 1024),
            ),
            Ok(_) => Row::new(name, Status::Failed, format!("/{path} is not BTF")),
            Err(error) if error.kind() == ErrorKind::NotFound => Row::new(
                name,
                Status::Failed,
                format!("/{path} does not exist"),
            )
            .advise(
                "use a kernel with CONFIG_DEBUG_INFO_BTF=y; in a container, mount /sys of the host",
            ),
            Err(error) => Row::new(name, Status::Failed, format!("/{path}: {error}")),
        }
    }

    fn lockdown(&self) -> Row {
        let name = "lockdown";
        let Ok(text) = self.read("sys/kernel/security/lockdown") else {
            return Row::new(
                name,
                Status::Skipped,
                "unknown: securityfs is not mounted, or has no lockdown",
            );
        };
        let mode = text
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .map_or(text.trim(), |(mode, _)| mode);
        if mode == "confidentiality" {
            return Row::new(
                name,
                Status::Warning,
                "confidentiality: programs may not read kernel memory",
            )
            .advise("boot with lockdown=integrity or without lockdown");
        }
        Row::new(name, Status::Ok, mode)
    }

    fn jit(&self) -> Row {
        let name = "BPF JIT";
        match self
            .read("proc/sys/net/core/bpf_jit_enable")
            .as_deref()
            .map(str::trim)
        {
            Ok("0") => Row::new(
                name,
                Status::Warning,
                "off: programs are interpreted, many times slower",
            )
            .advise("sysctl -w net.core.bpf_jit_enable=1"),
            Ok(_) => Row::new(name, Status::Ok, "on"),
            Err(error) => Row::new(
                name,
                Status::Skipped,
                format!("net.core.bpf_jit_enable: {error}"),
            ),
        }
    }

    fn unprivileged(&self) -> Row {
        let name = "unprivileged BPF";
        match self
            .read("proc/sys/kernel/unprivileged_bpf_disabled")
            .as_deref()
            .map(str::trim)
        {
            Ok("0") => Row::new(
                name,
                Status::Ok,
                "allowed on this machine; the agent does not need it",
            ),
            Ok(_) => Row::new(
                name,
                Status::Ok,
                "not allowed on this machine; the agent does not need it",
            ),
            Err(error) => Row::new(
                name,
                Status::Skipped,
                format!("kernel.unprivileged_bpf_disabled: {error}"),
            ),
        }
    }

    fn memory_lock(&self) -> Row {
        let name = "locked memory";
        if version(&self.release).is_none_or(|version| version >= MEMORY_CGROUP) {
            return Row::new(name, Status::Ok, "maps are charged to the memory cgroup");
        }
        let limit = rustix::process::getrlimit(rustix::process::Resource::Memlock).current;
        match limit {
            None => Row::new(name, Status::Ok, "unlimited"),
            Some(bytes) => Row::new(name, Status::Warning, format!("limited to {bytes} bytes"))
                .advise("ulimit -l unlimited, or CAP_SYS_RESOURCE, on kernels before 5.11"),
        }
    }

    fn read(&self, path: &str) -> std::io::Result<String> {
        fs::read_to_string(self.root.join(path))
    }
}

fn capabilities(missing: Result<Vec<privilege::Privilege>, Failure>) -> Row {
    let name = "capabilities";
    let missing = match missing {
        Ok(missing) => missing,
        Err(failure) => return Row::new(name, Status::Skipped, failure.to_string()),
    };
    if missing.is_empty() {
        return Row::new(name, Status::Ok, "all that are needed");
    }
    let list: Vec<String> = missing
        .iter()
        .map(|privilege| format!("{} (to {})", privilege.capability, privilege.purpose))
        .collect();
    Row::new(name, Status::Failed, format!("missing {}", list.join(", ")))
        .advise("run as root or grant them")
}

fn cgroup2(found: Result<PathBuf, Failure>) -> Row {
    match found {
        Ok(path) => Row::new("cgroup2", Status::Ok, path.display().to_string()),
        Err(failure) => Row::new("cgroup2", Status::Failed, failure.to_string()),
    }
}

/// The first two numbers of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
