//! The table of grpc-go's versions against what is built.

use sonde_common::go::place;

use super::super::streams::Grpc;
use super::*;

#[test]
#[ignore = "loads all versions of grpc-go"]
fn grpc_versions() {
    if Command::new("go").arg("version").output().is_err() {
        println!("\nSKIP grpc_versions: no Go toolchain here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.go"), include_str!("grpc.go")).unwrap();
    for minor in 50..=85 {
        println!("1.{minor}");
        let executable = build_with(folder.path(), minor).unwrap();
        let image = Image::open(&executable).unwrap();
        let known = Grpc::of_version(minor);
        assert_eq!(Grpc::of_dwarf(&image), known, "1.{minor}");
        let places = inspect(&executable).unwrap().streams;
        for place in [place::SERVES_GRPC, place::CALLS_GRPC, place::SERVES_HTTP] {
            let found = places.iter().any(|(_, probe)| probe.place == place);
            assert!(found, "1.{minor}: {place}");
        }
    }
}

fn build_with(folder: &Path, minor: u16) -> Result<PathBuf, String> {
    let go = |arguments: &[&str]| run(Command::new("go").args(arguments).current_dir(folder));
    std::fs::write(folder.join("go.mod"), "module witness\n\ngo 1.18\n").unwrap();
    go(&["get", &format!("google.golang.org/grpc@v1.{minor}.0")])?;
    go(&["mod", "tidy"])?;
    go(&["build", "-o", "witness", "."])?;
    Ok(folder.join("witness"))
}
