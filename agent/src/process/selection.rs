//! Which processes are instrumented: `--include`, `--exclude`, `--pid`, and the `--service-name` rules.
//!
//! Pure. A rule is `KEY=GLOB` or a bare glob. Globs match the whole text (`*` also crosses `/`):
//! `cmd=*gunicorn*` finds a word in a command line.

use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

pub(super) const KEYS: [&str; 5] = ["exe", "cmd", "port", "container", "cgroup"];

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// No such key.
    #[error(
        "unknown key `{key}` in `{rule}`: did you mean `{nearest}`? (valid: exe, cmd, port, container, cgroup, or a bare glob)"
    )]
    UnknownKey {
        /// The rule as given.
        rule: String,
        /// Its key.
        key: String,
        /// The valid key most like it.
        nearest: &'static str,
    },
    /// Not a glob.
    #[error("`{rule}` is not a valid glob: {reason}")]
    Glob {
        /// The rule as given.
        rule: String,
        /// What the glob parser says.
        reason: String,
    },
    /// Not a port or range of ports.
    #[error("`{0}` is not a port (8080) or a range of ports (8000-8099)")]
    Port(String),
    /// Nothing to match.
    #[error("`{0}` has nothing to match after its key")]
    Empty(String),
    /// A service name rule without its name.
    #[error("`{0}` lacks a service name: write MATCH=NAME, for example exe=*/shop=checkout")]
    NoName(String),
}

/// One rule that a process meets or not.
#[derive(Clone, Debug)]
pub struct Matcher {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exe(GlobMatcher),
    Command(GlobMatcher),
    Port(RangeInclusive<u16>),
    Container(GlobMatcher),
    Cgroup(GlobMatcher),
    Any(GlobMatcher),
}

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) pid: u32,
    pub(super) exe: &'a Path,
    /// Arguments joined with spaces.
    pub(super) command: &'a str,
    pub(super) ports: &'a [u16],
    pub(super) container: Option<&'a str>,
    pub(super) cgroup: &'a str,
}

impl Matcher {
    /// The rule as the operator wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_port(&self) -> bool {
        matches!(self.kind, Kind::Port(_))
    }

    /// Whether it is a bare glob and fits this name.
    pub(super) fn is_called(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Any(glob) if glob.is_match(name))
    }

    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        match &self.kind {
            Kind::Exe(glob) => exe_matches(glob, candidate.exe),
            Kind::Command(glob) => glob.is_match(candidate.command),
            Kind::Port(range) => candidate.ports.iter().any(|port| range.contains(port)),
            Kind::Container(glob) => candidate.container.is_some_and(|id| {
                glob.is_match(id) || id.get(..12).is_some_and(|id| glob.is_match(id))
            }),
            Kind::Cgroup(glob) => glob.is_match(candidate.cgroup),
            Kind::Any(glob) => exe_matches(glob, candidate.exe) || glob.is_match(candidate.command),
        }
    }
}

fn exe_matches(glob: &GlobMatcher, exe: &Path) -> bool {
    glob.is_match(exe) || exe.file_name().is_some_and(|name| glob.is_match(name))
}

impl FromStr for Matcher {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let kind = match text.split_once('=') {
            // `LANG_x=..`, `*a=b*` or `/x=y` cannot be a mistyped key: such text is a bare glob.
            Some((key, value)) if key.bytes().all(|byte| byte.is_ascii_lowercase()) => {
                keyed(text, key, value.trim())?
            }
            _ => Kind::Any(glob(text, text.trim())?),
        };
        let text = text.to_owned();
        Ok(Self { text, kind })
    }
}

