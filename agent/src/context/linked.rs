//! How the outgoing requests of a process find the ones that caused them, in words: what `sonde list` shows beside a process.
//!
//! Follows what [`super::carrier`] and the kernel side do; decides nothing itself.

use sonde_common::process::{Process as Told, runtime, threads, verdict};
use sonde_common::python::Python;

use crate::process::Language;

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Linked {
    /// No spans are made.
    NotTraced,
    /// The process makes its own spans.
    TracesItself,
    /// By goroutine.
    Goroutine,
    /// By task of asyncio.
    Asyncio,
    /// By task of tokio.
    Tokio,
    /// By what the turn of the event loop is about (Node.js).
    Turn,
    /// By thread, of a runtime where one may be a carrier of virtual threads (Java).
    PlatformThread,
    /// By thread, as long as it serves one request at a time.
    Thread,
    /// Green threads of one thread: only a field that is passed on tells.
    GreenThreads,
    /// A proxy: a field that is passed on tells, or the one open request with the same method and target.
    Proxy,
    /// Tasks of which nothing is known.
    UnknownTasks,
    /// An agent will look at it when it has its first connection.
    NotLookedAt,
}

impl Linked {
    /// What people read.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotTraced => "-",
            Self::TracesItself => "traces itself (SDK)",
            Self::Goroutine => "linked by goroutine",
            Self::Asyncio => "linked by task (asyncio)",
            Self::Tokio => "linked by task (tokio)",
            Self::Turn => "linked by turn of the event loop",
            Self::PlatformThread => "linked by thread, but for virtual ones",
            Self::Thread => "linked by thread where it serves one request at a time",
            Self::GreenThreads => "green threads: calls are roots, unless the field is passed on",
            Self::Proxy => "proxy: linked by the field, or by method and target",
            Self::UnknownTasks => {
                "event loop not understood: calls are roots, unless the field is passed on"
            }
            Self::NotLookedAt => "by task or thread: known with its first connection",
        }
    }
}

/// What is known of a process whose calls are to be linked.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What executes it.
    pub language: Option<Language>,
    /// A value of [`runtime`] that it begins with.
    pub carrier: u8,
    /// Bits of [`threads`].
    pub threads: u8,
    /// Spans are made for it.
    pub instrumented: bool,
    /// It serves several requests in green threads of one thread.
    pub green_threads: bool,
    /// What an agent at work has told the kernel side.
    pub told: Option<&'a Told>,
}

/// How the calls of a process are linked.
#[must_use]
pub fn linked(known: &Known<'_>) -> Linked {
    let told = known.told.filter(|told| told.verdict == verdict::WATCH);
    if !known.instrumented {
        return Linked::NotTraced;
    }
    if told.is_some_and(|told| told.traces_itself != 0) {
        return Linked::TracesItself;
    }
    if known.green_threads {
        return Linked::GreenThreads;
    }
    if known.threads & threads::PROXY != 0 {
        return Linked::Proxy;
    }
    let carrier = told.map_or(known.carrier, |told| told.runtime);
    match carrier {
        runtime::GO => Linked::Goroutine,
        runtime::TOKIO => Linked::Tokio,
        runtime::NODE => Linked::Turn,
        runtime::JAVA => Linked::PlatformThread,
        runtime::ASYNCIO => match told {
            Some(told) if told.python != Python::default() => Linked::Asyncio,
            _ => Linked::NotLookedAt,
        },
        runtime::MOVING => match known.language {
            Some(Language::Rust) if told.is_none() => Linked::NotLookedAt,
            _ => Linked::UnknownTasks,
        },
        _ => Linked::Thread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways() {
        let told = |runtime| Told {
            verdict: verdict::WATCH,
            runtime,
            ..Told::default()
        };
        let asyncio = Told {
            python: Python {
                interpreter: 1,
                ..Python::default()
            },
            ..told(runtime::ASYNCIO)
        };
        let tracer = Told {
            traces_itself: 1,
            ..told(runtime::GO)
        };
        let left = Told {
            traces_itself: 1,
            ..Told::default()
        };
        let cases = [
            (Language::Go, runtime::GO, None, Linked::Goroutine),
            (
                Language::Go,
                runtime::GO,
                Some(tracer),
                Linked::TracesItself,
            ),
            (Language::Go, runtime::GO, Some(left), Linked::Goroutine),
            (
                Language::Python,
                runtime::ASYNCIO,
                None,
                Linked::NotLookedAt,
            ),
            (
                Language::Python,
                runtime::ASYNCIO,
                Some(told(runtime::ASYNCIO)),
                Linked::NotLookedAt,
            ),
            (
                Language::Python,
                runtime::ASYNCIO,
                Some(asyncio),
                Linked::Asyncio,
            ),
            (
                Language::Python,
                runtime::ASYNCIO,
                Some(told(runtime::THREADS)),
                Linked::Thread,
            ),
            (Language::Rust, runtime::MOVING, None, Linked::NotLookedAt),
            (
                Language::Rust,
                runtime::MOVING,
                Some(told(runtime::MOVING)),
                Linked::UnknownTasks,
            ),
            (
                Language::Rust,
                runtime::MOVING,
                Some(told(runtime::TOKIO)),
                Linked::Tokio,
            ),
            (Language::Bun, runtime::MOVING, None, Linked::UnknownTasks),
            (Language::C, runtime::MOVING, None, Linked::UnknownTasks),
            (Language::NodeJs, runtime::NODE, None, Linked::Turn),
            (Language::Java, runtime::JAVA, None, Linked::PlatformThread),
            (Language::Erlang, runtime::THREADS, None, Linked::Thread),
        ];
        for (language, carrier, told, expected) in cases {
            let known = Known {
                language: Some(language),
                carrier,
                threads: 0,
                instrumented: true,
                green_threads: false,
                told: told.as_ref(),
            };
            assert_eq!(linked(&known), expected, "{language:?} {told:?}");
            let left = Known {
                instrumented: false,
                ..known
            };
            assert_eq!(linked(&left), Linked::NotTraced);
            let proxy = Known {
                threads: threads::PROXY,
                told: None,
                ..known
            };
            assert_eq!(linked(&proxy), Linked::Proxy);
        }
    }

    #[test]
    fn green_threads_are_not_threads() {
        let told = Told {
            verdict: verdict::WATCH,
            ..Told::default()
        };
        let known = Known {
            language: Some(Language::Python),
            carrier: runtime::ASYNCIO,
            threads: 0,
            instrumented: true,
            green_threads: true,
            told: Some(&told),
        };
        assert_eq!(linked(&known), Linked::GreenThreads);
    }
}
