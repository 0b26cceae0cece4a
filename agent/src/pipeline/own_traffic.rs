//! Requests to the agent itself, and what it sends: nobody's spans.
//!
//! The agent's own process is never watched. The other ends are: a browser with the trace view open, whose event stream never ends, what
//! scrapes the metrics, what sends its spans to the agent, and a collector that the agent sends spans to, of which each
//! would make the next. None of it is the work of a service.

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;

use sonde_protocols::Exchange;
use sonde_protocols::exchange::Field;

use crate::capture::OpenFacts;
use crate::export::EXPORTER;
use crate::spans::Role;

/// Knows the agent's own traffic by the addresses that it listens on, and by what its exporter calls itself.
#[derive(Debug)]
pub struct OwnTraffic {
    listeners: Vec<SocketAddr>,
    /// The network namespace of the agent.
    network: Option<PathBuf>,
}

impl OwnTraffic {
    /// Of an agent that listens on these addresses.
    #[must_use]
    pub fn new(listeners: Vec<SocketAddr>) -> Self {
        Self {
            listeners,
            network: network("self"),
        }
    }

    /// Is this exchange of the process `pid` with the agent?
    #[must_use]
    pub fn has(&self, exchange: &Exchange, facts: &OpenFacts, pid: u32) -> bool {
        match facts.role {
            Role::Client => self.is_asked(facts.remote, pid),
            Role::Server => exchange
                .request
                .field(Field::UserAgent)
                .is_some_and(|agent| agent.starts_with(EXPORTER.as_bytes())),
        }
    }

    fn is_asked(&self, address: SocketAddr, pid: u32) -> bool {
        let ip = address.ip().to_canonical();
        let mut here = self
            .listeners
            .iter()
            .filter(|listener| listener.port() == address.port());
        // The loopback address of another network namespace is another one.
        here.any(|listener| is_at(listener.ip().to_canonical(), ip))
            && (!ip.is_loopback() || self.shares_network(pid))
    }

    /// A process that is gone is taken to have been here: a span less is better than a wrong one.
    fn shares_network(&self, pid: u32) -> bool {
        let other = network(&pid.to_string());
        other.is_none() || self.network.is_none() || other == self.network
    }
}

/// Does what listens on `listener` get what is sent to `ip`?
fn is_at(listener: IpAddr, ip: IpAddr) -> bool {
    listener == ip || (listener.is_unspecified() && is_local(ip))
}

/// Only to an address of its own can one bind.
fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

fn network(process: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/net")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Protocol;
    use sonde_protocols::Timestamp;
    use sonde_protocols::exchange::RequestHead;

    fn has(listeners: &[&str], role: Role, remote: &str, agent: &str) -> bool {
        let listeners = listeners.iter().map(|address| address.parse().unwrap());
        let head = format!("GET / HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n");
        let head = RequestHead::parse(head.as_bytes()).unwrap();
        let facts = OpenFacts {
            cookie: 1,
            tgid: 1,
            role,
            local: "127.0.0.1:40000".parse().unwrap(),
            remote: remote.parse().unwrap(),
            proxied: None,
            protocol: Protocol::Http1,
        };
        let exchange = Exchange::begin(head, Timestamp(1));
        OwnTraffic::new(listeners.collect()).has(&exchange, &facts, std::process::id())
    }

    #[test]
    fn requests_to_the_agent_are_nobodys() {
        for (listener, remote, own) in [
            ("127.0.0.1:7070", "127.0.0.1:7070", true),
            ("127.0.0.1:7070", "[::ffff:127.0.0.1]:7070", true),
            ("127.0.0.1:7070", "127.0.0.1:7071", false),
            ("127.0.0.1:7070", "192.0.2.1:7070", false),
            ("0.0.0.0:4318", "127.0.0.1:4318", true),
            ("0.0.0.0:4318", "192.0.2.1:4318", false),
        ] {
            let listeners = [listener, "127.0.0.1:9"];
            assert_eq!(
                has(&listeners, Role::Client, remote, "curl"),
                own,
                "{remote}"
            );
            assert!(!has(&listeners, Role::Server, remote, "curl"), "{remote}");
        }
        assert!(!has(&[], Role::Client, "127.0.0.1:7070", "curl"));
    }

    #[test]
    fn what_the_agent_exports_is_nobodys() {
        let exporter = format!("{EXPORTER}1.0 tonic/0.14");
        for (role, agent, own) in [
            (Role::Server, exporter.as_str(), true),
            (Role::Server, "OTel-OTLP-Exporter-Rust/0.31", false),
            (Role::Client, exporter.as_str(), false),
        ] {
            assert_eq!(
                has(&[], role, "192.0.2.1:4318", agent),
                own,
                "{role:?} {agent}"
            );
        }
    }

    #[test]
    fn another_network_is_another_loopback() {
        let mut own = OwnTraffic::new(vec!["127.0.0.1:7070".parse().unwrap()]);
        let address = "127.0.0.1:7070".parse().unwrap();
        assert!(own.is_asked(address, std::process::id()));
        own.network = Some("net:[1]".into());
        assert!(!own.is_asked(address, std::process::id()));
        assert!(own.is_asked(address, u32::MAX));
    }
}
