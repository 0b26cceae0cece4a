//! Gives each service its sampler: its number to the process, its settings to the kernel side.

use crate::capture::{Capture, CaptureError, SamplerMap};
use crate::context::{Sampler, Samplers};
use crate::process::Process;

/// Samplers of services.
pub struct Sampling {
    given: Samplers,
    map: SamplerMap,
}

impl Sampling {
    /// With the sampler of all services that have none of their own.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn new(capture: &mut Capture, default: Sampler) -> Result<Self, CaptureError> {
        let mut map = capture.take_samplers()?;
        map.set(0, default.entry())?;
        let given = Samplers::new(default);
        Ok(Self { given, map })
    }

    /// Number of the sampler that the process's service has.
    pub fn of(&mut self, process: &Process) -> u32 {
        let own = process.overrides.sampler.as_ref().map(|own| own.value);
        let (number, entry) = self.given.of(own, &process.resource.service_name);
        if let Some(entry) = entry
            && let Err(error) = self.map.set(number, entry)
        {
            tracing::warn!(%error, "a sampler could not be told");
        }
        number
    }
}
