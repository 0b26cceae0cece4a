//! Ruby: threads, processes, EventMachine, fibers.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use sonde_tests::environment::{need, sources};
use sonde_tests::process::{Process, output_of};
use sonde_tests::skip;

use super::{Service, calls, long, numbers, service, starting};
use crate::load::Shape;

/// The rows.
pub(super) const ROWS: &[Service] = &[
    service(
        "ruby",
        "Ruby: Puma, net/http",
        99.9,
        |port, http, database| puma(64, port, http, database),
    ),
    // Its reactor reads a body that does not come at once.
    Service {
        shape: Shape {
            body: 300_000,
            ..Shape::PLAIN
        },
        ..service(
            "puma-bodies",
            "Puma: eight threads, bodies of 300 KB",
            0.0,
            |port, http, database| puma(8, port, http, database),
        )
    },
    // And the next request of a connection that is idle.
    Service {
        shape: Shape {
            idle: Duration::from_millis(300),
            ..Shape::PLAIN
        },
        ..service(
            "puma-idle",
            "Puma: eight threads, connections that are idle between requests",
            0.0,
            |port, http, database| puma(8, port, http, database),
        )
    },
    service(
        "unicorn",
        "Unicorn: eight processes, accepting deferred",
        99.9,
        unicorn,
    ),
    calls(
        2,
        service(
            "eventmachine",
            "EventMachine: Thin and em-http-request, a timer between the calls",
            0.0,
            |port, http, _| thin(false, port, http),
        ),
    ),
    calls(
        2,
        service(
            "eventmachine-poller",
            "EventMachine: the same beside a poller on the loop's thread",
            0.0,
            |port, http, _| thin(true, port, http),
        ),
    ),
    long(service(
        "ruby-fibers",
        "Ruby: fibers on async-http",
        0.0,
        fibers,
    )),
];

fn puma(threads: u32, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    need("puma")?;
    let mut command = Command::new("puma");
    command.args(["--quiet", "--threads", &format!("{threads}:{threads}")]);
    command.args(["--bind", &format!("tcp://127.0.0.1:{port}"), "config.ru"]);
    starting("puma", in_ruby(&mut command, http, database))
}

fn unicorn(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    need("unicorn")?;
    let mut command = Command::new("unicorn");
    command.args(["-c", "unicorn.rb", "config.ru"]);
    command.env("PORT", port.to_string());
    starting("unicorn", in_ruby(&mut command, http, database))
}

fn thin(with_poller: bool, port: u16, http: u16) -> Result<Vec<Process>> {
    need("thin")?;
    need_library("em-http-request")?;
    let mut command = Command::new("thin");
    command.args(["--address", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--rackup", "eventmachine.ru", "--environment", "production"]);
    command.arg("start");
    if with_poller {
        command.env("POLLER", port.to_string());
    }
    starting("thin", in_ruby(&mut command, http, 0))
}

fn fibers(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    need("ruby")?;
    need_library("async/http/internet")?;
    let mut command = Command::new("ruby");
    command
        .arg("fibers.rb")
        .args(numbers([port, http, database]));
    starting("ruby", in_ruby(&mut command, http, database))
}

fn in_ruby(command: &mut Command, http: u16, database: u16) -> &mut Command {
    command
        .current_dir(sources("causality/ruby"))
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string())
}

fn need_library(name: &str) -> Result<()> {
    let found = output_of(Command::new("ruby").args(["-r", name, "-e", ""]));
    found.map_err(|_| skip(format!("Ruby has no {name}")))?;
    Ok(())
}
