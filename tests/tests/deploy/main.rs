//! The files below `deploy/`: they parse, ask for flags that the agent has, for exactly the privileges it wants, and
//! are what their consumers' own schemas know.
//!
//! Everything comes from outside: the agent's words from its output, YAML through PyYAML, schemas through `kubectl`,
//! `docker compose` and `systemd-analyze`. A tool that is not there skips its check with a printed reason. Nothing is
//! deployed, and no agent gets far enough to attach a program. `SONDE_TEST_API_SERVER` (a URL) names a Kubernetes API
//! server for a dry run.

mod kubernetes;
mod tools;

use std::fs;
use std::process::Command;

use serde_json::Value;

use self::tools::{
    binary, check_arguments, deploy, documents, output, read, repository, run, strings, success,
    text,
};

const DAEMONSETS: [&str; 2] = [
    "kubernetes/daemonset.yaml",
    "kubernetes/daemonset-least-privilege.yaml",
];
const YAML: [&str; 4] = [
    DAEMONSETS[0],
    DAEMONSETS[1],
    "kubernetes/namespace.yaml",
    "compose.yaml",
];
const UNIT: &str = "systemd/sonde.service";

#[test]
fn every_yaml_file_parses_and_is_tested() {
    run("every_yaml_file_parses_and_is_tested", || {
        for folder in [deploy(""), deploy("kubernetes")] {
            for entry in fs::read_dir(&folder).unwrap().flatten() {
                let path = entry.path();
                let known = YAML.iter().any(|file| path.ends_with(file));
                let is_yaml = path
                    .extension()
                    .is_some_and(|end| end == "yaml" || end == "yml");
                assert!(!is_yaml || known, "{} is not tested", path.display());
            }
        }
        for file in YAML {
            assert!(documents(file)?.iter().all(Value::is_object), "{file}");
        }
        Ok(())
    });
}

#[test]
fn compose_file_is_consistent() {
    run("compose_file_is_consistent", || {
        let compose = documents("compose.yaml")?.remove(0);
        let sonde = &compose["services"]["sonde"];
        let arguments = strings(&sonde["command"]);
        check_arguments("compose.yaml", &arguments)?;
        assert_eq!(
            (&sonde["pid"], &sonde["network_mode"]),
            (&"host".into(), &"host".into())
        );
        let targets: Vec<_> = strings(&sonde["volumes"])
            .iter()
            .map(|volume| volume.split(':').nth(1).unwrap_or_default().to_owned())
            .collect();
        let cgroup = arguments
            .iter()
            .find_map(|argument| argument.strip_prefix("--cgroup="));
        assert!(
            targets.iter().any(|target| Some(target.as_str()) == cgroup),
            "{targets:?}: {cgroup:?}"
        );
        let file = sonde["build"]["dockerfile"].as_str().unwrap();
        assert!(repository().join(file).is_file(), "{file}");
        Ok(())
    });
}

#[test]
fn docker_takes_the_compose_file() {
    run("docker_takes_the_compose_file", || {
        if !output(Command::new("docker").args(["compose", "version"]))?
            .status
            .success()
        {
            return Err("docker has no compose plugin".to_owned());
        }
        let mut docker = Command::new("docker");
        docker
            .args(["compose", "-f"])
            .arg(deploy("compose.yaml"))
            .args(["config", "--quiet"]);
        success(&mut docker).map(drop)
    });
}

#[test]
fn image_starts_the_agent() {
    run("image_starts_the_agent", || {
        let recipe = read("Containerfile");
        let line = |word: &str| {
            recipe
                .lines()
                .find_map(|line| line.strip_prefix(word))
                .map(str::trim)
        };
        assert_eq!(line("FROM "), Some("scratch"), "no shell, no packages");
        assert_eq!(line("ENTRYPOINT "), Some("[\"/sonde\"]"));
        let command: Value = serde_json::from_str(line("CMD ").unwrap_or_default()).unwrap();
        check_arguments("Containerfile", &strings(&command))?;
        let path = line("ARG BINARY=").unwrap_or_default();
        assert!(
            read("Containerfile.dockerignore")
                .lines()
                .any(|line| line == format!("!{path}")),
            "{path}"
        );
        Ok(())
    });
}

#[test]
fn systemd_takes_the_unit() {
    run("systemd_takes_the_unit", || {
        let unit = read(UNIT);
        let start = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap_or_default();
        let (program, arguments) = start.split_once(' ').unwrap_or((start, ""));
        check_arguments(
            UNIT,
            &arguments.split(' ').map(str::to_owned).collect::<Vec<_>>(),
        )?;
        // The verifier wants to see the program; where it will be installed is the operator's business.
        let unit = unit.replace(program, &binary()?.display().to_string());
        let folder = std::env::temp_dir().join(format!("sonde-deploy-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("sonde.service");
        fs::write(&path, unit).unwrap();
        let done = output(
            Command::new("systemd-analyze")
                .args(["verify", "--man=no"])
                .arg(&path),
        );
        fs::remove_dir_all(&folder).unwrap();
        let (done, of_ours) = (done?, |line: &&str| line.contains("sonde.service"));
        let complaints = text(&done.stderr);
        let complaints: Vec<_> = complaints.lines().filter(of_ours).collect();
        assert!(
            done.status.success() && complaints.is_empty(),
            "{complaints:?}"
        );
        Ok(())
    });
}
