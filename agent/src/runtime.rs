//! Where language runtimes keep what the BPF programs have to read.
//!
//! Each module turns an executable into offsets and addresses, once per file. Nothing here attaches or writes; which
//! language a process speaks is the matter of `process`.

pub mod go;
pub mod node;
pub mod python;
mod segment;

use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use lru::LruCache;

/// Executables remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(256).expect("is not zero");

/// What was found in executables, by their inode: each is looked into once.
#[derive(Debug)]
pub struct Executables<T>(LruCache<(u64, u64, i64), T>);

impl<T> Default for Executables<T> {
    fn default() -> Self {
        Self(LruCache::new(KNOWN))
    }
}

impl<T: Clone> Executables<T> {
    /// What `look` finds in the executable that process `pid` runs; None if the process is gone.
    pub fn of(&mut self, pid: u32, look: impl FnOnce(&Path) -> T) -> Option<T> {
        let path = PathBuf::from(format!("/proc/{pid}/exe"));
        let file = path.metadata().ok()?;
        let key = (file.dev(), file.ino(), file.mtime());
        Some(self.0.get_or_insert(key, || look(&path)).clone())
    }
}
