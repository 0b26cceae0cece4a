//! Node.js, Bun and Deno: the `package.json` nearest above the script, else the script.

use std::path::Path;

use serde::Deserialize;

use super::{Named, Target, after_options, cwd_folder, script};

const PACKAGE_BYTES: u64 = 256 * 1024;
const MAX_LEVELS: usize = 16;
const VALUED: [&str; 10] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--title",
    "--env-file",
    "--max-http-header-size",
];

/// What follows is no file.
const CODE: [&str; 4] = ["-e", "--eval", "-p", "--print"];

#[derive(Deserialize)]
struct Package {
    name: Option<String>,
    version: Option<String>,
}

pub(super) fn name(target: &Target<'_>) -> Option<Named> {
    let path = program(target.args.get(1..).unwrap_or_default())
        .map(|arg| target.files.absolute(Path::new(arg)));
    // A tool among the dependencies (`node_modules/.bin/next`) runs the package one stands in.
    let own = path.as_deref().filter(|path| {
        !path
            .components()
            .any(|part| part.as_os_str() == "node_modules")
    });
    // The path itself may be the package's folder: `node .`.
    let start = own.unwrap_or(&target.files.cwd);
    if let Some(named) = nearest_package(target, start) {
        return Some(named);
    }
    match own {
        Some(path) => script(target, path.to_str()?).map(Named::from),
        None => cwd_folder(target).map(Named::from),
    }
}

/// The script that is run, if it is a file: not code, nor what comes from standard input, nor a task of the package.
fn program(args: &[String]) -> Option<&str> {
    let is_code = |arg: &&String| CODE.contains(&arg.as_str());
    if args
        .iter()
        .take_while(|arg| arg.starts_with('-'))
        .any(|arg| is_code(&arg))
    {
        return None;
    }
    let args = after_options(args, &VALUED);
    let (first, rest) = args.split_first()?;
    let path = match first.as_str() {
        "run" | "serve" => after_options(rest, &VALUED).first()?,
        "x" | "task" | "start" | "test" | "-" => return None,
        _ => first,
    };
    // `bun run dev` names a task.
    let is_task = path != first && !path.contains(['.', '/']);
    (!is_task).then_some(path.as_str())
}

fn nearest_package(target: &Target<'_>, start: &Path) -> Option<Named> {
    start.ancestors().take(MAX_LEVELS).find_map(|folder| {
        let bytes = target
            .files
            .read(&folder.join("package.json"), PACKAGE_BYTES)?;
        let package: Package = serde_json::from_slice(&bytes).ok()?;
        let name = package.name.filter(|name| !name.is_empty())?;
        Some(Named {
            name,
            version: package.version,
        })
    })
}
