//! A good `service.name` for a process whose environment gives none: what its people would call it.
//!
//! Per runtime: the module, application, package, jar or binary. Words that say nothing (`app`, `main`,
//! `server`, ...) give way to the name of the folder or package around them.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::files::TargetFiles;
use super::runtime::{Language, Runtime};

mod erlang;
mod java;
mod node;
mod perl;
mod python;
mod ruby;

/// Longest name that is taken from a command line or file.
const MAX_NAME: usize = 255;

/// What names are made from.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) exe: &'a Path,
    pub(super) args: &'a [String],
    pub(super) files: &'a TargetFiles,
    pub(super) environment: &'a Environment,
}

/// Name and, where it comes for free, version of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

impl From<String> for Named {
    fn from(name: String) -> Self {
        Self {
            name,
            version: None,
        }
    }
}

/// Never empty.
pub(super) fn service(target: &Target<'_>, runtime: &Runtime) -> Named {
    let named = match runtime.language {
        Some(Language::Python) => python::name(target).map(Named::from),
        Some(Language::NodeJs) => node::name(target),
        Some(Language::Java) => java::name(target),
        Some(Language::Ruby) => ruby::name(target).map(Named::from),
        Some(Language::Php) => php(target).map(Named::from),
        Some(Language::DotNet) => dotnet(target).map(Named::from),
        _ => by_executable(target),
    };
    let mut named = named
        .filter(|named| !named.name.is_empty())
        .unwrap_or_else(|| Named::from(binary(target)));
    named.version = named.version.or_else(|| runtime.program_version.clone());
    named.name = named.name.chars().take(MAX_NAME).collect();
    named
}

/// Of runtimes that no language of the conventions stands for.
fn by_executable(target: &Target<'_>) -> Option<Named> {
    let name = binary(target);
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match stem {
        "beam.smp" | "beam" => erlang::name(target).map(Named::from),
        "perl" => perl::name(target).map(Named::from),
        "bun" | "bun.exe" | "bunx" | "deno" => node::name(target),
        "mono" | "mono-sgen" => mono(target).map(Named::from),
        _ => None,
    }
}

fn mono(target: &Target<'_>) -> Option<String> {
    let args = after_options(target.args.get(1..)?, &["--config"]);
    script(target, args.first()?)
}

/// File name of the executable.
fn binary(target: &Target<'_>) -> String {
    let name = target.exe.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    if name.is_empty() {
        "unknown_service".to_owned()
    } else {
        name.to_owned()
    }
}

/// Arguments after the options that precede the program: `valued` options take the next argument.
fn after_options<'a>(args: &'a [String], valued: &[&str]) -> &'a [String] {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        if !first.starts_with('-') || first == "-" {
            break;
        }
        rest = if valued.contains(&first.as_str()) {
            tail.get(1..).unwrap_or_default()
        } else {
            tail
        };
    }
    rest
}

/// File names and modules that do not tell one service from another.
fn is_generic(word: &str) -> bool {
    matches!(
        word,
        "app"
            | "application"
            | "main"
            | "__main__"
            | "manage"
            | "wsgi"
            | "asgi"
            | "server"
            | "run"
            | "index"
            | "start"
            | "api"
            | "config"
            | "www"
            | "service"
    )
}

fn is_generic_folder(word: &str) -> bool {
    is_generic(word)
        || matches!(
            word,
            "src"
                | "bin"
                | "sbin"
                | "lib"
                | "dist"
                | "build"
                | "out"
                | "code"
                | "srv"
                | "opt"
                | "tmp"
                | "home"
                | "root"
                | "usr"
                | "var"
                | "local"
                | "workspace"
                | "public"
                | "html"
                | "target"
                | "debug"
                | "release"
                | "current"
                | "releases"
                | "scripts"
        )
}

/// Nearest telling folder, at most three up: `/srv/shop/src` is `shop`.
fn folder(path: &Path) -> Option<String> {
    let telling = path.ancestors().take(3).find_map(|folder| {
        let name = folder.file_name()?.to_str()?;
        (!is_generic_folder(name) && !name.starts_with('.')).then_some(name)
    });
    telling.map(str::to_owned)
}

/// Stem of a script, or its folder if the stem says nothing.
fn script(target: &Target<'_>, path: &str) -> Option<String> {
    // Read from standard input, or a descriptor.
    if path == "-" || path.starts_with("/dev/") || path.starts_with("/proc/") {
        return cwd_folder(target);
    }
    let path = target.files.absolute(Path::new(path));
    let stem = path.file_stem()?.to_str()?;
    if !is_generic(stem) {
        return Some(stem.to_owned());
    }
    path.parent()
        .and_then(folder)
        .or_else(|| Some(stem.to_owned()))
}

fn cwd_folder(target: &Target<'_>) -> Option<String> {
    folder(&target.files.cwd)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a process title has between its last brackets: `puma 6.4 (tcp://..) [shop]`.
fn in_brackets(title: &str) -> Option<&str> {
    let inner = title.trim_end().strip_suffix(']')?;
    inner
        .rsplit_once('[')
        .map(|(_, name)| name)
        .filter(|name| !name.is_empty() && !name.contains(' '))
}

fn php(target: &Target<'_>) -> Option<String> {
    let args = target.args.get(1..).unwrap_or_default();
    if binary(target).starts_with("php-fpm") {
        return Some(pool(target).unwrap_or("php-fpm").to_owned());
    }
    let rest = after_options(args, &["-S", "-t", "-c", "-d", "-z", "-f"]);
    if let Some(first) = rest.first() {
        let tool = matches!(file_name(first), "artisan" | "console" | "router.php");
        return if tool {
            cwd_folder(target)
        } else {
            script(target, first)
        };
    }
    let root = args
        .windows(2)
        .find(|pair| pair[0] == "-t")
        .map(|pair| PathBuf::from(&pair[1]));
    folder(&target.files.absolute(&root.unwrap_or_default()))
}

/// The title of a worker: `php-fpm: pool shop`; `www` is that of the only one.
fn pool<'a>(target: &Target<'a>) -> Option<&'a str> {
    let title = target.args.first()?;
    let pool = title.strip_prefix("php-fpm: pool ")?.trim();
    (!pool.is_empty() && pool != "www").then_some(pool)
}

fn dotnet(target: &Target<'_>) -> Option<String> {
    if binary(target) != "dotnet" {
        return Some(binary(target));
    }
    let dll = target.args.iter().skip(1).find(|arg| arg.ends_with(".dll"));
    match dll {
        Some(dll) => file_name(dll).strip_suffix(".dll").map(str::to_owned),
        None => cwd_folder(target),
    }
}

#[cfg(test)]
mod tests;
