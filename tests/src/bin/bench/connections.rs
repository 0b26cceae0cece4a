//! Memory of the agent, idle and with 10,000 open connections, and how quickly it is at work.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use sonde_tests::agent::Builder;
use sonde_tests::kernel;
use sonde_tests::service::Kind;

use super::sink::Sink;

/// Connections that are opened.
const CONNECTIONS: u64 = 10_000;

/// Prints three lines.
pub(crate) fn report(sink: &Sink) -> Result<()> {
    raise_limit()?;
    let service = Kind::Go.start()?;
    let begun = Instant::now();
    let mut agent = Builder::exporting().pids(service.process.group());
    for flag in sink.flags() {
        agent = agent.arg(flag);
    }
    let mut agent = agent.start()?;
    println!("\nready after {:.2} s", begun.elapsed().as_secs_f64());
    let pid = agent.process().pid();
    println!(
        "idle: {:.1} MB resident",
        kernel::resident_bytes(pid)? as f64 / 1e6
    );
    let mut open = Vec::new();
    for index in 0..CONNECTIONS {
        open.push(request(service.port, index)?);
    }
    sonde_tests::wait::until("a span for every connection", || {
        (agent.metric("sonde_spans_total", "").ok()? >= CONNECTIONS as f64).then_some(())
    })?;
    let resident = kernel::resident_bytes(pid)? as f64 / 1e6;
    println!("{CONNECTIONS} open connections: {resident:.1} MB resident");
    drop(open);
    agent.stop()
}

/// A connection that has had one request and stays open.
fn request(port: u16, index: u64) -> Result<TcpStream> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("connection {index}"))?;
    stream.write_all(b"GET /sized/10 HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = [0; 512];
    ensure!(
        stream.read(&mut answer)? > 0,
        "connection {index} was closed"
    );
    Ok(stream)
}

fn raise_limit() -> Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls read or write the local struct.
    let failed = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 || {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0
        }
    };
    ensure!(
        !failed && limit.rlim_cur > CONNECTIONS + 100,
        "the limit on open files is too low"
    );
    Ok(())
}
