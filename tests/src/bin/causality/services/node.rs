//! Node.js.

use std::process::Command;

use anyhow::{Context as _, Result};
use sonde_tests::environment::folder;
use sonde_tests::process::Process;
use sonde_tests::service::node_script;
use sonde_tests::wait;

use super::{listening, numbers};

/// One process; `mode` says whether it sleeps between the calls.
pub(super) fn server(port: u16, http: u16, database: u16, mode: &str) -> Result<Vec<Process>> {
    start("node/server.js", port, http, database, mode)
}

/// The database on a Unix socket.
pub(super) fn unix(port: u16, http: u16, _database: u16) -> Result<Vec<Process>> {
    let home = folder("causality-node-unix");
    std::fs::create_dir_all(&home)?;
    let socket = home.join("database.sock");
    if socket.exists() {
        std::fs::remove_file(&socket)?;
    }
    let path = socket.display().to_string();
    let mut database = node_script("causality/node", "unix_database.js", &[&path])?;
    let database = Process::start("unix database", &mut database)?;
    wait::until("the database", || socket.exists().then_some(()))?;
    let (own, http) = (port.to_string(), http.to_string());
    let mut command = node_script(
        "causality/node",
        "server.js",
        &[&own, &http, &path, "calls"],
    )?;
    let mut all = listening("node", port, &mut command)?;
    all.push(database);
    Ok(all)
}

/// What requests wait for together or in turn; `mode` says which.
pub(super) fn waits(port: u16, http: u16, database: u16, mode: &str) -> Result<Vec<Process>> {
    start("node/waits.js", port, http, database, mode)
}

/// The server with timers, by an executable that is not called node.
pub(super) fn renamed(port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    let home = folder("causality-node-renamed");
    std::fs::create_dir_all(&home)?;
    let executable = home.join("orders-service");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let node = std::env::split_paths(&path).map(|folder| folder.join("node"));
    let node = node.into_iter().find(|file| file.is_file());
    std::fs::copy(node.context("no node")?, &executable)?;
    let [own, http, database] = numbers([port, http, database]);
    let arguments = [own.as_str(), &http, &database, "timers"];
    let script = node_script("causality/node", "server.js", &arguments)?;
    let mut command = Command::new(&executable);
    command.args(script.get_args());
    if let Some(folder) = script.get_current_dir() {
        command.current_dir(folder);
    }
    let variables = script.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    listening("node", port, &mut command)
}

/// Fastify, with the undici that is installed by this name.
pub(super) fn fastify(port: u16, http: u16, database: u16, undici: &str) -> Result<Vec<Process>> {
    start("fastify/server.js", port, http, database, undici)
}

/// A script of services/causality that needs no mode.
pub(super) fn script(path: &str, port: u16, http: u16, database: u16) -> Result<Vec<Process>> {
    start(path, port, http, database, "")
}

fn start(path: &str, port: u16, http: u16, database: u16, mode: &str) -> Result<Vec<Process>> {
    let (folder, script) = path.split_once('/').context("no folder")?;
    let [own, http, database] = numbers([port, http, database]);
    let folder = format!("causality/{folder}");
    let mut command = node_script(&folder, script, &[&own, &http, &database, mode])?;
    listening("node", port, &mut command)
}
