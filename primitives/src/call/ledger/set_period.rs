use crate::{BookId, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Closes a book up to a time, or reopens it from an earlier time on; by its owner. No entry can be dated before the
/// time up to which the book is closed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetPeriod {
    /// The book.
    pub book: BookId,
    /// Up to here it is closed, ms UTC, at most the block's time; 0 reopens all of it.
    pub closed_ms: TimeMs,
}
