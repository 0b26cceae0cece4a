//! Debian and Ubuntu packages.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::command::{as_root, is_there, must, output};

/// Services of the causality bench. One that cannot be had is a row that is skipped, and counted.
pub(crate) const CAUSALITY: [&str; 25] = [
    "apache2-bin",
    "erlang-base",
    "erlang-inets",
    "gcc",
    "haproxy",
    "libc6-dev",
    "libmojolicious-perl",
    "libnginx-mod-http-js",
    "libnginx-mod-http-lua",
    "liburing-dev",
    "lighttpd",
    "nginx-light",
    "php-cli",
    "php-curl",
    "php-fpm",
    "puma",
    "python3-venv",
    "ruby-async-http",
    "ruby-em-http-request",
    "squid",
    "thin",
    "unicorn",
    "uwsgi-core",
    "uwsgi-plugin-python3",
    "varnish",
];

/// Package look-ups can fail for a minute.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(20);

/// Installs those of `packages` that are missing, and says what for.
pub(crate) fn need(packages: &[&str], reason: &str) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|name| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {} ({reason})", missing.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "{} missing ({reason}), and this is no Debian or Ubuntu to install them on",
            missing.join(", ")
        );
    }
    for attempt in 1..=ATTEMPTS {
        let result = must(apt().arg("update").arg("-q")).and_then(|()| {
            must(
                apt()
                    .args(["install", "-q", "-y", "--no-install-recommends"])
                    .args(&missing),
            )
        });
        match result {
            Ok(()) => return Ok(()),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(error) => {
                println!("{error:#}; trying again in {} s", PAUSE.as_secs());
                thread::sleep(PAUSE);
            }
        }
    }
    Ok(())
}

/// Installs Node.js and npm where they are missing.
pub(crate) fn node(reason: &str) -> Result<()> {
    let missing: Vec<&str> = [("node", "nodejs"), ("npm", "npm")]
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    need(&missing, reason)
}

fn apt() -> Command {
    let mut command = as_root("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("-o=Dpkg::Use-Pty=0");
    command
}

fn is_installed(package: &str) -> bool {
    let status = output(Command::new("dpkg-query").args(["-W", "-f=${Status}", package]));
    status.is_some_and(|status| status.ends_with(" installed"))
}
