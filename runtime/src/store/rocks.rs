//! The store on disk. The only place that knows RocksDB.
//!
//! # Durability
//! Every commit is one batch written with `sync = true`: it is acknowledged after the write-ahead log is on disk.
//! Recovery of that log is chosen on purpose:
//! - `PointInTime`, the default, stops at the first bad record wherever it is, and so may silently drop commits
//!   that were acknowledged.
//! - `AbsoluteConsistency` refuses a torn last record, which is what every power cut in mid-write leaves: the node
//!   would not start after the very accident it is built for.
//! - `TolerateCorruptedTailRecords` drops a record that the file ends in, which was never acknowledged, and fails
//!   on anything else. This is what is set. It needs log recycling off, which is the default.
//!
//! It also fails on a last record of which a power cut kept some sectors and not others. That one is told apart from
//! damage to acknowledged records, and cut off, by [`tail`].
//!
//! All that it recovers is checked again: [`super::load`] compares the state's root with the tip's header.

use super::StoreError;
use super::chain::ChainStore;
use super::kv::{Kv, META_TIP, Order, Row, Table, Visit};
use super::tail::{self, Cut};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    Direction, ErrorKind, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions,
};
use std::path::Path;
use wattle_primitives::planted;

/// Bytes of blocks cached in memory, for all tables together.
const BLOCK_CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of writes kept in memory before they are flushed, for all tables together.
const WRITE_BUFFERS_BYTES: usize = 32 * 1024 * 1024;
/// Write buffers of a table: one filling, one being flushed.
const WRITE_BUFFERS: i32 = 2;
/// Bytes of log that may have to be replayed at start.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Files held open.
const OPEN_FILES_MAX: i32 = 256;
/// Bits of bloom filter for each key of the tables that are asked for keys they lack.
const BLOOM_BITS: f64 = 10.0;

/// Settings of the database that may be made from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Bytes of writes that a table keeps in memory before they become a file. RocksDB takes no less than 64 KiB.
    pub write_buffer_bytes: usize,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self { write_buffer_bytes: 8 * 1024 * 1024 }
    }
}

/// Tables in RocksDB.
#[derive(Debug)]
pub struct Rocks {
    db: DB,
    torn: Vec<Cut>,
}

/// A store on disk.
pub type RocksStore = ChainStore<Rocks>;

impl RocksStore {
    /// Opens the store in `dir`, or makes an empty one there. One process at a time: the database locks it.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the directory cannot be used or its log is damaged elsewhere than at its end,
    /// [`StoreError::Corrupt`] when a record has an impossible type, [`StoreError::Format`] when another version wrote
    /// it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, RocksOptions::default())
    }

    /// As [`RocksStore::open`], with other options. They may differ from start to start.
    ///
    /// # Errors
    /// As [`RocksStore::open`].
    pub fn open_with(dir: &Path, options: RocksOptions) -> Result<Self, StoreError> {
        let unread = |error: std::io::Error| StoreError::Io { detail: error.to_string() };
        if let Some((file, at)) = tail::recycled_type(dir).map_err(unread)? {
            let detail = format!("{file}: a record of an impossible type at byte {at}");
            return Err(StoreError::Corrupt { what: "database", detail });
        }
        let (db, torn) = match open_tables(dir, &database_options(), options) {
            Err(error) if error.kind() == ErrorKind::Corruption => {
                let torn = tail::cut_torn(dir).map_err(unread)?;
                if torn.is_empty() {
                    return Err(io(error));
                }
                (open_tables(dir, &database_options(), options).map_err(io)?, torn)
            }
            opened => (opened.map_err(io)?, Vec::new()),
        };
        Self::over(Rocks { db, torn })
    }

    /// Unfinished records that were cut off when the store was opened: a power cut came while they were written.
    #[must_use]
    pub fn torn(&self) -> &[Cut] {
        &self.database().torn
    }
}

fn open_tables(dir: &Path, database: &Options, tuning: RocksOptions) -> Result<DB, rocksdb::Error> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
    let tables = Table::ALL
        .map(|table| ColumnFamilyDescriptor::new(table.name(), table_options(table, &cache, tuning)));
    DB::open_cf_descriptors(database, dir, tables)
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    // The default, said aloud: what is damaged is refused, at start and when it is read.
    options.set_paranoid_checks(true);
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
    options.set_max_total_wal_size(LOG_BYTES_MAX);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(1024 * 1024);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1024 * 1024);
    options
}

fn table_options(table: Table, cache: &Cache, tuning: RocksOptions) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true); // counted in the cache, so memory stays bounded
    if matches!(table, Table::Txs | Table::Hashes) {
        blocks.set_bloom_filter(BLOOM_BITS, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(tuning.write_buffer_bytes);
    options.set_max_write_buffer_number(WRITE_BUFFERS);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}

impl Rocks {
    fn table(&self, table: Table) -> Result<&ColumnFamily, StoreError> {
        self.db
            .cf_handle(table.name())
            .ok_or_else(|| StoreError::Corrupt { what: table.name(), detail: "table is missing".to_owned() })
    }
}

impl Kv for Rocks {
    fn write(&self, mut rows: Vec<Row<'_>>) -> Result<(), StoreError> {
        // Neighbours in order make insertion cheap: the search begins where the last one ended. The sort is stable,
        // so of two values for one key the later wins.
        rows.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
        let mut batch = WriteBatch::default();
        for Row { table, key, value } in &rows {
            match value {
                Some(value) => batch.put_cf(self.table(*table)?, key, value),
                None => batch.delete_cf(self.table(*table)?, key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(!planted!("rocksdb-skip-fsync"));
        self.db.write_opt(batch, &options).map_err(io)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.table(table)?, key).map_err(io)
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        order: Order,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let direction = match order {
            Order::Up => Direction::Forward,
            Order::Down => Direction::Reverse,
        };
        for row in self.db.iterator_cf(self.table(table)?, IteratorMode::From(start, direction)) {
            let (key, value) = row.map_err(io)?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn cut(&self, visit: &mut Visit<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let snapshot = self.db.snapshot();
        let mut options = ReadOptions::default();
        options.fill_cache(false); // read once: it would only push out what is asked for again
        for row in snapshot.iterator_cf_opt(self.table(Table::State)?, options, IteratorMode::Start) {
            let (key, value) = row.map_err(io)?;
            if !visit(&key, &value) {
                break;
            }
        }
        snapshot.get_cf(self.table(Table::Meta)?, META_TIP).map_err(io)
    }
}

fn io(error: rocksdb::Error) -> StoreError {
    let detail = error.into_string();
    // RocksDB's own words for its status "no space", the only form in which it comes through its C interface.
    if detail.contains("No space left on device") || detail.contains("Disk quota exceeded") {
        return StoreError::Full { detail };
    }
    StoreError::Io { detail }
}

#[cfg(test)]
#[path = "rocks_tests.rs"]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
