//! The file: one table of records by number of the trace and number of the transaction.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::{ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::{Changes, Failure};
use crate::store::Class;

const RECORDS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("records");
const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
/// What the records look like.
const FORMAT: u64 = 1;
/// The pages that redb keeps in memory; more would count against the memory of the view.
const CACHE_BYTES: usize = 4 << 20;

/// The database.
#[derive(Debug)]
pub(super) struct Database {
    database: redb::Database,
    next: AtomicU64,
}

impl Database {
    /// Opens or makes the file in `folder`, which only this user may read. `memory` is about how large it should be at most.
    pub(super) fn open(folder: &Path, memory: usize) -> Result<Self, Failure> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join("traces.redb");
        let mut database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        check_format(&database)?;
        if std::fs::metadata(&path)?.len() > 4 * memory as u64 {
            database.compact()?;
        }
        Ok(Self {
            database,
            next: AtomicU64::new(0),
        })
    }

    /// Calls `with` for each record: number of the trace, class, request.
    pub(super) fn read(&self, mut with: impl FnMut(u64, Class, &[u8])) -> Result<(), Failure> {
        let transaction = self.database.begin_read()?;
        let mut last = 0;
        for entry in transaction.open_table(RECORDS)?.iter()? {
            let (key, value) = entry?;
            let (number, transaction) = key.value();
            last = last.max(transaction + 1);
            if let Some((class, request)) = value.value().split_first() {
                with(number, class_of(*class), request);
            }
        }
        self.next.store(last, Ordering::Relaxed);
        Ok(())
    }

    /// One transaction, on the disk when this returns.
    pub(super) fn write(&self, changes: &Changes) -> Result<(), Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let transaction = self.database.begin_write()?;
        {
            let mut records = transaction.open_table(RECORDS)?;
            for removed in &changes.removed {
                let range = (*removed, 0)..=(*removed, u64::MAX);
                records.retain_in(range, |_, _| false)?;
            }
            for (trace, waiting) in &changes.added {
                records.insert((*trace, number), waiting.record().as_slice())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

fn check_format(database: &redb::Database) -> Result<(), Failure> {
    let transaction = database.begin_write()?;
    {
        transaction.open_table(RECORDS)?;
        let mut facts = transaction.open_table(FACTS)?;
        let format = facts.get("format")?.map(|format| format.value());
        match format {
            None => {
                facts.insert("format", FORMAT)?;
            }
            Some(FORMAT) => {}
            Some(other) => {
                return Err(format!("it has format {other}, this version reads {FORMAT}").into());
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn class_of(byte: u8) -> Class {
    match byte {
        2 => Class::Error,
        1 => Class::Slow,
        _ => Class::Plain,
    }
}
