//! Blocks and their headers.

use crate::{Epoch, Hash, Height, PublicKey, TimeMs, Tx, View, domain, merkle};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most bytes of an encoded block, header included; the protocol parameter is lower.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of an encoded header.
pub const HEADER_BYTES_MAX: usize = 512;
/// Most headers from a finalized header up to the certified one that proves it, the certified one included.
///
/// So many fit a gossip message of 256 KiB. The path of a height is as long as its block waited for a finalization: one
/// or two headers as a rule, and above 32 leaders propose empty blocks only. A block that waited for more is final like
/// any other, but its header is proven by no certificate: light clients skip such heights.
pub const PATH_HEADERS_MAX: usize = 256;
/// Protocol version that this build speaks. An unknown version halts the node cleanly.
pub const PROTOCOL_VERSION: u32 = 1;

/// The part of a block that is voted on. Everything in a block is bound by its header, and everything in a header by
/// its hash.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Protocol version.
    pub version: u32,
    /// Genesis hash; in genesis itself the hash of the chain specification.
    pub chain: Hash,
    /// Epoch in which the block was first proposed.
    pub epoch: Epoch,
    /// View in which the block was first proposed.
    pub view: View,
    /// Parent's height plus one.
    pub height: Height,
    /// Parent's hash.
    pub parent: Hash,
    /// Strictly greater than the parent's, in ms UTC.
    pub time_ms: TimeMs,
    /// Validator that proposed the block; all zero in genesis.
    pub proposer: PublicKey,
    /// List root over [`Tx::leaf`].
    pub txs_root: Hash,
    /// State after this block.
    pub state_root: Hash,
    /// List root over the receipts: [`crate::receipt::BlockReceipts::root`].
    pub receipts_root: Hash,
    /// The set that decides on this block.
    pub validators_hash: Hash,
    /// The set that decides on the next height; differs from `validators_hash` only in an epoch's last block.
    pub next_validators_hash: Hash,
}

/// A block as it is proposed, stored and fetched.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// Its transactions, in order.
    pub txs: Vec<Tx>,
}

/// How a block is named in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// By height, among the finalized.
    Height(Height),
    /// By hash.
    Hash(Hash),
}

impl Header {
    /// The block's hash.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_encoded(domain::HEADER, self)
    }
}

impl Block {
    /// The block's hash: its header's.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.header.hash()
    }

    /// The root that the header must carry for these transactions.
    #[must_use]
    pub fn txs_root(txs: &[Tx]) -> Hash {
        merkle::list_root(&txs.iter().map(Tx::leaf).collect::<Vec<_>>())
    }
}

crate::decodable! {
    Header: HEADER_BYTES_MAX;
    Block: BLOCK_BYTES_MAX;
}

const _: () = assert!(
    crate::tx::TX_BYTES_MAX * 4 <= BLOCK_BYTES_MAX,
    "a block holds several of the largest transactions"
);
