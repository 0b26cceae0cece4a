//! The unmodified services that tests observe. All of them answer the same small set of paths:
//!
//! `GET /sized/N` (N bytes), `GET /status/CODE` (no body), `POST /echo/N` (the request's body), `GET /slow/MS`,
//! `GET /chunked/N` (N chunks of 100 bytes). Flask, Express, Go and the JDK's print what they see of a request to `/seen/...`
//! (see `propagation`). nginx answers `/static/N` from files and passes the rest on.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::Process;
use crate::{environment, net};

/// A service that listens.
#[derive(Debug)]
pub struct Service {
    /// Its process; workers are in the same process group.
    pub process: Process,
    /// `http://ADDRESS:PORT`, without a slash at the end.
    pub url: String,
    /// Port it listens on.
    pub port: u16,
}

impl Service {
    /// Starts `command` and waits until it accepts on 127.0.0.1:`port`.
    pub fn start(name: &str, port: u16, command: &mut Command) -> Result<Self> {
        let mut process = Process::start(name, command)?;
        process.wait_port(port)?;
        Ok(Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
            port,
        })
    }
}

/// Which service to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Flask's development server (Werkzeug).
    Flask,
    /// The same application in gunicorn, two workers of four threads.
    Gunicorn,
    /// Express on Node.
    Express,
    /// Go net/http.
    Go,
    /// Go net/http without symbols and DWARF.
    GoStripped,
    /// The JDK's own `HttpServer`.
    Jdk,
    /// Javalin (Jetty) from Maven Central.
    Javalin,
}

impl Kind {
    /// Value expected for `telemetry.sdk.language`.
    pub fn language(self) -> &'static str {
        match self {
            Self::Flask | Self::Gunicorn => "python",
            Self::Express => "nodejs",
            Self::Go | Self::GoStripped => "go",
            Self::Jdk | Self::Javalin => "java",
        }
    }

    /// Values acceptable for `service.name` when the service's environment names none; `app` says nothing, so the folder may
    /// stand for it.
    pub fn service_names(self) -> &'static [&'static str] {
        match self {
            Self::Flask | Self::Gunicorn => &["app", "flask"],
            Self::Express => &["express-service"],
            Self::Go | Self::GoStripped => &["goserver"],
            Self::Jdk => &["JdkServer"],
            Self::Javalin => &["JavalinServer"],
        }
    }

    /// Prepares what it needs and starts it on a free port of loopback.
    pub fn start(self) -> Result<Service> {
        let port = net::free_port()?;
        let mut command = self.command(port)?;
        let service = Service::start(&format!("{self:?}"), port, &mut command)?;
        if self == Self::Gunicorn {
            service.process.wait_group(3)?;
        }
        Ok(service)
    }

    fn command(self, port: u16) -> Result<Command> {
        match self {
            Self::Flask => {
                let mut command = Command::new(environment::python()?);
                command
                    .arg("app.py")
                    .arg(port.to_string())
                    .current_dir(environment::sources("flask"));
                Ok(command)
            }
            Self::Gunicorn => gunicorn(port),
            Self::Express => node_script("express", "server.js", &[&port.to_string()]),
            Self::Go | Self::GoStripped => {
                let program = environment::go_program("server", self == Self::GoStripped)?;
                let mut command = Command::new(program);
                command.arg(format!("127.0.0.1:{port}"));
                Ok(command)
            }
            Self::Jdk => java("jdk", "JdkServer", "", port),
            Self::Javalin => java(
                "javalin",
                "JavalinServer",
                &environment::maven_libraries("javalin")?,
                port,
            ),
        }
    }
}

/// A server on h11, which knows only `/seen/...`.
pub fn h11() -> Result<Service> {
    let port = net::free_port()?;
    let mut command = Command::new(environment::python()?);
    command
        .arg("h11_server.py")
        .arg(port.to_string())
        .current_dir(environment::sources("peer"));
    Service::start("h11", port, &mut command)
}

/// Node's own server, which knows only `/seen/...`.
pub fn llhttp() -> Result<Service> {
    let port = net::free_port()?;
    let mut command = node_script("llhttp", "server.js", &[&port.to_string()])?;
    Service::start("llhttp", port, &mut command)
}

/// A Node script with the packages of the test environment within reach. It runs from its own folder, links resolved, so that
/// its `package.json` is the one a user's service would have.
pub fn node_script(service: &str, script: &str, arguments: &[&str]) -> Result<Command> {
    let modules = environment::node()?.join("node_modules");
    let mut command = Command::new("node");
    command.arg(script).args(arguments);
    command
        .current_dir(environment::sources(service))
        .env("NODE_PATH", modules);
    Ok(command)
}

fn gunicorn(port: u16) -> Result<Command> {
    let mut command = Command::new(environment::python()?);
    command.args([
        "-m",
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "4",
        "--workers",
        "2",
    ]);
    command.args([
        "--bind",
        &format!("127.0.0.1:{port}"),
        "--keep-alive",
        "30",
        "app:app",
    ]);
    command.current_dir(environment::sources("flask"));
    Ok(command)
}

fn java(folder: &str, class: &str, libraries: &str, port: u16) -> Result<Command> {
    let source = environment::sources(folder).join(format!("{class}.java"));
    let class_path = environment::java_classes(&source, libraries)?;
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-cp", &class_path, class, &port.to_string()]);
    Ok(command)
}

/// nginx with files `/static/N` of N bytes for each of `sizes`, passing everything else to 127.0.0.1:`upstream`.
pub fn nginx(upstream: u16, sizes: &[usize]) -> Result<Nginx> {
    environment::need("nginx")?;
    let template = environment::sources("nginx").join("nginx.conf.template");
    let nginx = in_a_folder("nginx", sizes, &template, upstream, |folder, file| {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        command.arg("-e").arg(folder.join("error.log"));
        Ok(command)
    })?;
    nginx.service.process.wait_group(3)?;
    Ok(nginx)
}

/// A proxy in a folder of its own, with files `static/N` in it, configured by `template`; `command` is told the folder and the
/// configuration.
pub(crate) fn in_a_folder(
    name: &str,
    sizes: &[usize],
    template: &Path,
    upstream: u16,
    command: impl FnOnce(&Path, &Path) -> Result<Command>,
) -> Result<Nginx> {
    let folder = tempfile::Builder::new().prefix("sonde-proxy-").tempdir()?;
    // Its workers give up root: they must still reach the files.
    std::fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    write_files(&folder.path().join("static"), sizes)?;
    let port = net::free_port()?;
    let configuration = std::fs::read_to_string(template)?
        .replace("@FOLDER@", &folder.path().display().to_string())
        .replace("@PORT@", &port.to_string())
        .replace("@UPSTREAM@", &upstream.to_string());
    let file = folder.path().join(template.file_stem().unwrap_or_default());
    std::fs::write(&file, configuration)?;
    let mut command = command(folder.path(), &file)?;
    let service = Service::start(name, port, &mut command)?;
    Ok(Nginx {
        service,
        _folder: folder,
    })
}

/// A running nginx or another proxy, and its folder.
#[derive(Debug)]
pub struct Nginx {
    /// The service; its workers are in the master's process group.
    pub service: Service,
    _folder: tempfile::TempDir,
}

fn write_files(folder: &Path, sizes: &[usize]) -> Result<()> {
    std::fs::create_dir(folder)?;
    for size in sizes {
        std::fs::write(folder.join(size.to_string()), vec![b'x'; *size])?;
    }
    Ok(())
}
