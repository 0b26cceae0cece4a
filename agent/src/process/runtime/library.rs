//! Runtimes by the shared libraries that hold them: needed by the executable, or mapped into the process, as by Apache or uWSGI with
//! a module.

use std::path::Path;

use super::{Language, Runtime, version};
use crate::process::files;

const MAPS_BYTES: u64 = 512 * 1024;
const LIBRARIES: [(&str, Language); 10] = [
    ("libpython", Language::Python),
    ("libjli.so", Language::Java),
    ("libjvm.so", Language::Java),
    ("libcoreclr.so", Language::DotNet),
    ("libhostfxr.so", Language::DotNet),
    ("libnode.so", Language::NodeJs),
    ("libruby", Language::Ruby),
    ("libphp", Language::Php),
    ("libgraalvm", Language::Java),
    ("libperl.so", Language::Perl),
];

/// By the file name of a shared library that embeds a runtime.
pub(super) fn by_library(name: &str) -> Option<Runtime> {
    let (prefix, language) = LIBRARIES
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))?;
    // `libpython3.11.so.1.0`, `libruby-3.1.so.3.1`: the version stands before `.so`.
    let version = name
        .get(prefix.len()..)
        .and_then(|rest| rest.split(".so").next());
    let version = version
        .map(|text| text.trim_start_matches('-'))
        .filter(|text| version::is_version(text));
    Some(Runtime {
        language: Some(*language),
        version: version.map(str::to_owned),
        program_version: None,
    })
}

/// Does the process of a `/proc/PID` have greenlets, as with gevent and eventlet?
pub(in crate::process) fn has_green_threads(directory: &Path) -> bool {
    let text = files::text(&directory.join("maps"), MAPS_BYTES);
    text.lines().any(|line| {
        let name = line.rsplit('/').next().unwrap_or_default();
        name.starts_with("_greenlet.")
    })
}

/// By what is mapped.
pub(super) fn from_mappings(maps: &Path) -> Option<Runtime> {
    let text = files::text(maps, MAPS_BYTES);
    let names = text.lines().filter_map(|line| {
        let path = line.find('/').and_then(|at| line.get(at..))?;
        path.rsplit('/').next()
    });
    names.into_iter().find_map(by_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries() {
        let cases = [
            ("libpython3.11.so.1.0", Some(Language::Python), Some("3.11")),
            ("libruby-3.1.so.3.1", Some(Language::Ruby), Some("3.1")),
            ("libphp8.2.so", Some(Language::Php), Some("8.2")),
            ("libjvm.so", Some(Language::Java), None),
            ("libperl.so.5.36", Some(Language::Perl), None),
            ("libc.so.6", None, None),
        ];
        for (name, language, version) in cases {
            let runtime = by_library(name).unwrap_or_default();
            assert_eq!(
                (runtime.language, runtime.version.as_deref()),
                (language, version),
                "{name}"
            );
        }
    }

    #[test]
    fn greenlets() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_green_threads(folder.path()));
        let line =
            "7f00-7f01 r-xp 0 08:01 7 /v/lib/greenlet/_greenlet.cpython-311-x86_64-linux-gnu.so\n";
        std::fs::write(folder.path().join("maps"), line).unwrap();
        assert!(has_green_threads(folder.path()));
    }

    #[test]
    fn mapped_by_a_module() {
        let folder = tempfile::tempdir().unwrap();
        let maps = folder.path().join("maps");
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 08:01 7 {path}\n");
        std::fs::write(
            &maps,
            line("/usr/sbin/apache2") + &line("/usr/lib/apache2/modules/libphp8.2.so"),
        )
        .unwrap();
        let runtime = from_mappings(&maps).unwrap();
        assert_eq!(runtime.language, Some(Language::Php));
        assert_eq!(from_mappings(&folder.path().join("none")), None);
    }
}
