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
pub struct Statistics {
    lost: PerCpuArray<MapData, u64>,
    left_out: PerCpuArray<MapData, u64>,
    told: u64,
}

impl Statistics {
    /// Takes the counters.
    pub fn new(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            lost: capture.take_losses()?,
            left_out: capture.take_left_out()?,
            told: 0,
        })
    }

    /// Exchanges that the kernel side left out since the last call, as their traces are not sampled.
    pub fn left_out(&mut self) -> u64 {
        let total = sum(&self.left_out, 0);
        total.saturating_sub(std::mem::replace(&mut self.told, total))
    }

    /// Every loss counter.
    pub fn losses(&self) -> impl Iterator<Item = Losses> + '_ {
        Hook::ALL.into_iter().flat_map(move |hook| {
            Reason::ALL.into_iter().map(move |reason| Losses {
                hook: hook.as_str(),
                reason: reason.as_str(),
                total: sum(&self.lost, index(hook, reason)),
            })
        })
    }
}

/// Of all processors.
fn sum(counters: &PerCpuArray<MapData, u64>, index: u32) -> u64 {
    let counts = counters.get(&index, 0);
    counts.map(|counts| counts.iter().sum()).unwrap_or_default()
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
