//! The table of known processes.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lru::LruCache;
use sonde_common::process::Process as Told;

use super::environment::Environment;
use super::files::{self, TargetFiles};
use super::name::{self, Target};
use super::overrides::OverrideRules;
use super::resource::{self, HostFacts, Parts};
use super::runtime::{Detector, Language, has_green_threads};
use super::selection::{Candidate, Selection, ServiceNameRule, Verdict, names_need_ports};
use super::{Exec, Process, Row, container, ports};
use crate::context::{self, Known};

const COMMAND_BYTES: u64 = 64 * 1024;
const ENVIRONMENT_BYTES: u64 = 256 * 1024;
const SMALL_BYTES: u64 = 16 * 1024;
const MOUNTS_BYTES: u64 = 256 * 1024;

/// How to look at processes.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the operator selected.
    pub selection: Selection,
    /// Names the operator gave; the first rule that fits wins.
    pub service_names: Vec<ServiceNameRule>,
    /// What single services have of their own.
    pub overrides: OverrideRules,
    /// The agent.
    pub own_pid: u32,
    /// The machine.
    pub host: HostFacts,
    /// `/proc`, of the host's process id namespace.
    pub proc_root: PathBuf,
    /// Processes remembered, exited ones included (these take at most a quarter).
    pub capacity: NonZeroUsize,
}

/// Known processes.
#[derive(Debug)]
pub struct Processes {
    options: Options,
    needs_ports: bool,
    known: LruCache<u32, Entry>,
    /// Exited and still remembered, oldest first: id and start time.
    exited: VecDeque<(u32, u64)>,
    detector: Detector,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    exited: bool,
    /// Ports that the verdict was made with.
    ports: Vec<u16>,
}

