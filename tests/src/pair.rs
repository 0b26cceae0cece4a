//! A service that asks another, for tests of what is sampled and carried on: the front is watched, what is behind it is not and
//! prints what it was told.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, ensure};

use crate::agent::{Agent, Builder};
use crate::cgroup::Cgroup;
use crate::propagation::{self, Seen};
use crate::service::{Kind, Service};
use crate::span::Span;
use crate::{chain, net, wait};

/// A front that is watched, and behind it a service that is not.
#[derive(Debug)]
pub struct Pair {
    /// Listens on every address; passes `/chain/N` on.
    pub front: Service,
    /// Prints what it is asked.
    pub callee: Service,
    /// How often the front was asked.
    pub asked: usize,
    cgroup: Cgroup,
}

impl Pair {
    /// Both, the front in a cgroup of its own.
    pub fn new() -> Result<Self> {
        propagation::need()?;
        propagation::need_way("header")?;
        let callee = Kind::Go.start()?;
        let cgroup = Cgroup::new()?;
        let port = net::free_port()?;
        let next = format!("{}/seen", callee.url);
        let command = chain::flask_command("0.0.0.0", port, Some(&next))?;
        let front = Service::start("chain flask", port, &mut cgroup.command(&command))?;
        let asked = 0;
        Ok(Self {
            front,
            callee,
            cgroup,
            asked,
        })
    }

    /// An agent for the front alone.
    pub fn agent(&self) -> Builder {
        let builder = Builder::jsonl().flag("--cgroup", self.cgroup.path().display());
        builder.pids(self.front.process.group())
    }

    /// Asks with each parent (`None`: with none); gives what the callee saw.
    pub fn ask(&mut self, parents: &[Option<String>]) -> Result<Vec<Seen>> {
        for parent in parents {
            let field = parent
                .as_ref()
                .map(|parent| format!("traceparent: {parent}\r\n"));
            let target = format!("/chain/{}", self.asked);
            get(self.front.port, &target, &field.unwrap_or_default())?;
            self.asked += 1;
        }
        let all = propagation::seen(&self.callee.process, self.asked)?;
        Ok(all[self.asked - parents.len()..].to_vec())
    }
}

/// Asks a service on loopback with these lines added to the request, on a connection of its own.
pub fn get(port: u16, target: &str, lines: &str) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let host = format!("127.0.0.1:{port}");
    let rest = format!("Connection: close\r\n{lines}\r\n");
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n{rest}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    Ok(())
}

/// Exchanges that no span was made for as their traces are not sampled.
pub fn unsampled(agent: &Agent) -> Result<f64> {
    agent.metric("sonde_exchanges_without_span_total", "not_sampled")
}

/// Waits until every one of `exchanges` has a span or is counted as not sampled; gives the spans.
pub fn account(agent: Agent, exchanges: usize) -> Result<Vec<Span>> {
    let of_chain = |span: &Span| span.target().contains("/chain/");
    wait::until("all exchanges", || {
        let spans = agent.count(of_chain).ok()?;
        (spans as f64 + unsampled(&agent).ok()? >= exchanges as f64).then_some(())
    })
    .with_context(|| agent.metrics_page())?;
    let counted = unsampled(&agent)?;
    let spans = agent.finish(0, of_chain)?;
    let all = spans.len() as f64 + counted;
    ensure!(
        all == exchanges as f64,
        "{} spans and {counted}",
        spans.len()
    );
    Ok(spans)
}
