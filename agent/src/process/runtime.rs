//! What executes a process's code: language, runtime and version.
//!
//! From the executable (its name, and a few KiB of its ELF structures; see [`elf`]), kept per inode,
//! and, where that is not telling, from the libraries mapped into the process. It does not run
//! anything and does not read the target's memory.

use std::fs::Metadata;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lru::LruCache;

use super::files::{self, TargetFiles};

pub(super) mod elf;

/// Value of `telemetry.sdk.language`; C has none in the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of the languages")]
pub enum Language {
    Go,
    Python,
    NodeJs,
    Java,
    Ruby,
    Php,
    DotNet,
    Rust,
    Cpp,
    C,
}

impl Language {
    /// The value by the semantic conventions; C is not among them.
    #[must_use]
    pub fn convention(self) -> Option<&'static str> {
        Some(match self {
            Self::Go => "go",
            Self::Python => "python",
            Self::NodeJs => "nodejs",
            Self::Java => "java",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::DotNet => "dotnet",
            Self::Rust => "rust",
            Self::Cpp => "cpp",
            Self::C => return None,
        })
    }

    /// `process.runtime.name`, as the language's own OpenTelemetry SDK reports it; native code has none.
    #[must_use]
    pub fn runtime_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Go => "go",
            Self::Python => "cpython",
            Self::NodeJs => "nodejs",
            Self::Java => "OpenJDK Runtime Environment",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::DotNet => ".NET",
            Self::Rust | Self::Cpp | Self::C => return None,
        })
    }
}

/// What executes a process's code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Unknown if the executable could not be read.
    pub language: Option<Language>,
    /// Version of the runtime (for Rust: of the compiler), where readable.
    pub version: Option<String>,
    /// Version of the program itself, where its executable tells (Go module version).
    pub program_version: Option<String>,
}

/// Where executables are the same file.
type Inode = (u64, u64, i64, i64, u64);

/// Finds runtimes; remembers executables.
#[derive(Debug)]
pub(super) struct Detector {
    known: LruCache<Inode, Runtime>,
}

const KNOWN_EXECUTABLES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
const MAPS_BYTES: u64 = 512 * 1024;

impl Detector {
    pub(super) fn new() -> Self {
        Self {
            known: LruCache::new(KNOWN_EXECUTABLES),
        }
    }

    /// Runtime of the process in `directory` (a `/proc/PID`) whose executable is `exe`.
    pub(super) fn detect(&mut self, directory: &Path, exe: &Path, files: &TargetFiles) -> Runtime {
        let mut runtime = self.of_executable(directory, exe, files);
        if matches!(runtime.language, Some(Language::C | Language::Cpp) | None)
            && let Some(embedded) = from_mappings(&directory.join("maps"))
        {
            runtime = embedded;
        }
        runtime
    }

    fn of_executable(&mut self, directory: &Path, exe: &Path, files: &TargetFiles) -> Runtime {
        let link = directory.join("exe");
        let Some(inode) = std::fs::metadata(&link).ok().as_ref().and_then(inode) else {
            return by_name(exe, files).unwrap_or_default();
        };
        if let Some(known) = self.known.get(&inode) {
            return known.clone();
        }
        let runtime = inspect(&link, exe, files);
        self.known.put(inode, runtime.clone());
        runtime
    }
}

fn inode(metadata: &Metadata) -> Option<Inode> {
    metadata.is_file().then(|| {
        let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        (
            metadata.dev(),
            metadata.ino(),
            seconds,
            nanos,
            metadata.size(),
        )
    })
}

