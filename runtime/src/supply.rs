//! Supply of each asset: a chain's history on one side, its state on the other.
//!
//! The history is counted from what was asked for and took effect: the genesis accounts, and calls of `mint` and
//! `burn`. No counter of the ledger is asked, since a ledger that makes money by a posting counts it as well.
//!
//! ```text
//! wallets + holds + fees + deposits + books' cash = issued - burned, and no account among them is below zero
//! ```

use crate::State;
use crate::key::tag;
use crate::modules::Violation;
use crate::modules::ledger::records::Balance;
use crate::overlay::Overlay;
use crate::state::decode_entry;
use std::collections::BTreeMap;
use wattle_primitives::call::TokenCall;
use wattle_primitives::call::ledger::{AccountId, SystemAccount};
use wattle_primitives::call::token::{Burn, Mint};
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Amount, AssetId, Call, Genesis, Outcome, Tx};

/// Base units of each asset that were issued and burned since genesis.
#[derive(Clone, Debug, Default)]
pub struct History {
    assets: BTreeMap<AssetId, Issued>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Issued {
    issued: u128,
    burned: u128,
}

impl History {
    /// The history up to height 0.
    #[must_use]
    pub fn of_genesis(genesis: &Genesis) -> Self {
        let mut history = Self::default();
        for account in &genesis.accounts {
            history.issue(AssetId::NATIVE, account.balance);
        }
        history
    }

    fn issue(&mut self, asset: AssetId, amount: Amount) {
        let issued = &mut self.assets.entry(asset).or_default().issued;
        *issued = issued.saturating_add(amount.0);
    }

    /// Goes on by a block.
    pub fn take<'a>(&mut self, txs: impl IntoIterator<Item = &'a Tx>, receipts: &BlockReceipts) {
        let took_effect =
            txs.into_iter().zip(&receipts.txs).filter(|(_, receipt)| receipt.outcome == Outcome::Success);
        for call in took_effect.flat_map(|(tx, _)| &tx.body().calls) {
            match call {
                Call::Token(TokenCall::Mint(Mint { asset, amount, .. })) => self.issue(*asset, *amount),
                Call::Token(TokenCall::Burn(Burn { asset, amount })) => {
                    let burned = &mut self.assets.entry(*asset).or_default().burned;
                    *burned = burned.saturating_add(amount.0);
                }
                Call::Token(TokenCall::Issue(_) | TokenCall::Transfer(_))
                | Call::Ledger(_)
                | Call::Identity(_)
                | Call::Energy(_)
                | Call::Market(_)
                | Call::Deals(_)
                | Call::Disputes(_) => {}
            }
        }
    }

    /// Each asset of which anything was issued: how much, and how much of it was burned.
    pub fn assets(&self) -> impl Iterator<Item = (AssetId, [Amount; 2])> {
        self.assets.iter().map(|(asset, of)| (*asset, [Amount(of.issued), Amount(of.burned)]))
    }

    /// Of one asset: how much was issued, and how much of it was burned.
    #[must_use]
    pub fn of_asset(&self, asset: AssetId) -> [Amount; 2] {
        let Issued { issued, burned } = self.assets.get(&asset).copied().unwrap_or_default();
        [Amount(issued), Amount(burned)]
    }

    /// Checks that `found` is what this history leaves of each asset, no more and no less.
    ///
    /// # Errors
    /// [`Violation::Supply`].
    pub fn check(&self, found: &Tally) -> Result<(), Violation> {
        for asset in self.assets.keys().chain(found.assets.keys()) {
            let Issued { issued, burned } = self.assets.get(asset).copied().unwrap_or_default();
            let held = found.of_asset(*asset).total();
            if issued.checked_sub(burned) != Some(held) {
                return Err(Violation::Supply { asset: *asset, held, issued, burned });
            }
        }
        Ok(())
    }
}

