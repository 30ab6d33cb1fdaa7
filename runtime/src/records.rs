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
    /// The id that makes the queue's key.
    #[must_use]
    pub const fn id(&self) -> &Hash {
        match self {
            Self::Hold(id) | Self::Microgrid(id) | Self::Deal(id) | Self::Order(id) => id,
        }
    }
}
