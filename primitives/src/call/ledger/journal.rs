use super::{Entry, JOURNAL_ENTRIES_MAX};
use crate::{BoundedVec, Hash, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Posts entries in order, all or none; later ones see the effect of earlier ones. The sender must own every
/// debited wallet, and for an entry that touches a book account it must own that book.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Journal {
    /// Chosen by the sender, and remembered with the last [`JOURNALS_REMEMBERED`](super::JOURNALS_REMEMBERED) that took
    /// effect. The same journal again then posts nothing and says where it stands; another one is refused. Without a
    /// reference a journal is not remembered.
    pub reference: Option<Hash>,
    /// Hash of the document behind it, which lies elsewhere.
    pub memo: Option<Hash>,
    /// The date that it belongs to, ms UTC, when that is not the block's: not later, not in a closed period, and only
    /// if every entry is between accounts of one book. Wallets and cash carry the block's time.
    pub effective_ms: Option<TimeMs>,
    /// Reference of an earlier journal of the sender's, still remembered, that this one takes back: the same entries in
    /// the same order, debit and credit exchanged. Once.
    pub reverses: Option<Hash>,
    /// The entries.
    pub entries: BoundedVec<Entry, JOURNAL_ENTRIES_MAX>,
}

impl Journal {
    /// Entries and nothing else.
    #[must_use]
    pub const fn of(entries: BoundedVec<Entry, JOURNAL_ENTRIES_MAX>) -> Self {
        Self { reference: None, memo: None, effective_ms: None, reverses: None, entries }
    }
}
