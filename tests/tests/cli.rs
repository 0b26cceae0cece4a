//! The command line as scripts and people meet it: exit codes, where output goes, and what a refusal says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use sonde_tests::service::Kind;
use sonde_tests::{agent, environment, run};

fn sonde(arguments: &[&str]) -> Result<Output> {
    outcome(Command::new(agent::binary()?).args(arguments))
}

fn outcome(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?}"))
}

fn code_and_texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Bad configuration is exit code 2, a sentence on standard error that names the way out, and nothing on standard output.
#[test]
fn bad_configuration() {
    run("bad_configuration", || {
        let cases: [(&[&str], &str); 6] = [
            (&["run", "--export", "jsnl"], "jsonl"),
            (&["run", "--exprt", "jsonl"], "--export"),
            (&["run", "--pid", "many"], "--pid"),
            (&["run", "--ring-bytes", "100000"], "power of two"),
            (&["run", "--include", "prot=80"], "port"),
            (&["chek"], "check"),
        ];
        for (arguments, hint) in cases {
            let (code, stdout, stderr) = code_and_texts(&sonde(arguments)?);
            assert_eq!((code, &*stdout), (Some(2), ""), "{arguments:?}: {stderr}");
            assert!(
                stderr.contains(hint),
                "{arguments:?} does not mention {hint}: {stderr}"
            );
        }
        Ok(())
    });
}

/// Without privilege: exit code 3 and a sentence that names the missing capability, no backtrace.
#[test]
fn without_privilege() {
    run("without_privilege", || {
        environment::need("setpriv")?;
        let folder = tempfile::tempdir()?;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let program = folder.path().join("sonde");
        std::fs::copy(agent::binary()?, &program)?;
        let (code, stdout, stderr) = code_and_texts(&unprivileged(&program)?);
        assert_eq!((code, &*stdout), (Some(3), ""), "{stderr}");
        assert!(stderr.contains("CAP_"), "{stderr}");
        assert!(
            !stderr.contains("panicked") && !stderr.contains("backtrace"),
            "{stderr}"
        );
        Ok(())
    });
}

fn unprivileged(program: &Path) -> Result<Output> {
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps",
        "-all",
    ]);
    outcome(command.arg(program).args(["run", "--export", "jsonl"]))
}

/// On a machine where the other tests run, `check` finds everything it needs.
#[test]
fn check_finds_everything() {
    run("check_finds_everything", || {
        let (code, stdout, stderr) = code_and_texts(&sonde(&["check"])?);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("BTF"), "{stdout}");
        Ok(())
    });
}

#[test]
fn list_names_services() {
    run("list_names_services", || {
        let service = Kind::GoStripped.start()?;
        let (code, stdout, stderr) = code_and_texts(&sonde(&["list"])?);
        assert_eq!(code, Some(0), "{stderr}");
        let pid = service.process.pid().to_string();
        let row = stdout
            .lines()
            .find(|line| line.split_whitespace().any(|word| word == pid));
        let row = row.with_context(|| format!("no process {pid} in\n{stdout}"))?;
        assert!(row.contains("goserver") && row.contains("go"), "{row}");
        Ok(())
    });
}

#[test]
fn completions_are_printed() {
    run("completions_are_printed", || {
        for shell in ["bash", "zsh", "fish"] {
            let (code, stdout, _) = code_and_texts(&sonde(&["completions", shell])?);
            assert!(
                code == Some(0) && stdout.contains("max-head-bytes"),
                "{shell}: {stdout}"
            );
        }
        Ok(())
    });
}
