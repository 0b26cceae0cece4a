//! Byte offsets in CPython's structs, by minor version.
//!
//! From the headers of each version (`Include/cpython/pystate.h`, `Include/internal/pycore_interp.h`,
//! `pycore_runtime.h`, `pycore_context.h`) and `Modules/_asynciomodule.c`, as gcc lays them out for a
//! 64-bit release build. From 3.13 on the runtime describes itself (`_Py_DebugOffsets`); that has no
//! contexts, so they are taken from the table if the rest agrees with it.

use sonde_common::python::Python;

use super::image::Image;

/// First bytes of `_Py_DebugOffsets`.
const COOKIE: &[u8] = b"xdebugpy";

/// One version.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// `_PyRuntimeState.interpreters.main`
    pub(super) interpreters_main: u64,
    pub(super) python: Python,
}

const UNKNOWN: Python = Python {
    interpreter: 0,
    context_type: 0,
    threads: 0,
    next: 8,
    thread_id: 0,
    context: 0,
    previous: 16,
    callback: 24,
    state: 88,
    task_context: 152,
    wakes: 24,
    uvloop: 0,
    tornado: 0,
    grpc: 0,
};

const PYTHON_3_9: Layout = Layout {
    interpreters_main: 40,
    python: Python {
        threads: 8,
        thread_id: 176,
        context: 240,
        state: 80,
        task_context: 168,
        wakes: 16,
        ..UNKNOWN
    },
};

const PYTHON_3_10: Layout = Layout {
    interpreters_main: 40,
    python: Python {
        threads: 8,
        thread_id: 176,
        context: 240,
        task_context: 176,
        ..UNKNOWN
    },
};

const PYTHON_3_11: Layout = Layout {
    interpreters_main: 48,
    python: Python {
        threads: 16,
        thread_id: 152,
        context: 224,
        ..UNKNOWN
    },
};

const PYTHON_3_12: Layout = Layout {
    interpreters_main: 48,
    python: Python {
        threads: 72,
        thread_id: 136,
        context: 208,
        ..UNKNOWN
    },
};

const PYTHON_3_13: Layout = Layout {
    interpreters_main: 640,
    python: Python {
        threads: 7344,
        thread_id: 152,
        context: 208,
        state: 96,
        task_context: 136,
        ..UNKNOWN
    },
};

/// Of version 3.`minor`, whose `_PyRuntime` lies at address `runtime` of `image`.
pub(super) fn of(minor: u8, image: &Image, runtime: u64) -> Option<Layout> {
    match minor {
        9 => Some(PYTHON_3_9),
        10 => Some(PYTHON_3_10),
        11 => Some(PYTHON_3_11),
        12 => Some(PYTHON_3_12),
        13 => described(image, runtime, PYTHON_3_13),
        _ => None,
    }
}

/// `table` with what the runtime says of itself (3.13: `Include/internal/pycore_runtime.h`).
fn described(image: &Image, runtime: u64, table: Layout) -> Option<Layout> {
    let field = |index: u64| image.word(runtime + 8 * index);
    let free_threaded = field(2)?;
    if image.bytes(runtime, 8)? != COOKIE || free_threaded != 0 {
        return None;
    }
    let interpreters_head = field(5)?;
    let threads = field(9)?;
    let thread = THREAD_STATE;
    let (next, thread_id) = (field(thread + 2)?, field(thread + 5)?);
    let known = (
        u64::from(table.python.next),
        u64::from(table.python.thread_id),
    );
    ((next, thread_id) == known).then_some(Layout {
        interpreters_main: interpreters_head + 8,
        python: Python {
            threads: u32::try_from(threads).ok()?,
            ..table.python
        },
    })
}

/// Index of `_Py_DebugOffsets.thread_state` in words.
const THREAD_STATE: u64 = 19;
