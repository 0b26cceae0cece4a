//! What reads from Unix sockets and of UDP mean for Node.js: a program at a tracepoint of all sockets' reads, attached
//! with the first Node.js process. Without one nobody pays for it. The tracepoint is there since Linux 6.3.

use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, BtfError};

use super::Capture;

const TRACEPOINT: &str = "sock_recv_length";

/// The program, loaded, and its attachment.
pub(super) struct OtherReads {
    program: Option<Result<BtfTracePoint, Error>>,
    _link: Option<BtfTracePointLink>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the object has no such program")]
    Missing,
    #[error(transparent)]
    Types(#[from] BtfError),
    #[error(transparent)]
    Program(#[from] ProgramError),
}

impl OtherReads {
    pub(super) fn new(capture: &mut Capture) -> Self {
        Self {
            program: Some(load(capture)),
            _link: None,
        }
    }

    /// Attaches it, with the first call.
    pub(super) fn attach(&mut self) {
        let Some(program) = self.program.take() else {
            return;
        };
        let link = program.and_then(|mut program| {
            let link = program.attach()?;
            Ok(program.take_link(link)?)
        });
        match link {
            Ok(link) => self._link = Some(link),
            Err(error) => tracing::warn!(
                %error,
                "no tracepoint {TRACEPOINT}: behind a read from a Unix socket, calls of Node.js may be linked wrong"
            ),
        }
    }
}

fn load(capture: &mut Capture) -> Result<BtfTracePoint, Error> {
    let btf = Btf::from_sys_fs()?;
    let program = capture.program_mut(TRACEPOINT).ok_or(Error::Missing)?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(TRACEPOINT, &btf)?;
    let info = program.info()?;
    // SAFETY: it is the program that was loaded above, at a tracepoint.
    let own = unsafe { BtfTracePoint::from_program_info(info, TRACEPOINT.into()) };
    Ok(own?)
}
