//! The built binary as scripts see it: exit codes and streams.

use std::process::{Command, Output, Stdio};

use crate::Variables;

fn sonde(arguments: &[&str], variables: Variables<'_>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    command
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied());
    command
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn exit_codes_and_streams() {
    let cases: [(&[&str], Variables<'_>, i32); 6] = [
        (&["--help"], &[], 0),
        (&["--version"], &[], 0),
        (&["completions", "bash"], &[], 0),
        (&["--exprot"], &[], 2),
        (&["run", "--export", "nowhere"], &[], 2),
        (&[], &[("SONDE_PID", "self")], 2),
    ];
    for (arguments, variables, expected) in cases {
        let output = sonde(arguments, variables);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}");
        let (data, diagnostics) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
        assert_eq!(data.is_empty(), expected != 0, "stdout of {arguments:?}");
        assert_eq!(
            diagnostics.is_empty(),
            expected == 0,
            "stderr of {arguments:?}: {diagnostics}"
        );
        assert!(!diagnostics.contains("backtrace"), "{diagnostics}");
        assert_eq!(
            diagnostics.matches("error: ").count(),
            usize::from(expected != 0),
            "{diagnostics}"
        );
    }
}

#[test]
fn check_prints_json_whatever_the_machine() {
    let output = sonde(&["check", "--json"], &[]);
    assert!(matches!(output.status.code(), Some(0 | 1)));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["checks"][0]["name"], "kernel");
    let by_variable = sonde(&["check"], &[("SONDE_JSON", "true")]);
    assert!(by_variable.stdout.starts_with(b"{"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonde"));
    let output = command
        .args(["completions", "zsh"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = sonde(&["completions", shell], &[]);
        assert!(output.status.success(), "{shell}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("otlp-endpoint"),
            "{shell}"
        );
    }
}
