//! The Kubernetes manifests.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::tools::{
    Found, check_arguments, deploy, documents, read, run, strings, success, wanted_capabilities,
};
use super::{DAEMONSETS, UNIT};

/// The pod of a DaemonSet and its only container.
fn pod(file: &str) -> Found<(Value, Value)> {
    let daemonset = documents(file)?.remove(0);
    assert_eq!(daemonset["kind"], "DaemonSet", "{file}");
    let pod = daemonset["spec"]["template"]["spec"].clone();
    let container = pod["containers"][0].clone();
    Ok((pod, container))
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
    let each = |list: &Value, field: &str| -> BTreeSet<String> {
        let items = list.as_array().into_iter().flatten();
        items.map(|item| item[field].to_string()).collect()
    };
    let mounts = &container["volumeMounts"];
    assert_eq!(
        each(&pod["volumes"], "name"),
        each(mounts, "name"),
        "{file}"
    );
    assert_eq!(
        each(mounts, "readOnly"),
        BTreeSet::from(["true".to_owned()]),
        "{file}"
    );
    let paths = each(mounts, "mountPath");
    assert!(paths.contains("\"/sys/kernel/btf\""), "{file}: {paths:?}");
    let arguments = strings(&container["args"]);
    let cgroup = arguments
        .iter()
        .find_map(|argument| argument.strip_prefix("--cgroup="));
    let cgroup = format!("{:?}", cgroup.unwrap_or_default());
    assert!(paths.contains(&cgroup), "{file}: {cgroup}");
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
        kubectl_is_recent()?;
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

/// `appArmorProfile` came with 1.30; an older `kubectl` does not know it.
fn kubectl_is_recent() -> Found<()> {
    let version = success(Command::new("kubectl").args(["version", "--client", "-o", "json"]))?;
    let version: Value = serde_json::from_str(&version).map_err(|error| error.to_string())?;
    let minor = version["clientVersion"]["minor"]
        .as_str()
        .unwrap_or_default();
    match minor.trim_end_matches('+').parse() {
        Ok(30_u32..) => Ok(()),
        _ => Err(format!("kubectl 1.{minor} is older than 1.30")),
    }
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
