//! Who has what, from the entries of a state alone: no sum of the ledger's is asked.
//!
//! An account is worth what stands in its wallets, held or not; the cash of its books, but never less than nothing,
//! since nobody makes good for a book; the deposits that it will be given back; and its tabs at their face value.

use super::*;
use crate::keys::tag;
use crate::modules::deals::records::{Acceptance, Deal};
use crate::modules::disputes::records::Dispute;
use crate::modules::energy::records::{Mandate, Member, Meter, Microgrid, SettledMeter, TermsRecord};
use crate::modules::identity::records::{Account, Grant, Sponsorship};
use crate::modules::ledger::records::{Asset, Balance, Book, BookAccount, Deposit, Hold};
use crate::modules::market::records::Order;
use crate::state::decode_entry;
use wattle_primitives::state_key::{escrow_of, estimates_of, payouts_of};

/// Everything in a state that is somebody's, by kind; and what calls can name.
#[derive(Default)]
pub(super) struct View {
    balances: BTreeMap<(AccountId, AssetId), Balance>,
    pub(super) accounts: BTreeMap<Address, Account>,
    pub(super) assets: BTreeMap<AssetId, Asset>,
    pub(super) books: BTreeMap<BookId, Book>,
    pub(super) codes: BTreeMap<(BookId, u32), BookAccount>,
    pub(super) holds: BTreeMap<Hash, Hold>,
    pub(super) sponsorships: BTreeMap<(Address, Address), Sponsorship>,
    pub(super) grants: BTreeMap<Hash, Grant>,
    pub(super) grids: BTreeMap<Hash, Microgrid>,
    pub(super) members: BTreeMap<(Hash, Address), Member>,
    mandates: BTreeMap<(Hash, Address), Mandate>,
    terms: BTreeMap<(Hash, u32), TermsRecord>,
    pub(super) meters: BTreeMap<Address, Meter>,
    settled: BTreeMap<Address, SettledMeter>,
    pub(super) orders: BTreeMap<Hash, Order>,
    pub(super) deals: BTreeMap<Hash, Deal>,
    pub(super) acceptances: BTreeMap<(Hash, Address), Acceptance>,
    pub(super) disputes: BTreeMap<Hash, Dispute>,
}

/// Base units by account and asset.
pub(super) type Sums = BTreeMap<(Address, AssetId), i128>;

fn put<K: borsh::BorshDeserialize + Ord, V: borsh::BorshDeserialize>(
    map: &mut BTreeMap<K, V>,
    key: &[u8],
    value: &[u8],
) {
    map.insert(decode_entry(key, &key[1..]), decode_entry(key, value));
}

impl View {
    pub(super) fn of(state: &State) -> Self {
        let mut view = Self::default();
        for (key, value) in state.entries() {
            match key[0] {
                tag::BALANCE => put(&mut view.balances, key, value),
                tag::ACCOUNT => put(&mut view.accounts, key, value),
                tag::ASSET => put(&mut view.assets, key, value),
                tag::BOOK => put(&mut view.books, key, value),
                tag::BOOK_ACCOUNT => put(&mut view.codes, key, value),
                tag::HOLD => put(&mut view.holds, key, value),
                tag::SPONSORSHIP => put(&mut view.sponsorships, key, value),
                tag::GRANT => put(&mut view.grants, key, value),
                tag::MICROGRID => put(&mut view.grids, key, value),
                tag::MEMBER => put(&mut view.members, key, value),
                tag::MANDATE => put(&mut view.mandates, key, value),
                tag::TERMS => put(&mut view.terms, key, value),
                tag::METER => put(&mut view.meters, key, value),
                tag::SETTLED_METER => put(&mut view.settled, key, value),
                tag::ORDER => put(&mut view.orders, key, value),
                tag::DEAL => put(&mut view.deals, key, value),
                tag::ACCEPTANCE => put(&mut view.acceptances, key, value),
                tag::DISPUTE => put(&mut view.disputes, key, value),
                _ => {}
            }
        }
        view
    }

    /// Amount that has come into an account and not gone out, whatever of it is held.
    fn posted(&self, account: AccountId, asset: AssetId) -> i128 {
        let balance = self.balances.get(&(account, asset)).copied().unwrap_or_default();
        balance.credits_posted as i128 - balance.debits_posted as i128
    }

    /// Worth of a member's accounts to it.
    fn tab(&self, grid: &Microgrid, member: &Member) -> i128 {
        let code = member.code;
        [code, estimates_of(code), escrow_of(code), payouts_of(code)]
            .into_iter()
            .map(|code| self.posted(grid.account(code), grid.asset))
            .sum()
    }

    /// Postings to an account of a microgrid's book.
    fn counters(&self, grid: &Microgrid, code: u32) -> Balance {
        self.balances.get(&(grid.account(code), grid.asset)).copied().unwrap_or_default()
    }

