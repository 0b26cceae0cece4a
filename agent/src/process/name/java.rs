//! Java: declared names, jars, main classes.

use super::{Named, Target, cwd_folder, file_name, folder};

const VALUED: [&str; 12] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--add-modules",
    "--add-opens",
    "--add-exports",
    "--add-reads",
    "--upgrade-module-path",
    "--limit-modules",
    "--patch-module",
];
/// Properties (and program options) by which an application names itself, best first.
const PROPERTIES: [&str; 2] = ["otel.service.name", "spring.application.name"];

pub(super) fn name(target: &Target<'_>) -> Option<Named> {
    if let Some(name) = declared(target) {
        return Some(name.into());
    }
    let mut args = target.args.get(1..)?;
    loop {
        args = match args.first()?.as_str() {
            "-jar" => return jar(target, args.get(1)?),
            "-m" | "--module" => return module(args.get(1)?).map(Named::from),
            option if VALUED.contains(&option) => args.get(2..)?,
            option if option.starts_with('-') || option.starts_with('@') => args.get(1..)?,
            class => return main_class(target, class).map(Named::from),
        };
    }
}

fn declared(target: &Target<'_>) -> Option<String> {
    let property = PROPERTIES.iter().find_map(|property| {
        target.args.iter().find_map(|arg| {
            let rest = arg.strip_prefix("-D").or_else(|| arg.strip_prefix("--"))?;
            rest.strip_prefix(property)?.strip_prefix('=')
        })
    });
    let property = property.filter(|name| !name.is_empty()).map(str::to_owned);
    property.or_else(|| target.environment.get("SPRING_APPLICATION_NAME"))
}

/// `shop-1.2.3.jar` is `shop`, version `1.2.3`.
fn jar(target: &Target<'_>, path: &str) -> Option<Named> {
    let stem = file_name(path);
    let stem = stem
        .strip_suffix(".jar")
        .or_else(|| stem.strip_suffix(".war"))
        .unwrap_or(stem);
    let cut = stem
        .match_indices('-')
        .map(|(at, _)| at)
        .find(|at| stem[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let (name, version) = match cut {
        Some(at) if at > 0 => (&stem[..at], Some(stem[at + 1..].to_owned())),
        _ => (stem, None),
    };
    let path = target.files.absolute(path.as_ref());
    let around = || path.parent().and_then(folder);
    let name = if is_generic(name) {
        around().unwrap_or_else(|| name.to_owned())
    } else {
        name.to_owned()
    };
    Some(Named { name, version })
}

fn module(text: &str) -> Option<String> {
    let module = text.split('/').next()?;
    Some(module.to_owned())
}

fn main_class(target: &Target<'_>, class: &str) -> Option<String> {
    // `java Server.java` compiles and runs a source file.
    let class = class.strip_suffix(".java").map_or(class, file_name);
    if class.starts_with("org.springframework.boot.loader.") {
        return cwd_folder(target).or_else(|| Some("spring-boot".to_owned()));
    }
    if class.starts_with("org.apache.catalina.") {
        return Some("tomcat".to_owned());
    }
    let mut parts = class.rsplit('.');
    let simple = parts.next()?;
    match parts.next() {
        Some(package) if is_generic(simple) => Some(package.to_owned()),
        _ => Some(simple.to_owned()),
    }
}

fn is_generic(word: &str) -> bool {
    matches!(
        word,
        "Main" | "App" | "Application" | "Launcher" | "app" | "application" | "main" | "service"
    )
}
