//! `cargo xtask test-kernels`: the built agent on the kernels that matter, each booted in an emulated machine.
//!
//! The kernels are Debian's, so that they have the options and patches that users run: the oldest supported series,
//! the current stable one and the newest. Each is booted by QEMU's emulation, which needs no hardware support, with the
//! host's root file system as its own; there the agent's `check` must find every hook in order, and its `run` must
//! write exactly one SERVER and one CLIENT span for each of a few real HTTP requests.
//!
//! Deliberately not here: timing (emulation is tens of times slower than hardware) and other architectures than x86_64.
//! What cannot be had (QEMU, a kernel) is a printed and counted skip, never a silent pass.

mod host;
mod initramfs;
mod kernel;
mod machine;
mod mirror;
mod verdict;

use anyhow::{Context, Result, ensure};
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

/// Restricts what programs may do as Secure Boot does; the agent must not need what it forbids.
const LOCKDOWN: &str = "lockdown=integrity";

/// What became of the tests: two for each boot (`check` and `run`).
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
    for (index, name) in series.iter().enumerate() {
        let kernel = match Kernel::prepare(name, &mirror) {
            Ok(kernel) => kernel,
            Err(reason) => {
                outcome.skip(name, &reason);
                continue;
            }
        };
        outcome.boot(&kernel, "", &agent)?;
        if index + 1 == series.len() {
            outcome.boot(&kernel, LOCKDOWN, &agent)?;
        }
    }
    println!(
        "test-kernels: {} passed, {} failed, {} skipped",
        outcome.passed,
        outcome.failed,
        outcome.skipped.len()
    );
    Ok(outcome)
}

impl Outcome {
    fn skip(&mut self, series: &str, reason: &anyhow::Error) {
        println!("SKIP test-kernels {series}: {reason:#}");
        self.skipped.push(format!("{series}: {reason:#}"));
    }

    /// Boots `kernel` once, with `parameters` on its command line, and counts what the agent did there.
    fn boot(&mut self, kernel: &Kernel, parameters: &str, agent: &Path) -> Result<()> {
        let label = format!("{} {parameters}", kernel.release);
        let label = label.trim_end();
        let exchange = Exchange::create(agent)?;
        let start = Instant::now();
        if let Err(error) = Machine::boot(kernel, parameters, &exchange.0) {
            println!("FAIL test-kernels {label}: {error:#}");
            self.failed += 2;
            exchange.keep();
            return Ok(());
        }
        let seconds = start.elapsed().as_secs();
        let verdicts = [
            ("check", verdict::check(&exchange.0)),
            ("run", verdict::run(&exchange.0)),
        ];
        let failed = verdicts.iter().any(|(_, verdict)| verdict.is_err());
        for (test, verdict) in verdicts {
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
        println!("     test-kernels {label}: {seconds} s");
        if failed {
            exchange.keep();
        }
        Ok(())
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

/// The directory shared with the machine: the agent and the scenario go in, results come out. Removed when dropped.
struct Exchange(PathBuf);

impl Exchange {
    fn create(agent: &Path) -> Result<Self> {
        let directory =
            std::env::temp_dir().join(format!("sonde-test-kernels-{}", std::process::id()));
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let exchange = Self(directory);
        std::fs::copy(agent, exchange.0.join("sonde")).context("cannot copy the agent")?;
        std::fs::write(
            exchange.0.join("scenario.sh"),
            include_str!("kernels/scenario.sh"),
        )?;
        std::fs::write(
            exchange.0.join("settings"),
            verdict::settings(&host::python()?),
        )?;
        Ok(exchange)
    }

    /// Leaves the directory for people to look into.
    fn keep(self) {
        println!("     logs are in {}", self.0.display());
        std::mem::forget(self);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Left-over files in the temporary directory harm nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
