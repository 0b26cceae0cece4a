//! What executes a process's code: language, runtime and version.
//!
//! From what the executable is (its ELF structures, see [`elf`] and [`marks`]), kept per inode, and, where
//! that is not telling, from the libraries mapped into the process ([`library`]). Names of files only tell versions.
//! It does not run anything and does not read the target's memory.

use std::fs::Metadata;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lru::LruCache;

use super::files::TargetFiles;
pub(super) use library::has_green_threads;
use library::{by_library, from_mappings};

pub(super) mod elf;
mod library;
mod marks;
mod scan;
mod version;

/// Value of `telemetry.sdk.language`; C has none in the convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names of the languages")]
pub enum Language {
    Go,
    Python,
    NodeJs,
    Bun,
    Deno,
    Java,
    Ruby,
    Php,
    DotNet,
    Erlang,
    Perl,
    Lua,
    Rust,
    Cpp,
    C,
}

impl Language {
    /// The value by the semantic conventions, which have none for some.
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
            Self::Erlang => "erlang",
            Self::Rust => "rust",
            Self::Cpp => "cpp",
            Self::Bun | Self::Deno | Self::Perl | Self::Lua | Self::C => return None,
        })
    }

    /// For people: the value of the conventions, or else the usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bun => "bun",
            Self::Deno => "deno",
            Self::Perl => "perl",
            Self::Lua => "lua",
            other => other.convention().unwrap_or("c"),
        }
    }

    /// `process.runtime.name`, as the language's own OpenTelemetry SDK reports it; native code has none.
    #[must_use]
    pub fn runtime_name(self) -> Option<&'static str> {
        Some(match self {
            Self::Go => "go",
            Self::Python => "cpython",
            Self::NodeJs => "nodejs",
            Self::Bun => "bun",
            Self::Deno => "deno",
            Self::Java => "OpenJDK Runtime Environment",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::DotNet => ".NET",
            Self::Erlang => "BEAM",
            Self::Perl => "perl",
            Self::Lua => "lua",
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
    let Some(language) = marks::language(&facts) else {
        return by_name(exe, files).unwrap_or_default();
    };
    // A .NET application host is a small C++ program beside the assembly that it loads.
    let is_native = matches!(language, Language::C | Language::Cpp);
    let has_assembly =
        || files.is_file(&exe.with_extension("dll")) || files.is_file(&with_suffix(exe, ".dll"));
    let language = if is_native && has_assembly() {
        Language::DotNet
    } else {
        language
    };
    let in_library = || {
        facts
            .needed
            .iter()
            .find_map(|name| by_library(name)?.version)
    };
    let version = match language {
        Language::Rust => facts.rust_version.clone(),
        Language::C | Language::Cpp => None,
        _ => version::of_executable(language, exe, files).or_else(in_library),
    };
    Runtime {
        language: Some(language),
        version,
        program_version: None,
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

/// By the executable's file name (`python3.11`, `php-fpm8.2`), where there is nothing else to go by: the file is gone or unreadable.
fn by_name(exe: &Path, files: &TargetFiles) -> Option<Runtime> {
    let name = exe.file_name()?.to_str()?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let language = match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "python" | "pypy" => Language::Python,
        "node" | "nodejs" => Language::NodeJs,
        "bun" => Language::Bun,
        "deno" => Language::Deno,
        "java" => Language::Java,
        "ruby" => Language::Ruby,
        "php" | "php-fpm" | "php-cgi" => Language::Php,
        "perl" => Language::Perl,
        "beam.smp" => Language::Erlang,
        "dotnet" => Language::DotNet,
        _ => return None,
    };
    Some(Runtime {
        language: Some(language),
        version: version::of_executable(language, exe, files),
        program_version: None,
    })
}

#[cfg(test)]
mod tests;