fn inspect(link: &Path, exe: &Path, files: &TargetFiles) -> Runtime {
    let facts = elf::inspect(link).unwrap_or_default();
    if let Some(go) = facts.go {
        return Runtime {
            language: Some(Language::Go),
            version: Some(go.version).filter(|version| !version.is_empty()),
            program_version: go.module_version,
        };
    }
    if let Some(runtime) = by_name(exe, files) {
        return runtime;
    }
    if let Some(runtime) = facts.needed.iter().find_map(|name| by_library(name)) {
        return runtime;
    }
    // A .NET application host is a small C++ program beside the assembly that it loads.
    if files.is_file(&exe.with_extension("dll")) || files.is_file(&with_suffix(exe, ".dll")) {
        return Runtime {
            language: Some(Language::DotNet),
            ..Runtime::default()
        };
    }
    let cpp = facts
        .needed
        .iter()
        .any(|name| name.starts_with("libstdc++") || name.starts_with("libc++."));
    let language = match (facts.rust, cpp) {
        _ if !facts.is_elf => None,
        (true, _) => Some(Language::Rust),
        (false, true) => Some(Language::Cpp),
        (false, false) => Some(Language::C),
    };
    Runtime {
        language,
        version: facts.rust_version,
        program_version: None,
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

/// By the executable's file name: `python3.11`, `node`, `php-fpm8.2`.
fn by_name(exe: &Path, files: &TargetFiles) -> Option<Runtime> {
    let name = exe.file_name()?.to_str()?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let suffix = name.get(stem.len()..).filter(|text| !text.is_empty());
    let language = match stem {
        "python" | "pypy" | "uwsgi-python" => Language::Python,
        "node" | "nodejs" => Language::NodeJs,
        "java" => Language::Java,
        "ruby" => Language::Ruby,
        "php" | "php-fpm" | "php-cgi" => Language::Php,
        "dotnet" => Language::DotNet,
        _ => return None,
    };
    let prefix = exe
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"));
    let version = version_from_files(language, name, prefix, files)
        .or_else(|| version_in_path(exe))
        .or_else(|| suffix.map(str::to_owned));
    Some(Runtime {
        language: Some(language),
        version,
        program_version: None,
    })
}

/// Where an installation in `prefix` says its exact version.
fn version_from_files(
    language: Language,
    name: &str,
    prefix: &Path,
    files: &TargetFiles,
) -> Option<String> {
    let (file, key) = match language {
        Language::Java => ("release".to_owned(), "JAVA_VERSION="),
        Language::Python => (format!("include/{name}/patchlevel.h"), "#define PY_VERSION"),
        Language::Php => (
            "include/php/main/php_version.h".to_owned(),
            "#define PHP_VERSION ",
        ),
        Language::NodeJs => return node_version(prefix, files),
        _ => return None,
    };
    let text = files.text(&prefix.join(file), 64 * 1024)?;
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    let version = rest.trim().trim_matches('"');
    is_version(version).then(|| version.to_owned())
}

fn node_version(prefix: &Path, files: &TargetFiles) -> Option<String> {
    let text = files.text(&prefix.join("include/node/node_version.h"), 64 * 1024)?;
    let part = |name: &str| {
        let key = format!("#define NODE_{name}_VERSION ");
        let number = text
            .lines()
            .find_map(|line| line.strip_prefix(key.as_str()))?;
        number.trim().parse::<u32>().ok()
    };
    Some(format!(
        "{}.{}.{}",
        part("MAJOR")?,
        part("MINOR")?,
        part("PATCH")?
    ))
}

/// `/root/.nvm/versions/node/v20.1.0/bin/node`: a folder that is a full version.
fn version_in_path(exe: &Path) -> Option<String> {
    let folders = exe.parent()?.components().rev();
    folders
        .filter_map(|part| part.as_os_str().to_str())
        .find_map(|part| {
            let part = part.strip_prefix('v').unwrap_or(part);
            (part.matches('.').count() == 2 && is_version(part)).then(|| part.to_owned())
        })
}

fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}

/// By the file name of a shared library that embeds a runtime.
fn by_library(name: &str) -> Option<Runtime> {
    const LIBRARIES: [(&str, Language); 8] = [
        ("libpython", Language::Python),
        ("libjvm.so", Language::Java),
        ("libcoreclr.so", Language::DotNet),
        ("libhostfxr.so", Language::DotNet),
        ("libnode.so", Language::NodeJs),
        ("libruby", Language::Ruby),
        ("libphp", Language::Php),
        ("libgraalvm", Language::Java),
    ];
    let (prefix, language) = LIBRARIES
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))?;
    // `libpython3.11.so.1.0`, `libruby-3.1.so.3.1`: the version stands before `.so`.
    let version = name
        .get(prefix.len()..)
        .and_then(|rest| rest.split(".so").next());
    let version = version
        .map(|text| text.trim_start_matches('-'))
        .filter(|text| is_version(text));
    Some(Runtime {
        language: Some(*language),
        version: version.map(str::to_owned),
        program_version: None,
    })
}

fn from_mappings(maps: &Path) -> Option<Runtime> {
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
    fn executables_by_name() {
        let files = TargetFiles::of(Path::new("/nonexistent"));
        let cases = [
            ("/usr/bin/python3.11", Some(Language::Python), Some("3.11")),
            (
                "/opt/pyenv/versions/3.11.7/bin/python3.11",
                Some(Language::Python),
                Some("3.11.7"),
            ),
            (
                "/usr/bin/python3 (deleted)",
                Some(Language::Python),
                Some("3"),
            ),
            (
                "/root/.nvm/versions/node/v20.1.0/bin/node",
                Some(Language::NodeJs),
                Some("20.1.0"),
            ),
            ("/usr/bin/nodejs", Some(Language::NodeJs), None),
            ("/usr/sbin/php-fpm8.2", Some(Language::Php), Some("8.2")),
            ("/usr/share/dotnet/dotnet", Some(Language::DotNet), None),
            ("/usr/bin/node_exporter", None, None),
            ("/usr/bin/nginx", None, None),
        ];
        for (exe, language, version) in cases {
            let runtime = by_name(Path::new(exe), &files).unwrap_or_default();
            assert_eq!(
                (runtime.language, runtime.version.as_deref()),
                (language, version),
                "{exe}"
            );
        }
    }

    #[test]
    fn libraries() {
        let cases = [
            ("libpython3.11.so.1.0", Some(Language::Python), Some("3.11")),
            ("libruby-3.1.so.3.1", Some(Language::Ruby), Some("3.1")),
            ("libjvm.so", Some(Language::Java), None),
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
}
