//! CPython: where a process keeps the context of the task it runs, and where tasks come into being.
//!
//! [`inspect`] reads `/proc/PID/maps` and the mapped files, nothing of the process's memory. What it
//! finds lets the BPF programs read `PyThreadState.context` of the current thread (one `PyContext`
//! object for each asyncio task), and says where to put two uprobes in the `_asyncio` module:
//! `Task.__init__` and `Future.set_result`. Both are entries of tables (types, methods) that the
//! interpreter itself reads: no symbols are needed, and no optimisation can inline them away.
//!
//! CPython 3.9 to 3.13, 64-bit little-endian, with the GIL, not a debug build. Anything else gives
//! nothing: missing is better than wrong. Not here: attaching, and tasks of other implementations.

pub mod grpc;
mod image;
mod layout;
mod maps;
mod tables;

use std::path::PathBuf;

use sonde_common::python::Python;

use grpc::Cygrpc;
use image::Image;
use maps::{Mapping, Package};

/// Most bytes of a file that is read whole: the module, or an interpreter that contains it.
const FILE: u64 = 96 << 20;

/// What is known of a Python process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonFacts {
    /// Minor version: 11 for Python 3.11.
    pub minor: u8,
    /// For the BPF programs.
    pub python: Python,
    /// The `_asyncio` module: once it is loaded, or always where it is part of the interpreter.
    pub module: Option<Module>,
    /// uvloop, once it is loaded, if its symbols are there.
    pub uvloop: Option<Uvloop>,
}

/// grpcio's module of process `pid`; nothing if it is not loaded, or not understood.
#[must_use]
pub fn grpc(pid: u32) -> Option<Cygrpc> {
    let mappings = maps::read(pid)?;
    let mapping = mappings.iter().find(|mapping| mapping.is_cygrpc())?;
    grpc::inspect(mapping, &Image::read(&mapping.open()?, FILE)?)
}

/// A mapped file that uprobes go into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Opens the file, whatever its name means in the agent's own file system.
    pub path: PathBuf,
    /// Device and inode as `/proc/PID/maps` shows them.
    pub file: (String, u64),
}

/// uvloop's module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uvloop {
    /// The file.
    pub target: Target,
    /// File offset of `TCPTransport._call_connection_made`.
    pub connection_made: u64,
}

/// A file with asyncio's C part, and where the uprobes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The file.
    pub target: Target,
    /// File offset of `_asyncio_Task___init__`.
    pub task_init: u64,
    /// File offset of `_asyncio_Future_set_result`.
    pub set_result: u64,
}

/// Does process `pid` have asyncio's C part loaded, as a module of its own?
#[must_use]
pub fn loads_asyncio(pid: u32) -> bool {
    let mappings = maps::read(pid).unwrap_or_default();
    mappings.iter().any(Mapping::is_module)
}

/// May threads of process `pid` change between requests by greenlets, and nothing else tell?
#[must_use]
pub fn may_switch(pid: u32) -> bool {
    maps::read(pid).is_some_and(|mappings| maps::has_unexplained_greenlets(&mappings))
}

/// Looks at process `pid`; nothing if it is no Python that is understood, or gone.
///
/// A process may load `_asyncio` late: ask again while `module` is `None`.
#[must_use]
pub fn inspect(pid: u32) -> Option<PythonFacts> {
    let mappings = maps::read(pid)?;
    let module = mappings.iter().find(|mapping| mapping.is_module());
    let (interpreter, minor, image) = interpreter(&mappings, module)?;
    let base = image.base(interpreter.start, interpreter.offset)?;
    let runtime = image.symbol("_PyRuntime")?;
    let context_type = image.symbol("PyContext_Type")?;
    let layout = layout::of(minor, &image, runtime)?;
    let module = match module {
        Some(found) => module_of(found, minor, Image::read(&found.open()?, FILE)?),
        None => module_of(interpreter, minor, image),
    };
    let uvloop = mappings.iter().find(|m| m.is_uvloop).and_then(uvloop);
    Some(PythonFacts {
        minor,
        python: Python {
            interpreter: base + runtime + layout.interpreters_main,
            context_type: base + context_type,
            uvloop: uvloop.is_some().into(),
            tornado: mappings
                .iter()
                .any(|mapping| mapping.package == Some(Package::Tornado))
                .into(),
            ..layout.python
        },
        module,
        uvloop,
    })
}

/// The mapping that has the runtime: a shared library, else the executable.
fn interpreter<'m>(
    mappings: &'m [Mapping],
    module: Option<&Mapping>,
) -> Option<(&'m Mapping, u8, Image)> {
    let found = mappings
        .iter()
        .find(|mapping| mapping.library_minor().is_some())
        .or_else(|| mappings.iter().find(|m| m.executable_minor().is_some()))?;
    let minor = found
        .library_minor()
        .or_else(|| found.executable_minor())
        .flatten()
        .or_else(|| module?.module_minor())?;
    Some((found, minor, Image::read(&found.open()?, FILE)?))
}

fn module_of(mapping: &Mapping, minor: u8, image: Image) -> Option<Module> {
    let tables = tables::find(&image, minor)?;
    Some(Module {
        target: target(mapping),
        task_init: image.file_offset(tables.task_init)?,
        set_result: image.file_offset(tables.set_result)?,
    })
}

fn uvloop(mapping: &Mapping) -> Option<Uvloop> {
    let image = Image::read(&mapping.open()?, FILE)?;
    let connection_made = image.symbol(image::UVLOOP_CONNECTION_MADE)?;
    Some(Uvloop {
        target: target(mapping),
        connection_made: image.file_offset(connection_made)?,
    })
}

fn target(mapping: &Mapping) -> Target {
    Target {
        path: mapping.link.clone(),
        file: (mapping.device.clone(), mapping.inode),
    }
}

#[cfg(test)]
mod tests;