fn keyed(rule: &str, key: &str, value: &str) -> Result<Kind, RuleError> {
    Ok(match key {
        "exe" => Kind::Exe(glob(rule, value)?),
        "cmd" => Kind::Command(glob(rule, value)?),
        "port" => Kind::Port(ports(value).ok_or_else(|| RuleError::Port(rule.to_owned()))?),
        "container" => Kind::Container(glob(rule, value)?),
        "cgroup" => Kind::Cgroup(glob(rule, value)?),
        _ => {
            return Err(RuleError::UnknownKey {
                rule: rule.to_owned(),
                key: key.to_owned(),
                nearest: nearest_key(key),
            });
        }
    })
}

fn nearest_key(key: &str) -> &'static str {
    let likeness = |known: &&&str| (strsim::jaro_winkler(key, known) * 1000.0) as u32;
    KEYS.iter().max_by_key(likeness).copied().unwrap_or("exe")
}

pub(super) fn glob(rule: &str, pattern: &str) -> Result<GlobMatcher, RuleError> {
    if pattern.is_empty() {
        return Err(RuleError::Empty(rule.to_owned()));
    }
    let built = GlobBuilder::new(pattern).literal_separator(false).build();
    let built = built.map_err(|error| RuleError::Glob {
        rule: rule.to_owned(),
        reason: error.kind().to_string(),
    })?;
    Ok(built.compile_matcher())
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first != 0 && first <= last).then_some(first..=last)
}

/// `--service-name MATCH=NAME`.
#[derive(Clone, Debug)]
pub struct ServiceNameRule {
    /// Which processes.
    pub matcher: Matcher,
    /// Their `service.name`.
    pub name: String,
}

impl FromStr for ServiceNameRule {
    type Err = RuleError;

    /// Splits at the last `=`, since the match may contain `=` itself.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let missing = || RuleError::NoName(text.to_owned());
        let (matcher, name) = text.rsplit_once('=').ok_or_else(missing)?;
        let name = name.trim();
        // `exe=x` is a match that lacks a name, not a process called `exe`.
        if name.is_empty() || KEYS.contains(&matcher) {
            return Err(missing());
        }
        let name = name.to_owned();
        Ok(Self {
            matcher: matcher.parse()?,
            name,
        })
    }
}

/// Whether a process is instrumented, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is.
    Instrumented,
    /// There are include rules or process ids, and none fits.
    NotIncluded,
    /// This exclude rule fits.
    Excluded(String),
    /// It is the agent itself.
    Agent,
}

impl Verdict {
    /// Whether spans are made for the process.
    #[must_use]
    pub fn is_instrumented(&self) -> bool {
        *self == Self::Instrumented
    }

    /// For people.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Instrumented => "instrumented".to_owned(),
            Self::NotIncluded => "no --include or --pid fits".to_owned(),
            Self::Excluded(rule) => format!("excluded by `{rule}`"),
            Self::Agent => "the agent itself".to_owned(),
        }
    }
}

/// What the operator selected. Empty selects everything but the agent.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Any of these fits, or
    pub include: Vec<Matcher>,
    /// unless one of these does.
    pub exclude: Vec<Matcher>,
    /// Process ids that are included.
    pub pids: Vec<u32>,
}

impl Selection {
    /// Whether listening ports can change a verdict.
    pub(super) fn needs_ports(&self) -> bool {
        self.include
            .iter()
            .chain(&self.exclude)
            .any(Matcher::is_port)
    }

    pub(super) fn judge(&self, candidate: &Candidate<'_>) -> Verdict {
        if let Some(rule) = self.exclude.iter().find(|rule| rule.matches(candidate)) {
            return Verdict::Excluded(rule.text.clone());
        }
        let everything = self.include.is_empty() && self.pids.is_empty();
        let included = everything
            || self.pids.contains(&candidate.pid)
            || self.include.iter().any(|rule| rule.matches(candidate));
        if included {
            Verdict::Instrumented
        } else {
            Verdict::NotIncluded
        }
    }
}

