//! The programs that uprobes run, by runtime: a kernel that refuses those of one still loads those of the others.

use aya::programs::{ProbeKind, ProgramError, UProbe};

use super::super::{Capture, CaptureError};

/// For asyncio.
pub(super) struct Asyncio {
    pub(super) task_init: UProbe,
    pub(super) set_result: UProbe,
    pub(super) connection_made: UProbe,
}

/// For gRPC's C core in Python.
pub(super) struct Grpc {
    pub(super) init_stream: UProbe,
    pub(super) start_batch: UProbe,
}

/// For Go.
pub(super) struct Go {
    pub(super) round_trip: UProbe,
    pub(super) serve_stream: UProbe,
    pub(super) open_stream: UProbe,
}

/// For Node.js.
pub(super) struct Node {
    pub(super) event_loop: UProbe,
    pub(super) nghttp2: UProbe,
}

/// For tokio.
pub(super) struct Tokio {
    pub(super) wake: UProbe,
    pub(super) streams: UProbe,
}

/// A runtime's programs.
pub(super) trait Programs: Sized {
    /// Loads them; they stay loaded as long as this lives.
    fn load(capture: &mut Capture) -> Result<Self, CaptureError>;
}

impl Programs for Asyncio {
    fn load(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            task_init: load(capture, "task_init")?,
            set_result: load(capture, "future_set_result")?,
            connection_made: load(capture, "uvloop_connection_made")?,
        })
    }
}

impl Programs for Grpc {
    fn load(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            init_stream: load(capture, "grpc_init_stream")?,
            start_batch: load(capture, "grpc_start_batch")?,
        })
    }
}

impl Programs for Go {
    fn load(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            round_trip: load(capture, "uprobe_round_trip")?,
            serve_stream: load(capture, "uprobe_serve_stream")?,
            open_stream: load(capture, "uprobe_open_stream")?,
        })
    }
}

impl Programs for Node {
    fn load(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            event_loop: load(capture, "uprobe_event_loop")?,
            nghttp2: load(capture, "uprobe_nghttp2")?,
        })
    }
}

impl Programs for Tokio {
    fn load(capture: &mut Capture) -> Result<Self, CaptureError> {
        Ok(Self {
            wake: load(capture, "uprobe_wake")?,
            streams: load(capture, "uprobe_tokio_streams")?,
        })
    }
}

fn load(capture: &mut Capture, name: &'static str) -> Result<UProbe, CaptureError> {
    let step = |step| {
        move |source: ProgramError| CaptureError::Program {
            program: name,
            step,
            source,
        }
    };
    let program: &mut UProbe = capture
        .program_mut(name)
        .and_then(|program| program.try_into().ok())
        .ok_or(CaptureError::Missing(name))?;
    if program.fd().is_err() {
        program.load().map_err(step("load"))?;
    }
    let info = program.info().map_err(step("load"))?;
    // SAFETY: it is the program that was loaded above, as a uprobe.
    let own = unsafe { UProbe::from_program_info(info, name.into(), ProbeKind::Entry) };
    own.map_err(step("load"))
}
