//! Finalized blocks, their receipts and indexes, and the flat state, on disk or in memory.
//!
//! One commit is one height and takes effect as a whole or not at all. When [`Store::commit`] has returned, a power
//! cut does not undo it. Reads may run at any time beside a commit and see the state before or after it.

mod chain;
mod error;
mod kv;
mod memory;
#[cfg(feature = "rocks")]
mod rocks;
#[cfg(feature = "rocks")]
mod tail;
mod types;

pub use chain::{ChainStore, EVENT_BLOCKS_MAX};
pub use memory::{Memory, MemoryStore};
#[cfg(feature = "rocks")]
pub use rocks::{Rocks, RocksOptions, RocksStore};
#[cfg(feature = "rocks")]
pub use tail::Cut;

pub use error::StoreError;
pub use types::{
    Commit, EventItem, EventPage, HistoryCursor, HistoryItem, HistoryPage, Proven, StatementPage, Tip,
    Towards, TxLocation,
};

use crate::State;
use crate::modules::ledger::records::Balance;
use std::ops::RangeInclusive;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{
    Accusation, Address, Amount, AssetId, Block, BlockId, Certificate, Hash, Header, Height, TimeMs,
};

/// Where finalized history and state live.
pub trait Store: Send + Sync {
    /// Writes heights that follow the tip, in order, in one synced group: all of them or none.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written. After [`StoreError::Io`] the process should end.
    fn commit(&self, commits: &[Commit<'_>]) -> Result<(), StoreError>;
    /// The last height written, `None` in an empty store.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tip(&self) -> Result<Option<Tip>, StoreError>;
    /// A finalized header.
    ///
    /// # Errors
    /// [`StoreError`].
    fn header(&self, id: BlockId) -> Result<Option<Header>, StoreError>;
    /// A finalized block.
    ///
    /// # Errors
    /// [`StoreError`].
    fn block(&self, id: BlockId) -> Result<Option<Block>, StoreError>;
    /// The certificate of exactly this height, if it was finalized directly.
    ///
    /// # Errors
    /// [`StoreError`].
    fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError>;
    /// The proof of a height: headers from it up to the nearest certified one, and that one's certificate. `None` when
    /// there is none yet, or when the path is longer than
    /// [`PATH_HEADERS_MAX`](wattle_primitives::block::PATH_HEADERS_MAX).
    ///
    /// # Errors
    /// [`StoreError`].
    fn proof(&self, height: Height) -> Result<Option<Proven>, StoreError>;
    /// A block's receipts.
    ///
    /// # Errors
    /// [`StoreError`].
    fn receipts(&self, height: Height) -> Result<Option<BlockReceipts>, StoreError>;
    /// Where a transaction stands.
    ///
    /// # Errors
    /// [`StoreError`].
    fn tx(&self, id: &Hash) -> Result<Option<TxLocation>, StoreError>;
    /// An account's transactions, newest first, older than `before`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn history(
        &self,
        account: &Address,
        before: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<HistoryPage, StoreError>;
    /// Events that are lines of a subject's statement ([`wattle_primitives::Event::statements`]), at most `limit`:
    /// upwards from `start`, or downwards from it, itself included.
    ///
    /// # Errors
    /// [`StoreError`].
    fn statement(
        &self,
        subject: &Address,
        start: (Height, u32),
        towards: Towards,
        limit: usize,
    ) -> Result<StatementPage, StoreError>;
    /// The balances of an account in an asset at the heights that changed it, at most `limit`: upwards from `from`, or
    /// downwards from it, itself included.
    ///
    /// # Errors
    /// [`StoreError`].
    fn balances(
        &self,
        account: &AccountId,
        asset: AssetId,
        from: Height,
        towards: Towards,
        limit: usize,
    ) -> Result<Vec<(Height, Balance)>, StoreError>;
    /// Totals of entries posted at some heights, with dates of their own before `before`, for an account in an
    /// asset. Every row looked at takes one from `looks`; `None` when there were too few.
    ///
    /// # Errors
    /// [`StoreError`].
    fn dated(
        &self,
        account: &AccountId,
        asset: AssetId,
        heights: RangeInclusive<Height>,
        before: TimeMs,
        looks: &mut u64,
    ) -> Result<Option<Balance>, StoreError>;
    /// Base units of an asset that calls of `mint` issued and calls of `burn` burned up to a height, itself included,
    /// counted from the receipts. What the genesis gave out is not among them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn supply(&self, asset: AssetId, height: Height) -> Result<[Amount; 2], StoreError>;
    /// The first height whose time is not before `time`; the one after the tip when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn height_at(&self, time: TimeMs) -> Result<Height, StoreError>;
    /// Events from (`height`, `index`) on, at most about `limit` (whole blocks are read).
    ///
    /// # Errors
    /// [`StoreError`].
    fn events(&self, height: Height, index: u32, limit: usize) -> Result<EventPage, StoreError>;
    /// Keeps an accusation, beside the chain and no part of it, in place of any of the same id, and lets go of another.
    /// Durable on return.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was written. After [`StoreError::Io`] the process should end.
    fn accuse(&self, found: &Accusation, forgotten: Option<&AccusationId>) -> Result<(), StoreError>;
    /// All accusations that are kept, by validator and epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    fn accusations(&self) -> Result<Vec<Accusation>, StoreError>;
    /// Every entry of the flat state with the tip it belongs to, as one consistent cut.
    ///
    /// # Errors
    /// [`StoreError`].
    fn state_entries(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<Option<Tip>, StoreError>;
}

/// Rebuilds the state from a store and checks it against the tip's header.
///
/// `None` from an empty store.
///
/// # Errors
/// [`StoreError::StateRootMismatch`] when the entries hash to another root than the header's.
pub fn load(store: &dyn Store) -> Result<Option<(Tip, State)>, StoreError> {
    let mut entries = Vec::new();
    let Some(tip) = store.state_entries(&mut |key, value| entries.push((key.to_vec(), value.to_vec())))?
    else {
        return Ok(None);
    };
    let state = State::from_entries(entries);
    let (expected, got) = (tip.header.state_root, state.root());
    if expected != got {
        return Err(StoreError::StateRootMismatch { height: tip.header.height, expected, got });
    }
    Ok(Some((tip, state)))
}

#[cfg(test)]
mod tests;
