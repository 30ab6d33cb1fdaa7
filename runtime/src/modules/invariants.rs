//! What must always hold of a whole state: for tests and for an auditor. Never part of a block's execution.

mod market;
mod settlement;

use super::ledger::posting::{self, DEPOSITS};
use crate::State;
use crate::keys;
use crate::modules::energy::records::Meter;
use crate::modules::energy::records::Microgrid;
use crate::modules::identity::records::{Account, Sponsorship};
use crate::modules::ledger::records::{Balance, Book, Hold};
use crate::modules::records::{Counters, Due};
use crate::modules::token::records::Asset;
use crate::overlay::decode_entry;
use borsh::BorshDeserialize;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::{AccountId, Entry};
use wattle_primitives::units::BookId;
use wattle_primitives::{AssetId, Hash, TimeMs};

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
        /// What the holds sum up to.
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
        /// Refundable.
        owed: u128,
    },
    /// The queue does not list exactly the open holds.
    #[error("hold {hold} and the queue disagree")]
    Queue {
        /// The hold.
        hold: Hash,
    },
    /// An order or a deal is not where it should be, or not what it should be.
    #[error("{id}: {what}")]
    Market {
        /// The order or deal; the microgrid for a member's credit.
        id: Hash,
        /// What is wrong.
        what: &'static str,
    },
    /// A microgrid's settlement is in disorder.
    #[error("{id}: {what}")]
    Settlement {
        /// The microgrid, or the meter by its address.
        id: Hash,
        /// What is wrong.
        what: &'static str,
    },
    /// A numbered list has a hole, or its count is wrong.
    #[error("{what} says {expected}, {got} found")]
    Count {
        /// Which list.
        what: &'static str,
        /// What its owner's record says.
        expected: u64,
        /// What is there.
        got: u64,
    },
}

type Sums = BTreeMap<(BookId, AssetId), Balance>;
type Pending = BTreeMap<(AccountId, AssetId), (u128, u128)>;

#[derive(Default)]
struct Tally {
    sums: Sums,
    pending: Pending,
    held: Pending,
    owed: u128,
    queue: BTreeMap<Hash, TimeMs>,
    holds: BTreeMap<Hash, TimeMs>,
    /// For each list: entries found, and what the owners' records say.
    lists: BTreeMap<&'static str, (u64, u64)>,
    credit: market::Credit,
    estimates: settlement::Estimates,
    exposures: settlement::Exposures,
    escrows: settlement::Escrows,
}

/// Checks every rule over the whole state: O(entries).
///
/// # Errors
/// The first [`Violation`] found.
pub fn invariants(state: &State) -> Result<(), Violation> {
    let mut tally = Tally::default();
    for (key, value) in state.entries() {
        tally.take(state, key, value)?;
    }
    tally.check(state)
}

impl Tally {
    fn take(&mut self, state: &State, key: &[u8], value: &[u8]) -> Result<(), Violation> {
        let Some((tag, rest)) = key.split_first() else { return Ok(()) };
        self.take_market(state, key, value)?;
        self.take_settlement(state, key, value)?;
        match *tag {
            keys::tag::BALANCE => self.take_balance(state, rest, decode_entry(key, value))?,
            keys::tag::HOLD => self.take_hold(decode_entry(key, rest), &decode_entry(key, value)),
            keys::tag::QUEUE => {
                let due_ms = keys::queue_time(key).unwrap_or_default();
                if let Due::Hold(id) = decode_entry(key, value) {
                    self.queue.insert(id, due_ms);
                }
            }
            keys::tag::SPONSORSHIP => {
                self.owed = self.owed.saturating_add(decode_entry::<Sponsorship>(key, value).deposit.0);
            }
            keys::tag::COUNTERS => {
                let counters: Counters = decode_entry(key, value);
                self.expect("assets", u64::from(counters.assets));
                self.expect("books", counters.books.saturating_sub(1));
                self.expect("microgrids", u64::from(counters.microgrids));
                self.expect("microgrid index", u64::from(counters.microgrids));
            }
            keys::tag::ACCOUNT => {
                self.expect("account assets", u64::from(decode_entry::<Account>(key, value).assets))
            }
            keys::tag::ACCOUNT_ASSET => self.found("account assets"),
            keys::tag::ASSET => self.count::<Asset>("assets", key, value),
            keys::tag::BOOK => {
                let accounts = u64::from(decode_entry::<Book>(key, value).accounts);
                self.found("books");
                self.expect("book accounts", accounts);
                self.expect("book index", accounts);
            }
            keys::tag::BOOK_ACCOUNT => self.found("book accounts"),
            keys::tag::BOOK_INDEX => self.found("book index"),
            keys::tag::MICROGRID => {
                let grid: Microgrid = decode_entry(key, value);
                self.found("microgrids");
                self.expect("meters", u64::from(grid.meters));
                self.expect("meter index", u64::from(grid.meters));
                self.expect("members", u64::from(grid.members));
                self.expect("member index", u64::from(grid.members));
            }
            keys::tag::MICROGRID_INDEX => self.found("microgrid index"),
            keys::tag::METER => self.count::<Meter>("meters", key, value),
            keys::tag::METER_INDEX => self.found("meter index"),
            keys::tag::MEMBER => self.found("members"),
            keys::tag::MEMBER_INDEX => self.found("member index"),
            _ => {}
        }
        Ok(())
    }

