//! What the checks share: the files, the tools of their consumers, and the agent's own words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A value, or the reason why it cannot be had on this machine.
pub(crate) type Found<T> = Result<T, String>;

/// Runs a test body; a missing tool skips it.
pub(crate) fn run(name: &str, body: impl FnOnce() -> Found<()>) {
    if let Err(reason) = body() {
        println!("\nSKIP {name}: {reason}");
    }
}

/// Root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file below `deploy/`.
pub(crate) fn deploy(file: &str) -> PathBuf {
    repository().join("deploy").join(file)
}

/// Text of a file below `deploy/`.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What a tool prints; the reason if it is not there.
pub(crate) fn output(command: &mut Command) -> Found<Output> {
    let ran = command.stdin(Stdio::null()).output();
    ran.map_err(|error| format!("{} cannot be run: {error}", command.get_program().display()))
}

/// Output as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Output of a tool that has to succeed.
pub(crate) fn success(command: &mut Command) -> Found<String> {
    let done = output(command)?;
    assert!(
        done.status.success(),
        "{command:?}: {}{}",
        text(&done.stdout),
        text(&done.stderr)
    );
    Ok(text(&done.stdout))
}

/// The agent under test.
///
/// # Panics
/// `SONDE_BIN` names no file.
pub(crate) fn binary() -> Found<PathBuf> {
    if let Some(named) = std::env::var_os("SONDE_BIN").map(PathBuf::from) {
        let found = named.canonicalize();
        return Ok(found.unwrap_or_else(|error| panic!("SONDE_BIN {}: {error}", named.display())));
    }
    let path = repository().join("target/release/sonde").canonicalize();
    path.map_err(|_| "no agent at target/release/sonde (cargo xtask build makes it)".to_owned())
}

/// The long flags of `sonde SUBCOMMAND`.
pub(crate) fn flags(subcommand: &str) -> Found<BTreeSet<String>> {
    let help = success(Command::new(binary()?).args([subcommand, "--help"]))?;
    let flag = |line: &str| {
        let rest = line.trim_start().split("--").nth(1)?;
        let end = rest.find([' ', '=', '[']).unwrap_or(rest.len());
        line.trim_start()
            .starts_with('-')
            .then(|| format!("--{}", &rest[..end]))
    };
    Ok(help.lines().filter_map(flag).collect())
}

/// All documents of a YAML file.
pub(crate) fn documents(file: &str) -> Found<Vec<Value>> {
    const TO_JSON: &str = "import sys\ntry:\n import yaml, json\nexcept ImportError:\n sys.exit(77)\n\
        json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let done = output(
        Command::new("python3")
            .args(["-c", TO_JSON])
            .arg(deploy(file)),
    )?;
    if done.status.code() == Some(77) {
        return Err("PyYAML is not installed".to_owned());
    }
    assert!(done.status.success(), "{file}: {}", text(&done.stderr));
    let json = serde_json::from_slice(&done.stdout);
    Ok(json.unwrap_or_else(|error| panic!("{file}: {error}")))
}

/// Strings of a JSON array.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| {
            item.as_str()
                .unwrap_or_else(|| panic!("{item} is no string"))
                .to_owned()
        })
        .collect()
}

/// A command line starts with a subcommand and has only flags that it knows.
pub(crate) fn check_arguments(place: &str, arguments: &[String]) -> Found<()> {
    assert_eq!(
        arguments.first().map(String::as_str),
        Some("run"),
        "{place}: {arguments:?}"
    );
    let known = flags("run")?;
    assert!(
        known.contains("--otlp-endpoint"),
        "help was not understood: {known:?}"
    );
    for argument in &arguments[1..] {
        let flag = argument.split('=').next().unwrap_or_default();
        assert!(known.contains(flag), "{place}: the agent has no {flag}");
    }
    Ok(())
}

/// The capabilities that the agent names when it has none.
pub(crate) fn wanted_capabilities() -> Found<BTreeSet<String>> {
    let mut command = Command::new("setpriv");
    command
        .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
        .arg(binary()?);
    let done = output(command.args(["run", "--export", "jsonl"]))?;
    let message = text(&done.stderr);
    if done.status.code() == Some(127) || message.contains("setpriv:") {
        return Err(format!("setpriv cannot drop capabilities here: {message}"));
    }
    assert_eq!(done.status.code(), Some(3), "{message}");
    let words =
        message.split(|character: char| !(character.is_ascii_uppercase() || character == '_'));
    Ok(words
        .filter_map(|word| word.strip_prefix("CAP_"))
        .map(str::to_owned)
        .collect())
}
