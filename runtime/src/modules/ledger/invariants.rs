//! The ledger's rules: books balance, what is pending is held, what is held ends.

use super::posting;
use super::records::{Balance, Book, Hold};
use crate::State;
use crate::keys::{self, tag};
use crate::modules::invariants::{self, Sums, Violation, require};
use crate::records::Due;
use std::collections::{BTreeMap, BTreeSet};
use wattle_primitives::call::ledger::{AccountId, Entry, JOURNALS_REMEMBERED};
use wattle_primitives::{AssetId, BookId, Hash, TimeMs};

type Pending = BTreeMap<(AccountId, AssetId), (u128, u128)>;

#[derive(Default)]
pub(crate) struct Rules {
    sums: BTreeMap<(BookId, AssetId), Balance>,
    pending: Pending,
    held: Pending,
    queue: BTreeMap<Hash, TimeMs>,
    holds: BTreeMap<Hash, TimeMs>,
}

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &invariants::Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        match entry.tag() {
            tag::BALANCE => self.take_balance(entry, sums)?,
            tag::HOLD => self.take_hold(entry, sums),
            tag::QUEUE => match entry.record() {
                Due::Hold(id) => {
                    self.queue.insert(id, keys::queue_time(entry.key).unwrap_or_default());
                }
                Due::Microgrid(_) | Due::Deal(_) | Due::Order(_) => {}
            },
            tag::ACCOUNT_ASSET => sums.found("account assets"),
            tag::BOOK => {
                let Book { accounts, assets, .. } = entry.record();
                let accounts = u64::from(accounts);
                sums.found("books");
                sums.expect("book assets", u64::from(assets));
                sums.expect("cash of books", u64::from(assets));
                sums.expect("book accounts", accounts);
                sums.expect("book index", accounts);
            }
            tag::BOOK_ACCOUNT => sums.found("book accounts"),
            tag::BOOK_INDEX => sums.found("book index"),
            tag::BOOK_ASSET => sums.found("book assets"),
            tag::BOOK_NUMBER => sums.found("book numbers"),
            tag::OWNED_BOOK => sums.found("owned books"),
            tag::JOURNALS => {
                let remembered = entry.record::<u64>().min(u64::from(JOURNALS_REMEMBERED));
                sums.expect("journal places", remembered);
                sums.expect("remembered journals", remembered);
            }
            tag::JOURNAL_PLACE => sums.found("journal places"),
            tag::JOURNAL => sums.found("remembered journals"),
            _ => {}
        }
        Ok(())
    }

    fn check(self, _state: &State) -> Result<(), Violation> {
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
        let both: BTreeSet<_> = self.pending.keys().chain(self.held.keys()).collect();
        for at in both {
            let got = self.pending.get(at).copied().unwrap_or_default();
            let expected = self.held.get(at).copied().unwrap_or_default();
            if got != expected {
                return Err(Violation::Pending { account: at.0, asset: at.1, got, expected });
            }
        }
        self.holds.keys().chain(self.queue.keys()).try_for_each(|hold| {
            let agree = self.holds.get(hold) == self.queue.get(hold);
            require(agree, *hold, "the hold and the queue disagree")
        })
    }
}

impl Rules {
    fn take_balance(&mut self, entry: &invariants::Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        let (account, asset): (AccountId, AssetId) = entry.name();
        let balance: Balance = entry.record();
        let sum = self.sums.entry((posting::book_of(&account), asset)).or_default();
        // Lifetime totals of many accounts may pass 128 bits: equal sums stay equal when both wrap.
        sum.debits_posted = sum.debits_posted.wrapping_add(balance.debits_posted);
        sum.credits_posted = sum.credits_posted.wrapping_add(balance.credits_posted);
        sum.debits_pending = sum.debits_pending.wrapping_add(balance.debits_pending);
        sum.credits_pending = sum.credits_pending.wrapping_add(balance.credits_pending);
        if balance.debits_pending > 0 || balance.credits_pending > 0 {
            self.pending.insert((account, asset), (balance.debits_pending, balance.credits_pending));
        }
        if !posting::within_limit(entry.state, &account, &balance) {
            return Err(Violation::Limit { account, asset });
        }
        let AccountId::Cash { book } = account else { return Ok(()) };
        sums.found("cash of books");
        let due = entry.state.read(keys::balance(&AccountId::Due { book }, asset)).unwrap_or_default();
        let mirrored = Balance {
            debits_pending: due.credits_pending,
            debits_posted: due.credits_posted,
            credits_pending: due.debits_pending,
            credits_posted: due.debits_posted,
        };
        if balance == mirrored { Ok(()) } else { Err(Violation::Cash { book, asset }) }
    }

    fn take_hold(&mut self, entry: &invariants::Entry<'_>, sums: &mut Sums) {
        let hold: Hold = entry.record();
        let Entry { debit, credit, asset, amount, .. } = hold.entry;
        for (debit, credit) in posting::legs(debit, credit).into_iter().flatten() {
            let held = self.held.entry((debit, asset)).or_default();
            held.0 = held.0.saturating_add(amount.0);
            let held = self.held.entry((credit, asset)).or_default();
            held.1 = held.1.saturating_add(amount.0);
        }
        sums.owe(&hold.deposit);
        if hold.expires_ms < TimeMs::MAX {
            self.holds.insert(entry.name(), hold.expires_ms);
        }
    }
}
