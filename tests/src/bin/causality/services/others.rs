//! PHP and Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, need, once, retry, sources};
use sonde_tests::process::{Process, output_of};
use sonde_tests::{skip, wait};

use super::{listening, numbers};

/// PHP's built-in server.
pub(super) fn php(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    need("php")?;
    let mut command = Command::new("php");
    command
        .args(["-S", &format!("127.0.0.1:{port}"), "index.php"])
        .current_dir(sources("causality/php"))
        .env("PHP_CLI_SERVER_WORKERS", "16")
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    listening("php", port, &mut command)
}

/// PHP-FPM on a Unix socket, nginx in front of it.
pub(super) fn php_fpm(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    need("nginx")?;
    let program = php_fpm_program()?;
    let home = folder("causality-php-fpm");
    let socket = home.join("php-fpm.sock");
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let mut command = Command::new(program);
    // As root: the files are root's.
    command.arg("-R").arg("-y");
    command
        .arg(configured(&home, "php-fpm/php-fpm.conf", &[])?)
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    let fpm = Process::start("php-fpm", &mut command)?;
    wait::until("the socket of PHP-FPM", || socket.exists().then_some(()))?;
    let script = sources("causality/php").join("index.php");
    let values = [
        ("@PORT@", port.to_string()),
        ("@SCRIPT@", script.display().to_string()),
    ];
    let mut all = nginx_with(&home, "php-fpm/nginx.conf", &values, port)?;
    all.push(fpm);
    Ok(all)
}

/// Debian's name has the version in it.
fn php_fpm_program() -> Result<PathBuf> {
    let programs = std::fs::read_dir("/usr/sbin")?.flatten();
    programs
        .map(|entry| entry.path())
        .find(|path| path.display().to_string().contains("/php-fpm"))
        .ok_or_else(|| skip("php-fpm is not installed"))
}

/// nginx with a configuration of services/causality.
pub(super) fn nginx_with(
    home: &Path,
    template: &str,
    values: &[(&str, String)],
    port: u16,
) -> Result<Vec<Process>> {
    let mut command = Command::new("nginx");
    command.arg("-c").arg(configured(home, template, values)?);
    command.arg("-e").arg(home.join("error.log"));
    listening("nginx", port, &mut command)
}

/// A configuration in `home`, made of services/causality/`template`.template.
pub(super) fn configured(
    home: &Path,
    template: &str,
    values: &[(&str, String)],
) -> Result<PathBuf> {
    std::fs::create_dir_all(home)?;
    let template = sources("causality").join(template);
    let text = std::fs::read_to_string(template.with_added_extension("template"))?;
    let text = text.replace("@FOLDER@", &home.display().to_string());
    let text = values
        .iter()
        .fold(text, |text, (name, value)| text.replace(name, value));
    let file = home.join(template.file_name().unwrap_or_default());
    std::fs::write(&file, text)?;
    Ok(file)
}

/// axum on tokio.
pub(super) fn tokio(port: u16, http: u16, database: u16, optimised: bool) -> Result<Vec<Process>> {
    let name = if optimised {
        "causality-tokio-lto"
    } else {
        "causality-tokio"
    };
    let home = cargo(name, "tokio", &["main.rs"], optimised)?;
    let mut command = Command::new(home.join("release/causality-tokio"));
    command.args(numbers([port, http, database]));
    listening("tokio", port, &mut command)
}

/// tonic on tokio.
pub(super) fn tonic(port: u16, http: u16, database: u16, optimised: bool) -> Result<Vec<Process>> {
    let name = if optimised {
        "causality-tonic-lto"
    } else {
        "causality-tonic"
    };
    let home = cargo(name, "tonic", &["main.rs", "raw.rs"], optimised)?;
    let mut command = Command::new(home.join("release/causality-tonic"));
    command.args(numbers([port, http, database]));
    listening("tonic", port, &mut command)
}

/// Builds the package in a folder of services/causality that has such source files; gives the target directory.
fn cargo(name: &str, package: &str, files: &[&str], optimised: bool) -> Result<PathBuf> {
    let source = sources("causality").join(package);
    let home = folder(name);
    let mut recipe = String::new();
    for file in files {
        recipe += &std::fs::read_to_string(source.join("src").join(file))?;
    }
    once(name, &recipe, || {
        retry(|| {
            let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
            build
                .current_dir(&source)
                .env(
                    "CARGO_PROFILE_RELEASE_LTO",
                    if optimised { "thin" } else { "false" },
                )
                .args(["build", "--release", "--locked", "--target-dir"]);
            output_of(build.arg(&home))
        })
    })?;
    Ok(home)
}
