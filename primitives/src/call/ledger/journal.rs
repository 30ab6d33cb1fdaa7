use super::{Entry, JOURNAL_ENTRIES_MAX};
use crate::BoundedVec;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Posts entries in order, all or none; later ones see the effect of earlier ones. The sender must own every
/// debited wallet, and for an entry that touches a book account it must own that book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    /// The entries.
    pub entries: BoundedVec<Entry, JOURNAL_ENTRIES_MAX>,
}
