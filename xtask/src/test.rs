//! All tests, in steps; one summary at the end.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::build;
use crate::command::{as_root, cargo, is_root, is_there, must, root, target};
use crate::kernels;
use crate::{packages, page};

/// Programs that the end-to-end tests run, and the packages they come in.
const PROGRAMS: [(&str, &str); 17] = [
    ("nginx", "nginx-light"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("python3", "python3"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("go", "golang-go"),
    ("javac", "default-jdk-headless"),
    ("mvn", "maven"),
    ("php", "php-cli"),
    ("puma", "puma"),
    ("gcc", "gcc"),
    ("g++", "g++"),
    ("chromium", "chromium"),
];
/// Packages without a program that can be told by its name.
const OTHERS: [&str; 3] = ["python3-venv", "php-curl", "php-fpm"];
const FUZZ_SECONDS: u32 = 60;
/// Steps and the targets they run.
const FUZZ_TARGETS: [(&str, &str); 4] = [
    ("fuzzing of HTTP/1", "http1_connection"),
    ("fuzzing of HTTP/2", "http2_connection"),
    ("fuzzing of HPACK", "hpack"),
    ("fuzzing of the PROXY protocol", "proxy_protocol"),
];
/// How long output may stay away once a command has ended.
const GRACE: Duration = Duration::from_secs(2);
const CARGO_FUZZ: &str = "0.13.2";

/// What the steps have found.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: Vec<String>,
    /// Of the passed: tests that only said why they skip.
    hollow: u32,
    steps: Vec<(&'static str, Duration, bool)>,
}

/// Runs all steps, a failed one too does not keep the next from running.
pub(crate) fn run(quick: bool) -> Result<ExitCode> {
    let mut tally = Tally::default();
    let begun = Instant::now();
    let built = build::bpf_object().and_then(|object| Ok((object, build::agent(false)?)));
    tally.steps.push(("build", begun.elapsed(), built.is_ok()));
    let (object, agent) = match built {
        Ok(built) => built,
        Err(error) => {
            println!("build: {error:#}");
            tally.failed += 1;
            return Ok(tally.report());
        }
    };

    let with = || build::cargo_with(&agent, &object);
    tally.step("unit tests", || Ok(unit_tests(with())));
    tally.step("page", || {
        page::check().map_err(|error| format!("{error:#}"))
    });
    if quick {
        tally.skip("end-to-end, fuzzing, kernels: --quick");
        return Ok(tally.report());
    }
    if let Err(error) = install_programs() {
        println!("packages: {error:#}");
        tally.failed += 1;
        tally.steps.push(("packages", Duration::ZERO, false));
    }
    tally.step("end-to-end tests", || Ok(end_to_end(with())));
    tally.step("causality", || causality(&agent));
    for (name, target) in FUZZ_TARGETS {
        tally.step(name, || fuzz(target));
    }
    tally.kernels();
    Ok(tally.report())
}

fn install_programs() -> Result<()> {
    let missing = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let mut wanted: Vec<&str> = missing.map(|(_, package)| *package).collect();
    if is_there("apt-get") {
        let documents = Path::new("/usr/share/doc");
        let missing = OTHERS.iter().filter(|name| !documents.join(name).exists());
        wanted.extend(missing);
    }
    packages::need(&wanted, "services and clients of the end-to-end tests")?;
    packages::need(&packages::CAUSALITY, "services of the causality bench")
}

fn unit_tests(mut cargo: Command) -> Command {
    cargo.args([
        "test",
        "--workspace",
        "--no-fail-fast",
        "--exclude",
        "sonde-tests",
        "--",
        "--nocapture",
    ]);
    cargo
}

/// They attach BPF programs and make network namespaces: root's work.
fn end_to_end(mut cargo: Command) -> Command {
    let arguments = [
        "test",
        "--package",
        "sonde-tests",
        "--no-fail-fast",
        "--",
        "--test-threads=1",
        "--nocapture",
    ];
    if is_root() {
        cargo.args(arguments);
        return cargo;
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("env").current_dir(root());
    for (name, value) in std::env::vars_os().chain(
        cargo
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))),
    ) {
        let mut pair = name;
        pair.push("=");
        pair.push(value);
        sudo.arg(pair);
    }
    sudo.arg(cargo.get_program()).args(arguments);
    sudo
}

/// The short form of the causality bench, whose floors decide.
fn causality(agent: &Path) -> Result<Command, String> {
    must(&mut build::causality_build()).map_err(|error| format!("cannot be built: {error:#}"))?;
    let mut bench = as_root(target().join("release/causality"));
    bench.arg("--short").env("SONDE_BIN", agent);
    Ok(bench)
}