/// Where the units of an asset are, base units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// In wallets, free to be spent.
    pub wallets: u128,
    /// Reserved by holds, of wallets and of books' cash.
    pub held: u128,
    /// Fees taken.
    pub fees: u128,
    /// Deposits for keys in state.
    pub deposits: u128,
    /// Cash of books, free to be paid out: what the public book owes to them.
    pub books: u128,
}

impl Holdings {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u128 {
        let Self { wallets, held, fees, deposits, books } = *self;
        wallets.saturating_add(held).saturating_add(fees).saturating_add(deposits).saturating_add(books)
    }
}

/// Moves of a block: how much more, or less, is where than before it, in base units modulo 2^128.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved(Tally);

impl Moved {
    /// Adds up what was written so far over a state.
    ///
    /// # Errors
    /// As [`Tally::of`].
    pub(crate) fn of(overlay: &Overlay<'_>) -> Result<Self, Violation> {
        let mut moved = Self::default();
        overlay.balances().try_for_each(|(key, old, new)| moved.0.change(key, old, new))?;
        Ok(moved)
    }
}

/// Where the units of all assets are in a state, added up account by account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    assets: BTreeMap<AssetId, Holdings>,
}

impl Tally {
    /// Adds up a whole state: O(entries).
    ///
    /// # Errors
    /// [`Violation::Limit`] for an account that is below zero.
    pub fn of(state: &State) -> Result<Self, Violation> {
        let mut tally = Self::default();
        state.entries().try_for_each(|(key, value)| tally.change(key, None, Some(value)))?;
        Ok(tally)
    }

    /// Goes on by what a block moved.
    pub fn add(&mut self, moved: &Moved) {
        for (asset, by) in &moved.0.assets {
            let at = self.assets.entry(*asset).or_default();
            let Holdings { wallets, held, fees, deposits, books } = by;
            let parts = [
                (&mut at.wallets, wallets),
                (&mut at.held, held),
                (&mut at.fees, fees),
                (&mut at.deposits, deposits),
                (&mut at.books, books),
            ];
            parts.into_iter().for_each(|(sum, by)| *sum = sum.wrapping_add(*by));
        }
    }

    /// Where an asset's units are.
    #[must_use]
    pub fn of_asset(&self, asset: AssetId) -> Holdings {
        self.assets.get(&asset).copied().unwrap_or_default()
    }

    /// Takes an entry's old value off, and adds its new one, if it is a balance that is somebody's money.
    fn change(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) -> Result<(), Violation> {
        let Some((&tag::BALANCE, name)) = key.split_first() else { return Ok(()) };
        let (account, asset): (AccountId, AssetId) = decode_entry(key, name);
        let Some(part) = part_of(&account) else { return Ok(()) };
        for (value, sign) in [(old, u128::wrapping_sub as fn(u128, u128) -> u128), (new, u128::wrapping_add)]
        {
            let Some(value) = value else { continue };
            let balance: Balance = decode_entry(key, value);
            let posted = balance.credits_posted.checked_sub(balance.debits_posted);
            let free = posted.and_then(|posted| posted.checked_sub(balance.debits_pending));
            let [to, held] = part(self.assets.entry(asset).or_default());
            *to = sign(*to, free.ok_or(Violation::Limit { account, asset })?);
            *held = sign(*held, balance.debits_pending);
        }
        Ok(())
    }
}

/// Where an account's money is counted, free and held. `None` for accounts that are nobody's money: the ledger's own
/// counter, and what a book keeps for itself.
fn part_of(account: &AccountId) -> Option<fn(&mut Holdings) -> [&mut u128; 2]> {
    match account {
        AccountId::Wallet { .. } => Some(|at| [&mut at.wallets, &mut at.held]),
        AccountId::System { account: SystemAccount::Fees } => Some(|at| [&mut at.fees, &mut at.held]),
        AccountId::System { account: SystemAccount::Deposits } => Some(|at| [&mut at.deposits, &mut at.held]),
        AccountId::Due { .. } => Some(|at| [&mut at.books, &mut at.held]),
        AccountId::System { account: SystemAccount::Issuance }
        | AccountId::Book { .. }
        | AccountId::Cash { .. } => None,
    }
}