    /// All that was ever charged to a member.
    pub(super) fn charged(&self, grid: &Hash, account: &Address) -> u128 {
        let found = self.grids.get(grid).zip(self.members.get(&(*grid, *account)));
        found.map_or(0, |(grid, member)| {
            let back =
                [estimates_of, escrow_of].map(|of| self.counters(grid, of(member.code)).credits_posted);
            self.counters(grid, member.code).debits_posted - back[0] - back[1]
        })
    }

    /// Worth of every account.
    pub(super) fn worth(&self) -> Sums {
        let mut sums = Sums::new();
        let mut add = |who: Address, asset: AssetId, amount: i128| {
            *sums.entry((who, asset)).or_default() += amount;
        };
        for &(account, asset) in self.balances.keys() {
            match account {
                AccountId::Wallet { owner } => add(owner, asset, self.posted(account, asset)),
                AccountId::Due { book } => {
                    let owner = self.books[&book].owner;
                    let of_grid = self.grids.values().any(|grid| grid.book == book);
                    if !of_grid {
                        add(owner, asset, self.posted(account, asset).max(0));
                    }
                }
                // Tabs are looked up by member, below; the rest is nobody's.
                AccountId::Book { .. } | AccountId::System { .. } | AccountId::Cash { .. } => {}
            }
        }
        for ((id, account), member) in &self.members {
            let grid = &self.grids[id];
            let tab = self.tab(grid, member);
            add(*account, grid.asset, tab);
        }
        let native = AssetId::NATIVE;
        let mut back = |deposit: &Deposit| add(deposit.payer, native, deposit.amount.0 as i128);
        self.holds.values().for_each(|hold| back(&hold.deposit));
        self.sponsorships.values().for_each(|sponsorship| back(&sponsorship.deposit));
        self.grants.values().for_each(|grant| back(&grant.deposit));
        self.members.values().for_each(|member| back(&member.deposit));
        self.mandates.values().for_each(|mandate| back(&mandate.deposit));
        self.orders.values().for_each(|order| back(&order.deposit));
        self.deals.values().for_each(|deal| back(&deal.deposit));
        self.acceptances.values().for_each(|acceptance| back(&acceptance.deposit));
        self.disputes.values().for_each(|dispute| back(&dispute.deposit));
        sums
    }

    /// The highest monthly fee of a microgrid's terms, base units, whenever they hold.
    pub(super) fn monthly(&self, id: &Hash) -> u128 {
        let of = self.terms.iter().filter(|((grid, _), _)| grid == id);
        of.map(|(_, record)| record.terms.fees.monthly.0).max().unwrap_or(0)
    }

    /// The dearest import, export and market fee of a microgrid's terms, base units per kWh, whenever they hold.
    pub(super) fn prices(&self, id: &Hash) -> [u128; 3] {
        let of = self.terms.iter().filter(|((grid, _), _)| grid == id).map(|(_, record)| &record.terms);
        of.fold([0; 3], |[import, export, fee], terms| {
            let most = |price: fn(&TariffBand) -> Amount| terms.tariff.iter().map(price).max().unwrap().0;
            [
                import.max(most(|band| band.import_price)),
                export.max(most(|band| band.export_price)),
                fee.max(terms.fee_per_kwh.0),
            ]
        })
    }

    /// Amount that a member's tab ever brought to it, paid out or not.
    pub(super) fn brought(&self, grid: &Hash, account: &Address) -> i128 {
        let found = self.grids.get(grid).zip(self.members.get(&(*grid, *account)));
        found.map_or(0, |(grid, member)| {
            self.tab(grid, member) + self.counters(grid, payouts_of(member.code)).debits_posted as i128
        })
    }

    /// Whether any of a microgrid's terms let those who consumed bear losses.
    pub(super) fn shares_losses(&self, id: &Hash) -> bool {
        self.terms.iter().any(|((grid, _), record)| grid == id && record.terms.losses == LossRule::ProRata)
    }

    /// The first interval for which a meter is not measured.
    pub(super) fn measured(&self, meter: &Address) -> Option<u64> {
        self.settled.get(meter).map(|of| of.until.0)
    }

    /// The calendar month of the interval that a microgrid settles next; 0 before its first terms.
    pub(super) fn month(&self, id: &Hash) -> u32 {
        let Some((grid, next)) = self.grids.get(id).and_then(|grid| Some((grid, grid.agenda?.settle))) else {
            return 0;
        };
        let of = self.terms.iter().filter(|((of, _), _)| of == id);
        of.map(|(_, record)| record.terms.month(grid.start(next))).max().unwrap_or(0)
    }

    /// The energy that a meter is taken to import in an interval of which it says nothing, Wh.
    pub(super) fn typical(&self, meter: &Address) -> u64 {
        let settled = self.settled.get(meter);
        settled.map_or(0, |of| of.profile.most().0)
    }
}