/// `Err` is the reason of a skip.
fn fuzz(name: &str) -> Result<Command, String> {
    let nightly = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    if !nightly.is_ok_and(|output| output.status.success()) {
        return Err("cargo-fuzz needs a nightly toolchain, and there is none".to_owned());
    }
    if !is_there("cargo-fuzz") {
        println!("building cargo-fuzz {CARGO_FUZZ}");
        let mut install = cargo();
        install.args(["install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked"]);
        must(&mut install).map_err(|error| format!("cargo-fuzz could not be built: {error:#}"))?;
    }
    // New inputs go to a folder of their own; the checked-in corpus only seeds.
    let found = target().join("fuzz-corpus").join(name);
    std::fs::create_dir_all(&found).map_err(|error| error.to_string())?;
    let mut command = Command::new("cargo");
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    command
        .current_dir(root())
        .args(["+nightly", "fuzz", "run", name]);
    command.arg(found).arg(format!("fuzz/corpus/{name}"));
    command
        .arg("--")
        .arg(format!("-max_total_time={FUZZ_SECONDS}"))
        .args(["-max_len=4096", "-verbosity=0"]);
    Ok(command)
}

impl Tally {
    /// Runs one command, echoing what it says and counting the tests in it.
    fn step(&mut self, name: &'static str, command: impl FnOnce() -> Result<Command, String>) {
        println!("\n== {name}");
        let begun = Instant::now();
        let before = (self.passed + self.failed, self.failed);
        let well = match command() {
            Ok(mut command) => self.watch(&mut command).unwrap_or_else(|error| {
                println!("{name}: {error:#}");
                false
            }),
            Err(reason) => {
                self.skip(format!("{name}: {reason}"));
                return;
            }
        };
        // A step that is one check in itself, or died before it could count.
        if well && self.passed + self.failed == before.0 {
            self.passed += 1;
        } else if !well && self.failed == before.1 {
            self.failed += 1;
        }
        self.steps.push((name, begun.elapsed(), well));
    }

    /// Echoes and counts every line until the command has ended. What it may have left running can hold
    /// the pipe open: that is not waited for.
    fn watch(&mut self, command: &mut Command) -> Result<bool> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start")?;
        let output = child.stdout.take().context("no output")?;
        let (lines, read) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let mut status = None;
        loop {
            match read.recv_timeout(GRACE) {
                Ok(line) => {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    println!("{line}");
                    self.count(&line);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?.success()),
                Err(RecvTimeoutError::Timeout) => match status {
                    Some(success) => return Ok(success),
                    None => status = child.try_wait()?.map(|status| status.success()),
                },
            }
        }
    }

    fn count(&mut self, line: &str) {
        if let Some(skip) = line.strip_prefix("SKIP ") {
            self.skipped.push(skip.to_owned());
            self.hollow += 1;
            return;
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split([';', '.']) {
            let mut words = part.split_whitespace();
            let Some(number) = words.next().and_then(|word| word.parse::<u32>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") if number > 0 => {
                    self.skipped.push(format!("{number} ignored tests"))
                }
                _ => {}
            }
        }
    }

    fn skip(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        println!("SKIP {reason}");
        self.skipped.push(reason);
    }

    fn kernels(&mut self) {
        println!("\n== kernels");
        let begun = Instant::now();
        let well = match kernels::run(&[]) {
            Ok(outcome) => {
                self.passed += outcome.passed;
                self.failed += outcome.failed;
                self.skipped.extend(outcome.skipped);
                outcome.failed == 0
            }
            Err(error) => {
                println!("kernels: {error:#}");
                self.failed += 1;
                false
            }
        };
        self.steps.push(("kernels", begun.elapsed(), well));
    }

    fn report(self) -> ExitCode {
        println!("\n== summary");
        for (name, time, well) in &self.steps {
            let word = if *well { "ok" } else { "FAILED" };
            println!("{name:<20} {word:<8} {:>6.1} s", time.as_secs_f64());
        }
        for reason in &self.skipped {
            println!("skipped: {reason}");
        }
        // A test that skips itself has passed in the eyes of the runner.
        let passed = self.passed.saturating_sub(self.hollow);
        println!(
            "{passed} passed, {} failed, {} skipped",
            self.failed,
            self.skipped.len()
        );
        let well = self.failed == 0 && self.steps.iter().all(|(_, _, well)| *well);
        if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
