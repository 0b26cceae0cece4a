//! Samplers by the names of the OpenTelemetry specification, and `ratelimited`, which it has none for.

use std::fmt;
use std::str::FromStr;

use sonde_common::sampler::{self, kind};

const EXPECTED: &str =
    "expected always_on, always_off, traceidratio, ratelimited, or one of them behind parentbased_";
const SECOND: f64 = 1e9;
/// Most traces a second that a rate can be told in nanoseconds without an error above 0.1 %.
const MOST: f64 = 1e6;
/// Fewest: one in eleven days.
const FEWEST: f64 = 1e-6;

/// Who decides which traces are recorded.
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
    /// So many a second and service.
    Rate(f64),
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
    /// Of a name, with an argument behind `=` or beside it, as in `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`. The
    /// one behind `=` wins.
    ///
    /// # Errors
    /// An unknown name, or an argument that the sampler cannot have.
    pub fn parse(text: &str, argument: Option<&str>) -> Result<Self, String> {
        let (name, own) = match text.split_once('=') {
            Some((name, own)) => (name.trim(), Some(own)),
            None => (text.trim(), None),
        };
        let argument = own.or(argument);
        let base = name.strip_prefix("parentbased_");
        let share = match base.unwrap_or(name) {
            "always_on" | "always_off" if own.is_some() => {
                return Err(format!("{name} takes no argument"));
            }
            "always_on" => Share::All,
            "always_off" => Share::None,
            "traceidratio" => Share::Ratio(ratio(argument.unwrap_or("1"))?),
            "ratelimited" => Share::Rate(rate(argument)?),
            _ => return Err(format!("unknown sampler {name}: {EXPECTED}")),
        };
        Ok(Self {
            share,
            parent_based: base.is_some(),
        })
    }

    /// Whether each service has tokens of its own.
    #[must_use]
    pub const fn counts(&self) -> bool {
        matches!(self.share, Share::Rate(_))
    }

    /// As the kernel side takes it. Tokens that were given away are not part of it.
    #[must_use]
    pub fn entry(&self) -> sampler::Sampler {
        let (kind, limit) = match self.share {
            Share::All => (kind::ALWAYS_ON, 0),
            Share::None => (kind::ALWAYS_OFF, 0),
            Share::Ratio(ratio) => (kind::RATIO, whole(ratio * 2_f64.powi(56))),
            // Upwards: rather too few than too many.
            Share::Rate(rate) => (kind::RATE, whole((SECOND / rate).ceil())),
        };
        sampler::Sampler {
            kind,
            parent_based: self.parent_based.into(),
            limit,
            burst: if self.counts() {
                limit.max(whole(SECOND))
            } else {
                0
            },
            spent: 0,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 2^56, as ratios and rates are checked"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.trim().parse().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| format!("{text} is not a ratio between 0 and 1"))
}

fn rate(text: Option<&str>) -> Result<f64, String> {
    let text = text.ok_or("ratelimited needs a rate, such as ratelimited=100/s")?;
    let number = text.trim().strip_suffix("/s").unwrap_or(text).trim();
    let rate = number.parse().ok();
    rate.filter(|rate| (FEWEST..=MOST).contains(rate))
        .ok_or_else(|| {
            format!("{text} is not a rate in traces a second between 0.000001/s and 1000000/s")
        })
}

impl FromStr for Sampler {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, None)
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = if self.parent_based {
            "parentbased_"
        } else {
            ""
        };
        match self.share {
            Share::All => write!(to, "{base}always_on"),
            Share::None => write!(to, "{base}always_off"),
            Share::Ratio(ratio) => write!(to, "{base}traceidratio={ratio}"),
            Share::Rate(rate) => write!(to, "{base}ratelimited={rate}/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Sampler, Share};
    use sonde_common::sampler::kind;

    #[test]
    fn samplers_have_the_names_of_the_specification() {
        let sampler = |share, parent_based| {
            Some(Sampler {
                share,
                parent_based,
            })
        };
        for (name, argument, expected) in [
            ("always_on", None, sampler(Share::All, false)),
            (
                "parentbased_always_off",
                Some("x"),
                sampler(Share::None, true),
            ),
            (
                "traceidratio",
                Some("0.25"),
                sampler(Share::Ratio(0.25), false),
            ),
            (
                "traceidratio=0.25",
                None,
                sampler(Share::Ratio(0.25), false),
            ),
            (
                "parentbased_traceidratio",
                None,
                sampler(Share::Ratio(1.0), true),
            ),
            (
                "ratelimited",
                Some("100"),
                sampler(Share::Rate(100.0), false),
            ),
            (
                "ratelimited=100/s",
                Some("5"),
                sampler(Share::Rate(100.0), false),
            ),
            (
                "parentbased_ratelimited= 0.5 /s",
                None,
                sampler(Share::Rate(0.5), true),
            ),
            ("sometimes", None, None),
            ("always_on=1", None, None),
            ("traceidratio", Some("2"), None),
            ("traceidratio", Some("-0.1"), None),
            ("traceidratio", Some("NaN"), None),
            ("ratelimited", None, None),
            ("ratelimited", Some("0"), None),
            ("ratelimited", Some("1/m"), None),
            ("ratelimited", Some("inf"), None),
        ] {
            let parsed = Sampler::parse(name, argument).ok();
            assert_eq!(parsed, expected, "{name} {argument:?}");
            if let Some(sampler) = parsed {
                assert_eq!(sampler.to_string().parse(), Ok(sampler));
            }
        }
    }

    #[test]
    fn entries() {
        let entry = |text: &str| {
            let entry = text.parse::<Sampler>().expect(text).entry();
            (entry.kind, entry.limit, entry.burst)
        };
        assert_eq!(entry("traceidratio=0"), (kind::RATIO, 0, 0));
        assert_eq!(entry("traceidratio=0.5"), (kind::RATIO, 1 << 55, 0));
        assert_eq!(entry("traceidratio=1"), (kind::RATIO, 1 << 56, 0));
        let second = 1_000_000_000;
        assert_eq!(entry("ratelimited=100"), (kind::RATE, second / 100, second));
        assert_eq!(
            entry("ratelimited=0.1/s"),
            (kind::RATE, 10 * second, 10 * second)
        );
        assert_eq!(entry("ratelimited=3/s").1, 333_333_334);
    }
}
