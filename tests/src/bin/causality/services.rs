//! The unmodified services, and how each is started.

use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{self, folder, need, once, retry, sources};
use sonde_tests::process::output_of;
use sonde_tests::service::{Service as Running, node_script};

/// A row of the table.
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: &'static str,
    /// What runs.
    pub(crate) about: &'static str,
    /// Calls a request.
    pub(crate) calls: usize,
    /// The kernel's FIONREAD fault may keep the field away: then the spans alone count.
    pub(crate) asks_fionread: bool,
    /// Least share of right calls at 64, in per cent.
    pub(crate) floor: f64,
    /// Greatest share of wrong calls, in per cent.
    pub(crate) ceiling: f64,
    /// Starts it on a port, given the callee's two.
    pub(crate) start: fn(u16, u16, u16) -> Result<Running>,
}

const fn service(
    name: &'static str,
    about: &'static str,
    floor: f64,
    start: fn(u16, u16, u16) -> Result<Running>,
) -> Service {
    Service {
        name,
        about,
        calls: 4,
        asks_fionread: false,
        floor,
        ceiling: 0.0,
        start,
    }
}

/// All rows.
pub(crate) const ALL: &[Service] = &[
    service(
        "node",
        "Node: http, http.Agent, fetch",
        99.9,
        |port, http, database| node(port, http, database, "calls"),
    ),
    service(
        "node-timers",
        "Node: the same with setTimeout between the calls",
        0.0,
        |port, http, database| node(port, http, database, "timers"),
    ),
    service("express", "Express and axios", 99.9, |port, http, _| {
        let numbers = [port, http].map(|number| number.to_string());
        let mut command = node_script(
            "causality/express",
            "server.js",
            &[&numbers[0], &numbers[1]],
        )?;
        Running::start("express", port, &mut command)
    }),
    service(
        "go",
        "Go: net/http, goroutines",
        99.9,
        |port, http, database| go(port, http, database, false),
    ),
    service(
        "go-stripped",
        "Go: the same without symbols",
        99.9,
        |port, http, database| go(port, http, database, true),
    ),
    service(
        "flask",
        "Flask on gunicorn's threads, requests",
        99.9,
        flask,
    ),
    service(
        "threading",
        "Python: ThreadingHTTPServer, http.client",
        99.9,
        |port, http, database| {
            let script = ["threading_server.py".to_owned(), port.to_string()];
            python(port, http, database, &script)
        },
    ),
    service(
        "aiohttp",
        "aiohttp, server and client",
        99.9,
        |port, http, database| {
            let script = ["aiohttp_server.py".to_owned(), port.to_string()];
            python(port, http, database, &script)
        },
    ),
    service(
        "fastapi",
        "FastAPI on uvicorn (asyncio), aiohttp's client",
        99.9,
        |port, http, database| uvicorn(port, http, database, "asyncio"),
    ),
    service(
        "uvloop",
        "FastAPI on uvicorn (uvloop), aiohttp's client",
        99.0,
        |port, http, database| uvicorn(port, http, database, "uvloop"),
    ),
    service("ruby", "Ruby: Puma, net/http", 99.9, ruby),
    service("php", "PHP: built-in server, curl", 99.9, php),
    Service {
        calls: 1,
        asks_fionread: true,
        ..service("nginx", "nginx as proxy", 99.9, nginx)
    },
    Service {
        asks_fionread: true,
        ..service(
            "java",
            "Java: a thread a request, HttpURLConnection",
            99.0,
            |port, http, database| java("Threads", port, http, database),
        )
    },
    Service {
        ceiling: 0.1,
        asks_fionread: true,
        ..service(
            "java-httpclient",
            "Java: java.net.http, send and sendAsync",
            0.0,
            |port, http, database| java("Client", port, http, database),
        )
    },
    service(
        "tokio",
        "Rust: axum, reqwest, multi-threaded tokio",
        // The first requests of connections older than the uprobe: in the short form, one in 200.
        99.0,
        |port, http, database| tokio(port, http, database, false),
    ),
    service(
        "tokio-lto",
        "Rust: the same with lto = \"thin\"",
        99.0,
        |port, http, database| tokio(port, http, database, true),
    ),
];

fn node(port: u16, http: u16, database: u16, mode: &str) -> Result<Running> {
    let numbers = [port, http, database].map(|number| number.to_string());
    let arguments = [&numbers[0], &numbers[1], &numbers[2], mode];
    let mut command = node_script("causality/node", "server.js", &arguments)?;
    Running::start("node", port, &mut command)
}