    fn take_balance(&mut self, state: &State, id: &[u8], balance: Balance) -> Result<(), Violation> {
        let (account, asset): (AccountId, AssetId) = decode_entry(id, id);
        let sum = self.sums.entry((posting::book_of(&account), asset)).or_default();
        // Lifetime totals of many accounts may pass 128 bits: equal sums stay equal when both wrap.
        sum.debits_posted = sum.debits_posted.wrapping_add(balance.debits_posted);
        sum.credits_posted = sum.credits_posted.wrapping_add(balance.credits_posted);
        sum.debits_pending = sum.debits_pending.wrapping_add(balance.debits_pending);
        sum.credits_pending = sum.credits_pending.wrapping_add(balance.credits_pending);
        if balance.debits_pending > 0 || balance.credits_pending > 0 {
            self.pending.insert((account, asset), (balance.debits_pending, balance.credits_pending));
        }
        if posting::within_limit(state, &account, &balance) {
            Ok(())
        } else {
            Err(Violation::Limit { account, asset })
        }
    }

    fn take_hold(&mut self, id: Hash, hold: &Hold) {
        let Entry { debit, credit, asset, amount } = hold.entry;
        for (debit, credit) in posting::legs(debit, credit).into_iter().flatten() {
            let held = self.held.entry((debit, asset)).or_default();
            held.0 = held.0.saturating_add(amount.0);
            let held = self.held.entry((credit, asset)).or_default();
            held.1 = held.1.saturating_add(amount.0);
        }
        self.owed = self.owed.saturating_add(hold.deposit.0);
        if hold.expires_ms < TimeMs::MAX {
            self.holds.insert(id, hold.expires_ms);
        }
    }

    fn expect(&mut self, list: &'static str, count: u64) {
        let (_, expected) = self.lists.entry(list).or_default();
        *expected = expected.saturating_add(count);
    }

    fn found(&mut self, list: &'static str) {
        let (found, _) = self.lists.entry(list).or_default();
        *found = found.saturating_add(1);
    }

    fn count<T: BorshDeserialize>(&mut self, list: &'static str, key: &[u8], value: &[u8]) {
        let _: T = decode_entry(key, value); // a record that does not decode is a violation, loudly
        self.found(list);
    }

    fn check(self, state: &State) -> Result<(), Violation> {
        for ((book, asset), sum) in self.sums {
            for (kind, debits, credits) in [
                ("posted", sum.debits_posted, sum.credits_posted),
                ("pending", sum.debits_pending, sum.credits_pending),
            ] {
                if debits != credits {
                    return Err(Violation::TrialBalance { book, asset, kind, debits, credits });
                }
            }
        }
        let both: std::collections::BTreeSet<_> = self.pending.keys().chain(self.held.keys()).collect();
        for at in both {
            let got = self.pending.get(at).copied().unwrap_or_default();
            let expected = self.held.get(at).copied().unwrap_or_default();
            if got != expected {
                return Err(Violation::Pending { account: at.0, asset: at.1, got, expected });
            }
        }
        let apart = self
            .holds
            .iter()
            .find(|(id, due)| self.queue.get(id) != Some(due))
            .or_else(|| self.queue.iter().find(|(id, due)| self.holds.get(id) != Some(due)));
        if let Some((hold, _)) = apart {
            return Err(Violation::Queue { hold: *hold });
        }
        let deposits = keys::balance(&DEPOSITS, AssetId::NATIVE);
        let held =
            state.get(&deposits).map_or(0, |raw| decode_entry::<Balance>(&deposits, raw).available().0);
        if held < self.owed {
            return Err(Violation::Deposits { held, owed: self.owed });
        }
        self.credit.check()?;
        self.estimates.check()?;
        self.exposures.check()?;
        self.escrows.check(state)?;
        match self.lists.into_iter().find(|(_, (got, expected))| got != expected) {
            Some((what, (got, expected))) => Err(Violation::Count { what, expected, got }),
            None => Ok(()),
        }
    }
}
