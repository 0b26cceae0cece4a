//! Requests that a test makes, the programs that make them, and what they measured.
//!
//! Client programs read `METHOD URL TRACEPARENT TRACESTATE BODY-BYTES` lines (`-` for a header that is not sent) and answer each with
//! `STATUS BODY-BYTES START-NS END-NS` (status 0: the request failed; times since the epoch, taken around the call).

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use crate::cgroup::Cgroup;
use crate::process::Process;
use crate::service::node_script;
use crate::{environment, wait};

/// One request to make.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method token.
    pub method: &'static str,
    /// Absolute URL.
    pub url: String,
    /// `traceparent` field, if any.
    pub traceparent: Option<String>,
    /// `tracestate` field, if any.
    pub tracestate: Option<String>,
    /// Bytes of request content.
    pub body: usize,
}

impl Request {
    /// Whether spans are to be expected: the context it carries does not forbid them.
    pub fn is_sampled(&self) -> bool {
        let parent = self.traceparent.as_deref().unwrap_or_default();
        !parent.ends_with("-00")
    }

    /// A request without content and without context.
    pub fn new(method: &'static str, url: String) -> Self {
        Self {
            method,
            url,
            traceparent: None,
            tracestate: None,
            body: 0,
        }
    }

    /// Path and query of the URL.
    pub fn target(&self) -> &str {
        let after_scheme = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        after_scheme.find('/').map_or("/", |at| &after_scheme[at..])
    }

    /// Path of the URL.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or("/")
    }

    fn line(&self) -> String {
        let or_dash = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let (parent, state) = (or_dash(&self.traceparent), or_dash(&self.tracestate));
        format!(
            "{} {} {parent} {state} {}\n",
            self.method, self.url, self.body
        )
    }
}

/// What the client saw of one request.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Status code, 0 when the request failed.
    pub status: u16,
    /// Bytes of response content.
    pub body: usize,
    /// Nanoseconds since the epoch before the call.
    pub start_ns: u64,
    /// Nanoseconds since the epoch after the call.
    pub end_ns: u64,
}

/// Which client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Python requests, one session.
    Requests,
    /// Node axios with a keep-alive agent.
    Axios,
    /// Node's own fetch.
    Fetch,
    /// Go net/http default client.
    Go,
    /// `java.net.http.HttpClient`.
    Java,
}

/// A running client program.
#[derive(Debug)]
pub struct Client {
    /// Its process.
    pub process: Process,
    answered: usize,
}

impl Kind {
    /// Value expected for `telemetry.sdk.language`.
    pub fn language(self) -> &'static str {
        match self {
            Self::Requests => "python",
            Self::Axios | Self::Fetch => "nodejs",
            Self::Go => "go",
            Self::Java => "java",
        }
    }

    /// Starts the program; it makes no request until told.
    pub fn start(self) -> Result<Client> {
        self.start_in(None)
    }

    /// The same, inside a cgroup.
    pub fn start_in(self, cgroup: Option<&Cgroup>) -> Result<Client> {
        let folder = environment::sources("clients");
        let mut command = match self {
            Self::Requests => {
                let mut command = Command::new(environment::python()?);
                command.arg(folder.join("requests_client.py"));
                command
            }
            Self::Axios => node_script("clients", "axios_client.js", &[])?,
            Self::Fetch => node_script("clients", "fetch_client.js", &[])?,
            Self::Go => Command::new(environment::go_program("client", false)?),
            Self::Java => java_client(&folder)?,
        };
        if let Some(cgroup) = cgroup {
            command = cgroup.command(&command);
        }
        let process = Process::start(&format!("client {self:?}"), &mut command)?;
        Ok(Client::new(process))
    }
}

fn java_client(folder: &Path) -> Result<Command> {
    let class_path = environment::java_classes(&folder.join("JavaClient.java"), "")?;
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-cp", &class_path, "JavaClient"]);
    Ok(command)
}

impl Client {
    /// Around a program that was just started.
    pub fn new(process: Process) -> Self {
        Self {
            process,
            answered: 0,
        }
    }

    /// Makes the requests one after another and gives their outcomes in order.
    pub fn make(&mut self, requests: &[Request]) -> Result<Vec<Outcome>> {
        self.begin(requests)?;
        self.end(requests.len())
    }

    /// Hands the requests over; [`Self::end`] waits for them.
    pub fn begin(&mut self, requests: &[Request]) -> Result<()> {
        let lines: String = requests.iter().map(Request::line).collect();
        Ok(self.process.stdin()?.write_all(lines.as_bytes())?)
    }

    /// Waits for the outcomes of so many requests that were begun.
    pub fn end(&mut self, count: usize) -> Result<Vec<Outcome>> {
        let all = self.answered + count;
        let output = wait::until(&format!("{all} answers of the client"), || {
            let output = self.process.stdout();
            (output.matches('\n').count() >= all).then_some(output)
        })
        .with_context(|| self.process.stderr())?;
        let outcomes = output
            .lines()
            .skip(self.answered)
            .map(parse_outcome)
            .collect();
        self.answered = all;
        outcomes
    }
}

fn parse_outcome(line: &str) -> Result<Outcome> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [status, body, start, end] = fields[..] else {
        bail!("unexpected answer {line:?}")
    };
    Ok(Outcome {
        status: status.parse()?,
        body: body.parse()?,
        start_ns: start.parse()?,
        end_ns: end.parse()?,
    })
}

/// Makes one request with a curl process of its own; gives its process id too.
pub fn curl(request: &Request) -> Result<(Outcome, u32)> {
    curl_in(request, None)
}

/// Makes one request with curl and these options.
pub fn curl_with(request: &Request, options: &[&str]) -> Result<(Outcome, u32)> {
    run_curl(request, options, None)
}

/// The same, inside a cgroup.
pub fn curl_in(request: &Request, cgroup: Option<&Cgroup>) -> Result<(Outcome, u32)> {
    run_curl(request, &[], cgroup)
}

fn run_curl(
    request: &Request,
    options: &[&str],
    cgroup: Option<&Cgroup>,
) -> Result<(Outcome, u32)> {
    environment::need("curl")?;
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--noproxy",
        "*",
        "--output",
        "/dev/null",
        "--max-time",
        "20",
    ]);
    command.args([
        "--write-out",
        "%{http_code} %{size_download}",
        "--request",
        request.method,
    ]);
    let headers = [
        ("traceparent", &request.traceparent),
        ("tracestate", &request.tracestate),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            command.args(["--header", &format!("{name}: {value}")]);
        }
    }
    if request.body > 0 {
        command.args(["--data-binary", "@-"]);
    }
    command.args(options).arg(&request.url);
    if let Some(cgroup) = cgroup {
        command = cgroup.command(&command);
    }
    let start_ns = now_ns();
    let mut process = Process::start("curl", &mut command)?;
    process
        .stdin()?
        .write_all("b".repeat(request.body).as_bytes())?;
    process.close_stdin();
    process.wait(wait::DEADLINE)?;
    let line = format!("{} {start_ns} {}", process.stdout(), now_ns());
    Ok((parse_outcome(&line)?, process.pid()))
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
