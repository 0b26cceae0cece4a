//! The files below `deploy/`: they parse, ask for flags that the agent has, for exactly the privileges it wants, and
//! are what their consumers' own schemas know.
//!
//! Everything comes from outside: the agent's words from its output, YAML through PyYAML, schemas through `kubectl`,
//! `docker compose` and `systemd-analyze`. A tool that is not there skips its check with a printed reason. Nothing is
//! deployed, and no agent gets far enough to attach a program. `SONDE_TEST_API_SERVER` (a URL) names a Kubernetes API
//! server for a dry run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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

/// A value, or the reason why it cannot be had on this machine.
type Found<T> = Result<T, String>;

/// Runs a test body; a missing tool skips it.
fn run(name: &str, body: impl FnOnce() -> Found<()>) {
    if let Err(reason) = body() {
        println!("\nSKIP {name}: {reason}");
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn deploy(file: &str) -> PathBuf {
    repository().join("deploy").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(deploy(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn output(command: &mut Command) -> Found<Output> {
    let ran = command.stdin(Stdio::null()).output();
    ran.map_err(|error| format!("{} cannot be run: {error}", command.get_program().display()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Output of a tool that has to succeed.
fn success(command: &mut Command) -> Found<String> {
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
fn binary() -> Found<PathBuf> {
    let path = std::env::var_os("SONDE_BIN")
        .map_or_else(|| repository().join("target/release/sonde"), PathBuf::from);
    let path = path.canonicalize();
    path.map_err(|error| format!("no agent to test (SONDE_BIN, target/release/sonde): {error}"))
}

/// The long flags of `sonde SUBCOMMAND`.
fn flags(subcommand: &str) -> Found<BTreeSet<String>> {
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
fn documents(file: &str) -> Found<Vec<Value>> {
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
    Ok(serde_json::from_slice(&done.stdout).unwrap())
}

/// Strings of a JSON array.
fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| {
            item.as_str()
                .unwrap_or_else(|| panic!("{item} is no string"))
                .to_owned()
        })
        .collect()
}

/// The pod of a DaemonSet and its only container.
fn pod(file: &str) -> Found<(Value, Value)> {
    let daemonset = documents(file)?.remove(0);
    assert_eq!(daemonset["kind"], "DaemonSet", "{file}");
    let pod = daemonset["spec"]["template"]["spec"].clone();
    let container = pod["containers"][0].clone();
    Ok((pod, container))
}

/// A command line starts with a subcommand and has only flags that it knows.
fn check_arguments(place: &str, arguments: &[String]) -> Found<()> {
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
fn wanted_capabilities() -> Found<BTreeSet<String>> {
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
fn daemonsets_are_consistent() {
    run("daemonsets_are_consistent", || {
        let names: Vec<_> = documents("kubernetes/namespace.yaml")?
            .iter()
            .map(|document| {
                (
                    document["kind"].clone(),
                    document["metadata"]["name"].clone(),
                )
            })
            .collect();
        for file in DAEMONSETS {
            let daemonset = documents(file)?.remove(0);
            let (pod, container) = pod(file)?;
            let namespace = (
                "Namespace".into(),
                daemonset["metadata"]["namespace"].clone(),
            );
            assert!(names.contains(&namespace), "{file}: {namespace:?}");
            let account = ("ServiceAccount".into(), pod["serviceAccountName"].clone());
            assert!(names.contains(&account), "{file}: {account:?}");
            let labels = &daemonset["spec"]["template"]["metadata"]["labels"];
            assert_eq!(
                &daemonset["spec"]["selector"]["matchLabels"], labels,
                "{file}"
            );
            assert_eq!(pod["hostPID"], true, "{file}");
            assert_eq!(pod["automountServiceAccountToken"], false, "{file}");
            check_mounts(file, &pod, &container);
            check_probes(file, &container);
            let arguments = strings(&container["args"]);
            check_arguments(file, &arguments)?;
            assert!(
                arguments.contains(&"--otlp-endpoint=http://$(HOST_IP):4317".to_owned()),
                "{file}"
            );
            assert_eq!(container["env"][0]["name"], "HOST_IP", "{file}");
        }
        Ok(())
    });
}

/// Every mount has its volume and the other way round; all are read-only; `--cgroup` names one.
fn check_mounts(file: &str, pod: &Value, container: &Value) {
    let names = |list: &Value| -> BTreeSet<String> {
        let items = list.as_array().into_iter().flatten();
        items.map(|item| item["name"].to_string()).collect()
    };
    let mounts = &container["volumeMounts"];
    assert_eq!(names(&pod["volumes"]), names(mounts), "{file}");
    let paths: Vec<_> = mounts
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["mountPath"].as_str().unwrap())
        .collect();
    assert!(
        mounts
            .as_array()
            .unwrap()
            .iter()
            .all(|mount| mount["readOnly"] == true),
        "{file}"
    );
    assert!(paths.contains(&"/sys/kernel/btf"), "{file}");
    let arguments = strings(&container["args"]);
    let cgroup = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--cgroup="));
    assert!(
        cgroup.is_some_and(|path| paths.contains(&path)),
        "{file}: {cgroup:?}"
    );
}

/// The probes ask where the agent listens, for paths it answers.
fn check_probes(file: &str, container: &Value) {
    let arguments = strings(&container["args"]);
    let listen = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--metrics-listen="));
    for (probe, path) in [
        ("startupProbe", "/readyz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ] {
        let get = &container[probe]["httpGet"];
        let asked = format!(
            "{}:{}",
            get["host"].as_str().unwrap_or_default(),
            get["port"]
        );
        assert_eq!(Some(asked.as_str()), listen, "{file}: {probe}");
        assert_eq!(get["path"], path, "{file}: {probe}");
    }
}

#[test]
fn least_privilege_is_what_the_agent_asks_for() {
    run("least_privilege_is_what_the_agent_asks_for", || {
        let wanted = wanted_capabilities()?;
        assert!(wanted.contains("BPF"), "{wanted:?}");
        let (_, container) = pod(DAEMONSETS[1])?;
        let security = &container["securityContext"];
        let added: BTreeSet<_> = strings(&security["capabilities"]["add"])
            .into_iter()
            .collect();
        assert_eq!(added, wanted, "{}", DAEMONSETS[1]);
        assert_eq!(strings(&security["capabilities"]["drop"]), ["ALL"]);
        assert!(security.get("privileged").is_none(), "{security}");
        let unit = read(UNIT);
        let bounding = unit
            .lines()
            .find_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let bounding = bounding
            .unwrap_or_default()
            .split(' ')
            .filter_map(|name| name.strip_prefix("CAP_"));
        assert_eq!(
            bounding.map(str::to_owned).collect::<BTreeSet<_>>(),
            wanted,
            "{UNIT}"
        );
        Ok(())
    });
}

/// `kubectl` decodes into the API's types and drops what they do not have: nothing may be missing afterwards.
#[test]
fn daemonsets_fit_the_schema() {
    run("daemonsets_fit_the_schema", || {
        for file in DAEMONSETS {
            let mut kubectl = Command::new("kubectl");
            kubectl
                .args([
                    "set",
                    "image",
                    "--local",
                    "sonde=sonde:changed",
                    "-o",
                    "json",
                    "-f",
                ])
                .arg(deploy(file));
            let typed: Value = serde_json::from_str(&success(&mut kubectl)?).unwrap();
            let mut written = documents(file)?.remove(0);
            written["spec"]["template"]["spec"]["containers"][0]["image"] = "sonde:changed".into();
            assert_contains(file, &typed, &written);
        }
        Ok(())
    });
}

/// Every value of `written` is in `typed` at the same place.
fn assert_contains(place: &str, typed: &Value, written: &Value) {
    match written {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert_contains(&format!("{place}.{name}"), &typed[name], value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                assert_contains(&format!("{place}[{index}]"), &typed[index], value);
            }
        }
        _ => assert_eq!(typed, written, "{place} is not in the schema"),
    }
}

/// The default namespace stands in: a dry run does not create the one of the manifests.
#[test]
fn an_api_server_takes_the_manifests() {
    run("an_api_server_takes_the_manifests", || {
        let server = std::env::var("SONDE_TEST_API_SERVER")
            .map_err(|_| "SONDE_TEST_API_SERVER is not set")?;
        for file in ["kubernetes/namespace.yaml", DAEMONSETS[0], DAEMONSETS[1]] {
            let manifest = read(file).replace("namespace: sonde", "namespace: default");
            let path =
                std::env::temp_dir().join(format!("sonde-deploy-{}.yaml", std::process::id()));
            fs::write(&path, manifest).unwrap();
            let mut kubectl = Command::new("kubectl");
            kubectl
                .args([
                    "--server",
                    &server,
                    "apply",
                    "--dry-run=server",
                    "--validate=strict",
                    "-f",
                ])
                .arg(&path);
            let answer = success(&mut kubectl);
            fs::remove_file(&path).unwrap();
            assert!(answer?.contains("(server dry run)"), "{file}");
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
