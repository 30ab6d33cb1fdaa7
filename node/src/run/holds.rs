//! Which holds are open, by the accounts that they are about: state has each under its id alone.

use std::collections::BTreeSet;
use wattle_primitives::Hash;
use wattle_primitives::call::ledger::AccountId;
use wattle_runtime::modules::ledger::records::Hold;
use wattle_runtime::{State, keys};

/// Open holds, each under the account that it debits, the one that it credits, and its captor's wallet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Holds(BTreeSet<(AccountId, Hash)>);

impl Holds {
    /// Those of a whole state: O(entries).
    pub(super) fn of(state: &State) -> Self {
        let mut holds = Self::default();
        for id in state.entries().filter_map(|(key, _)| id_of(key)) {
            holds.add(&id, state);
        }
        holds
    }

    /// Goes on by a block that wrote under the keys `written`.
    pub(super) fn go_on<'k>(
        &mut self,
        before: &State,
        after: &State,
        written: impl IntoIterator<Item = &'k [u8]>,
    ) {
        for id in written.into_iter().filter_map(id_of) {
            if let Some(hold) = before.read(keys::hold(&id)) {
                for account in accounts(&hold) {
                    self.0.remove(&(account, id));
                }
            }
            self.add(&id, after);
        }
    }

    fn add(&mut self, id: &Hash, state: &State) {
        let hold = state.read(keys::hold(id));
        self.0.extend(hold.iter().flat_map(accounts).map(|account| (account, *id)));
    }

    /// Those of an account by id, from an id on, at most `limit`.
    pub(super) fn list(&self, account: &AccountId, from: Hash, limit: usize) -> Vec<Hash> {
        let range = self.0.range((*account, from)..);
        range.take_while(|(of, _)| of == account).map(|(_, id)| *id).take(limit).collect()
    }
}

fn accounts(hold: &Hold) -> [AccountId; 3] {
    [hold.entry.debit, hold.entry.credit, AccountId::Wallet { owner: hold.captor }]
}

/// The hold whose key this is, if it is one's.
fn id_of(key: &[u8]) -> Option<Hash> {
    let (tag, id) = key.split_first()?;
    if *tag == keys::tag::HOLD { id.try_into().ok().map(Hash) } else { None }
}

#[cfg(test)]
#[path = "holds_tests.rs"]
mod tests;
