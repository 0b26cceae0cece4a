use super::*;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use opentelemetry_semantic_conventions::attribute as key;

use crate::process::Matcher;
use crate::spans::{Resource, Value};

fn options(proc_root: &Path) -> Options {
    Options {
        selection: Selection::default(),
        service_names: Vec::new(),
        overrides: OverrideRules::default(),
        own_pid: 1,
        host: HostFacts {
            name: "box".into(),
            id: "cafe".into(),
            boot_id: "b".into(),
        },
        proc_root: proc_root.to_owned(),
        capacity: NonZeroUsize::new(16).unwrap(),
    }
}

/// A `/proc` of one's own.
struct Fake(tempfile::TempDir);

impl Fake {
    fn new() -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(fake.root().join("usr/bin")).unwrap();
        std::fs::create_dir(fake.proc()).unwrap();
        fake
    }

    fn proc(&self) -> PathBuf {
        self.0.path().join("proc")
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("root")
    }

    fn add(&self, pid: u32, exe: &str, cmdline: &str, environ: &str, start: u64) {
        let directory = self.proc().join(pid.to_string());
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        symlink(exe, directory.join("exe")).unwrap();
        symlink(self.root(), directory.join("root")).unwrap();
        symlink(self.root().join("usr"), directory.join("cwd")).unwrap();
        let stat = format!("{pid} (a) b) S 1 {} {start} 0", "0 ".repeat(17).trim());
        for (name, text) in [
            ("cmdline", cmdline),
            ("environ", environ),
            ("stat", &stat),
            ("status", "Name:\tx\nUid:\t1000\t1000\t1000\t1000\n"),
            ("cgroup", "0::/system.slice/x.service\n"),
        ] {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }
}

fn text<'a>(resource: &'a Resource, wanted: &str) -> Option<&'a str> {
    let (_, value) = resource.attributes.iter().find(|(key, _)| *key == wanted)?;
    match value {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

#[test]
fn resource_of_a_process() {
    let fake = Fake::new();
    std::fs::create_dir(fake.root().join("etc")).unwrap();
    std::fs::write(
        fake.root().join("etc/passwd"),
        "web:x:1000:1000::/:/bin/sh\n",
    )
    .unwrap();
    let environ = "OTEL_RESOURCE_ATTRIBUTES=service.name=low,team=a%2Cb,service.namespace=eu,telemetry.sdk.name=fake\0";
    fake.add(
        7,
        "/usr/bin/python3.11",
        "python3\0-m\0cart\0--token=hunter2\0",
        environ,
        99,
    );
    let mut processes = Processes::new(options(&fake.proc()));
    let process = processes.get(7).unwrap();
    assert_eq!(process.start_ticks, 99);
    let resource = &process.resource;
    let expected = [
        (key::SERVICE_NAME, "low"),
        (key::SERVICE_NAMESPACE, "eu"),
        ("team", "a,b"),
        (key::TELEMETRY_SDK_NAME, "sonde"),
        (key::TELEMETRY_SDK_LANGUAGE, "python"),
        (key::PROCESS_RUNTIME_NAME, "cpython"),
        (key::PROCESS_RUNTIME_VERSION, "3.11"),
        (key::PROCESS_EXECUTABLE_PATH, "/usr/bin/python3.11"),
        (key::PROCESS_OWNER, "web"),
        (key::HOST_NAME, "box"),
        (key::HOST_ID, "cafe"),
        (key::OS_TYPE, "linux"),
    ];
    for (key, value) in expected {
        assert_eq!(text(resource, key), Some(value), "{key}");
    }
    assert_eq!(resource.attributes[0].0, key::SERVICE_NAME);
    assert_eq!(resource.service_name, "low");
    assert!(
        !format!("{resource:?}").contains("hunter2"),
        "the command line is not exported"
    );
    let id = text(resource, key::SERVICE_INSTANCE_ID).unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "8"));
    assert!("89ab".contains(&id[19..20]));
}

#[test]
fn names_by_precedence() {
    let fake = Fake::new();
    let cases: [(&str, &[&str], &str); 4] = [
        ("", &[], "cart"),
        ("OTEL_RESOURCE_ATTRIBUTES=service.name=low\0", &[], "low"),
        (
            "OTEL_RESOURCE_ATTRIBUTES=service.name=low\0OTEL_SERVICE_NAME=high\0",
            &[],
            "high",
        ),
        (
            "OTEL_SERVICE_NAME=high\0",
            &["exe=python*=rule", "python*=late"],
            "rule",
        ),
    ];
    for (environ, rules, expected) in cases {
        fake.add(7, "/usr/bin/python3", "python3\0-m\0cart\0", environ, 1);
        let mut options = options(&fake.proc());
        options.service_names = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let name = Processes::new(options)
            .get(7)
            .unwrap()
            .resource
            .service_name
            .clone();
        assert_eq!(name, expected, "{environ} {rules:?}");
    }
}

#[test]
fn exec_facts_stand_in_for_a_process_that_is_gone() {
    let fake = Fake::new();
    let mut processes = Processes::new(options(&fake.proc()));
    let exec = Exec {
        pid: 8,
        filename: "/usr/bin/curl".into(),
        cmdline: b"curl\0-s\0http://x/\0".to_vec(),
        comm: "curl".into(),
    };
    let process = processes.executed(&exec);
    assert_eq!(process.resource.service_name, "curl");
    assert_eq!(process.command_line, ["curl", "-s", "http://x/"]);
    assert!(process.verdict.is_instrumented());
    assert!(processes.get(8).is_some(), "late spans find it");
    assert!(processes.get(9).is_none());
}

