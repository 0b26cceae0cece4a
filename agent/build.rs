//! Embeds the BPF object, which `cargo xtask build` makes, into the agent.
//!
//! Plain `cargo build`, `test` and `clippy` work without it: the agent is then built without BPF programs
//! and says so when it is run. Nothing is compiled or fetched here.

use std::path::{Path, PathBuf};
use std::{env, fs};

const VARIABLE: &str = "SONDE_BPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        println!("cargo::error=OUT_DIR is not set");
        return;
    };
    let embedded = out.join("sonde-ebpf.o");
    if let Some(named) = env::var_os(VARIABLE) {
        embed(Path::new(&named), &embedded);
        return;
    }
    let Some(object) = default_object(&out) else {
        println!("cargo::error={}: not below a target folder", out.display());
        return;
    };
    // Asked again when it comes into being.
    println!("cargo::rerun-if-changed={}", object.display());
    if object.exists() {
        embed(&object, &embedded);
        return;
    }
    println!("cargo::warning=built without the BPF programs; `cargo xtask build` includes them");
    if let Err(error) = fs::write(&embedded, b"") {
        println!("cargo::error={}: {error}", embedded.display());
    }
}

/// `TARGET/bpf/sonde-ebpf.o`; OUT_DIR is `TARGET/[TRIPLE/]PROFILE/build/PACKAGE/out`, and cargo marks
/// TARGET by a file.
fn default_object(out: &Path) -> Option<PathBuf> {
    let target = out
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())?;
    Some(target.join("bpf/sonde-ebpf.o"))
}

fn embed(object: &Path, embedded: &Path) {
    println!("cargo::rerun-if-changed={}", object.display());
    if let Err(error) = fs::copy(object, embedded) {
        println!("cargo::error={}: {error}", object.display());
    }
}
