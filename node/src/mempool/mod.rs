//! Transactions that wait for a block.
//!
//! Each (sender, lane) has a queue in nonce order, with gaps up to [`Limits::nonces_ahead`]. What the pool holds is
//! bounded per account and in all; when it is full the cheapest last transaction of a queue makes room for a dearer
//! one, so that no transaction is ever left without the one before it.
//!
//! The pool reads no clock and no state: block time and next nonces are arguments. Equal calls in equal order give
//! equal answers. Rules of the state are checked when a block is built and verified, whatever was admitted here.
//!
//! # Invariants
//! - An id is held at most once, and a (sender, lane, nonce) by one transaction.
//! - Counts and bytes never exceed [`Limits`].
//! - Eviction takes the highest nonce of a queue only.
//!
//! # Not here
//! Signatures (`VerifiedTx`), admission by state (`wattle_runtime::admit`), gossip (`wattle-p2p`).

mod pool;
mod queue;
mod ready;
mod recent;
mod verified;

use wattle_primitives::{Address, Amount, Hash, Lane, Nonce, TimeMs};

pub use pool::Mempool;
pub use ready::Ready;

/// A transaction, as the pool needs to know it. The answers never change.
pub trait Pooled {
    /// Its id.
    fn id(&self) -> Hash;
    /// Bytes of its encoding.
    fn encoded_len(&self) -> usize;
    /// Account that acts.
    fn sender(&self) -> Address;
    /// Nonce sequence used.
    fn lane(&self) -> Lane;
    /// Its place in the sequence.
    fn nonce(&self) -> Nonce;
    /// Payment to the proposer, native base units.
    fn tip(&self) -> Amount;
    /// First block time at which it is void.
    fn expires_ms(&self) -> TimeMs;
}

/// Bounds of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most transactions.
    pub count: usize,
    /// Most bytes of encoded transactions.
    pub bytes: usize,
    /// Most transactions of one sender.
    pub account_count: usize,
    /// Most bytes of one sender.
    pub account_bytes: usize,
    /// A nonce must be below the next one in state plus this.
    pub nonces_ahead: u64,
    /// Most ids remembered as finalized, and as many as rejected.
    pub recent: usize,
    /// How long a rejected id is refused, in ms of block time.
    pub rejected_ms: u64,
}

impl Limits {
    /// For a node: about 200 MiB of memory when full.
    pub const NODE: Self = Self {
        count: 131_072,
        bytes: 64 * 1024 * 1024,
        account_count: 1_024,
        account_bytes: 1024 * 1024,
        nonces_ahead: 256,
        recent: 131_072,
        rejected_ms: 10_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::NODE
    }
}

const _: () = assert!(Limits::NODE.account_bytes >= 4 * wattle_primitives::tx::TX_BYTES_MAX);
const _: () =
    assert!(Limits::NODE.bytes >= 16 * Limits::NODE.account_bytes, "one account cannot fill the pool");

/// A sender's nonce sequence.
pub type LaneKey = (Address, Lane);

/// The outcome of an insertion that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is new.
    New {
        /// Ids that made room.
        evicted: Vec<Hash>,
    },
    /// It replaces a cheaper one with the same nonce.
    Replaced {
        /// The one replaced.
        old: Hash,
        /// Ids that made room.
        evicted: Vec<Hash>,
    },
    /// It was there already: nothing changed.
    Known,
}

/// Why a transaction is not taken. It may be valid: no peer is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// It is in a finalized block.
    #[error("transaction is finalized")]
    Finalized,
    /// It was found invalid a short time ago.
    #[error("transaction was rejected a moment ago")]
    Rejected,
    /// Its nonce was used by another.
    #[error("nonce {got} is used, the next is {next}")]
    NonceUsed {
        /// Next nonce in state.
        next: Nonce,
        /// Its nonce.
        got: Nonce,
    },
    /// Its nonce leaves too large a gap.
    #[error("nonce {got} is too far ahead of {next}")]
    NonceAhead {
        /// Next nonce in state.
        next: Nonce,
        /// Its nonce.
        got: Nonce,
    },
    /// Block time has reached its expiry.
    #[error("transaction expired at {expires_ms} ms, block time is {now_ms} ms")]
    Expired {
        /// Its expiry.
        expires_ms: TimeMs,
        /// Block time.
        now_ms: TimeMs,
    },
    /// Another one has its nonce and pays about as much.
    #[error("replacing a transaction takes a tip of at least {tip_min}")]
    Underpriced {
        /// Least tip, native base units.
        tip_min: Amount,
    },
    /// The sender has too much waiting.
    #[error("too many transactions of this sender are waiting")]
    AccountFull,
    /// The pool is full of dearer ones.
    #[error("the mempool is full")]
    Full,
}

impl InsertError {
    /// The stable code that clients match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Finalized => "already_finalized",
            Self::Rejected => "recently_rejected",
            Self::NonceUsed { .. } => "nonce_used",
            Self::NonceAhead { .. } => "nonce_too_far_ahead",
            Self::Expired { .. } => "expired",
            Self::Underpriced { .. } => "underpriced",
            Self::AccountFull => "account_full",
            Self::Full => "mempool_full",
        }
    }
}

/// Ids that left the pool when a block was finalized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Their time ran out.
    pub expired: Vec<Hash>,
    /// Another transaction with their nonce was finalized.
    pub superseded: Vec<Hash>,
}

/// The pool at a glance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of transactions.
    pub count: usize,
    /// Their encoded bytes.
    pub bytes: usize,
    /// Queues that are not empty.
    pub queues: usize,
}

#[cfg(test)]
mod tests;
