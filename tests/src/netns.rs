//! A network namespace of one's own, joined to the machine's by a good wire (veth) or a bad one (two TUN devices with a script
//! between them that loses, repeats and reorders packets).

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{Process, output_of};
use crate::{environment, skip, wait};

/// Address of the machine's end, of the block that RFC 2544 sets aside for tests of networks.
pub const OUTSIDE: &str = "198.18.93.1";
/// Address of the namespace's end.
pub const INSIDE: &str = "198.18.93.2";

/// Exists as long as this handle.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    _wire: Option<Process>,
}

impl Namespace {
    /// Joined by a veth pair.
    pub fn new() -> Result<Self> {
        let made = Self::empty()?;
        let (outer, inner) = device_names();
        ip(&[
            "link", "add", &outer, "type", "veth", "peer", "name", &inner, "netns", &made.name,
        ])?;
        made.configure(&outer, &inner)?;
        Ok(made)
    }

    /// Joined by a wire that drops 2 % of all packets, repeats 3 % and delays 4 % past the next.
    pub fn lossy() -> Result<Self> {
        if !Path::new("/dev/net/tun").exists() {
            return Err(skip("this machine has no TUN devices"));
        }
        let mut made = Self::empty()?;
        let (outer, inner) = device_names();
        let mut command = Command::new(environment::python()?);
        command.arg(environment::sources("peer").join("lossy.py"));
        command
            .arg(format!("/var/run/netns/{}", made.name))
            .args([&outer, &inner]);
        let wire = Process::start("lossy wire", &mut command)?;
        wait::until("the lossy wire", || {
            wire.stdout().contains("ready").then_some(())
        })
        .with_context(|| wire.stderr())?;
        made._wire = Some(wire);
        made.configure(&outer, &inner)?;
        Ok(made)
    }

    fn empty() -> Result<Self> {
        environment::need("ip")?;
        let name = format!("sonde-test-{}", std::process::id());
        ip(&["netns", "add", &name])?;
        Ok(Self { name, _wire: None })
    }

    fn configure(&self, outer: &str, inner: &str) -> Result<()> {
        let name = &*self.name;
        ip(&["address", "add", &format!("{OUTSIDE}/30"), "dev", outer])?;
        ip(&["link", "set", outer, "up"])?;
        ip(&[
            "-n",
            name,
            "address",
            "add",
            &format!("{INSIDE}/30"),
            "dev",
            inner,
        ])?;
        ip(&["-n", name, "link", "set", inner, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        Ok(())
    }

    /// The name that `ip netns` knows it by.
    pub fn name(&self) -> &str {
        &self.name
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
        // The kernel takes a namespace apart some time later; the devices must be gone before the next one is made. Those of
        // a wire go with that. A failure has nobody left to tell.
        drop(ip(&["link", "delete", &device_names().0]));
        drop(ip(&["netns", "delete", &self.name]));
    }
}

/// Of the machine's and of the namespace's device; 15 bytes at most.
fn device_names() -> (String, String) {
    let id = std::process::id();
    (format!("sv{id}a"), format!("sv{id}b"))
}

fn ip(arguments: &[&str]) -> Result<String> {
    output_of(Command::new("ip").args(arguments))
}
