//! What the kernel side is told about trace contexts: who samples, whom to trust, and how each process's
//! context is carried on.
//!
//! Decides nothing about a request: that happens in the kernel, when its trace begins.

mod linked;
mod propagators;
mod sampler;
mod samplers;

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum as _;
use sonde_common::config::trust;
use sonde_common::process::{propagate, runtime, threads};

use crate::process::{Language, Process};

pub use linked::{Known, Linked, linked};
pub use propagators::{Propagator, Propagators};
pub use sampler::{Sampler, Share};
pub use samplers::Samplers;

/// Whose word about a parent counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Trust {
    /// Everybody's
    #[default]
    All,
    /// That of peers with a private, loopback or link-local address
    Private,
    /// Nobody's
    None,
}

impl Trust {
    /// As the kernel side takes it.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::All => trust::ALL,
            Self::Private => trust::PRIVATE,
            Self::None => trust::NONE,
        }
    }
}

/// One way to carry a context on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Propagate {
    /// `traceparent` in HTTP requests
    Header,
    /// A TCP option (kind 25) beside requests that carry no such field
    Tcp,
    /// Not at all
    Off,
}

/// What services that trace themselves mean for their spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sdk {
    /// No spans for a process that is seen to trace itself
    #[default]
    Auto,
    /// No process traces itself, whatever it sends
    Never,
    /// Every process traces itself: only context is followed
    Always,
}

/// Something that can be turned off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// It is done
    #[default]
    On,
    /// It is not
    Off,
}

/// What the operator chose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Which fields of a request count.
    pub propagators: Propagators,
    /// Who decides which traces are sampled.
    pub sampler: Sampler,
    /// Whose word about a parent counts.
    pub trust_incoming: Trust,
    /// How long work goes on after its response.
    pub linger: Duration,
    /// Bits of [`propagate`].
    pub propagate: u8,
    /// What services that trace themselves mean.
    pub sdk: Sdk,
    /// Whether Go's HTTP client gets a uprobe.
    pub go_uprobes: Switch,
}

/// Bits of [`propagate`] for what is listed.
///
/// # Errors
/// `off` beside another.
pub fn propagation(listed: &[Propagate]) -> Result<u8, String> {
    let bits = listed.iter().fold(0, |bits, one| {
        bits | match one {
            Propagate::Header => propagate::HEADER,
            Propagate::Tcp => propagate::TCP,
            Propagate::Off => 0,
        }
    });
    if bits != 0 && listed.contains(&Propagate::Off) {
        return Err("off excludes the others".to_owned());
    }
    Ok(bits)
}

/// Bits of [`propagate`], written as a comma-separated list of ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways(pub u8);

impl FromStr for Ways {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let way = |name: &str| {
            let name = name.trim();
            Propagate::from_str(name, false).map_err(|_| {
                let all: Vec<String> = Propagate::value_variants()
                    .iter()
                    .filter_map(|way| Some(way.to_possible_value()?.get_name().to_owned()))
                    .collect();
                format!("{name} is not one of {}", all.join(", "))
            })
        };
        let listed: Result<Vec<_>, _> = text.split(',').map(way).collect();
        propagation(&listed?).map(Self)
    }
}

/// How one process's context is carried on: as its service is told to, or else as `wanted`; by header only where being in a
/// sockhash does it no harm.
#[must_use]
pub fn of_process(process: &Process, wanted: u8, sockhash_is_harmless: bool) -> u8 {
    let own = process.overrides.propagate.as_ref();
    let wanted = own.map_or(wanted, |own| own.value.0);
    let unharmed = sockhash_is_harmless || asks_no_fionread(process.runtime.language);
    if unharmed {
        wanted
    } else {
        wanted & !propagate::HEADER
    }
}

/// Runtimes that never ask a socket how many bytes wait in it (`ioctl(FIONREAD)`).
fn asks_no_fionread(language: Option<Language>) -> bool {
    matches!(
        language,
        Some(
            Language::NodeJs
                | Language::Python
                | Language::Ruby
                | Language::Php
                | Language::Rust
                | Language::Deno
                | Language::Go
        )
    )
}

/// What carries a context through the process: a value of [`runtime`].
#[must_use]
pub fn carrier(process: &Process) -> u8 {
    match process.runtime.language {
        Some(Language::Go) => runtime::GO,
        // Nearly all Rust services run on tokio, whose tasks and connections change threads at any time: until its
        // tasks are found, nothing is known. The thread was right for 75 % of the calls, and wrong for 23 %.
        // Deno is Rust on tokio, but the work of all its requests is one task's.
        Some(Language::Rust | Language::Deno | Language::Bun) => runtime::MOVING,
        Some(Language::Python) => runtime::ASYNCIO,
        Some(Language::Java) => runtime::JAVA,
        Some(Language::NodeJs) => runtime::NODE,
        // Their loops and workers serve many by turns; the request names its cause itself.
        _ if is_proxy(process) => runtime::MOVING,
        _ => runtime::THREADS,
    }
}

/// Programs that send requests on with method and target as they came, unless they are told otherwise.
const PROXIES: [&str; 7] = [
    "nginx", "angie", "haproxy", "envoy", "varnishd", "squid", "lighttpd",
];

fn is_proxy(process: &Process) -> bool {
    let name = process.exe.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| PROXIES.contains(&name))
}

/// What is known of the threads of the process: bits of [`threads`].
#[must_use]
pub fn of_threads(process: &Process) -> u8 {
    match process.runtime.language {
        Some(Language::Ruby) => threads::HAND_OVER,
        Some(Language::Python) => threads::EMPTY_READ_IS_LOOP,
        Some(Language::Perl) => threads::NONBLOCKING_IS_LOOP,
        _ if is_proxy(process) => threads::PROXY,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Propagate, propagation};
    use sonde_common::process::propagate;

    #[test]
    fn off_stands_alone() {
        assert_eq!(propagation(&[Propagate::Off]), Ok(0));
        assert!(propagation(&[Propagate::Off, Propagate::Header]).is_err());
        let both = propagation(&[Propagate::Header, Propagate::Tcp]);
        assert_eq!(both, Ok(propagate::HEADER | propagate::TCP));
    }
}
