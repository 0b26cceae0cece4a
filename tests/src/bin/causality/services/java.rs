//! Java.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use sonde_tests::environment::{folder, java_classes, jdk, maven_libraries, once, sources};
use sonde_tests::process::{Process, output_of};

use super::{listening, numbers};

/// What the sources need, and what virtual threads need.
const PLAIN: u32 = 11;
const VIRTUAL: u32 = 21;

/// A class on the JDK's own server.
pub(super) fn server(class: &str, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let arguments = numbers([port, http, database]);
    listening("java", port, &mut java(PLAIN, class, "", &arguments)?)
}

/// The same in virtual threads.
pub(super) fn virtual_threads(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let arguments = numbers([port, http, database]);
    listening("java", port, &mut java(VIRTUAL, "Virtual", "", &arguments)?)
}

/// Jetty; `way` says which threads make the last two calls.
pub(super) fn servlet(way: &str, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let libraries = maven_libraries("javalin")?;
    let arguments = numbers([port, http, database]);
    let mut command = java(PLAIN, "Servlet", &libraries, &arguments)?;
    listening("servlet", port, command.arg(way))
}

/// grpc-java, handlers in a pool of threads.
pub(super) fn grpc(port: u16, callee: u16) -> Result<Vec<Process>> {
    let libraries = maven_libraries("causality/grpc-java")?;
    let source = sources("causality/grpc-java").join("GrpcServer.java");
    let classes = java_classes(&source, &libraries)?;
    let mut command = Command::new(jdk(PLAIN)?.join("bin/java"));
    command.args(["-Xmx256m", "-cp", &classes, "GrpcServer"]);
    command.args([port.to_string(), callee.to_string()]);
    listening("java", port, &mut command)
}

fn java(least: u32, class: &str, libraries: &str, arguments: &[String]) -> Result<Command> {
    let home = jdk(least)?;
    let classes = classes(&home, class, libraries)?;
    let mut command = Command::new(home.join("bin/java"));
    command.args(["-Xmx256m", "-Dhttp.maxConnections=256"]);
    command.args(["-cp", &classes, class]).args(arguments);
    Ok(command)
}

/// Class path of a class, of what it needs from beside it, and of `libraries`.
fn classes(jdk: &Path, class: &str, libraries: &str) -> Result<String> {
    let source = sources("causality/java");
    let name = format!("causality-java-{class}");
    let home = folder(&name);
    let mut recipe = jdk.display().to_string();
    for file in ["Server", "Blocking", class] {
        recipe += &std::fs::read_to_string(source.join(file).with_extension("java"))?;
    }
    once(&name, &recipe, || {
        let mut compile = Command::new(jdk.join("bin/javac"));
        compile.args(["-cp", libraries, "-sourcepath"]).arg(&source);
        compile.arg("-d").arg(&home);
        output_of(compile.arg(source.join(class).with_extension("java")))
    })?;
    Ok(format!("{}:{libraries}", home.display()))
}
