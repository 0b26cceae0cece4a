//! Languages' packages and built services, below `target/test-env`, made once and reused.
//!
//! Each part is complete when its stamp file exists; the stamp holds what it was made from, so a changed source or package list
//! is made again. Nothing is installed system-wide.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process::output_of;
use crate::skip;

/// Root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Folder of a service's or client's sources.
pub fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("services")
        .join(name)
}

/// `target/test-env/NAME`.
pub fn folder(name: &str) -> PathBuf {
    repository().join("target").join("test-env").join(name)
}

/// Skips the test where a program is missing.
pub fn need(program: &str) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .any(|folder| folder.join(program).is_file());
    if found {
        Ok(())
    } else {
        Err(skip(format!("{program} is not installed")))
    }
}

/// The interpreter of a virtual environment with Flask, gunicorn, requests and h11.
pub fn python() -> Result<PathBuf> {
    virtual_environment("python", &["flask", "gunicorn", "requests", "h11"])
}

/// The interpreter of a virtual environment with OpenTelemetry's own instrumentation; `opentelemetry-instrument` is beside it.
pub fn python_with_sdk() -> Result<PathBuf> {
    let packages = [
        "flask",
        "requests",
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp-proto-http",
        "opentelemetry-instrumentation-flask",
        "opentelemetry-instrumentation-requests",
    ];
    virtual_environment("python-sdk", &packages)
}

/// The interpreter of a virtual environment with `packages`.
pub fn virtual_environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    need("python3")?;
    let home = folder(name);
    let interpreter = home.join("bin").join("python");
    once(name, &packages.join(" "), || {
        output_of(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        retry(|| {
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ];
            output_of(Command::new(&interpreter).args(pip).args(packages))
        })
    })?;
    Ok(interpreter)
}

/// A folder whose `node_modules` has Express, axios, Fastify, undici and grpc-js, in versions that run on Node 18; undici 6.29
/// checks a connection that was idle, and writes when that is done.
pub fn node() -> Result<PathBuf> {
    need("node")?;
    need("npm")?;
    let home = folder("node");
    let packages = [
        "express",
        "axios",
        "fastify@4",
        "undici-plain@npm:undici@6.24.1",
        "undici-checking@npm:undici@6.29.1",
        "@grpc/grpc-js@1.14",
    ];
    once("node", &packages.join(" "), || {
        retry(|| {
            let install = ["install", "--no-fund", "--no-audit", "--loglevel=error"];
            output_of(
                Command::new("npm")
                    .args(install)
                    .args(packages)
                    .current_dir(&home),
            )
        })
    })?;
    Ok(home)
}

/// A built Go program of `services/gohttp`: `server` or `client`; `stripped` leaves out symbols and DWARF.
pub fn go_program(package: &str, stripped: bool) -> Result<PathBuf> {
    let (suffix, flags) = if stripped {
        ("-stripped", "-s -w")
    } else {
        ("", "")
    };
    let source = sources("gohttp").join(package).join("main.go");
    go_build(&GoBuild {
        name: &format!("go-{package}{suffix}"),
        program: &format!("go{package}"),
        module: &sources("gohttp"),
        package: &format!("./{package}"),
        flags,
        made_from: &read(&source)?,
    })
}

/// ghz, the load generator of gRPC, in the version that `services/ghz/go.mod` names.
pub fn ghz() -> Result<PathBuf> {
    let module = sources("ghz");
    go_build(&GoBuild {
        name: "ghz",
        program: "ghz",
        module: &module,
        package: "github.com/bojand/ghz/cmd/ghz",
        flags: "",
        made_from: &read(&module.join("go.mod"))?,
    })
}

/// A Go program to build.
pub(crate) struct GoBuild<'b> {
    /// Its folder.
    pub(crate) name: &'b str,
    /// Its file.
    pub(crate) program: &'b str,
    /// Where its `go.mod` lies.
    pub(crate) module: &'b Path,
    pub(crate) package: &'b str,
    /// Of the linker.
    pub(crate) flags: &'b str,
    /// What is built again when it changes.
    pub(crate) made_from: &'b str,
}

