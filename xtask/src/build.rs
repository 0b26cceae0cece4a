//! Builds the BPF object and the page, then the agent with both inside.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::command::{as_root, cargo, must, root, target};
use crate::toolchain::Toolchain;
use crate::{packages, page};

const BPF_TARGET: &str = "bpfel-unknown-none";

/// Builds the agent; gives its path.
pub(crate) fn agent(linked_statically: bool) -> Result<PathBuf> {
    let object = bpf_object()?;
    page::build()?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "sonde", "--bin", "sonde"]);
    build.env("SONDE_BPF_OBJECT", &object);
    if !linked_statically {
        must(&mut build)?;
        return Ok(target().join("release/sonde"));
    }
    // Naming the target keeps the flag away from build scripts and macros, which cannot be static.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    must(
        build
            .args(["--target", &host])
            .env("RUSTFLAGS", "-Ctarget-feature=+crt-static"),
    )?;
    let folder = target().join("static");
    fs::create_dir_all(&folder)?;
    fs::copy(
        target().join(host).join("release/sonde"),
        folder.join("sonde"),
    )?;
    let agent = folder.join("sonde");
    must(Command::new(&agent).arg("--version"))?;
    Ok(agent)
}

/// Builds the BPF programs; gives the object's path, `target/bpf/sonde-ebpf.o`.
pub(crate) fn bpf_object() -> Result<PathBuf> {
    let toolchain = Toolchain::ready()?;
    let folder = target().join("bpf");
    let flags = [
        format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
        // Or every memset and memmove is a call of a loop over bytes, which the verifier walks byte by byte.
        "-Clink-arg=--disable-expand-memcpy-in-order".to_owned(),
        "-Clinker=bpf-linker".to_owned(),
    ];
    let mut build = toolchain.cargo();
    // What cargo tells the programs it runs is about this toolchain, not that one.
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTUP_TOOLCHAIN",
        "RUSTFLAGS",
        "CARGO_TARGET_DIR",
    ] {
        if name != "RUSTC" || matches!(toolchain, Toolchain::Nightly) {
            build.env_remove(name);
        }
    }
    build
        .current_dir(root())
        .args([
            "build",
            "--release",
            "--locked",
            "-Zbuild-std=core",
            "--target",
            BPF_TARGET,
        ])
        .args(["--manifest-path", "ebpf/Cargo.toml", "--target-dir"])
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    must(&mut build).context("the BPF programs")?;
    let object = folder.join("sonde-ebpf.o");
    copy_if_changed(&folder.join(BPF_TARGET).join("release/sonde-ebpf"), &object)?;
    Ok(object)
}

/// Keeps the time stamp of an unchanged object, so that the agent is not built again.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("{}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    fs::write(to, new).with_context(|| format!("{}", to.display()))
}

/// Where the trace view is, unless the flags say otherwise.
pub(crate) const UI: &str = "--ui=127.0.0.1:7070";

/// Whether the flags say where the trace view is, or that there is none but a socket.
pub(crate) fn names_ui(flags: &[String]) -> bool {
    flags
        .iter()
        .any(|flag| flag == "--ui" || flag.starts_with("--ui=") || flag.starts_with("--socket"))
        || std::env::var_os("SONDE_UI").is_some()
}

/// Builds the agent and becomes it: signals and exit code are its own.
pub(crate) fn run(flags: &[String]) -> Result<ExitCode> {
    let agent = agent(false)?;
    let mut command = as_root(agent);
    command.arg("run").args(flags);
    if !names_ui(flags) {
        command.arg(UI);
    }
    let error = command.exec();
    Err(error).context("cannot start the agent")
}

/// Measures the trace view under load.
pub(crate) fn bench_view(seconds: u64) -> Result<ExitCode> {
    must(
        cargo()
            .args(["run", "--release", "--package", "sonde-view"])
            .args(["--example", "load", "--", "--seconds"])
            .arg(seconds.to_string()),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the agent and measures it.
pub(crate) fn bench(row: Option<&str>) -> Result<ExitCode> {
    packages::need(
        &["nginx", "wrk", "python3-venv"],
        "services and load of the benchmark",
    )?;
    let agent = agent(false)?;
    must(cargo().args([
        "build",
        "--release",
        "--package",
        "sonde-tests",
        "--bin",
        "bench",
    ]))?;
    let mut bench = as_root(target().join("release/bench"));
    must(bench.args(row).env("SONDE_BIN", agent))?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the agent and runs the causality bench. Services whose packages cannot be had are skipped, and counted.
pub(crate) fn causality(arguments: &[String]) -> Result<ExitCode> {
    if let Err(error) = packages::need(&packages::CAUSALITY, "services of the causality bench") {
        println!("{error:#}");
    }
    let agent = agent(false)?;
    must(&mut causality_build())?;
    let mut bench = as_root(target().join("release/causality"));
    let status = bench.args(arguments).env("SONDE_BIN", agent).status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The command that builds the causality bench.
pub(crate) fn causality_build() -> Command {
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "sonde-tests",
        "--bin",
        "causality",
    ]);
    build
}

/// `cargo` with the built agent and its object in the environment.
pub(crate) fn cargo_with(agent: &Path, object: &Path) -> Command {
    let mut command = cargo();
    command
        .env("SONDE_BIN", agent)
        .env("SONDE_BPF_OBJECT", object);
    command
}
