//! Which fields of a request name its parent, by the names of the OpenTelemetry specification.

use sonde_common::propagator::{COUNT, known};

/// A format of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Propagator {
    /// W3C Trace Context: `traceparent` and `tracestate`
    Tracecontext,
    /// W3C Baggage: the same as --propagate-baggage
    Baggage,
    /// B3 in one field
    B3,
    /// B3 in several fields, X-B3-TraceId and its like
    #[value(name = "b3multi")]
    B3Multi,
    /// Jaeger: uber-trace-id
    Jaeger,
    /// Datadog: x-datadog-trace-id and its like
    Datadog,
    /// Nothing: each request begins a trace
    None,
}

impl Propagator {
    /// The kernel side's bit of one that [`Propagators::others`] may list.
    const fn bit(self) -> Option<u32> {
        match self {
            Self::Tracecontext | Self::Baggage | Self::None => None,
            Self::B3 => Some(known::B3),
            Self::B3Multi => Some(known::B3_MULTI),
            Self::Jaeger => Some(known::JAEGER),
            Self::Datadog => Some(known::DATADOG),
        }
    }
}

/// What the kernel side is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagators {
    /// `traceparent` counts.
    pub traceparent: bool,
    /// `baggage` is carried on.
    pub baggage: bool,
    /// Bits of [`known`] in the order that decides, then zeros.
    pub others: [u32; COUNT],
}

impl Default for Propagators {
    fn default() -> Self {
        Self {
            traceparent: true,
            baggage: false,
            others: [0; COUNT],
        }
    }
}

impl Propagators {
    /// Of what is listed; one that is listed twice counts where it is first.
    ///
    /// # Errors
    /// `none` beside another.
    pub fn of(listed: &[Propagator], baggage: bool) -> Result<Self, String> {
        if listed.contains(&Propagator::None) && listed.iter().any(|one| *one != Propagator::None) {
            return Err("none excludes the others".to_owned());
        }
        let mut bits: Vec<u32> = listed.iter().filter_map(|one| one.bit()).collect();
        let mut seen = 0;
        bits.retain(|bit| {
            let first = seen & bit == 0;
            seen |= bit;
            first
        });
        let mut others = [0; COUNT];
        for (to, bit) in others.iter_mut().zip(bits) {
            *to = bit;
        }
        Ok(Self {
            traceparent: listed.contains(&Propagator::Tracecontext),
            baggage: baggage || listed.contains(&Propagator::Baggage),
            others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Propagator, Propagators};
    use sonde_common::propagator::known;

    #[test]
    fn the_order_is_kept() {
        let listed = [
            Propagator::Jaeger,
            Propagator::B3,
            Propagator::Jaeger,
            Propagator::Datadog,
            Propagator::B3Multi,
            Propagator::Baggage,
        ];
        let order = [known::JAEGER, known::B3, known::DATADOG, known::B3_MULTI];
        let propagators = Propagators::of(&listed, false).unwrap();
        assert_eq!(propagators.others, order);
        assert!(propagators.baggage && !propagators.traceparent);
        let default = Propagators::of(&[Propagator::Tracecontext], false);
        assert_eq!(default, Ok(Propagators::default()));
    }

    #[test]
    fn none_stands_alone() {
        let none = Propagators::of(&[Propagator::None], false).unwrap();
        assert!(!none.traceparent);
        assert!(Propagators::of(&[Propagator::None, Propagator::B3], false).is_err());
    }
}
