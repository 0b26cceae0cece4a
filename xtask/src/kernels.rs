//! `cargo xtask test-kernels`: the built agent on the kernels that matter, each booted in an emulated machine.
//!
//! The kernels are Debian's, so that they have the options and patches that users run: the oldest supported series,
//! the current stable one and the newest. Each is booted by QEMU's emulation, which needs no hardware support, with the
//! host's root file system as its own; there the agent's `check` must find every hook in order, and its `run` must
//! write exactly one SERVER and one CLIENT span for each of a few real HTTP requests.
//!
//! Deliberately not here: timing (emulation is tens of times slower than hardware) and other architectures than x86_64.
//! What cannot be had (QEMU, a kernel) is a printed and counted skip, never a silent pass.

mod exchange;
mod host;
mod initramfs;
mod kernel;
mod machine;
mod mirror;
mod verdict;

use anyhow::{Context, Result, anyhow, ensure};
use exchange::Exchange;
use kernel::Kernel;
use machine::Machine;
use mirror::Mirror;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The kernel series tested when none is named, oldest first.
const SERIES: [&str; 3] = ["6.1", "6.12", "7.2"];

/// Debian packages of the host that the tests cannot do without.
const PACKAGES: [&str; 7] = [
    "qemu-system-x86",
    "busybox-static",
    "kmod",
    "xz-utils",
    "zstd",
    "curl",
    "python3",
];

/// Restricts programs as Secure Boot does; the agent must not need what that forbids.
const LOCKDOWN: Lockdown = Lockdown("integrity");

/// A mode of the kernel's lockdown, by the kernel's name for it.
#[derive(Debug, Clone, Copy)]
struct Lockdown(&'static str);

/// What became of the tests: three for each boot (the kernel itself, `check` and `run`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Tests that passed.
    pub(crate) passed: u32,
    /// Tests that failed.
    pub(crate) failed: u32,
    /// One line for each kernel that could not be tested: the series and the reason.
    pub(crate) skipped: Vec<String>,
}

/// Tests the agent in `target/release` on the newest Debian kernel of each `series` ("6.1"; none: all of [`SERIES`]),
/// and on the last one again under lockdown. Prints a line for each boot.
///
/// # Errors
/// The agent has not been built, or a temporary directory cannot be made. Whatever else goes wrong is in the
/// [`Outcome`].
pub(crate) fn run(series: &[String]) -> Result<Outcome> {
    let agent = agent()?;
    let series: Vec<&str> = match series {
        [] => SERIES.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let mut outcome = Outcome::default();
    let mirror = match prepare_host() {
        Ok(mirror) => mirror,
        Err(reason) => {
            for name in series {
                outcome.skip(name, &reason);
            }
            return Ok(outcome);
        }
    };
    let mut last = None;
    for name in series {
        match Kernel::prepare(name, &mirror) {
            Ok(kernel) => outcome.boot(last.insert(kernel), None, &agent)?,
            Err(reason) => outcome.skip(name, &reason),
        }
    }
    match last {
        Some(kernel) => outcome.boot(&kernel, Some(LOCKDOWN), &agent)?,
        None => outcome.skip(&LOCKDOWN.parameter(), &anyhow!("no kernel to boot")),
    }
    println!(
        "test-kernels: {} passed, {} failed, {} skipped",
        outcome.passed,
        outcome.failed,
        outcome.skipped.len()
    );
    Ok(outcome)
}

impl Lockdown {
    /// As it stands on the kernel's command line.
    fn parameter(self) -> String {
        format!("lockdown={}", self.0)
    }
}

impl Outcome {
    fn skip(&mut self, series: &str, reason: &anyhow::Error) {
        println!("SKIP test-kernels {series}: {reason:#}");
        self.skipped.push(format!("{series}: {reason:#}"));
    }

    /// Boots `kernel` once and counts what became of it and of the agent there.
    fn boot(&mut self, kernel: &Kernel, lockdown: Option<Lockdown>, agent: &Path) -> Result<()> {
        let parameter = lockdown.map(Lockdown::parameter).unwrap_or_default();
        let label = [kernel.release.as_str(), &parameter].join(" ");
        let exchange = Exchange::create(agent)?;
        let start = Instant::now();
        let verdicts = match Machine::boot(kernel, &parameter, &exchange) {
            Err(error) => vec![("boot", Err(error))],
            Ok(()) => vec![
                (
                    "kernel",
                    verdict::kernel(&exchange, &kernel.release, lockdown),
                ),
                ("check", verdict::check(&exchange)),
                ("run", verdict::run(&exchange)),
            ],
        };
        let seconds = start.elapsed().as_secs();
        println!("     test-kernels {}: {seconds} s", label.trim_end());
        let failed = self.failed;
        for (test, verdict) in verdicts {
            self.count(label.trim_end(), test, verdict);
        }
        if self.failed > failed {
            exchange.keep();
        }
        Ok(())
    }

    fn count(&mut self, label: &str, test: &str, verdict: Result<String>) {
        match verdict {
            Ok(found) => {
                println!("ok   test-kernels {label} {test}: {found}");
                self.passed += 1;
            }
            Err(error) => {
                println!("FAIL test-kernels {label} {test}: {error:#}");
                self.failed += 1;
            }
        }
    }
}

/// The programs that the tests use, and the mirror for the kernels.
fn prepare_host() -> Result<Mirror> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "only x86_64 kernels are tested, and only on x86_64"
    );
    host::install(&PACKAGES, "to boot kernels in an emulated machine")?;
    Mirror::open(&cache()?)
}

/// Where kernels are kept between runs: `$SONDE_CACHE`, or `sonde` in the user's cache directory.
fn cache() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("SONDE_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("sonde")))
        .or_else(|| Some(set("HOME")?.join(".cache/sonde")))
        .context("no cache directory: set SONDE_CACHE")?
        .join("kernels");
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache)
}

fn agent() -> Result<PathBuf> {
    let workspace = std::env::var_os("CARGO_MANIFEST_DIR")
        .and_then(|xtask| Some(Path::new(&xtask).parent()?.to_path_buf()))
        .unwrap_or_default();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from);
    let agent = target.join("release/sonde");
    ensure!(
        agent.is_file(),
        "no agent at {}: run `cargo xtask build`",
        agent.display()
    );
    Ok(agent)
}