#[test]
fn exec_exit_and_reuse() {
    let fake = Fake::new();
    fake.add(7, "/usr/bin/one", "one\0", "", 1);
    let mut processes = Processes::new(options(&fake.proc()));
    let name = |processes: &mut Processes| {
        processes
            .get(7)
            .map(|process| process.resource.service_name.clone())
    };
    assert_eq!(name(&mut processes).as_deref(), Some("one"));
    fake.add(7, "/usr/bin/two", "two\0", "", 1);
    assert_eq!(name(&mut processes).as_deref(), Some("one"), "from memory");
    processes.executed(&Exec {
        pid: 7,
        ..Exec::default()
    });
    assert_eq!(name(&mut processes).as_deref(), Some("two"));
    processes.exited(7);
    assert_eq!(
        name(&mut processes).as_deref(),
        Some("two"),
        "exited, still known"
    );
    fake.add(7, "/usr/bin/three", "three\0", "", 2);
    assert_eq!(
        name(&mut processes).as_deref(),
        Some("three"),
        "another process by now"
    );
    fake.add(7, "/usr/bin/four", "four\0", "", 3);
    assert_eq!(processes.scan()[0].resource.service_name, "four");
}

#[test]
fn memory_is_bounded() {
    let fake = Fake::new();
    let mut processes = Processes::new(options(&fake.proc()));
    for pid in 1..200 {
        processes.executed(&Exec {
            pid,
            filename: "/x".into(),
            ..Exec::default()
        });
        processes.exited(pid);
        processes.exited(pid);
        assert!(processes.known.len() <= 16 && processes.exited.len() <= 4);
    }
}

#[test]
fn verdicts_follow_ports() {
    let fake = Fake::new();
    fake.add(7, "/usr/bin/python3", "python3\0", "", 1);
    let mut options = options(&fake.proc());
    options.selection.include = vec!["port=8000-8099".parse::<Matcher>().unwrap()];
    let mut processes = Processes::new(options);
    assert_eq!(processes.get(7).unwrap().verdict, Verdict::NotIncluded);
    assert!(processes.ports_changed(7, &[9]).is_none());
    assert!(
        processes
            .ports_changed(7, &[9, 8080])
            .unwrap()
            .verdict
            .is_instrumented()
    );
    assert!(processes.get(7).unwrap().verdict.is_instrumented());
    assert_eq!(
        processes.ports_changed(7, &[]).unwrap().verdict,
        Verdict::NotIncluded
    );
}

#[test]
fn hostile_entries() {
    let fake = Fake::new();
    fake.add(7, "/usr/bin/node", "", "", 1);
    let directory = fake.proc().join("7");
    std::fs::write(directory.join("cmdline"), vec![0xff; 1 << 20]).unwrap();
    std::fs::write(directory.join("environ"), vec![b'A'; 1 << 20]).unwrap();
    let fifo = fake.root().join("usr/package.json");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let process = Processes::new(options(&fake.proc())).get(7).unwrap();
    assert!(process.command_line.concat().len() <= 3 * 65536);
    assert_eq!(process.resource.service_name, "node");
}

/// A real process, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Option<Running> {
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.ok().map(Running)
}

/// Waits until the process has become `language` (wrappers such as version managers exec in steps).
fn check_real(mut command: Command, language: Language, service: &str) {
    let Some(running) = start(&mut command) else {
        println!("\nSKIP real_process: {command:?} cannot be started here");
        return;
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let process = Processes::new(options(Path::new("/proc"))).get(running.0.id());
        let seen = process
            .as_ref()
            .map(|p| (p.runtime.language, p.resource.service_name.as_str()));
        if seen == Some((Some(language), service)) {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{command:?}: {seen:?}"
        );
        std::thread::yield_now();
    }
}

#[test]
fn real_processes() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut python = Command::new("python3");
    python.arg(script("cart.py", "input()"));
    check_real(python, Language::Python, "cart");
    let mut node = Command::new("node");
    node.arg(script("pay.js", "process.stdin.resume()"));
    check_real(node, Language::NodeJs, "pay");
    let mut java = Command::new("java");
    let source = "class Order { public static void main(String[] a) throws Exception { System.in.read(); } }";
    java.arg(script("Order.java", source));
    check_real(java, Language::Java, "Order");
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    check_real(sleep, Language::C, "sleep");
}

#[test]
fn real_go_program_also_stripped() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("main.go");
    std::fs::write(
        &source,
        "package main\nfunc main() { var b [1]byte; println(b[0]); select {} }\n",
    )
    .unwrap();
    for flags in ["", "-s -w"] {
        let binary = folder.path().join("checkout");
        let built = Command::new("go")
            .args(["build", "-ldflags", flags, "-o"])
            .args([&binary, &source])
            .env("GOFLAGS", "-mod=mod")
            .status();
        if !built.is_ok_and(|status| status.success()) {
            println!("\nSKIP go_binary: no Go toolchain here");
            return;
        }
        let files = TargetFiles::of(Path::new("/nonexistent"));
        let directory = folder.path().join("1");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        symlink(&binary, directory.join("exe")).unwrap();
        let runtime = Detector::new().detect(&directory, &binary, &files);
        assert_eq!(runtime.language, Some(Language::Go));
        assert!(runtime.version.unwrap().starts_with("go1."));
    }
}
