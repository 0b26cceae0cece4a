//! Where language runtimes keep what the BPF programs have to read.
//!
//! Each module turns an executable into offsets and addresses, once per file. Nothing here attaches,
//! and nothing reads a target's memory; which language a process speaks is the matter of `process`.

pub mod go;
pub mod node;
pub mod python;

use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use lru::LruCache;

use go::GoFacts;

/// Executables remembered.
const KNOWN: NonZeroUsize = NonZeroUsize::new(256).expect("is not zero");

/// Go executables by their inode: each is looked into once.
#[derive(Debug)]
pub struct Executables(LruCache<(u64, u64, i64), Option<GoFacts>>);

impl Default for Executables {
    fn default() -> Self {
        Self(LruCache::new(KNOWN))
    }
}

impl Executables {
    /// Facts of the executable that process `pid` runs; None, and logged once, if it is not understood.
    pub fn of(&mut self, pid: u32) -> Option<GoFacts> {
        let path = PathBuf::from(format!("/proc/{pid}/exe"));
        let file = path.metadata().ok()?;
        let key = (file.dev(), file.ino(), file.mtime());
        let facts = self.0.get_or_insert(key, || match go::inspect(&path) {
            Ok(facts) => Some(facts),
            Err(error) => {
                tracing::warn!(pid, %error, "goroutines stay unknown: links between requests will be missing");
                None
            }
        });
        facts.clone()
    }
}