impl Processes {
    /// An empty table; [`Self::scan`] fills it.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            needs_ports: options.selection.needs_ports()
                || names_need_ports(&options.service_names)
                || options.overrides.need_ports(),
            known: LruCache::new(options.capacity),
            exited: VecDeque::new(),
            detector: Detector::new(),
            options,
        }
    }

    /// A process replaced its program: what was known is forgotten and it is read anew, from `exec`
    /// where `/proc` has no answer any more.
    pub fn executed(&mut self, exec: &Exec) -> Arc<Process> {
        let ports = self.read_ports(exec.pid);
        let directory = self.directory(exec.pid);
        let exe = std::fs::read_link(directory.join("exe"));
        let exe = exe.unwrap_or_else(|_| PathBuf::from(&exec.filename));
        let command_line = command_line(&directory, Some(exec));
        let process = Arc::new(self.read(exec.pid, exe, command_line, &ports));
        self.remember(Arc::clone(&process), ports);
        process
    }

    /// A process is gone. It stays known for spans that come late.
    pub fn exited(&mut self, pid: u32) {
        let Some(entry) = self.known.peek_mut(&pid) else {
            return;
        };
        if std::mem::replace(&mut entry.exited, true) {
            return;
        }
        self.exited.push_back((pid, entry.process.start_ticks));
        if self.exited.len() <= self.options.capacity.get() / 4 {
            return;
        }
        if let Some((oldest, start)) = self.exited.pop_front()
            && let Some(entry) = self.known.peek(&oldest)
            && entry.exited
            && entry.process.start_ticks == start
        {
            self.known.pop(&oldest);
        }
    }

    /// A process: from memory, else from `/proc`. `None` if it is neither known nor there (or is a
    /// thread of the kernel).
    pub fn get(&mut self, pid: u32) -> Option<Arc<Process>> {
        if let Some(entry) = self.known.get(&pid) {
            let process = Arc::clone(&entry.process);
            // The id of an exited process may belong to a new one, forked without exec.
            if !entry.exited || !self.is_reused(&process) {
                return Some(process);
            }
        }
        let ports = self.read_ports(pid);
        let process = Arc::new(self.read_again(pid, &ports)?);
        self.remember(Arc::clone(&process), ports);
        Some(process)
    }

    /// All processes of `/proc`, by id. Reads those that are unknown or have another start time.
    pub fn scan(&mut self) -> Vec<Arc<Process>> {
        let Ok(entries) = std::fs::read_dir(&self.options.proc_root) else {
            return Vec::new();
        };
        let names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut pids: Vec<u32> = names.collect();
        pids.sort_unstable();
        pids.into_iter()
            .filter_map(|pid| self.look_again(pid))
            .collect()
    }

    /// Rows of `sonde list`: all processes, with ports; `told` is what an agent at work knows of them.
    pub fn rows(&mut self, context: &context::Options, told: &HashMap<u32, Told>) -> Vec<Row> {
        let processes = self.scan();
        let row = |process: &Arc<Process>| {
            let directory = self.directory(process.pid);
            let ports = ports::listening(&directory);
            let linked = context::linked(&Known {
                language: process.runtime.language,
                carrier: context::carrier(process),
                threads: context::of_threads(process),
                instrumented: process.verdict.is_instrumented(),
                green_threads: has_green_threads(&directory),
                told: told.get(&process.pid),
            });
            Row::new(process, ports, context, linked)
        };
        processes.iter().map(row).collect()
    }

    /// The caller saw which ports a process listens on. The process, if its verdict or name changed.
    ///
    /// By now a native program has loaded its libraries, so an embedded runtime is looked for again.
    pub fn ports_changed(&mut self, pid: u32, listening: &[u16]) -> Option<Arc<Process>> {
        let before = self.get(pid)?;
        let native = matches!(
            before.runtime.language,
            Some(Language::C | Language::Cpp) | None
        );
        let entry = self.known.peek_mut(&pid)?;
        if entry.exited || entry.ports == listening || !(self.needs_ports || native) {
            return None;
        }
        let after = Arc::new(self.read_again(pid, listening)?);
        let same = after.verdict == before.verdict
            && after.resource == before.resource
            && after.overrides == before.overrides;
        let after = if same { before } else { after };
        self.remember(Arc::clone(&after), listening.to_vec());
        (!same).then_some(after)
    }

    fn look_again(&mut self, pid: u32) -> Option<Arc<Process>> {
        if let Some(entry) = self.known.peek(&pid)
            && self.is_reused(&entry.process)
        {
            self.known.pop(&pid);
        }
        self.get(pid)
    }

    fn is_reused(&self, process: &Process) -> bool {
        start_ticks(&self.directory(process.pid)).is_some_and(|start| start != process.start_ticks)
    }

    fn remember(&mut self, process: Arc<Process>, ports: Vec<u16>) {
        let entry = Entry {
            exited: false,
            ports,
            process,
        };
        self.known.put(entry.process.pid, entry);
    }

    fn directory(&self, pid: u32) -> PathBuf {
        self.options.proc_root.join(pid.to_string())
    }

    fn read_ports(&self, pid: u32) -> Vec<u16> {
        if self.needs_ports {
            ports::listening(&self.directory(pid))
        } else {
            Vec::new()
        }
    }

    fn read_again(&mut self, pid: u32, ports: &[u16]) -> Option<Process> {
        let directory = self.directory(pid);
        // Threads of the kernel have no executable.
        let exe = std::fs::read_link(directory.join("exe")).ok()?;
        Some(self.read(pid, exe, command_line(&directory, None), ports))
    }

    fn read(
        &mut self,
        pid: u32,
        exe: PathBuf,
        command_line: Vec<String>,
        ports: &[u16],
    ) -> Process {
        let directory = self.directory(pid);
        let files = TargetFiles::of(&directory);
        let runtime = self.detector.detect(&directory, &exe, &files);
        let environment = files::read(&directory.join("environ"), ENVIRONMENT_BYTES);
        let environment = Environment::new(environment.unwrap_or_default());
        let cgroup = files::text(&directory.join("cgroup"), SMALL_BYTES);
        let mounts = || files::text(&directory.join("mountinfo"), MOUNTS_BYTES);
        let container_id = container::container_id(&cgroup, mounts);
        let cgroup = container::cgroup_path(&cgroup).to_owned();
        let found = name::service(
            &Target {
                exe: &exe,
                args: &command_line,
                files: &files,
                environment: &environment,
            },
            &runtime,
        );
        let candidate = Candidate {
            pid,
            exe: &exe,
            command: &command_line.join(" "),
            ports,
            container: container_id.as_deref(),
            cgroup: &cgroup,
        };
        let start_ticks = start_ticks(&directory).unwrap_or(0);
        let resource = resource::build(&Parts {
            host: &self.options.host,
            pid,
            start_ticks,
            exe: &exe,
            runtime: &runtime,
            container_id: container_id.as_deref(),
            owner: resource::owner(&files::text(&directory.join("status"), SMALL_BYTES), &files),
            environment: &environment,
            found: &found,
            rule_name: self.rule_name(&candidate),
        });
        let verdict = self.judge(&candidate);
        let overrides = self
            .options
            .overrides
            .of(&candidate, &resource.service_name);
        let resource = Arc::new(resource);
        Process {
            pid,
            start_ticks,
            exe,
            command_line,
            runtime,
            container_id,
            cgroup,
            resource,
            verdict,
            overrides,
        }
    }

    fn rule_name(&self, candidate: &Candidate<'_>) -> Option<&str> {
        let rule = self
            .options
            .service_names
            .iter()
            .find(|rule| rule.matcher.matches(candidate))?;
        Some(&rule.name)
    }

    fn judge(&self, candidate: &Candidate<'_>) -> Verdict {
        if candidate.pid == self.options.own_pid {
            return Verdict::Agent;
        }
        self.options.selection.judge(candidate)
    }
}

/// Field 22 of `/proc/PID/stat`; the second field may itself contain spaces and parentheses.
fn start_ticks(directory: &Path) -> Option<u64> {
    let stat = files::text(&directory.join("stat"), SMALL_BYTES);
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn command_line(directory: &Path, exec: Option<&Exec>) -> Vec<String> {
    let read = files::read(&directory.join("cmdline"), COMMAND_BYTES).unwrap_or_default();
    let bytes = match exec {
        Some(exec) if read.is_empty() => &exec.cmdline,
        _ => &read,
    };
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let parts = bytes[..end].split(|byte| *byte == 0);
    let arguments = parts.map(|part| String::from_utf8_lossy(part).into_owned());
    if end == 0 {
        Vec::new()
    } else {
        arguments.collect()
    }
}

#[cfg(test)]
mod tests;
