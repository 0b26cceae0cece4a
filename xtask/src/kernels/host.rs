//! The host's programs: running them, and installing those that are missing.

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A command that also finds what only the administrator's PATH has (`modprobe`).
pub(super) fn command(program: &str) -> Command {
    let mut path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    path.push(":/usr/sbin:/sbin");
    let mut command = Command::new(program);
    command.env("PATH", path).stdin(Stdio::null());
    command
}

/// Runs `command` to its end and returns its stdout.
///
/// # Errors
/// It cannot be started, or it fails: then with the last line of its stderr.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no message");
    bail!("{program} failed with {}: {last}", output.status);
}

/// Installs those of the Debian `packages` that are missing, and says so and why.
///
/// # Errors
/// The host has no dpkg, or a package cannot be installed (not root, no network).
pub(super) fn install(packages: &[&str], reason: &str) -> Result<()> {
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("test-kernels: installing {} {reason}", missing.join(" "));
    if apt_install(&missing).is_ok() {
        return Ok(());
    }
    // The first attempt fails where the package lists have never been fetched, or are old.
    output(command("apt-get").args(["-q", "update"]))?;
    apt_install(&missing).with_context(|| format!("cannot install {}", missing.join(" ")))
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let mut command = command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
        .args(["-q", "-y", "--no-install-recommends", "install"])
        .args(packages);
    output(&mut command).map(drop)
}

fn missing<'a>(packages: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut query = command("dpkg-query");
    query
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages);
    // Its exit status says only that some package is unknown, which is one of the answers.
    let known = query
        .output()
        .context("no dpkg: only Debian and its like are supported")?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let installed = |package: &str| {
        known
            .lines()
            .any(|line| line == format!("{package} installed"))
    };
    Ok(packages
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect())
}

/// The Python interpreter. The distribution's, since a version manager's shim may start a dozen processes.
///
/// # Errors
/// There is none.
pub(super) fn python() -> Result<PathBuf> {
    let python = PathBuf::from("/usr/bin/python3");
    ensure!(python.exists(), "no {}", python.display());
    Ok(python)
}
