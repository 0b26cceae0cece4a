//! gRPC calls that a test makes, as lines to a client program, and what the program saw of them.
//!
//! A line to a client: `INDEX METHOD MESSAGES PAYLOAD SIZE COUNT CODE MILLISECONDS DEADLINE CUT TRACEPARENT`, as in [`Call`] and in
//! `services/grpc/echo.proto` (`-` for no traceparent). Its answer: `INDEX CODE REPLIES START-NS END-NS`, in the order in which the
//! calls ended.

mod expect;
mod programs;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

pub use expect::{check, code_name, ordered};
pub use programs::{Client, Kind, go, python, tonic};

use crate::process::Process;
use crate::wait;

/// One call to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method of the service, or any other name where the server takes that.
    pub method: String,
    /// Requests that a streaming method is sent.
    pub messages: usize,
    /// Bytes in each request.
    pub payload: usize,
    /// Bytes in each reply.
    pub size: usize,
    /// Replies wanted of a streaming method.
    pub count: usize,
    /// Status to end with.
    pub code: u32,
    /// Pause of the server before each reply.
    pub milliseconds: u32,
    /// Deadline in milliseconds, 0 for none.
    pub deadline: u32,
    /// Cancelled after so many milliseconds, 0 for never.
    pub cut: u32,
    /// Context that the application sends itself.
    pub traceparent: Option<String>,
}

impl Call {
    /// A call of a method with one small message each way.
    pub fn new(method: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            messages: 1,
            payload: 10,
            size: 10,
            count: 1,
            code: 0,
            milliseconds: 0,
            deadline: 0,
            cut: 0,
            traceparent: None,
        }
    }

    /// A call that ends with a status.
    pub fn failing(code: u32) -> Self {
        Self {
            code,
            ..Self::new("Fail")
        }
    }

    /// The fully-qualified method.
    pub fn full_method(&self) -> String {
        format!("sonde.test.v1.Echo/{}", self.method)
    }

    /// Whether spans are to be expected: the context it carries does not forbid them.
    pub fn is_sampled(&self) -> bool {
        let parent = self.traceparent.as_deref().unwrap_or_default();
        !parent.ends_with("-00")
    }

    /// Requests that the client sends.
    pub fn requests(&self) -> usize {
        match &*self.method {
            "Collect" | "Chat" => self.messages,
            _ => 1,
        }
    }

    /// Replies that the server sends, if nothing ends the call early.
    pub fn replies(&self) -> usize {
        match &*self.method {
            "Chat" => self.messages * self.count.max(1),
            "Spread" => self.count,
            _ => usize::from(self.code == 0),
        }
    }

    fn line(&self, index: usize) -> String {
        let Self {
            method,
            messages,
            payload,
            size,
            count,
            code,
            milliseconds,
            deadline,
            cut,
            traceparent,
        } = self;
        let parent = traceparent.as_deref().unwrap_or("-");
        format!(
            "{index} {method} {messages} {payload} {size} {count} {code} {milliseconds} {deadline} {cut} {parent}\n"
        )
    }
}

/// What the client saw of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Status code.
    pub code: u32,
    /// Replies that came.
    pub replies: usize,
    /// Nanoseconds since the epoch before the call.
    pub start_ns: u64,
    /// Nanoseconds since the epoch after the call.
    pub end_ns: u64,
}

/// A client program that takes calls.
#[derive(Debug)]
pub struct Caller {
    /// Its process.
    pub process: Process,
    made: usize,
}

impl Caller {
    /// Around a program that was just started.
    pub fn new(process: Process) -> Self {
        Self { process, made: 0 }
    }

    /// Makes the calls, as many at once as the program was told, and gives their outcomes in the order of `calls`.
    pub fn make(&mut self, calls: &[Call]) -> Result<Vec<Outcome>> {
        self.begin(calls)?;
        self.end(calls.len(), wait::DEADLINE)
    }

    /// Hands the calls over; [`Self::end`] waits for them.
    pub fn begin(&mut self, calls: &[Call]) -> Result<()> {
        self.begin_more(calls, 0)
    }

    /// Hands over more calls behind `begun` that are not yet waited for.
    pub fn begin_more(&mut self, calls: &[Call], begun: usize) -> Result<()> {
        let first = self.made + begun;
        let lines: String = (first..)
            .zip(calls)
            .map(|(index, call)| call.line(index))
            .collect();
        Ok(self.process.stdin()?.write_all(lines.as_bytes())?)
    }

    /// Waits for the outcomes of the `count` calls that were begun last.
    pub fn end(&mut self, count: usize, deadline: Duration) -> Result<Vec<Outcome>> {
        let (first, all) = (self.made, self.made + count);
        let what = format!("{all} outcomes of the client");
        let output = wait::until_within(deadline, &what, || {
            let output = self.process.stdout();
            (output.matches('\n').count() >= all).then_some(output)
        })
        .with_context(|| self.process.stderr())?;
        self.made = all;
        let mut outcomes = vec![None; count];
        for line in output.lines() {
            let (index, outcome) = parse(line)?;
            if let Some(place) = index
                .checked_sub(first)
                .and_then(|index| outcomes.get_mut(index))
            {
                ensure!(place.is_none(), "call {index} has two outcomes");
                *place = Some(outcome);
            }
        }
        outcomes
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .context("a call without an outcome")
    }
}

fn parse(line: &str) -> Result<(usize, Outcome)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [index, code, replies, start, end] = fields[..] else {
        bail!("unexpected outcome {line:?}")
    };
    let outcome = Outcome {
        code: code.parse()?,
        replies: replies.parse()?,
        start_ns: start.parse()?,
        end_ns: end.parse()?,
    };
    Ok((index.parse()?, outcome))
}
