//! What reads from Unix sockets and of UDP mean for Node.js, and those that find nothing for Python: a program at a tracepoint of all
//! sockets' reads, attached with the first such process. Without one nobody pays for it. The tracepoint is there since Linux 6.3.

use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, ProgramError};

use super::{Capture, CaptureError};

const TRACEPOINT: &str = "sock_recv_length";

/// The program, loaded, and its attachment.
pub(super) struct OtherReads {
    program: Option<Result<BtfTracePoint, CaptureError>>,
    /// Held for as long as it is to run.
    _link: Option<BtfTracePointLink>,
}

impl OtherReads {
    pub(super) fn new(capture: &mut Capture) -> Self {
        Self {
            program: Some(capture.tracepoint(TRACEPOINT)),
            _link: None,
        }
    }

    /// Could it be loaded?
    pub(super) fn is_there(&self) -> bool {
        self._link.is_some() || matches!(self.program, Some(Ok(_)))
    }

    /// Attaches it, with the first call.
    pub(super) fn attach(&mut self) {
        let Some(program) = self.program.take() else {
            return;
        };
        let attach = |mut program: BtfTracePoint| {
            let link = program.attach()?;
            program.take_link(link)
        };
        let failed = |source: ProgramError| CaptureError::Program {
            program: TRACEPOINT,
            step: "attach",
            source,
        };
        let link = program.and_then(|program| attach(program).map_err(failed));
        match link {
            Ok(link) => self._link = Some(link),
            Err(error) => tracing::warn!(
                %error,
                "no tracepoint {TRACEPOINT}: behind a read from a Unix socket, calls of Node.js may be linked wrong, and those of hand-made loops in Python"
            ),
        }
    }
}
