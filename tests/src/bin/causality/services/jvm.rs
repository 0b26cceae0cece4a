//! Event loops and asynchronous clients on the JVM.

use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, java_classes, jdk, maven_libraries, sources};
use sonde_tests::process::Process;

use super::{Service, asks_fionread, service, starting};

/// The rows.
pub(super) const ROWS: &[Service] = &[
    asks_fionread(service(
        "vertx",
        "Vert.x (Netty): two event loops, a timer between the calls",
        0.0,
        |port, http, _| start("vertx", "VertxServer", port, http),
    )),
    asks_fionread(service(
        "reactor",
        "Reactor Netty: four event loops and one pool, a delay between the calls",
        0.0,
        |port, http, _| start("reactor", "ReactorServer", port, http),
    )),
    asks_fionread(service(
        "tomcat-async",
        "Tomcat: asynchronous servlets, java.net.http, a delay between the calls",
        0.0,
        |port, http, _| start("tomcat", "TomcatServer", port, http),
    )),
];

/// A class of services/causality/`name`, with the libraries of its pom.xml.
fn start(name: &str, class: &str, port: u16, http: u16) -> Result<Vec<Process>> {
    let home = jdk(17)?;
    let source = format!("causality/{name}");
    let libraries = maven_libraries(&source)?;
    let classes = java_classes(
        &sources(&source).join(class).with_extension("java"),
        &libraries,
    )?;
    let mut command = Command::new(home.join("bin/java"));
    command.args(["-Xmx256m", "-cp", &classes, class]);
    command.args([port, http].map(|port| port.to_string()));
    starting(name, command.arg(folder(&format!("causality-{name}"))))
}
