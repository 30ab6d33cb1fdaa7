//! The result of each transaction.

use crate::{Amount, Event, Hash, Reason, Weight, domain, merkle};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(tag = "status", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[repr(u8)]
pub enum Outcome {
    /// All calls took effect.
    Success = 0,
    /// One call failed, so none took effect; nonce and fee stay spent.
    Failed {
        /// Position of the call.
        call: u8,
        /// Why it failed.
        reason: Reason,
    } = 1,
}

/// The result of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The transaction's id.
    pub tx: Hash,
    /// How it ended.
    pub outcome: Outcome,
    /// Weight charged.
    pub weight: Weight,
    /// Fee taken, tip included, native base units.
    pub fee: Amount,
    /// Its events, in order. Of a failed transaction only the fee.
    pub events: Vec<Event>,
}

/// Everything that a block's execution tells the outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BlockReceipts {
    /// The block's own events (expiries, settlement), before any transaction.
    pub block: Vec<Event>,
    /// One receipt for each transaction, in order.
    pub txs: Vec<Receipt>,
}

/// Most bytes of a block's encoded receipts.
pub const RECEIPTS_BYTES_MAX: usize = 32 * 1024 * 1024;

impl BlockReceipts {
    /// The leaves under `receipts_root`: the block's events, then each receipt.
    #[must_use]
    pub fn leaves(&self) -> Vec<Hash> {
        let own = Hash::of_encoded(domain::RECEIPT_LEAF, &self.block);
        let txs = self.txs.iter().map(|r| Hash::of_encoded(domain::RECEIPT_LEAF, r));
        std::iter::once(own).chain(txs).collect()
    }

    /// The receipts' root: `receipts_root` in the header.
    #[must_use]
    pub fn root(&self) -> Hash {
        merkle::list_root(&self.leaves())
    }

    /// All events in the order of their index, each with the id of its transaction, if it has one.
    pub fn events(&self) -> impl Iterator<Item = (Option<Hash>, &Event)> {
        let own = self.block.iter().map(|e| (None, e));
        own.chain(self.txs.iter().flat_map(|r| r.events.iter().map(move |e| (Some(r.tx), e))))
    }
}

crate::decodable! { BlockReceipts: RECEIPTS_BYTES_MAX; }
