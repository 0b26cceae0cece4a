//! The agent under test: started as a user would, read through its standard output and its metrics page.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process::Process;
use crate::span::{self, Span};
use crate::{environment, net, skip, wait};

/// `SONDE_BIN`, which must be there if it is set, else `target/release/sonde`; a [`crate::Skip`] where there is no such build or
/// no right to run it.
pub fn binary() -> Result<PathBuf> {
    let named = std::env::var_os("SONDE_BIN").map(PathBuf::from);
    if let Some(path) = &named {
        ensure!(
            path.is_file(),
            "SONDE_BIN is {}, which is no file",
            path.display()
        );
    }
    let path = named.unwrap_or_else(|| environment::repository().join("target/release/sonde"));
    if !path.is_file() {
        return Err(skip(format!(
            "no agent at {} (cargo xtask build makes it)",
            path.display()
        )));
    }
    // SAFETY: geteuid has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Err(skip("attaching BPF programs needs root"));
    }
    Ok(path)
}

/// Flags of an agent to start.
#[derive(Debug, Default)]
pub struct Builder {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    jsonl: bool,
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    process: Process,
    metrics: String,
    written: RefCell<Written>,
}

/// Spans of the standard output, read as it grows.
#[derive(Debug, Default)]
struct Written {
    offset: u64,
    spans: Vec<Span>,
}

impl Written {
    /// Takes in the whole lines that were added since the last time.
    fn update(&mut self, path: &Path) -> Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut added = Vec::new();
        file.read_to_end(&mut added)?;
        added.truncate(
            added
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1),
        );
        self.spans
            .extend(span::parse_lines(&String::from_utf8_lossy(&added))?);
        self.offset += added.len() as u64;
        Ok(())
    }
}

impl Builder {
    /// An agent that writes OTLP JSON lines to its standard output.
    pub fn jsonl() -> Self {
        Self {
            jsonl: true,
            ..Self::default()
        }
    }

    /// The same for these processes and all that they have forked.
    pub fn watching<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Self {
        let pids = processes.into_iter().flat_map(Process::group);
        Self::jsonl().pids(pids.collect::<Vec<_>>())
    }

    /// An agent that exports only to where the flags say.
    pub fn exporting() -> Self {
        Self::default()
    }

    /// Adds one argument as it is.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a flag and its value.
    #[must_use]
    pub fn flag(self, name: &str, value: impl ToString) -> Self {
        self.arg(name).arg(value.to_string())
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Selects processes that run already.
    #[must_use]
    pub fn pids(mut self, pids: impl IntoIterator<Item = u32>) -> Self {
        for pid in pids {
            self = self.flag("--pid", pid);
        }
        self
    }

    /// Starts it and waits until `/readyz` answers 200.
    pub fn start(self) -> Result<Agent> {
        let port = net::free_port()?;
        let mut command = Command::new(binary()?);
        command
            .arg("run")
            .args(["--metrics-listen", &format!("127.0.0.1:{port}")]);
        if self.jsonl {
            command.args(["--export", "jsonl"]);
        }
        // What the developer's or the CI's environment says is not part of the test.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("SONDE_") || name.starts_with("OTEL_"))
            {
                command.env_remove(name);
            }
        }
        command.args(&self.arguments).envs(self.environment);
        let mut process = Process::start("sonde", &mut command)?;
        let url = format!("http://127.0.0.1:{port}");
        let ready = wait::until("the agent to be ready", || {
            if let Some(status) = process.exited() {
                return Some(Err(status));
            }
            matches!(net::get(&format!("{url}/readyz")), Ok((200, _))).then_some(Ok(()))
        });
        match ready {
            Ok(Ok(())) => Ok(Agent {
                process,
                metrics: format!("{url}/metrics"),
                written: RefCell::default(),
            }),
            Ok(Err(status)) => {
                anyhow::bail!("the agent ended at once: {status}\n{}", process.stderr())
            }
            Err(error) => Err(error.context(process.stderr())),
        }
    }
}

impl Agent {
    /// The process itself, for signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Spans written so far.
    pub fn spans(&self) -> Result<Vec<Span>> {
        self.written
            .borrow_mut()
            .update(&self.process.stdout_path())?;
        Ok(self.written.borrow().spans.clone())
    }

    /// How many spans written so far `wanted` accepts.
    pub fn count(&self, wanted: impl Fn(&Span) -> bool) -> Result<usize> {
        self.written
            .borrow_mut()
            .update(&self.process.stdout_path())?;
        Ok(self
            .written
            .borrow()
            .spans
            .iter()
            .filter(|span| wanted(span))
            .count())
    }

    /// Waits until at least `count` spans that `wanted` accepts were written, ends the agent and gives all such spans: those
    /// that came with the flush too, so that one too many is seen.
    pub fn finish(mut self, count: usize, wanted: impl Fn(&Span) -> bool) -> Result<Vec<Span>> {
        let enough = self.wait_count(count, &wanted);
        let page = self.metrics_page();
        self.stop()?;
        let all = self.spans()?;
        let (spans, others): (Vec<Span>, Vec<Span>) = all.into_iter().partition(wanted);
        enough.with_context(|| {
            let (wanted, others) = (brief(&spans), brief(&others));
            format!(
                "{} of {count} spans: {wanted:#?}\nothers: {others:#?}\n{page}\n{}",
                spans.len(),
                self.process.stderr()
            )
        })?;
        Ok(spans)
    }

    /// Waits until at least `count` spans that `wanted` accepts were written.
    pub fn wait_count(&self, count: usize, wanted: impl Fn(&Span) -> bool) -> Result<()> {
        let what = format!("{count} spans on standard output");
        wait::until(&what, || {
            self.count(&wanted)
                .is_ok_and(|found| found >= count)
                .then_some(())
        })
    }

    /// SIGTERM; fails unless it ends in time with status 0.
    pub fn stop(&mut self) -> Result<()> {
        self.process.signal(libc::SIGTERM);
        let status = self.process.wait(wait::DEADLINE)?;
        ensure!(
            status.success(),
            "the agent ended with {status}\n{}",
            self.process.stderr()
        );
        Ok(())
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.process.signal(libc::SIGKILL);
        self.process.wait(Duration::from_secs(10))?;
        Ok(())
    }

    /// Sum of all samples of a metric family on `/metrics` whose labels hold `label` (empty: all).
    pub fn metric(&self, name: &str, label: &str) -> Result<f64> {
        let (status, page) = net::get(&self.metrics)?;
        ensure!(status == 200, "/metrics answered {status}");
        Ok(sum_of(&page, name, label))
    }

    /// The whole metrics page, for messages.
    pub fn metrics_page(&self) -> String {
        net::get(&self.metrics).map_or_else(|error| format!("{error:#}"), |(_, page)| page)
    }
}

/// Sums the samples `name{labels} value` of a Prometheus text page; `_total` at the end of the name may be left out.
fn sum_of(page: &str, name: &str, label: &str) -> f64 {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let (family, labels) = series.split_once('{').unwrap_or((series, ""));
        let same = family == name || family.strip_suffix("_total") == Some(name);
        (same && labels.contains(label)).then(|| value.parse::<f64>().ok())?
    };
    samples.filter_map(value).sum()
}

/// The spans in a form short enough for a failure message.
pub fn brief(spans: &[Span]) -> Vec<String> {
    let line = |span: &Span| {
        let who = span.resource("service.name");
        format!(
            "{who} kind {} {} {} status {}",
            span.kind,
            span.name,
            span.target(),
            span.status
        )
    };
    spans.iter().take(40).map(line).collect()
}
