//! Values in state that belong to no one module. Their encodings are part of the protocol.

use borsh::{BorshDeserialize, BorshSerialize};
use wattle_primitives::Hash;

/// Numbers given out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// Assets, the native one included: the next id.
    pub assets: u32,
    /// Private books: the next number.
    pub books: u32,
    /// Microgrids: the next number.
    pub microgrids: u32,
}

/// How long work that could not be done waits until it is tried again. Whatever falls due was checked to be possible
/// when it was put down, so this never happens unless a rule is broken; then nothing is forgotten, and nothing is held
/// up.
pub const RETRY_MS: u64 = 3_600_000;

/// A kind of work that falls due: whose it is. Each has a queue of its own and a share of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DueKind {
    /// The ledger's holds.
    Hold = 0,
    /// Energy's microgrids.
    Microgrid = 1,
    /// Requests and deals.
    Deal = 2,
    /// The market's orders.
    Order = 3,
}

impl DueKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Hold, Self::Microgrid, Self::Deal, Self::Order];
}

/// Work that falls due at a time: the values of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Due {
    /// A hold expires.
    Hold(Hash) = 0,
    /// A microgrid clears, settles or ends an interval.
    Microgrid(Hash) = 1,
    /// A deal's request or authorisation expires.
    Deal(Hash) = 2,
    /// An order expires.
    Order(Hash) = 3,
}

impl Due {
    /// Its kind, which begins the queue's key.
    #[must_use]
    pub const fn kind(&self) -> DueKind {
        match self {
            Self::Hold(_) => DueKind::Hold,
            Self::Microgrid(_) => DueKind::Microgrid,
            Self::Deal(_) => DueKind::Deal,
            Self::Order(_) => DueKind::Order,
        }
    }

    /// The id that ends the queue's key.
    #[must_use]
    pub const fn id(&self) -> &Hash {
        match self {
            Self::Hold(id) | Self::Microgrid(id) | Self::Deal(id) | Self::Order(id) => id,
        }
    }
}
