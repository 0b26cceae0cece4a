//! What a request carries on: `traceparent` fields as the servers of a test saw them.
//!
//! Services print one line for each request to `/seen/...`: `SEEN`, method and target, bytes of content, and each field,
//! separated by tabs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, Process};
use crate::{agent, skip, wait};

/// Skips the test, with a warning, where the agent under test has no `--propagate`.
pub fn need() -> Result<()> {
    if is_known("--propagate")? {
        return Ok(());
    }
    let reason = "this agent does not propagate: `sonde run --help` knows no --propagate";
    eprintln!("WARNING: {reason}");
    Err(skip(reason))
}

/// Skips the test where the agent under test knows no such way to carry a context on.
pub fn need_way(way: &str) -> Result<()> {
    if is_known(&format!("{way}:"))? {
        return Ok(());
    }
    let reason = format!("this agent has no --propagate {way}");
    eprintln!("WARNING: {reason}");
    Err(skip(reason))
}

/// Those of `ways` that the agent under test knows.
pub fn known_ways(ways: &[&'static str]) -> Result<Vec<&'static str>> {
    let mut known = Vec::new();
    for way in ways {
        if is_known(&format!("{way}:"))? {
            known.push(*way);
        }
    }
    Ok(known)
}

/// Whether `sonde run` has this flag.
pub fn is_known(flag: &str) -> Result<bool> {
    let help = process::output_of(Command::new(agent::binary()?).args(["run", "--help"]))?;
    Ok(help.split_whitespace().any(|word| word == flag))
}

/// A field of version 00.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub parent_id: String,
    /// The lowest is `sampled`.
    pub flags: u8,
}

impl Traceparent {
    /// Exactly as section 3.2 of W3C Trace Context writes it; two fields that somebody joined are none.
    pub fn parse(value: &str) -> Option<Self> {
        let parts: Vec<&str> = value.split('-').collect();
        let [version, trace_id, parent_id, flags] = parts[..] else {
            return None;
        };
        let hex = |text: &str, length: usize| {
            let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            text.len() == length && text.bytes().all(digit)
        };
        let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let right = version == "00" && hex(trace_id, 32) && hex(parent_id, 16) && hex(flags, 2);
        (right && !zero(trace_id) && !zero(parent_id)).then(|| Self {
            trace_id: trace_id.to_owned(),
            parent_id: parent_id.to_owned(),
            flags: u8::from_str_radix(flags, 16).unwrap_or_default(),
        })
    }
}

/// A request as a server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Method and target.
    pub start: String,
    /// Bytes of content.
    pub body: usize,
    /// Names in lower case and values, sorted, without `traceparent`.
    pub fields: Vec<(String, String)>,
    /// Values of all `traceparent` fields.
    pub traceparents: Vec<String>,
}

impl Seen {
    /// The one `traceparent`, if there is exactly one and it is valid.
    pub fn traceparent(&self) -> Result<Traceparent> {
        ensure!(self.traceparents.len() == 1, "not one field: {self:?}");
        Traceparent::parse(&self.traceparents[0]).with_context(|| format!("not valid: {self:?}"))
    }

    /// The same request apart from `traceparent`.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.start, self.body, &self.fields) == (&other.start, other.body, &other.fields)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.strip_prefix("SEEN\t")?.split('\t');
        let (start, body) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let field = |text: &str| {
            let (name, value) = text.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        };
        let all: Option<Vec<(String, String)>> = parts.map(field).collect();
        let (own, mut fields): (Vec<_>, Vec<_>) = all?
            .into_iter()
            .partition(|(name, _)| name == "traceparent");
        fields.sort();
        Some(Self {
            start,
            body,
            fields,
            traceparents: own.into_iter().map(|(_, value)| value).collect(),
        })
    }
}

/// Makes a request with the given lines, as they are, beside those that each has; it must be answered by 200.
pub fn ask(port: u16, target: &str, lines: &str) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    Ok(())
}

/// The requests that `server` has printed, once there are `count`.
pub fn seen(server: &Process, count: usize) -> Result<Vec<Seen>> {
    let all = || -> Vec<Seen> { server.stdout().lines().filter_map(Seen::parse).collect() };
    wait::until(&format!("{count} requests at the server"), || {
        let found = all();
        (found.len() >= count).then_some(found)
    })
    .with_context(|| server.stderr())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_fields_are_valid() {
        let right = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(Traceparent::parse(right).is_some());
        for (from, to) in [
            ("00-", "01-"),
            ("0af7", "0AF7"),
            ("-01", "-1"),
            ("-01", "-01-"),
            (
                "-01",
                "-01,00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
            ("b7ad6b7169203331", "0000000000000000"),
            (
                "0af7651916cd43dd8448eb211c80319c",
                "0af7651916cd43dd8448eb211c80319",
            ),
        ] {
            let wrong = right.replacen(from, to, 1);
            assert!(Traceparent::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_line_is_read_and_compared() {
        let plain = Seen::parse("SEEN\tGET /seen/1\t5\tHost: a:1\tX: y").expect("a line");
        let more = Seen::parse("SEEN\tGET /seen/1\t5\tTraceparent: t\tx: y\thost: a:1");
        let more = more.expect("a line");
        assert!(plain.is_like(&more));
        assert_eq!(more.traceparents, ["t"]);
        assert!(more.traceparent().is_err());
        for other in [
            "SEEN\tGET /seen/2\t5\tHost: a:1\tX: y",
            "SEEN\tGET /seen/1\t6\tHost: a:1\tX: y",
            "SEEN\tGET /seen/1\t5\tHost: a:1\tX: z",
            "SEEN\tGET /seen/1\t5\tHost: a:1",
        ] {
            assert!(
                !plain.is_like(&Seen::parse(other).expect("a line")),
                "{other}"
            );
        }
    }
}
