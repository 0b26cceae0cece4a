//! The BPF toolchain: a rustc that can build `core` for the BPF target, and bpf-linker for its LLVM.
//!
//! Two ways, the first that is there: rustup's nightly with `rust-src`, or Debian's `rustc-web`
//! (which comes with its sources) where rustup's servers cannot be reached. Where neither is, the
//! second is installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{cargo, is_there, must, output};
use crate::packages;

const LINKER_VERSION: &str = "0.13.0";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_LLVM: &str = "/usr/lib/llvm-22";

/// A way to build BPF programs.
pub(crate) enum Toolchain {
    /// rustup's nightly.
    Nightly,
    /// Debian's rustc, told to accept unstable features.
    Debian,
}

impl Toolchain {
    /// Finds or installs one, with its linker.
    pub(crate) fn ready() -> Result<Self> {
        let toolchain = Self::find()?;
        if !has_linker() {
            toolchain.install_linker()?;
        }
        Ok(toolchain)
    }

    fn find() -> Result<Self> {
        if nightly_has_sources() {
            return Ok(Self::Nightly);
        }
        if !Path::new("/etc/debian_version").exists() {
            bail!(
                "no BPF toolchain: install one by `rustup toolchain install nightly --component rust-src`"
            );
        }
        packages::need(
            &[
                "rustc-web",
                "cargo-web",
                "rust-web-src",
                "llvm-22-dev",
                "libpolly-22-dev",
                "gcc",
                "libc6-dev",
                "zlib1g-dev",
            ],
            "the BPF toolchain: a Rust compiler with the sources of `core`, and its LLVM",
        )?;
        Ok(Self::Debian)
    }

    fn install_linker(&self) -> Result<()> {
        println!(
            "building bpf-linker {LINKER_VERSION} (links the BPF programs; about two minutes)"
        );
        let mut install = cargo();
        install.args([
            "install",
            "bpf-linker",
            "--version",
            LINKER_VERSION,
            "--locked",
        ]);
        if matches!(self, Self::Debian) {
            install
                .args(["--no-default-features", "--features", "llvm-22"])
                .env("LLVM_PREFIX", DEBIAN_LLVM)
                .env("LLVM_SYS_221_PREFIX", DEBIAN_LLVM);
        }
        must(&mut install)
    }

    /// A cargo that builds for the BPF target.
    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Nightly => {
                let mut command = Command::new("cargo");
                command.arg("+nightly");
                command
            }
            Self::Debian => {
                let mut command = Command::new(DEBIAN_CARGO);
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1");
                command
            }
        }
    }
}

fn has_linker() -> bool {
    is_there("bpf-linker")
        && output(Command::new("bpf-linker").arg("--version"))
            .is_some_and(|version| version.contains(LINKER_VERSION))
}

fn nightly_has_sources() -> bool {
    let sysroot = output(Command::new("rustc").args(["+nightly", "--print", "sysroot"]));
    sysroot.is_some_and(|path| {
        Path::new(path.trim())
            .join("lib/rustlib/src/rust/library/core/Cargo.toml")
            .exists()
    })
}
