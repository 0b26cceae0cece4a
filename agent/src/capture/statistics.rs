//! What the kernel side counted: losses by hook and reason, runs and run time of each program.

use aya::maps::{MapData, PerCpuArray};
use sonde_common::loss::{Hook, Reason, index};

use super::{Capture, CaptureError};

/// One loss counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Where.
    pub hook: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How often since the start.
    pub total: u64,
}

/// How often a program ran and for how long; zero unless `kernel.bpf_stats_enabled` is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRuns {
    /// Name of the program.
    pub program: String,
    /// Runs.
    pub count: u64,
    /// Nanoseconds in all.
    pub nanoseconds: u64,
}

/// The reading end of the counters.
pub struct Statistics(PerCpuArray<MapData, u64>);

impl Statistics {
    /// Takes the counters.
    pub fn new(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self(capture.take_losses()?))
    }

    /// Every loss counter.
    pub fn losses(&self) -> impl Iterator<Item = Losses> + '_ {
        Hook::ALL.into_iter().flat_map(move |hook| {
            Reason::ALL.into_iter().map(move |reason| {
                let counts = self.0.get(&index(hook, reason), 0);
                let total = counts.map(|counts| counts.iter().sum()).unwrap_or_default();
                Losses {
                    hook: hook.as_str(),
                    reason: reason.as_str(),
                    total,
                }
            })
        })
    }
}

impl Capture {
    /// Runs of every program so far.
    pub fn runs(&self) -> Vec<ProgramRuns> {
        let runs = self.programs().filter_map(|(name, program)| {
            let info = program.info().ok()?;
            Some(ProgramRuns {
                program: name.to_owned(),
                count: info.run_count(),
                nanoseconds: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
            })
        });
        runs.collect()
    }
}
