//! Builds and checks the page of the trace view: `view/page/dist`, which the agent embeds.
//!
//! Nothing runs where what was built is of the sources as they are: the mark beside the build folder tells. npm's packages are
//! as the lock file says, and go into `view/page/node_modules`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command::{must, root, target};
use crate::packages;

/// What of the page's packages is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packages {
    /// What the build needs.
    Build,
    /// Also what checks need: compiler and linter.
    All,
}

/// Builds the page unless `dist` is that of these sources.
pub(crate) fn build() -> Result<()> {
    let folder = folder();
    let sources = [
        "package.json",
        "package-lock.json",
        "build.mjs",
        "tsconfig.json",
        "src",
    ];
    let wanted = digest(&sources.map(|name| folder.join(name)))?;
    let mark = target().join("view-page.built-from");
    let built = folder.join("dist").join("index.html").is_file();
    if built && fs::read_to_string(&mark).is_ok_and(|made_from| made_from == wanted) {
        return Ok(());
    }
    install(Packages::Build)?;
    must(npm().args(["run", "--silent", "build"])).context("the page of the trace view")?;
    fs::create_dir_all(target())?;
    fs::write(&mark, wanted).with_context(|| format!("{}", mark.display()))
}

/// The command that checks types and style of the page and runs its unit tests.
pub(crate) fn check() -> Result<Command> {
    install(Packages::All)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", "npm run --silent check && npm run --silent test"])
        .current_dir(folder());
    Ok(command)
}

fn folder() -> PathBuf {
    root().join("view").join("page")
}

fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder());
    command
}

/// Installs what the lock file names, unless that is there.
fn install(packages: Packages) -> Result<()> {
    packages::node("the page of the trace view")?;
    if is_installed(packages) {
        return Ok(());
    }
    let mut install = npm();
    install.args(["ci", "--silent", "--no-audit", "--no-fund"]);
    if packages == Packages::Build {
        install.arg("--omit=dev");
    }
    must(&mut install).context("packages of the page")
}

/// npm writes a lock file of its own, last of all: one that is newer than ours is of it.
fn is_installed(packages: Packages) -> bool {
    let modules = folder().join("node_modules");
    let written = |path: PathBuf| fs::metadata(path)?.modified();
    let sample = match packages {
        Packages::Build => "esbuild",
        Packages::All => "typescript",
    };
    let installed = written(modules.join(".package-lock.json"));
    let locked = written(folder().join("package-lock.json"));
    modules.join(sample).is_dir()
        && matches!((installed, locked), (Ok(installed), Ok(locked)) if installed > locked)
}

/// Changes when a file below one of `paths` changes, comes or goes.
fn digest(paths: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    ensure!(!files.is_empty(), "no sources of the page");
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write_u8(0);
        let content = fs::read(&file).with_context(|| format!("{}", file.display()))?;
        hasher.write_usize(content.len());
        hasher.write(&content);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("{}", path.display()))? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}