/// Whether any of the rules looks at ports.
pub(super) fn names_need_ports(rules: &[ServiceNameRule]) -> bool {
    rules.iter().any(|rule| rule.matcher.is_port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shop() -> Candidate<'static> {
        Candidate {
            pid: 7,
            exe: Path::new("/usr/bin/python3.11"),
            command: "python3 -m shop --mode=fast",
            ports: &[8080],
            container: Some("3f2a8c51d0b94e7786aa1b0c9d8e7f60112233445566778899aabbccddeeff00"),
            cgroup: "/system.slice/shop.service",
        }
    }

    #[test]
    fn rules_fit() {
        let cases = [
            ("exe=/usr/bin/python*", true),
            ("exe=python3.11", true),
            ("exe=python", false),
            ("exe=/usr/*", true),
            ("cmd=*shop*", true),
            ("cmd=shop", false),
            ("cmd=*--mode=fast", true),
            ("port=8080", true),
            ("port=8000-8099", true),
            ("port=80", false),
            ("container=3f2a8c51d0b9", true),
            ("container=3f2a*", true),
            ("container=ffff*", false),
            ("cgroup=/system.slice/*", true),
            ("python3*", true),
            ("*mode=fast", true),
            ("ruby", false),
        ];
        for (rule, expected) in cases {
            let matcher: Matcher = rule.parse().unwrap();
            assert_eq!(matcher.matches(&shop()), expected, "{rule}");
        }
    }

    #[test]
    fn bad_rules_are_explained() {
        let cases = [
            ("exec=x", "did you mean `exe`"),
            ("ports=80", "did you mean `port`"),
            ("cgrp=x", "did you mean `cgroup`"),
            ("port=x", "not a port"),
            ("port=0", "not a port"),
            ("port=9-8", "not a port"),
            ("port=70000", "not a port"),
            ("exe=", "nothing to match"),
            ("", "nothing to match"),
            ("exe=[a", "not a valid glob"),
        ];
        for (rule, expected) in cases {
            let error = rule.parse::<Matcher>().unwrap_err().to_string();
            assert!(error.contains(expected), "{rule}: {error}");
        }
    }

    #[test]
    fn service_name_rules() {
        let cases = [
            ("exe=*/shop=checkout", Some(("exe=*/shop", "checkout"))),
            (
                "cmd=*--mode=fast*=quick",
                Some(("cmd=*--mode=fast*", "quick")),
            ),
            ("shop=checkout", Some(("shop", "checkout"))),
            ("exe=shop", None),
            ("shop=", None),
            ("shop", None),
        ];
        for (text, expected) in cases {
            let rule = text.parse::<ServiceNameRule>().ok();
            let got = rule
                .as_ref()
                .map(|rule| (rule.matcher.text(), rule.name.as_str()));
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn verdicts() {
        type Rules = &'static [&'static str];
        let cases: [(Rules, Rules, &[u32], Verdict); 6] = [
            (&[], &[], &[], Verdict::Instrumented),
            (&["port=8080"], &[], &[], Verdict::Instrumented),
            (&["port=9"], &[], &[], Verdict::NotIncluded),
            (&["port=9"], &[], &[7], Verdict::Instrumented),
            (&[], &[], &[8], Verdict::NotIncluded),
            (
                &["python*"],
                &["port=8080"],
                &[7],
                Verdict::Excluded("port=8080".into()),
            ),
        ];
        for (include, exclude, pids, expected) in cases {
            let parse = |rules: &[&str]| rules.iter().map(|rule| rule.parse().unwrap()).collect();
            let (include, exclude, pids) = (parse(include), parse(exclude), pids.to_vec());
            let selection = Selection {
                include,
                exclude,
                pids,
            };
            assert_eq!(selection.judge(&shop()), expected);
        }
    }

    proptest! {
        #[test]
        fn anything_is_survived(text in "\\PC{0,40}") {
            if let Ok(matcher) = text.parse::<Matcher>() {
                matcher.matches(&shop());
            }
            let _ = text.parse::<ServiceNameRule>();
        }
    }
}
