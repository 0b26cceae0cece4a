//! A network namespace of one's own, joined to the machine's by a veth pair.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::environment;
use crate::process::output_of;

/// Exists as long as this handle.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    /// Address of the machine's end.
    pub outside: String,
    /// Address of the namespace's end.
    pub inside: String,
}

impl Namespace {
    /// Makes it, with addresses of the block that RFC 5737 sets aside for documentation.
    pub fn new() -> Result<Self> {
        environment::need("ip")?;
        let id = std::process::id();
        let name = format!("sonde-test-{id}");
        let (end, other) = (format!("sv{id}a"), format!("sv{id}b"));
        let made = Self {
            name,
            outside: "192.0.2.1".to_owned(),
            inside: "192.0.2.2".to_owned(),
        };
        let name = made.name.as_str();
        ip(&["netns", "add", name])?;
        ip(&[
            "link", "add", &end, "type", "veth", "peer", "name", &other, "netns", name,
        ])?;
        ip(&[
            "address",
            "add",
            &format!("{}/30", made.outside),
            "dev",
            &end,
        ])?;
        ip(&["link", "set", &end, "up"])?;
        ip(&[
            "-n",
            name,
            "address",
            "add",
            &format!("{}/30", made.inside),
            "dev",
            &other,
        ])?;
        ip(&["-n", name, "link", "set", &other, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(made)
    }

    /// A command that runs `program` inside; its process becomes that program.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The veth pair goes with it. A failure has nobody left to tell.
        drop(ip(&["netns", "delete", &self.name]));
    }
}

fn ip(arguments: &[&str]) -> Result<String> {
    output_of(Command::new("ip").args(arguments))
}
