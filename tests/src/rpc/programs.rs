//! The gRPC servers and clients, built or installed once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::Caller;
use crate::environment::{GoBuild, folder, go_build, need, once, retry, sources};
use crate::net;
use crate::process::{Process, output_of};
use crate::service::Service;

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// grpc-go.
    Go,
    /// grpcio, a pool of threads.
    Python,
    /// grpcio on asyncio.
    PythonAio,
    /// @grpc/grpc-js.
    Node,
    /// grpc-java on Netty.
    Java,
    /// tonic.
    Tonic,
}

/// Which client to start.
pub type Client = Kind;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Go,
        Self::Python,
        Self::PythonAio,
        Self::Node,
        Self::Java,
        Self::Tonic,
    ];

    /// Value expected for `telemetry.sdk.language`.
    pub fn language(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Python | Self::PythonAio => "python",
            Self::Node => "nodejs",
            Self::Java => "java",
            Self::Tonic => "rust",
        }
    }

    /// Starts the server on a free port of loopback.
    pub fn serve(self) -> Result<Service> {
        self.serve_on(net::free_port()?)
    }

    /// Starts the server on this port of loopback.
    pub fn serve_on(self, port: u16) -> Result<Service> {
        let mut command = match self {
            Self::Go => {
                let mut command = Command::new(go("server")?);
                command.arg(format!("127.0.0.1:{port}"));
                command
            }
            Self::Python => python("server.py", &[&port.to_string(), "sync"])?,
            Self::PythonAio => python("server.py", &[&port.to_string(), "aio"])?,
            Self::Node => node("server.js", &[&port.to_string()])?,
            Self::Java => java("EchoServer", &[&port.to_string()])?,
            Self::Tonic => {
                let mut command = Command::new(tonic("tonic-server")?);
                command.arg(format!("127.0.0.1:{port}"));
                command
            }
        };
        Service::start(&format!("gRPC {self:?}"), port, &mut command)
    }

    /// Starts the client; it connects with its first call, and makes so many calls at once.
    pub fn call(self, port: u16, concurrency: usize) -> Result<Caller> {
        let mut command = self.caller(port, concurrency)?;
        let process = Process::start(&format!("gRPC client {self:?}"), &mut command)?;
        Ok(Caller::new(process))
    }

    /// The command of the client.
    pub fn caller(self, port: u16, concurrency: usize) -> Result<Command> {
        let (address, many) = (format!("127.0.0.1:{port}"), concurrency.to_string());
        let program = |program: PathBuf| {
            let mut command = Command::new(program);
            command.args([&address, &many]);
            command
        };
        Ok(match self {
            Self::Go => program(go("client")?),
            Self::Tonic => program(tonic("tonic-client")?),
            Self::Python => python("client.py", &[&address, &many, "sync"])?,
            Self::PythonAio => python("client.py", &[&address, &many, "aio"])?,
            Self::Node => node("client.js", &[&address, &many])?,
            Self::Java => java("EchoClient", &[&address, &many])?,
        })
    }
}

/// A built Go program of `services/grpc/go`.
pub fn go(package: &str) -> Result<PathBuf> {
    let module = sources("grpc/go");
    let recipe = read(&[
        &module.join("go.mod"),
        &module.join(package).join("main.go"),
    ])?;
    go_build(&GoBuild {
        name: &format!("grpc-go-{package}"),
        program: &format!("grpc{package}"),
        module: &module,
        package: &format!("./{package}"),
        flags: "",
        made_from: &recipe,
    })
}

/// A Python program of `services/grpc/python`, with grpcio, h2 and the service's code.
pub fn python(script: &str, arguments: &[&str]) -> Result<Command> {
    const PACKAGES: [&str; 4] = [
        "grpcio==1.85.1",
        "grpcio-tools==1.85.1",
        "protobuf==7.36.2",
        "h2==4.4.1",
    ];
    let interpreter = crate::environment::virtual_environment("grpc-python", &PACKAGES)?;
    let stubs = folder("grpc-python-stubs");
    let proto = sources("grpc").join("echo.proto");
    once("grpc-python-stubs", &read(&[&proto])?, || {
        let mut compile = Command::new(&interpreter);
        compile
            .args(["-m", "grpc_tools.protoc", "echo.proto", "-I", "."])
            .arg(format!("--python_out={}", stubs.display()))
            .arg(format!("--grpc_python_out={}", stubs.display()))
            .current_dir(sources("grpc"));
        output_of(&mut compile)
    })?;
    let mut command = Command::new(interpreter);
    command
        .arg(script)
        .args(arguments)
        .current_dir(sources("grpc/python"))
        .env("PYTHONPATH", stubs);
    Ok(command)
}

/// A Node script of `services/grpc/node`.
fn node(script: &str, arguments: &[&str]) -> Result<Command> {
    const PACKAGES: [&str; 2] = ["@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1"];
    need("node")?;
    need("npm")?;
    let home = folder("grpc-node");
    once("grpc-node", &PACKAGES.join(" "), || {
        retry(|| {
            let install = ["install", "--no-fund", "--no-audit", "--loglevel=error"];
            let mut npm = Command::new("npm");
            output_of(npm.args(install).args(PACKAGES).current_dir(&home))
        })
    })?;
    let mut command = Command::new("node");
    command
        .arg(script)
        .args(arguments)
        .current_dir(sources("grpc/node"))
        .env("NODE_PATH", home.join("node_modules"));
    Ok(command)
}

/// A class of `services/grpc/java`, which Maven compiles with the service's code.
fn java(class: &str, arguments: &[&str]) -> Result<Command> {
    need("mvn")?;
    let module = sources("grpc/java");
    let output = folder("grpc-java");
    let recipe = read(&[
        &module.join("pom.xml"),
        &module.join("src/EchoServer.java"),
        &module.join("src/EchoClient.java"),
        &sources("grpc").join("echo.proto"),
    ])?;
    once("grpc-java", &recipe, || {
        retry(|| {
            let mut maven = Command::new("mvn");
            maven
                .args(["--quiet", "--batch-mode", "package", "--file"])
                .arg(module.join("pom.xml"))
                .arg(format!(
                    "-Dmaven.repo.local={}",
                    folder("maven-repository").display()
                ));
            output_of(maven.arg(format!("-Doutput={}", output.display())))
        })
    })?;
    let output = output.display();
    let mut command = Command::new("java");
    let class_path = format!("{output}/classes:{output}/libraries/*");
    command
        .args(["-Xmx256m", "-cp", &class_path, class])
        .args(arguments);
    Ok(command)
}

/// A built program of `services/grpc/rust`.
pub fn tonic(program: &str) -> Result<PathBuf> {
    let module = sources("grpc/rust");
    let output = folder("grpc-rust");
    let recipe = read(&[
        &module.join("Cargo.lock"),
        &module.join("src/echo.rs"),
        &module.join("src/bin/tonic-server.rs"),
        &module.join("src/bin/tonic-client.rs"),
        &module.join("src/bin/exact-h2.rs"),
    ])?;
    once("grpc-rust", &recipe, || {
        retry(|| {
            let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
            build
                .args(["build", "--locked", "--quiet"])
                .current_dir(&module)
                .env("CARGO_TARGET_DIR", &output);
            output_of(&mut build)
        })
    })?;
    Ok(output.join("debug").join(program))
}

fn read(files: &[&Path]) -> Result<String> {
    let mut all = String::new();
    for file in files {
        let text = std::fs::read_to_string(file);
        all += &text.with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(all)
}
