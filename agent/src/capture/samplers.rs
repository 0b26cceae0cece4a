//! The kernel side's map of samplers.

use aya::maps::{Array, MapData};
use rustix::time::{ClockId, clock_gettime};
use sonde_common::sampler::Sampler;

use super::{Capture, CaptureError};

const NAME: &str = "SAMPLERS";

/// [`Sampler`] as a map value.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct StoredSampler(Sampler);

// SAFETY: `Sampler` is `repr(C)` of integers without padding.
unsafe impl aya::Pod for StoredSampler {}

/// The writing end.
pub struct SamplerMap(Array<MapData, StoredSampler>);

impl SamplerMap {
    /// Sets an entry, its bucket full.
    ///
    /// # Errors
    /// The kernel refuses it.
    pub fn set(&mut self, number: u32, sampler: Sampler) -> Result<(), CaptureError> {
        let now = clock_gettime(ClockId::Monotonic);
        let now = now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned();
        let full = Sampler {
            spent: now.wrapping_sub(sampler.burst),
            ..sampler
        };
        let set = self.0.set(number, StoredSampler(full), 0);
        set.map_err(|source| CaptureError::Map { map: NAME, source })
    }
}

impl Capture {
    /// The map of samplers; once.
    pub fn take_samplers(&mut self) -> Result<SamplerMap, CaptureError> {
        let map = self.take_map(NAME)?;
        let map = Array::try_from(map);
        map.map(SamplerMap)
            .map_err(|source| CaptureError::Map { map: NAME, source })
    }
}
