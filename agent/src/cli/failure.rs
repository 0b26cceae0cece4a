//! Why the agent ends with something other than success, and the exit code that says so.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::process::ExitCode;

/// What went wrong, as far as a script that starts the agent has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something failed while the agent ran: exit code 1.
    RunTime,
    /// The flags or the environment ask for something that does not exist: exit code 2.
    Configuration,
    /// A privilege or a kernel feature is missing, or another agent is in the way; the message names it: exit code 3.
    Missing,
}

/// The one error type that reaches `main`.
#[derive(Debug)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// One sentence for the operator, without a full stop.
    pub message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure at run time.
    pub fn run_time(message: impl Into<String>) -> Self {
        Self::new(Kind::RunTime, message)
    }

    /// A configuration that cannot be used.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(Kind::Configuration, message)
    }

    /// A privilege or kernel feature that is not there; `message` names it.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same failure with its cause, which [`report`](Self::report) prints below the message.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// 1, 2 or 3, by [`Kind`].
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::RunTime => 1,
            Kind::Configuration => 2,
            Kind::Missing => 3,
        })
    }

    /// The text for stderr: the message, then one line for each cause that says something new.
    pub fn report(&self) -> String {
        let mut text = format!("error: {}", self.message);
        let mut said = self.message.clone();
        let mut next: Option<&dyn Error> = self.source();
        while let Some(cause) = next {
            let line = cause.to_string();
            // Many error types repeat their source in their own text.
            if !said.contains(&line) {
                let _ = write!(text, "\n  because: {line}");
                said = line;
            }
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use std::io;

    #[test]
    fn causes_are_printed_once_each() {
        let cases = [
            (
                Failure::run_time("the ring buffer is gone"),
                "error: the ring buffer is gone",
            ),
            (
                Failure::run_time("cannot listen").because(io::Error::other("address in use")),
                "error: cannot listen\n  because: address in use",
            ),
            (
                Failure::run_time("cannot listen: address in use")
                    .because(io::Error::other("address in use")),
                "error: cannot listen: address in use",
            ),
        ];
        for (failure, expected) in cases {
            assert_eq!(failure.report(), expected);
        }
    }
}
