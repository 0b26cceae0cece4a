//! What the kernel side is told about trace contexts: who samples, whom to trust, and how each process's
//! context is carried on.
//!
//! Decides nothing about a request: that happens in the kernel, when its trace begins.

mod propagators;

use std::time::Duration;

use sonde_common::config::{sampler, trust};
use sonde_common::process::{propagate, runtime};

use crate::process::{Language, Process};

pub use propagators::{Propagator, Propagators};

/// The sampler, by the names of the OpenTelemetry specification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Which traces are sampled.
    pub share: Share,
    /// Only where a trace begins; the decision of a remote parent stands.
    pub parent_based: bool,
}

/// Which traces are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// All.
    All,
    /// None.
    None,
    /// A part of them, 0 to 1, by trace-id.
    Ratio(f64),
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            share: Share::All,
            parent_based: true,
        }
    }
}

impl Sampler {
    /// Of a name and an argument as in `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
    ///
    /// # Errors
    /// An unknown name, or a ratio that is not within 0 and 1.
    pub fn parse(name: &str, argument: Option<&str>) -> Result<Self, String> {
        let base = name.strip_prefix("parentbased_");
        let share = match base.unwrap_or(name) {
            "always_on" => Share::All,
            "always_off" => Share::None,
            "traceidratio" => Share::Ratio(ratio(argument)?),
            _ => {
                return Err(format!(
                    "unknown sampler {name}: expected always_on, always_off, traceidratio, or one of them behind parentbased_"
                ));
            }
        };
        Ok(Self {
            share,
            parent_based: base.is_some(),
        })
    }

    /// As the kernel side takes it: a value of [`sampler`], and the limit below which a trace's random part is
    /// sampled.
    #[must_use]
    pub fn numbers(&self) -> (u32, u64) {
        match self.share {
            Share::All => (sampler::ALWAYS_ON, 0),
            Share::None => (sampler::ALWAYS_OFF, 0),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 2^56, as the ratio is within 0 and 1"
            )]
            Share::Ratio(ratio) => (sampler::RATIO, (ratio * 2_f64.powi(56)) as u64),
        }
    }
}

fn ratio(argument: Option<&str>) -> Result<f64, String> {
    let text = argument.unwrap_or("1");
    let ratio = text.trim().parse().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| format!("{text} is not a ratio between 0 and 1"))
}

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

/// How one process's context is carried on: by header only where being in a sockhash does it no harm.
#[must_use]
pub fn of_process(process: &Process, wanted: u8, sockhash_is_harmless: bool) -> u8 {
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
                | Language::Go
        )
    )
}

/// What carries a context through the process: a value of [`runtime`].
#[must_use]
pub fn carrier(process: &Process) -> u8 {
    match process.runtime.language {
        Some(Language::Go) => runtime::GO,
        // Nearly all Rust services run on tokio, whose tasks and connections change threads at any time: the
        // thread was right for 75 % of the calls, and wrong for 23 %.
        Some(Language::Rust) => runtime::MOVING,
        Some(Language::Python) => runtime::ASYNCIO,
        _ => runtime::THREADS,
    }
}

#[cfg(test)]
mod tests {
    use super::{Propagate, Sampler, Share, propagation};
    use sonde_common::config::sampler;
    use sonde_common::process::propagate;

    #[test]
    fn samplers_have_the_names_of_the_specification() {
        let parsed = |name, argument| Sampler::parse(name, argument).ok();
        let sampler = |share, parent_based| {
            Some(Sampler {
                share,
                parent_based,
            })
        };
        assert_eq!(parsed("always_on", None), sampler(Share::All, false));
        assert_eq!(
            parsed("parentbased_always_off", Some("x")),
            sampler(Share::None, true)
        );
        assert_eq!(
            parsed("traceidratio", Some("0.25")),
            sampler(Share::Ratio(0.25), false)
        );
        assert_eq!(
            parsed("parentbased_traceidratio", None),
            sampler(Share::Ratio(1.0), true)
        );
        for (name, argument) in [
            ("sometimes", None),
            ("traceidratio", Some("2")),
            ("traceidratio", Some("-0.1")),
            ("traceidratio", Some("NaN")),
        ] {
            assert_eq!(parsed(name, argument), None, "{name} {argument:?}");
        }
    }

    #[test]
    fn a_ratio_is_a_share_of_the_random_part() {
        let limit = |ratio| {
            Sampler {
                share: Share::Ratio(ratio),
                parent_based: false,
            }
            .numbers()
        };
        assert_eq!(limit(0.0), (sampler::RATIO, 0));
        assert_eq!(limit(0.5), (sampler::RATIO, 1 << 55));
        assert_eq!(limit(1.0), (sampler::RATIO, 1 << 56));
    }

    #[test]
    fn off_stands_alone() {
        assert_eq!(propagation(&[Propagate::Off]), Ok(0));
        assert!(propagation(&[Propagate::Off, Propagate::Header]).is_err());
        let both = propagation(&[Propagate::Header, Propagate::Tcp]);
        assert_eq!(both, Ok(propagate::HEADER | propagate::TCP));
    }
}
