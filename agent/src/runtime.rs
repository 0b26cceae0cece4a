//! Where language runtimes keep what the BPF programs have to read.
//!
//! Each module turns an executable into offsets and addresses, once per file. Nothing here attaches or writes; which
//! language a process speaks is the matter of `process`.

pub mod go;
pub mod node;
pub mod python;
mod segment;
pub mod tokio;

use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use lru::LruCache;

/// Executables remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(256).expect("is not zero");

/// Executables of one language by their inode: each is looked into once.
#[derive(Debug)]
pub struct Executables<F>(LruCache<(u64, u64, i64), Option<F>>);

impl<F> Default for Executables<F> {
    fn default() -> Self {
        Self(LruCache::new(KNOWN))
    }
}

impl<F: Clone> Executables<F> {
    /// Facts of the executable that process `pid` runs, by `inspect` if they are not known yet; None if it is not
    /// understood.
    pub fn of(&mut self, pid: u32, inspect: impl FnOnce(&Path) -> Option<F>) -> Option<F> {
        let path = PathBuf::from(format!("/proc/{pid}/exe"));
        let file = path.metadata().ok()?;
        let key = (file.dev(), file.ino(), file.mtime());
        self.0.get_or_insert(key, || inspect(&path)).clone()
    }
}
