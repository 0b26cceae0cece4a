//! Which version of a runtime an executable is: by the files of its installation, the folder that it lies in, or its name.

use std::path::Path;

use super::Language;
use crate::process::files::TargetFiles;

/// The version of the runtime of an executable, where it can be read.
pub(super) fn of_executable(language: Language, exe: &Path, files: &TargetFiles) -> Option<String> {
    let name = exe.file_name()?.to_str()?;
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let prefix = exe
        .parent()
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"));
    version_from_files(language, name, prefix, files)
        .or_else(|| version_in_path(exe))
        .or_else(|| version_in_name(name))
}

/// The `3.11` of `python3.11`, if the name is the runtime's.
fn version_in_name(name: &str) -> Option<String> {
    const NAMES: [&str; 10] = [
        "python", "pypy", "node", "nodejs", "ruby", "php", "php-fpm", "php-cgi", "perl", "lua",
    ];
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let version = name.get(stem.len()..)?;
    (NAMES.contains(&stem) && is_version(version)).then(|| version.to_owned())
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

pub(super) fn is_version(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables() {
        let files = TargetFiles::of(Path::new("/nonexistent"));
        let cases = [
            ("/usr/bin/python3.11", Some("3.11")),
            ("/opt/pyenv/versions/3.11.7/bin/python3.11", Some("3.11.7")),
            ("/usr/bin/python3 (deleted)", Some("3")),
            ("/root/.nvm/versions/node/v20.1.0/bin/node", Some("20.1.0")),
            ("/usr/bin/nodejs", None),
            ("/usr/sbin/php-fpm8.2", Some("8.2")),
            ("/srv/worker7", None),
            ("/opt/app/1.2.3/bin/renamed", Some("1.2.3")),
        ];
        for (exe, version) in cases {
            let language = Language::Python;
            let found = of_executable(language, Path::new(exe), &files);
            assert_eq!(found.as_deref(), version, "{exe}");
        }
    }
}
