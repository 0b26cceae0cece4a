//! Child processes that end with the test, whatever happens to it.
//!
//! Each is the leader of a process group that is killed on drop, and asks the kernel for SIGKILL should the test itself die.
//! Output goes to files, so that no full pipe ever stops a child and a failure can show it.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::wait;

/// A running child with captured output.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: std::process::Child,
    folder: TempDir,
}

impl Process {
    /// Starts `command`; `name` is for messages. No proxy of the environment stands between the test's own processes.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("sonde-test-").tempdir()?;
        command
            .stdin(Stdio::piped())
            .stdout(File::create(folder.path().join("stdout"))?)
            .stderr(File::create(folder.path().join("stderr"))?)
            .process_group(0);
        for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(variable);
        }
        die_with_parent(command);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            folder,
        })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// This process and all others of its group: workers that it forked.
    pub fn group(&self) -> Vec<u32> {
        let group = self.pid().to_string();
        let mut pids: Vec<u32> = std::fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid| process_group_of(*pid).as_deref() == Some(&*group))
            .collect();
        pids.sort_unstable();
        pids
    }

    /// Waits until the group has at least `count` processes: a master listens before it has forked its workers.
    pub fn wait_group(&self, count: usize) -> Result<()> {
        let what = format!("{} to have {count} processes", self.name);
        wait::until(&what, || (self.group().len() >= count).then_some(()))
    }

    /// A folder that lives as long as this handle.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// File that standard output goes to.
    pub fn stdout_path(&self) -> PathBuf {
        self.folder.path().join("stdout")
    }

    /// What was written to standard output so far.
    pub fn stdout(&self) -> String {
        read_lossy(&self.stdout_path())
    }

    /// What was written to standard error so far.
    pub fn stderr(&self) -> String {
        read_lossy(&self.folder.path().join("stderr"))
    }

    /// Standard input, while the child is still expected to read it.
    pub fn stdin(&mut self) -> Result<&mut ChildStdin> {
        self.child
            .stdin
            .as_mut()
            .with_context(|| format!("{} has no standard input", self.name))
    }

    /// Closes standard input: end of file for the child.
    pub fn close_stdin(&mut self) {
        self.child.stdin = None;
    }

    /// Sends a signal to the process (not to its group).
    pub fn signal(&self, signal: i32) {
        send_signal(self.pid().cast_signed(), signal);
    }

    /// Exit status if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until something accepts on 127.0.0.1:`port`; fails at once when the process ends.
    pub fn wait_port(&mut self, port: u16) -> Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let what = format!("{} to listen on {address}", self.name);
        let listens = wait::until(&what, || {
            let connected = TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
            if connected {
                Some(true)
            } else {
                self.exited().map(|_| false)
            }
        });
        let listens = listens.with_context(|| self.stderr())?;
        ensure!(listens, "{} ended at once\n{}", self.name, self.stderr());
        Ok(())
    }

    /// Waits for the end.
    pub fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        wait::until_within(deadline, &what, || self.exited())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {} (stderr)\n{}", self.name, tail(&self.stderr()));
        }
        send_signal(-self.pid().cast_signed(), libc::SIGKILL);
        // The exit status of a killed child is of no interest.
        drop(self.child.wait());
    }
}

/// Runs a command to its end and gives its standard output; its standard error becomes part of the error.
pub fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        tail(&String::from_utf8_lossy(&output.stdout)),
        tail(&String::from_utf8_lossy(&output.stderr)),
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Makes the kernel kill the child when the thread that starts it ends.
fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec only the async-signal-safe prctl is called, with constants.
    unsafe {
        command.pre_exec(
            || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            },
        );
    }
}

fn send_signal(pid: i32, signal: i32) {
    // SAFETY: kill takes no pointers. The child is reaped only in `Drop`, so its id is still ours.
    unsafe {
        libc::kill(pid, signal);
    }
}

/// Field 5 of `/proc/PID/stat`; the name before it may hold spaces and parentheses.
fn process_group_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(2)
        .map(str::to_owned)
}

fn read_lossy(path: &Path) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
