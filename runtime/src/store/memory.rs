//! A store in memory: for tests, the simulator and throw-away networks.

use super::StoreError;
use super::chain::ChainStore;
use super::kv::{Kv, META_TIP, Order, Row, Table, Visit};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tables in memory. Nothing survives the process.
#[derive(Debug, Default)]
pub struct Memory {
    tables: RwLock<BTreeMap<Table, Rows>>,
}

/// A store in memory.
pub type MemoryStore = ChainStore<Memory>;

impl MemoryStore {
    /// An empty store.
    ///
    /// # Errors
    /// Never; like the other stores' it may fail.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::over(Memory::default())
    }
}

impl Memory {
    fn tables(&self) -> RwLockReadGuard<'_, BTreeMap<Table, Rows>> {
        // Writing rows cannot panic half-way, so a poisoned lock still guards whole commits.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for Memory {
    fn write(&self, rows: Vec<Row<'_>>) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        for Row { table, key, value } in rows {
            let table = tables.entry(table).or_default();
            match value {
                Some(value) => table.insert(key.into_owned(), value.into_owned()),
                None => table.remove(key.as_ref()),
            };
        }
        Ok(())
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables().get(&table).and_then(|rows| rows.get(key).cloned()))
    }

    fn scan(
        &self,
        table: Table,
        start: &[u8],
        order: Order,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreError> {
        let tables = self.tables();
        let Some(rows) = tables.get(&table) else { return Ok(()) };
        let mut see = |(key, value): (&Vec<u8>, &Vec<u8>)| visit(key, value);
        let start = Bound::Included(start);
        let _all_seen = match order {
            Order::Up => rows.range::<[u8], _>((start, Bound::Unbounded)).all(&mut see),
            Order::Down => rows.range::<[u8], _>((Bound::Unbounded, start)).rev().all(&mut see),
        };
        Ok(())
    }

    fn cut(&self, visit: &mut Visit<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let tables = self.tables();
        if let Some(rows) = tables.get(&Table::State) {
            let _all_seen = rows.iter().all(|(key, value)| visit(key, value));
        }
        Ok(tables.get(&Table::Meta).and_then(|rows| rows.get(META_TIP).cloned()))
    }
}