/// Builds it, and gives its path.
pub(crate) fn go_build(wanted: &GoBuild<'_>) -> Result<PathBuf> {
    need("go")?;
    let program = folder(wanted.name).join(wanted.program);
    once(wanted.name, wanted.made_from, || {
        retry(|| {
            let mut build = Command::new("go");
            build
                .current_dir(wanted.module)
                .env("CGO_ENABLED", "0")
                .env("GOFLAGS", "-buildvcs=false")
                .args(["build", "-trimpath", "-ldflags", wanted.flags, "-o"])
                .arg(&program);
            output_of(build.arg(wanted.package))
        })
    })?;
    Ok(program)
}

/// Home of the oldest JDK of at least this version that is installed.
pub fn jdk(least: u32) -> Result<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten();
    let installed = installed.flatten().map(|entry| entry.path());
    let homes = installed.chain(std::env::var_os("JAVA_HOME").map(PathBuf::from));
    homes
        .filter(|home| home.join("bin/javac").is_file())
        .filter_map(|home| Some((jdk_version(&home)?, home)))
        .filter(|(version, _)| *version >= least)
        .min()
        .map(|(_, home)| home)
        .ok_or_else(|| skip(format!("no JDK {least} or later is installed")))
}

/// The number in `JAVA_VERSION="17.0.15"` of a JDK's `release` file.
fn jdk_version(home: &Path) -> Option<u32> {
    let release = std::fs::read_to_string(home.join("release")).ok()?;
    let (_, version) = release.split_once("JAVA_VERSION=\"")?;
    version.split(['.', '"', '+', '-']).next()?.parse().ok()
}

/// Class path of one Java source file compiled together with `libraries` (a class path, possibly empty).
pub fn java_classes(source: &Path, libraries: &str) -> Result<String> {
    need("javac")?;
    let name = source
        .file_stem()
        .and_then(OsStr::to_str)
        .context("source file without a name")?;
    let home = folder(name);
    once(name, &read(source)?, || {
        let mut compile = Command::new("javac");
        output_of(
            compile
                .arg("-cp")
                .arg(libraries)
                .arg("-d")
                .arg(&home)
                .arg(source),
        )
    })?;
    let classes = home.display().to_string();
    Ok(if libraries.is_empty() {
        classes
    } else {
        format!("{classes}:{libraries}")
    })
}

/// Class path of the jars that `services/NAME/pom.xml` asks for.
pub fn maven_libraries(name: &str) -> Result<String> {
    need("mvn")?;
    let pom = sources(name).join("pom.xml");
    let stamp = format!("{name}-libraries");
    let jars = folder(&stamp);
    once(&stamp, &read(&pom)?, || {
        retry(|| {
            let mut maven = Command::new("mvn");
            maven
                .args([
                    "--quiet",
                    "--batch-mode",
                    "dependency:copy-dependencies",
                    "--file",
                ])
                .arg(&pom);
            maven.arg(format!(
                "-Dmaven.repo.local={}",
                folder("maven-repository").display()
            ));
            output_of(maven.arg(format!("-DoutputDirectory={}", jars.display())))
        })
    })?;
    Ok(format!("{}/*", jars.display()))
}

/// Runs `make` in a fresh `folder(name)` unless it was made from the same `recipe` before.
pub fn once(name: &str, recipe: &str, make: impl FnOnce() -> Result<String>) -> Result<()> {
    let home = folder(name);
    let stamp = home.join(".made-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == recipe) {
        return Ok(());
    }
    if home.exists() {
        std::fs::remove_dir_all(&home)
            .with_context(|| format!("cannot clear {}", home.display()))?;
    }
    std::fs::create_dir_all(&home)?;
    make().with_context(|| format!("cannot prepare {}", home.display()))?;
    std::fs::write(stamp, recipe)?;
    Ok(())
}

/// Package look-ups fail now and then: three attempts.
pub fn retry(mut attempt: impl FnMut() -> Result<String>) -> Result<String> {
    for pause in [2, 8] {
        match attempt() {
            Ok(output) => return Ok(output),
            Err(error) => eprintln!("retrying in {pause} s: {error:#}"),
        }
        std::thread::sleep(Duration::from_secs(pause));
    }
    attempt()
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
