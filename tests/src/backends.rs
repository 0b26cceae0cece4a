//! Real receivers: the OpenTelemetry Collector and Jaeger, built once from their Go modules.
//!
//! A build takes minutes, so the programs are kept outside the repository, in `backends` below `SONDE_CACHE`, else below
//! `sonde` in the user's cache folder: a fresh clone finds them there. Versions are pinned; a file's name ends in a hash of what it was made from.

pub mod collector;
pub mod jaeger;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::environment;
use crate::process::output_of;

/// Where built backends are kept.
fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let user =
        || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
    let own = std::env::var_os("SONDE_CACHE").map_or_else(|| user().join("sonde"), PathBuf::from);
    own.join("backends")
}

/// The cached program `name`, made from `recipe` and built by `build(folder, output)` in an empty folder when it is not there yet.
fn cached(
    name: &str,
    recipe: &str,
    build: impl Fn(&Path, &Path) -> Result<String>,
) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    let program = cache().join(format!("{name}-{:016x}", hasher.finish()));
    if program.is_file() {
        return Ok(program);
    }
    environment::need("go")?;
    std::fs::create_dir_all(cache())?;
    let folder = tempfile::Builder::new()
        .prefix("sonde-build-")
        .tempdir_in(cache())?;
    let output = folder.path().join("program");
    eprintln!("building {name} (several minutes, once)");
    environment::retry(|| build(folder.path(), &output))
        .with_context(|| format!("cannot build {name}"))?;
    // Renaming makes it appear whole, also to another run that waits for the same.
    std::fs::rename(&output, &program)?;
    Ok(program)
}

/// Runs the go command in `folder`.
fn go(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("go");
    command
        .current_dir(folder)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false -mod=mod");
    output_of(command.args(arguments))
}
