//! Against every Python of this machine: what [`inspect`] finds must agree with what the process says of
//! itself.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;

/// Prints the addresses of what its thread state must point to, and waits.
const SCRIPT: &str = "
import asyncio, contextvars, ctypes, sys, threading
threads = [threading.Thread(target=sys.stdin.readline, daemon=True) for _ in range(3)]
[thread.start() for thread in threads]
context = contextvars.copy_context()
def inside():
    print(threading.get_ident(), id(context), id(contextvars.Context), flush=True)
    sys.stdin.readline()
context.run(inside)
";

struct Python3 {
    process: Child,
    thread: u64,
    context: u64,
    context_type: u64,
}

impl Python3 {
    fn start(executable: &Path) -> Option<Self> {
        let mut process = Command::new(executable)
            .args(["-I", "-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        let numbers: Vec<u64> = line
            .split(' ')
            .filter_map(|n| n.trim().parse().ok())
            .collect();
        let [thread, context, context_type] = numbers[..] else {
            drop(process.kill());
            return None;
        };
        Some(Self {
            process,
            thread,
            context,
            context_type,
        })
    }

    fn word(&self, address: u64) -> u64 {
        use std::os::unix::fs::FileExt;
        let memory = File::open(format!("/proc/{}/mem", self.process.id())).unwrap();
        let mut bytes = [0; 8];
        memory.read_exact_at(&mut bytes, address).unwrap();
        u64::from_le_bytes(bytes)
    }

    /// What the BPF programs do.
    fn context(&self, python: &Python) -> u64 {
        let interpreter = self.word(python.interpreter);
        let mut state = self.word(interpreter + u64::from(python.threads));
        while self.word(state + u64::from(python.thread_id)) != self.thread {
            state = self.word(state + u64::from(python.next));
            assert_ne!(state, 0, "the thread has no state");
        }
        self.word(state + u64::from(python.context))
    }
}

impl Drop for Python3 {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.process.stdin.take() {
            drop(stdin.write_all(b"\n"));
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn executables() -> Vec<PathBuf> {
    let installed = (9..=13).map(|minor| PathBuf::from(format!("/usr/bin/python3.{minor}")));
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let versions = std::fs::read_dir(home.join(".pyenv/versions"));
    let versions = versions.into_iter().flatten().flatten();
    let built = versions.map(|version| version.path().join("bin/python3"));
    installed
        .chain(built)
        .filter(|path| path.exists())
        .collect()
}

#[test]
fn finds_the_running_context_of_every_python() {
    let mut found = 0;
    for executable in executables() {
        let Some(python) = Python3::start(&executable) else {
            continue;
        };
        let Some(facts) = inspect(python.process.id()) else {
            continue;
        };
        assert_eq!(
            facts.python.context_type, python.context_type,
            "{executable:?}"
        );
        assert_eq!(
            python.context(&facts.python),
            python.context,
            "{executable:?}"
        );
        assert!(loads_asyncio(python.process.id()));
        assert!(facts.module.is_some(), "{executable:?}");
        found += 1;
    }
    if found == 0 {
        println!(
            "\nSKIP finds_the_running_context_of_every_python: no Python 3.9 to 3.13, or not root"
        );
    }
}

#[test]
fn is_no_python() {
    assert_eq!(inspect(std::process::id()), None);
    assert!(!loads_asyncio(std::process::id()));
}
