//! Scripted ends of connections (`services/peer/peer.py`): what real servers and clients do rarely, done on purpose.

use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::process::Process;
use crate::{environment, wait};

/// One thing that a peer does on its connection.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Sends this in one call.
    Send(&'static str),
    /// Sends this, each byte in a segment of its own.
    SendBytes(&'static str),
    /// Sends so many bytes of content.
    SendFilled(usize),
    /// Reads to the end of the next head.
    ReadHead,
    /// Reads up to and with this text.
    ReadUntil(&'static str),
    /// Reads so many bytes.
    Read(usize),
    /// Reads until the other end has closed or reset.
    ReadEof,
    /// Thinks for so many milliseconds: part of the case.
    Pause(u64),
    /// Ends its direction, and goes on reading.
    HalfClose,
    /// Closes with RST.
    Reset,
}

impl Step {
    fn json(self) -> Value {
        match self {
            Self::Send(text) => json!(["send", text]),
            Self::SendBytes(text) => json!(["send_bytes", text]),
            Self::SendFilled(count) => json!(["send_filled", count]),
            Self::ReadHead => json!(["read_head"]),
            Self::ReadUntil(text) => json!(["read_until", text]),
            Self::Read(count) => json!(["read", count]),
            Self::ReadEof => json!(["read_eof"]),
            Self::Pause(milliseconds) => json!(["pause", milliseconds]),
            Self::HalfClose => json!(["half_close"]),
            Self::Reset => json!(["reset"]),
        }
    }
}

/// A peer process; each script is one connection.
#[derive(Debug)]
pub struct Peer {
    /// Its process.
    pub process: Process,
    /// Port that it listens on or connects to.
    pub port: u16,
    scripts: usize,
}

/// What a peer said of one connection.
#[derive(Clone, Debug)]
pub struct Played {
    /// Nanoseconds since the epoch before it.
    pub start_ns: u64,
    /// Nanoseconds since the epoch after it.
    pub end_ns: u64,
    /// What it read, or what went wrong.
    pub received: Result<String, String>,
}

impl Peer {
    /// A peer that accepts on `address` and a port of its own.
    pub fn serve(address: &str) -> Result<Self> {
        Self::start(
            &mut Command::new(environment::python()?),
            address,
            0,
            "serve",
        )
    }

    /// A peer that connects.
    pub fn connect(address: &str, port: u16) -> Result<Self> {
        Self::start(
            &mut Command::new(environment::python()?),
            address,
            port,
            "connect",
        )
    }

    /// A peer run by `interpreter`, which may be a prefix such as `ip netns exec NAME python`.
    pub fn start(interpreter: &mut Command, address: &str, port: u16, mode: &str) -> Result<Self> {
        let script = environment::sources("peer").join("peer.py");
        interpreter
            .arg(script)
            .args([address, &port.to_string(), mode]);
        let process = Process::start(&format!("peer ({mode})"), interpreter)?;
        let first = wait::until("the peer's port", || {
            let output = process.stdout();
            output
                .lines()
                .next()
                .filter(|_| output.contains('\n'))
                .map(str::to_owned)
        })
        .with_context(|| process.stderr())?;
        let hello: Value = serde_json::from_str(&first)?;
        let port = u16::try_from(hello["port"].as_u64().context("no port")?)?;
        Ok(Self {
            process,
            port,
            scripts: 0,
        })
    }

    /// Starts the next connection's script.
    pub fn begin(&mut self, steps: &[Step]) -> Result<()> {
        let script: Vec<Value> = steps.iter().map(|step| step.json()).collect();
        writeln!(self.process.stdin()?, "{}", Value::from(script))?;
        self.scripts += 1;
        Ok(())
    }

    /// Waits for the end of the last script begun.
    pub fn end(&mut self) -> Result<Played> {
        let wanted = self.scripts;
        let line = wait::until("the end of a script", || {
            let output = self.process.stdout();
            let whole = output.rfind('\n').map_or("", |end| &output[..end]);
            whole.lines().nth(wanted).map(str::to_owned)
        })
        .with_context(|| self.process.stderr())?;
        let played: Value = serde_json::from_str(&line)?;
        let text = |key: &str| played[key].as_str().map(str::to_owned);
        Ok(Played {
            start_ns: played["start_ns"].as_u64().unwrap_or_default(),
            end_ns: played["end_ns"].as_u64().unwrap_or_default(),
            received: text("received").ok_or_else(|| text("error").unwrap_or_default()),
        })
    }
}
