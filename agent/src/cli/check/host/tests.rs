//! Rows about machines made of files.

use super::{Host, version};
use crate::cli::check::{Row, Status};
use std::fs;

fn row(files: &[(&str, &[u8])], release: &str, look: fn(&Host) -> Row) -> Row {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    look(&Host {
        root: folder.path().to_owned(),
        release: release.to_owned(),
        architecture: "x86_64".to_owned(),
    })
}

#[test]
fn kernels() {
    let cases = [
        ("6.18.44", Status::Ok),
        ("5.17.0-rc1", Status::Ok),
        ("5.15.0-91-generic", Status::Warning),
        ("5.4.0", Status::Failed),
        ("strange", Status::Warning),
    ];
    for (release, expected) in cases {
        assert_eq!(
            row(&[], release, Host::kernel).status,
            expected,
            "{release}"
        );
    }
}

#[test]
fn versions() {
    assert_eq!(version("6.1.0-44-cloud-amd64"), Some((6, 1)));
    assert_eq!(version("6"), None);
}

#[test]
fn lockdown_modes() {
    let path = "sys/kernel/security/lockdown";
    let cases: [(&[u8], Status, &str); 3] = [
        (b"[none] integrity confidentiality\n", Status::Ok, "none"),
        (
            b"none [integrity] confidentiality\n",
            Status::Ok,
            "integrity",
        ),
        (
            b"none integrity [confidentiality]\n",
            Status::Warning,
            "confidentiality: programs may not read kernel memory",
        ),
    ];
    for (content, status, detail) in cases {
        let row = row(&[(path, content)], "6.1.0", Host::lockdown);
        assert_eq!((row.status, row.detail.as_str()), (status, detail));
    }
    assert_eq!(row(&[], "6.1.0", Host::lockdown).status, Status::Skipped);
}

#[test]
fn btf_must_be_btf() {
    let path = "sys/kernel/btf/vmlinux";
    let magic = 0xeb9f_u16.to_ne_bytes();
    assert_eq!(
        row(&[(path, &magic)], "6.1.0", Host::btf).status,
        Status::Ok
    );
    assert_eq!(
        row(&[(path, b"ELF")], "6.1.0", Host::btf).status,
        Status::Failed
    );
    let absent = row(&[], "6.1.0", Host::btf);
    assert_eq!(absent.status, Status::Failed);
    assert!(absent.advice.unwrap().contains("CONFIG_DEBUG_INFO_BTF"));
}

#[test]
fn settings_of_the_kernel() {
    let jit = "proc/sys/net/core/bpf_jit_enable";
    let map = "proc/self/uid_map";
    assert_eq!(row(&[(jit, b"1\n")], "6.1.0", Host::jit).status, Status::Ok);
    assert_eq!(
        row(&[(jit, b"0\n")], "6.1.0", Host::jit).status,
        Status::Warning
    );
    assert_eq!(row(&[], "6.1.0", Host::jit).status, Status::Skipped);
    let initial = b"         0          0 4294967295\n";
    assert_eq!(
        row(&[(map, initial)], "6.1.0", Host::user_namespace).status,
        Status::Ok
    );
    let rootless = b"0 1000 1\n";
    assert_eq!(
        row(&[(map, rootless)], "6.1.0", Host::user_namespace).status,
        Status::Failed
    );
}
