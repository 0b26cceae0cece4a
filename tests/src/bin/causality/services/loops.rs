//! Event loops and schedulers that Sonde has no carrier for, and servers that defer accepting.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, need, once, retry, sources};
use sonde_tests::process::{Process, output_of};
use sonde_tests::skip;

use super::{Service, calls, long, numbers, service, starting};

/// The rows.
pub(super) const ROWS: &[Service] = &[
    calls(
        2,
        service(
            "uwsgi",
            "uWSGI: eight threads, urllib, accepting deferred",
            99.0,
            |port, http, _| uwsgi(port, http),
        ),
    ),
    calls(
        2,
        service(
            "mojolicious",
            "Mojolicious: a timer between the calls",
            0.0,
            |port, http, _| mojolicious(false, port, http),
        ),
    ),
    calls(
        2,
        service(
            "mojolicious-poller",
            "Mojolicious: the same beside a poller on the loop's thread",
            0.0,
            |port, http, _| mojolicious(true, port, http),
        ),
    ),
    long(calls(
        2,
        service(
            "anyevent",
            "AnyEvent: Twiggy, a timer between the calls, a poller on the loop's thread",
            0.0,
            |port, http, _| anyevent(port, http),
        ),
    )),
    calls(
        2,
        service(
            "erlang",
            "Erlang: inets, httpd and httpc, a timer between the calls",
            0.0,
            |port, http, _| erlang(port, http),
        ),
    ),
    calls(
        2,
        service(
            "c-poll",
            "C: poll(), a timer between the calls, a poller on the loop's thread",
            0.0,
            |port, http, _| c_loop("poll", true, port, http),
        ),
    ),
    calls(
        2,
        service(
            "c-epoll",
            "C: epoll, a timer between the calls",
            0.0,
            |port, http, _| c_loop("epoll", false, port, http),
        ),
    ),
    calls(
        2,
        service(
            "c-uring",
            "C: io_uring reads and writes, a timer between the calls, a poller on the loop's thread",
            0.0,
            |port, http, _| c_loop("uring", true, port, http),
        ),
    ),
    service("deno", "Deno: serve and fetch", 0.0, |port, http, _| {
        javascript(&["deno", "run", "--allow-all"], port, http)
    }),
    service("bun", "Bun: serve and fetch", 0.0, |port, http, _| {
        javascript(&["bun", "run"], port, http)
    }),
    calls(
        2,
        service(
            "poll-loop",
            "Python: one thread and poll(), blocking calls, the second by timer",
            0.0,
            |port, http, _| poll_loop(false, port, http),
        ),
    ),
    calls(
        2,
        service(
            "poll-loop-poller",
            "Python: the same beside a poller on that thread",
            0.0,
            |port, http, _| poll_loop(true, port, http),
        ),
    ),
];

fn uwsgi(port: u16, http: u16) -> Result<Vec<Process>> {
    need("uwsgi-core")?;
    let mut command = Command::new("uwsgi-core");
    command.current_dir(sources("causality/uwsgi"));
    command.args(["--plugin", "python3", "--wsgi-file", "service.py"]);
    // It closes each connection, and says so only when asked.
    command.args(["--add-header", "Connection: close"]);
    command.args(["--threads", "8", "--disable-logging", "--http-socket"]);
    command.arg(format!("127.0.0.1:{port}"));
    command.env("CALLEE", http.to_string());
    starting("uwsgi", &mut command)
}

fn mojolicious(with_poller: bool, port: u16, http: u16) -> Result<Vec<Process>> {
    need("perl")?;
    output_of(Command::new("perl").args(["-MMojolicious", "-e", "1"]))
        .map_err(|_| skip("Perl has no Mojolicious"))?;
    let mut command = Command::new("perl");
    command.current_dir(sources("causality/loops"));
    command.args([
        "mojo.pl",
        "daemon",
        "--mode",
        "production",
        "--clients",
        "512",
    ]);
    command.args(["--requests", "100000", "--listen"]);
    command.arg(format!("http://127.0.0.1:{port}"));
    command.env("CALLEE", http.to_string());
    if with_poller {
        command.env("POLLER", port.to_string());
    }
    starting("mojolicious", &mut command)
}

fn anyevent(port: u16, http: u16) -> Result<Vec<Process>> {
    need("twiggy")?;
    output_of(Command::new("perl").args(["-MAnyEvent::HTTP", "-e", "1"]))
        .map_err(|_| skip("Perl has no AnyEvent::HTTP"))?;
    let mut command = Command::new("twiggy");
    command.current_dir(sources("causality/loops"));
    command.args(["--listen", &format!("127.0.0.1:{port}"), "anyevent.psgi"]);
    command.env("CALLEE", http.to_string());
    command.env("POLLER", port.to_string());
    starting("twiggy", &mut command)
}

fn erlang(port: u16, http: u16) -> Result<Vec<Process>> {
    need("erlc")?;
    let home = folder("causality-erlang");
    let source = sources("causality/erlang").join("service.erl");
    once(
        "causality-erlang",
        &std::fs::read_to_string(&source)?,
        || output_of(Command::new("erlc").arg("-o").arg(&home).arg(&source)),
    )?;
    let mut command = Command::new("erl");
    command.args(["-noinput", "-pa"]).arg(&home);
    command.args([
        "-run",
        "service",
        "main",
        &port.to_string(),
        &http.to_string(),
    ]);
    starting("erlang", command.arg(&home))
}

fn c_loop(way: &str, with_poller: bool, port: u16, http: u16) -> Result<Vec<Process>> {
    need("gcc")?;
    if !Path::new("/usr/include/liburing.h").is_file() {
        return Err(skip("liburing is not installed"));
    }
    let program = folder("causality-c-loop").join("loop");
    let source = sources("causality/loops").join("loop.c");
    once(
        "causality-c-loop",
        &std::fs::read_to_string(&source)?,
        || {
            let mut compile = Command::new("gcc");
            compile.args(["-O1", "-Wall", "-o"]).arg(&program);
            output_of(compile.arg(&source).arg("-luring"))
        },
    )?;
    let mut command = Command::new(program);
    command.args([port, http].map(|port| port.to_string()));
    command.arg(way).args(with_poller.then(|| port.to_string()));
    starting("loop", &mut command)
}

fn javascript(program: &[&str], port: u16, http: u16) -> Result<Vec<Process>> {
    let [name, arguments @ ..] = program else {
        return Err(skip("no program"));
    };
    let mut command = Command::new(runtimes()?.join(name));
    command.args(arguments);
    command.arg(sources("causality/loops").join("serve.ts"));
    starting(
        name,
        command.args([port, http].map(|port| port.to_string())),
    )
}

/// Folder of Deno and Bun.
fn runtimes() -> Result<PathBuf> {
    need("npm")?;
    let home = folder("causality-runtimes");
    let packages = ["deno@2.9.6", "bun@1.4.4"];
    once("causality-runtimes", &packages.join(" "), || {
        retry(|| {
            let mut install = Command::new("npm");
            install.args(["install", "--no-fund", "--no-audit", "--loglevel=error"]);
            output_of(install.args(packages).current_dir(&home))
        })
    })?;
    Ok(home.join("node_modules/.bin"))
}

fn poll_loop(with_poller: bool, port: u16, http: u16) -> Result<Vec<Process>> {
    need("python3")?;
    let mut command = Command::new("python3");
    command.arg(sources("causality/loops").join("poll_loop.py"));
    command.args(numbers([port, http, 0]));
    if with_poller {
        command.env("POLLER", port.to_string());
    }
    starting("poll loop", &mut command)
}
