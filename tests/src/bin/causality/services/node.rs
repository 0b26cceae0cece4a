//! Node.js.

use anyhow::{Context as _, Result};
use sonde_tests::process::Process;
use sonde_tests::service::node_script;

use super::{listening, numbers};

/// One process; `mode` says whether it sleeps between the calls.
pub(super) fn server(port: u16, http: u16, database: u16, mode: &str) -> Result<Vec<Process>> {
    start("node/server.js", port, http, database, mode)
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
