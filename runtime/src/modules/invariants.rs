//! Invariants of a whole state, as modules tell them: their rules, and what several of them count in [`Sums`].

use crate::State;
use crate::state::decode_entry;
use borsh::BorshDeserialize;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::Deposit;
use wattle_primitives::{AssetId, BookId, Hash};

/// A rule that a state breaks. Money was made or lost, or an index is wrong: do not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Debits and credits of a book differ.
    #[error("book {book}, asset {asset}: {kind} debits {debits}, credits {credits}")]
    TrialBalance {
        /// The book.
        book: BookId,
        /// The asset.
        asset: AssetId,
        /// `posted` or `pending`.
        kind: &'static str,
        /// Sum of debits.
        debits: u128,
        /// Sum of credits.
        credits: u128,
    },
    /// An account's pending counters are not the sum of its open holds.
    #[error("{account:?}, asset {asset}: pending {got:?}, open holds {expected:?}")]
    Pending {
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetId,
        /// Debits and credits pending.
        got: (u128, u128),
        /// The sums of the holds.
        expected: (u128, u128),
    },
    /// A limited account shows the wrong sign.
    #[error("{account:?}, asset {asset} is beyond its limit")]
    Limit {
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetId,
    },
    /// Fewer deposits are there than are to be given back.
    #[error("deposits hold {held}, {owed} are owed")]
    Deposits {
        /// Balance of the deposits.
        held: u128,
        /// Sum of the deposits to be given back.
        owed: u128,
    },
    /// There is more or less of an asset than was issued and not burned.
    #[error("asset {asset}: {held} are held, {issued} were issued and {burned} burned")]
    Supply {
        /// The asset.
        asset: AssetId,
        /// Base units in wallets, fees, deposits and books' cash.
        held: u128,
        /// Base units issued since genesis.
        issued: u128,
        /// Base units burned since genesis.
        burned: u128,
    },
    /// A book's cash is not what the public book owes to it.
    #[error("book {book}, asset {asset}: its cash is not what the public book owes to it")]
    Cash {
        /// The book.
        book: BookId,
        /// The asset.
        asset: AssetId,
    },
    /// A record is not where it should be, or not as it should be.
    #[error("{id}: {what}")]
    Record {
        /// The hold, order, deal or microgrid; a meter by its address.
        id: Hash,
        /// The rule that it breaks.
        what: &'static str,
    },
    /// A numbered list has a hole, or its count is wrong.
    #[error("{what} says {expected}, {got} found")]
    Count {
        /// Which list.
        what: &'static str,
        /// The count in its owner's record.
        expected: u64,
        /// Entries found.
        got: u64,
    },
}

/// Fails with the rule that `id` breaks, unless it `holds`.
pub(crate) fn require(holds: bool, id: Hash, what: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::Record { id, what }) }
}

/// An entry of the state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// The state it is in.
    pub(crate) state: &'a State,
    /// Its key.
    pub(crate) key: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Entry<'_> {
    /// The kind of key.
    pub(crate) fn tag(&self) -> u8 {
        self.key.first().copied().unwrap_or_default()
    }

    /// The key after its tag.
    pub(crate) fn name<T: BorshDeserialize>(&self) -> T {
        let rest = self.key.get(1..).unwrap_or_default();
        decode_entry(self.key, rest)
    }

    /// The value. One that does not decode is a violation, loudly.
    pub(crate) fn record<T: BorshDeserialize>(&self) -> T {
        decode_entry(self.key, self.value)
    }
}

/// Sums to which several modules contribute.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// Deposits that are to be given back.
    pub(super) owed: u128,
    /// For each list: entries found, and the counts in the owners' records.
    pub(super) lists: BTreeMap<&'static str, (u64, u64)>,
}

impl Sums {
    /// A deposit that is to be given back.
    pub(crate) fn owe(&mut self, deposit: &Deposit) {
        self.owed = self.owed.saturating_add(deposit.amount.0);
    }

    /// So many entries are to be in a list.
    pub(crate) fn expect(&mut self, list: &'static str, count: u64) {
        let (_, expected) = self.lists.entry(list).or_default();
        *expected = expected.saturating_add(count);
    }

    /// An entry of a list.
    pub(crate) fn found(&mut self, list: &'static str) {
        let (found, _) = self.lists.entry(list).or_default();
        *found = found.saturating_add(1);
    }
}

/// A module's rules.
pub(crate) trait Rules: Default {
    /// Looks at one entry, whichever module's it is.
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation>;

    /// Checks what can be said once every entry was seen.
    fn check(self, _state: &State) -> Result<(), Violation> {
        Ok(())
    }
}
