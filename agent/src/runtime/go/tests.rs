use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;

mod grpc;

/// Versions that the table has and a toolchain can be had of, by their last releases when this was written.
const TOOLCHAINS: [&str; 9] = [
    "go1.18.10",
    "go1.19.13",
    "go1.20.14",
    "go1.21.13",
    "go1.22.12",
    "go1.23.12",
    "go1.24.13",
    "go1.25.7",
    "go1.26.0",
];

/// A way to build: its name, whether with C, arguments, and whether `strip` goes over it.
type Way = (&'static str, bool, &'static [&'static str], bool);

const PLAIN: Way = ("plain", false, &[], false);
const WAYS: [Way; 7] = [
    PLAIN,
    ("no symbols", false, &["-ldflags=-s -w"], false),
    ("stripped", false, &[], true),
    ("position independent", false, &["-buildmode=pie"], true),
    ("cgo resolver", true, &["-tags=netcgo"], false),
    (
        "external, position independent",
        true,
        &["-buildmode=pie", "-ldflags=-linkmode=external"],
        true,
    ),
    (
        "external, static",
        true,
        &[
            "-tags=netcgo",
            "-ldflags=-linkmode=external -extldflags=-static",
        ],
        true,
    ),
];

#[test]
fn versions() {
    let cases = [
        ("go1.22.1", Some((1, 22))),
        ("go1.26", Some((1, 26))),
        ("go1.25rc1", Some((1, 25))),
        ("go1.21.5 X:boringcrypto", Some((1, 21))),
        ("devel go1.27-a1b2c3d Mon Mar 2", Some((1, 27))),
        ("go2.x", None),
        ("gccgo", None),
        ("", None),
    ];
    for (toolchain, expected) in cases {
        assert_eq!(parse_version(toolchain), expected, "{toolchain}");
    }
}

#[test]
fn what_is_no_go_executable() {
    let own = std::env::current_exe().unwrap();
    assert!(matches!(inspect(&own), Err(Error::NotGo(_))));
    assert!(matches!(
        inspect(Path::new("/proc/self/status")),
        Err(Error::Kind(_))
    ));
    assert!(matches!(
        inspect(Path::new("/nonexistent")),
        Err(Error::Read { .. })
    ));
}

#[test]
fn ways_to_build() {
    let Some(folder) = folder_with_program("ways_to_build") else {
        return;
    };
    for way in WAYS {
        if way.1 && Command::new("gcc").arg("--version").output().is_err() {
            println!("\nSKIP ways_to_build {}: no C compiler here", way.0);
            continue;
        }
        let executable = build(folder.path(), "local", way).unwrap();
        check(&executable, way);
    }
}

#[test]
#[ignore = "loads nine Go toolchains"]
fn go_versions() {
    let Some(folder) = folder_with_program("go_versions") else {
        return;
    };
    for toolchain in TOOLCHAINS {
        for way in [WAYS[0], WAYS[1], WAYS[3], WAYS[6]] {
            println!("{toolchain} {}", way.0);
            let executable = build(folder.path(), toolchain, way).unwrap();
            check(&executable, way);
        }
    }
}

#[test]
fn damaged_executables() {
    let Some(folder) = folder_with_program("damaged_executables") else {
        return;
    };
    let executable = build(folder.path(), "local", PLAIN).unwrap();
    let image = std::fs::read(executable).unwrap();
    let damaged = folder.path().join("damaged");
    let places = sensitive_places(&image);
    let config = ProptestConfig::with_cases(64);
    proptest!(config, |(place in 0..places.len(), at in 0usize..128, value: u8, cut in 0..image.len())| {
        let mut image = image.clone();
        let at = places[place] + at;
        if let Some(byte) = image.get_mut(at) {
            *byte = value;
        }
        if value.is_multiple_of(4) {
            image.truncate(cut);
        }
        std::fs::write(&damaged, image).unwrap();
        let _ = inspect(&damaged);
        if let Ok(image) = Image::open(&damaged) {
            Offsets::of_dwarf(&image);
        }
    });
}

/// Headers of the file, of the table of functions, and of DWARF.
fn sensitive_places(bytes: &[u8]) -> Vec<usize> {
    let table = memchr::memmem::find(bytes, b"\xf1\xff\xff\xff\0\0\x01\x08").unwrap();
    let sections = u64::from_le_bytes(*bytes[40..].first_chunk().unwrap());
    let sections = usize::try_from(sections).unwrap();
    let mut places = vec![0, 64, 192, 320, table];
    places.extend((sections..bytes.len()).step_by(64).take(40));
    places
}

/// A folder with the program in it; nothing without a Go toolchain.
fn folder_with_program(test: &str) -> Option<tempfile::TempDir> {
    if Command::new("go").arg("version").output().is_err() {
        println!("\nSKIP {test}: no Go toolchain here");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name, text| std::fs::write(folder.path().join(name), text).unwrap();
    write("main.go", include_str!("tests/witness.go"));
    write("go.mod", "module witness\n\ngo 1.18\n");
    Some(folder)
}

fn build(folder: &Path, toolchain: &str, way: Way) -> Result<PathBuf, String> {
    let (_, cgo, arguments, strip) = way;
    let executable = folder.join("witness");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&executable).args(arguments);
    go.env("GOTOOLCHAIN", toolchain).env("GOFLAGS", "");
    go.env("CGO_ENABLED", if cgo { "1" } else { "0" });
    // By file: the Go 1.19 of the module proxy does not find the package of a folder.
    run(go.arg("main.go").current_dir(folder))?;
    if strip {
        run(Command::new("strip").arg(&executable))?;
    }
    Ok(executable)
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{command:?}: {}", text(&output.stderr))),
    }
}

/// The program confirms the facts; if it has DWARF, so does that.
fn check(executable: &Path, way: Way) {
    let facts = inspect(executable).unwrap();
    let path = facts.connection.unwrap();
    let round_trip = facts.round_trip.unwrap();
    let (life, requests) = (facts.life.unwrap(), facts.requests.unwrap());
    let mut numbers = vec![i64::from(facts.g_tls_offset)];
    let goroutine = [
        facts.goid,
        facts.parent_goid,
        life.start_pc,
        life.wait_reason,
        life.waits,
    ];
    numbers.extend(goroutine.map(i64::from));
    numbers.push(i64::try_from(round_trip).unwrap());
    let offsets = [
        path.conn,
        path.fd,
        path.local,
        path.descriptor,
        requests.context,
        requests.served,
    ];
    numbers.extend(offsets.map(i64::from));
    let mut witness = Command::new(executable);
    let said = run(witness.args(numbers.iter().map(ToString::to_string)));
    assert_eq!(said.as_deref(), Ok("as told\n"), "{}: {facts:?}", way.0);

    let image = Image::open(executable).unwrap();
    if let Some(offsets) = Offsets::of_dwarf(&image) {
        assert_eq!(
            Some(offsets),
            Offsets::of_version(facts.version),
            "{}",
            way.0
        );
    }
    let has_dwarf = !way.3 && !way.2.contains(&"-ldflags=-s -w");
    let readable = facts.version >= (1, 19);
    assert_eq!(
        Offsets::of_dwarf(&image).is_some(),
        has_dwarf && readable,
        "{}",
        way.0
    );
}