fn go(port: u16, http: u16, database: u16, stripped: bool) -> Result<Running> {
    need("go")?;
    let name = if stripped {
        "causality-go-stripped"
    } else {
        "causality-go"
    };
    let source = sources("causality/go");
    let program = folder(name).join("service");
    once(
        name,
        &std::fs::read_to_string(source.join("main.go"))?,
        || {
            let mut build = Command::new("go");
            build.current_dir(&source).env("CGO_ENABLED", "0");
            build.args([
                "build",
                "-buildvcs=false",
                "-ldflags",
                if stripped { "-s -w" } else { "" },
            ]);
            output_of(build.arg("-o").arg(&program).arg("."))
        },
    )?;
    let mut command = Command::new(program);
    command.args([port, http, database].map(|number| number.to_string()));
    Running::start("go", port, &mut command)
}

/// A Python of its own, with what the rows import.
fn interpreter() -> Result<std::path::PathBuf> {
    need("python3")?;
    let home = folder("causality-python");
    let interpreter = home.join("bin/python");
    let packages = [
        "flask", "gunicorn", "requests", "aiohttp", "fastapi", "uvicorn", "uvloop",
    ];
    once("causality-python", &packages.join(" "), || {
        output_of(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        retry(|| {
            let install = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ];
            output_of(Command::new(&interpreter).args(install).args(packages))
        })
    })?;
    Ok(interpreter)
}

fn python(port: u16, http: u16, database: u16, arguments: &[String]) -> Result<Running> {
    let mut command = Command::new(interpreter()?);
    command
        .args(arguments)
        .current_dir(sources("causality/python"))
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    Running::start("python", port, &mut command)
}

fn flask(port: u16, http: u16, database: u16) -> Result<Running> {
    let bind = format!("127.0.0.1:{port}");
    let arguments = [
        "-m",
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "64",
        "--bind",
        &bind,
        "--keep-alive",
        "30",
        "flask_app:app",
    ];
    python(port, http, database, &arguments.map(str::to_owned))
}

fn uvicorn(port: u16, http: u16, database: u16, event_loop: &str) -> Result<Running> {
    let number = port.to_string();
    let arguments = [
        "-m",
        "uvicorn",
        "--loop",
        event_loop,
        "--port",
        &number,
        "--log-level",
        "warning",
        "fastapi_app:app",
    ];
    python(port, http, database, &arguments.map(str::to_owned))
}

fn ruby(port: u16, http: u16, database: u16) -> Result<Running> {
    need("puma")?;
    let mut command = Command::new("puma");
    let bind = format!("tcp://127.0.0.1:{port}");
    command
        .args([
            "--quiet",
            "--threads",
            "64:64",
            "--bind",
            &bind,
            "config.ru",
        ])
        .current_dir(sources("causality/ruby"))
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    Running::start("puma", port, &mut command)
}

fn php(port: u16, http: u16, database: u16) -> Result<Running> {
    need("php")?;
    let mut command = Command::new("php");
    command
        .args(["-S", &format!("127.0.0.1:{port}"), "index.php"])
        .current_dir(sources("causality/php"))
        .env("PHP_CLI_SERVER_WORKERS", "16")
        .env("CALLEE", http.to_string())
        .env("DATABASE", database.to_string());
    Running::start("php", port, &mut command)
}

fn nginx(port: u16, http: u16, _database: u16) -> Result<Running> {
    need("nginx")?;
    let home = folder("causality-nginx");
    std::fs::create_dir_all(&home)?;
    let template = sources("causality/nginx").join("nginx.conf.template");
    let configuration = std::fs::read_to_string(template)?
        .replace("@FOLDER@", &home.display().to_string())
        .replace("@PORT@", &port.to_string())
        .replace("@CALLEE@", &http.to_string());
    let file = home.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new("nginx");
    command
        .arg("-c")
        .arg(&file)
        .arg("-e")
        .arg(home.join("error.log"));
    Running::start("nginx", port, &mut command)
}

fn java(class: &str, port: u16, http: u16, database: u16) -> Result<Running> {
    let source = sources("causality/java").join(format!("{class}.java"));
    let classes = environment::java_classes(&source, "")?;
    let mut command = Command::new("java");
    command.args([
        "-Xmx256m",
        "-Dhttp.maxConnections=256",
        "-cp",
        &classes,
        class,
    ]);
    command.args([port, http, database].map(|number| number.to_string()));
    Running::start("java", port, &mut command)
}

fn tokio(port: u16, http: u16, database: u16, optimised: bool) -> Result<Running> {
    let source = sources("causality/tokio");
    let name = if optimised {
        "causality-tokio-lto"
    } else {
        "causality-tokio"
    };
    let home = folder(name);
    let recipe = std::fs::read_to_string(source.join("src/main.rs"))?;
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
    let mut command = Command::new(home.join("release/causality-tokio"));
    command.args([port, http, database].map(|number| number.to_string()));
    Running::start("tokio", port, &mut command)
}
