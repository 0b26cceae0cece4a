//! Embeds the built page, `page/dist`: writes a table of its files for `src/server/assets.rs`. Without a built page the
//! table is empty, and the server says so.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a build script speaks to cargo on stdout and may only panic"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = root.join("page/dist");
    // To watch a path that is not there would mean to build anew each time.
    let watched = ["page/dist", "page", "build.rs"];
    let watched = watched.iter().find(|path| root.join(path).exists());
    println!("cargo::rerun-if-changed={}", watched.unwrap_or(&"build.rs"));
    let mut files = Vec::new();
    collect(&dist, &mut files);
    files.sort();
    let mut table = "&[\n".to_owned();
    for file in &files {
        let name = file.strip_prefix(&dist).expect("is below it").display();
        writeln!(
            table,
            "    ({:?}, include_bytes!({file:?})),",
            format!("/{name}")
        )
        .expect("a string takes all");
    }
    table.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    std::fs::write(out.join("assets.rs"), table).expect("the build folder can be written");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
