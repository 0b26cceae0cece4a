//! What single services have instead of what all have: `--service-sampler` and `--service-propagate`.
//!
//! Pure. A rule is `MATCH=VALUE`, where MATCH is as in `--include`; a bare glob is compared with the service's name too,
//! and `service=GLOB` with nothing else.

use std::str::FromStr;

use globset::GlobMatcher;

use super::selection::{Candidate, KEYS, Matcher, RuleError, glob};
use crate::context::{Sampler, Ways};

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverrideError {
    /// Without a value.
    #[error("`{0}` lacks one side: write MATCH=VALUE, for example checkout=always_off")]
    Incomplete(String),
    /// With a value that there is not.
    #[error("{0}")]
    Value(String),
    /// With a match that there is not.
    #[error("{0} (here also service=GLOB)")]
    Matcher(#[from] RuleError),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct OverrideRule<T> {
    text: String,
    subject: Subject,
    value: T,
}

#[derive(Clone, Debug)]
enum Subject {
    Service(GlobMatcher),
    Process(Matcher),
}

/// What a service has, and which rule says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override<T> {
    /// The value.
    pub value: T,
    /// The rule as the operator wrote it.
    pub rule: String,
}

/// What a service has of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Who decides which of its traces are recorded.
    pub sampler: Option<Override<Sampler>>,
    /// How its contexts are carried on.
    pub propagate: Option<Override<Ways>>,
}

/// Rules by what they are about; of each the first that fits counts.
#[derive(Clone, Debug, Default)]
pub struct OverrideRules {
    /// `--service-sampler`
    pub samplers: Vec<OverrideRule<Sampler>>,
    /// `--service-propagate`
    pub propagate: Vec<OverrideRule<Ways>>,
}

impl OverrideRules {
    /// Whether listening ports can change what a service has.
    pub(super) fn need_ports(&self) -> bool {
        needs_ports(&self.samplers) || needs_ports(&self.propagate)
    }

    pub(super) fn of(&self, candidate: &Candidate<'_>, service: &str) -> Overrides {
        Overrides {
            sampler: first(&self.samplers, candidate, service),
            propagate: first(&self.propagate, candidate, service),
        }
    }
}

fn needs_ports<T>(rules: &[OverrideRule<T>]) -> bool {
    rules.iter().any(|rule| match &rule.subject {
        Subject::Process(matcher) => matcher.is_port(),
        Subject::Service(_) => false,
    })
}

fn first<T: Clone>(
    rules: &[OverrideRule<T>],
    candidate: &Candidate<'_>,
    service: &str,
) -> Option<Override<T>> {
    let fits = |rule: &&OverrideRule<T>| match &rule.subject {
        Subject::Service(glob) => glob.is_match(service),
        Subject::Process(matcher) => matcher.matches(candidate) || matcher.is_called(service),
    };
    let rule = rules.iter().find(fits)?;
    Some(Override {
        value: rule.value.clone(),
        rule: rule.text.clone(),
    })
}

impl<T: FromStr<Err = String>> FromStr for OverrideRule<T> {
    type Err = OverrideError;

    /// Splits at the first `=` that a value follows: both sides may contain others.
    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let mut refused = None;
        for (at, _) in text.match_indices('=') {
            let (matcher, value) = (text[..at].trim(), text[at + 1..].trim());
            // `exe=x` is a match, not a process called `exe`.
            if matcher.is_empty() || KEYS.contains(&matcher) || matcher == "service" {
                continue;
            }
            match value.parse() {
                Ok(value) => {
                    return Ok(Self {
                        text: text.to_owned(),
                        subject: subject(matcher)?,
                        value,
                    });
                }
                Err(why) => refused = refused.or(Some(OverrideError::Value(why))),
            }
        }
        Err(refused.unwrap_or_else(|| OverrideError::Incomplete(text.to_owned())))
    }
}

fn subject(text: &str) -> Result<Subject, RuleError> {
    match text.strip_prefix("service=") {
        Some(pattern) => Ok(Subject::Service(glob(text, pattern.trim())?)),
        None => Ok(Subject::Process(text.parse()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::{OverrideRule, OverrideRules};
    use crate::context::{Sampler, Ways};
    use crate::process::selection::Candidate;
    use std::path::Path;

    #[test]
    fn rules_fit_processes_and_services() {
        let candidate = Candidate {
            pid: 7,
            exe: Path::new("/usr/bin/python3.11"),
            command: "python3 -m shop",
            ports: &[8080],
            container: None,
            cgroup: "/",
        };
        for (rule, expected) in [
            ("checkout=always_off", Some("always_off")),
            ("check*=traceidratio=0.1", Some("traceidratio=0.1")),
            ("service=checkout=ratelimited=5/s", Some("ratelimited=5/s")),
            ("service=python*=always_off", None),
            ("python*=always_off", Some("always_off")),
            ("exe=checkout=always_off", None),
            ("port=8080=always_off", Some("always_off")),
            ("cmd=*shop=always_off", Some("always_off")),
        ] {
            let rules = OverrideRules {
                samplers: vec![rule.parse().expect(rule)],
                propagate: Vec::new(),
            };
            let found = rules.of(&candidate, "checkout").sampler;
            let value = found.as_ref().map(|found| found.value.to_string());
            assert_eq!(value.as_deref(), expected, "{rule}");
            assert!(found.is_none_or(|found| found.rule == rule));
        }
    }

    #[test]
    fn bad_rules_are_explained() {
        for (rule, expected) in [
            ("checkout", "lacks one side"),
            ("=always_on", "lacks one side"),
            ("exe=always_on", "lacks one side"),
            ("checkout=sometimes", "unknown sampler sometimes"),
            ("checkout=traceidratio=2", "not a ratio"),
            ("checkout=ratelimited", "needs a rate"),
            ("exec=x=always_on", "did you mean `exe`"),
            ("service=[=always_on", "not a valid glob"),
        ] {
            let error = rule.parse::<OverrideRule<Sampler>>().expect_err(rule);
            assert!(error.to_string().contains(expected), "{rule}: {error}");
        }
        for (rule, expected) in [
            ("legacy=of", "of is not one of"),
            ("legacy=off,header", "excludes"),
        ] {
            let error = rule.parse::<OverrideRule<Ways>>().expect_err(rule);
            assert!(error.to_string().contains(expected), "{rule}: {error}");
        }
    }
}
