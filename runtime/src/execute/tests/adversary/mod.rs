//! The adversary: honest accounts and colluders, some with meters that lie, call whatever there is to call, at random.
//!
//! The promise: colluders never end richer than they began but by what honest accounts signed for, and by what the
//! loss rule and `power_max` let a lying meter claim; no honest account loses more than its signatures and the terms
//! bound; and nobody makes money. [`wealth`] says what an account is worth, [`Bounds`] what it may lose; neither asks
//! the code under test for more than the entries of the state, what was signed and whether that took effect.
//! [`World::try_run`] checks supply, invariants and weights after every block.
//!
//! In every second world weight has a price and buckets are small: fees and the work of microgrids cost their payers
//! what they weigh, nobody else, and nobody gets it; microgrids run out of money, are paused, and go on.
//!
//! Money is bounded to the unit in the native asset, in which neither microgrid settles. In theirs each honest member
//! has a *line*: the energy that its meters showed and the chain took, or that it sold, at the dearest price of the
//! terms.

mod moves;
mod wealth;

use super::oracle::Dice;
use super::settlement::{QUARTER, terms};
use super::*;
use crate::execute::tx::Verified;
use crate::modules::energy::records as energy_records;
use moves::{DRAWS, Draw, Verdicts};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use wattle_primitives::call::CallKind;
use wattle_primitives::call::energy::{
    ClearingRule, Fees, LineKind, LossRule, MeterSwap, TariffBand, Terms, microgrid_id,
};
use wattle_primitives::call::identity::{Calls, Limits};
use wattle_primitives::call::ledger::Entry;
use wattle_primitives::call::market::Side;
use wattle_primitives::call::{DealsCall, DisputesCall, IdentityCall, LedgerCall, MarketCall, TokenCall};
use wattle_primitives::reading::{ClockQuality, Reading, Registers, SignedReading, Words};
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::units::IntervalId;
use wealth::{Sums, View};

/// Accounts 1 to 12 are honest: 1 operates a microgrid, 2 issues its asset, the others are members of one of the two.
const HONEST: u8 = 12;
/// Accounts 13 to 20 collude: 13 operates the other microgrid, 14 issues its asset, 18 to 20 have meters in both.
const PEOPLE: u8 = 20;
/// Keys of meters, first and last; those up to [`HONEST_METERS`] are honest.
const METER_FIRST: u8 = 31;
const METER_LAST: u8 = 110;
const HONEST_METERS: u8 = 62;
/// From here on each account's second key, and keys of nobody: what they get, colluders have.
const SECOND: u8 = 120;
const STRANGERS: u8 = 150;
const START_EACH: u64 = 1_000_000;
const POWER_W: u32 = 3_000;
const DEPOSIT: u128 = 10;

static KEYS: LazyLock<Vec<(PublicKey, Address)>> =
    LazyLock::new(|| (0..=200).map(|n| (key(n).public(), address(n))).collect());
static NUMBERS: LazyLock<BTreeMap<Address, u8>> =
    LazyLock::new(|| (0..).zip(KEYS.iter()).map(|(n, of)| (of.1, n)).collect());
static GRIDS: LazyLock<[Hash; 2]> =
    LazyLock::new(|| [1, HONEST + 1].map(|n| microgrid_id(&person(n), &Hash::ZERO)));

fn public(n: u8) -> PublicKey {
    KEYS[usize::from(n)].0
}

fn person(n: u8) -> Address {
    KEYS[usize::from(n)].1
}

fn number(account: &Address) -> u8 {
    NUMBERS.get(account).copied().unwrap_or(STRANGERS)
}

/// Whoever is not known to be honest colludes.
fn is_honest(account: &Address) -> bool {
    matches!(number(account), 1..=HONEST | METER_FIRST..=HONEST_METERS)
}

/// Whose an honest meter is.
const fn owner_of(meter: u8) -> u8 {
    (meter - METER_FIRST) % HONEST + 1
}

/// The honest operator's microgrid, and the colluding one's.
fn grids() -> [Hash; 2] {
    *GRIDS
}

/// Something signed that may cost an honest account money once it stands no longer.
struct Commitment {
    id: Hash,
    who: Address,
    asset: AssetId,
    amount: u128,
    /// From this block time on it costs nothing any more.
    until_ms: u64,
    /// Of a dispute: the claimant, who is granted no more than it was ever charged, and where.
    claimant: Option<(Hash, Address)>,
    /// Whether it is a hold, of which a part can be captured while it stands.
    hold: bool,
}

/// Bounds of what accounts may lose and gain.
#[derive(Default)]
struct Bounds {
    commitments: Vec<Commitment>,
    /// Native units that a sponsor still lets a grantee spend.
    allowances: BTreeMap<(Address, Address), u128>,
    /// Who charges in a deal that was asked for: the one who asked.
    charges: BTreeMap<Hash, bool>,
    /// Honest accounts and the microgrids that they signed for.
    bound: BTreeSet<(Address, Hash)>,
    /// Cost that energy may yet have for an honest account.
    line: Sums,
    /// When the opening registers of meters were read, as their keys say.
    opened: BTreeMap<Address, u64>,
    /// The most power that meters were ever rated at, W.
    rated: BTreeMap<Address, u32>,
    /// In this block: whom meters were handed to.
    handed: BTreeSet<(Address, Address)>,
    /// Registers of meters at their first reading, Wh.
    first: BTreeMap<Address, (u64, u64)>,
    /// Who pays for the transaction that is read, and the grant that it names.
    payer: Address,
    grant: Option<Hash>,
    /// Amount that a grant still lets its grantee spend of an asset.
    granted: BTreeMap<(Hash, AssetId), u128>,
    /// The block's time.
    now_ms: u64,
    /// The price of weight, native units.
    price: u128,
    /// In this block: what was minted to honest accounts.
    minted: BTreeMap<AssetId, i128>,
    /// In this block: what honest accounts may lose by signature, and what of that colluders may get.
    signed: Sums,
    gains: BTreeMap<AssetId, i128>,
}

impl Bounds {
    /// Part of `amount` for which the grantor answers, if the transaction has a grant: no more than it granted.
    fn granted(&mut self, asset: AssetId, amount: u128) -> u128 {
        let Some(grant) = self.grant else { return amount };
        let left = self.granted.entry((grant, asset)).or_default();
        let amount = amount.min(*left);
        *left -= amount;
        amount
    }

    /// An honest account signs `amount` away; colluders get it if `to` is one of them, or nobody knows who gets it.
    fn sign(&mut self, from: Address, asset: AssetId, amount: u128, to: Option<Address>) {
        let amount = self.granted(asset, amount);
        if is_honest(&from) {
            *self.signed.entry((from, asset)).or_default() += amount as i128;
            if to.is_none_or(|to| !is_honest(&to)) {
                *self.gains.entry(asset).or_default() += amount as i128;
            }
        }
    }

    /// Deposits of the payer for so many keys that are never given back.
    fn sink(&mut self, keys: u128) {
        if is_honest(&self.payer) {
            *self.signed.entry((self.payer, AssetId::NATIVE)).or_default() += (keys * DEPOSIT) as i128;
        }
    }

    fn commit(&mut self, id: Hash, who: Address, asset: AssetId, amount: u128) {
        let amount = self.granted(asset, amount);
        if is_honest(&who) {
            self.commitments.push(Commitment {
                id,
                who,
                asset,
                amount,
                until_ms: u64::MAX,
                claimant: None,
                hold: false,
            });
        }
    }

    /// The terms may cost an honest account so much more.
    fn owe(&mut self, who: Address, asset: AssetId, amount: u128) {
        if is_honest(&who) {
            *self.line.entry((who, asset)).or_default() += amount as i128;
        }
    }

    /// Energy may cost an honest account so much more.
    fn extend(&mut self, who: Address, asset: AssetId, wh: u64, price: u128) {
        self.owe(who, asset, cost(wh, price));
    }

    /// Amount that an entry takes from its sender: nothing when both sides are its own.
    fn taken(after: &View, by: Address, entry: &Entry) -> u128 {
        let own = match entry.credit {
            AccountId::Wallet { owner } => owner == by,
            AccountId::Book { book, .. } => after.books.get(&book).is_some_and(|book| book.owner == by),
            AccountId::System { .. } | AccountId::Due { .. } | AccountId::Cash { .. } => false,
        };
        if own { 0 } else { entry.amount.0 }
    }

    /// Reads what a call that took effect lets its sender lose. Without a wildcard arm: a new call is decided here.
    fn read(&mut self, by: Address, call: &Call, after: &View) {
        let asset_of = |grid: &Hash| after.grids.get(grid).map_or(AssetId::NATIVE, |grid| grid.asset);
        match call {
            Call::Ledger(LedgerCall::CreateBook(_) | LedgerCall::OpenAccount(_)) => self.sink(1),
            Call::Ledger(LedgerCall::Journal(call)) => {
                self.sink(u128::from(call.reference.is_some()));
                for entry in &call.entries {
                    self.sink(4);
                    self.sign(by, entry.asset, Self::taken(after, by, entry), entry.credit.wallet_owner());
                }
            }
            Call::Ledger(LedgerCall::Hold(call)) => {
                self.sink(4);
                let id = call::ledger::hold_id(&by, &call.reference);
                let (asset, amount) = (call.entry.asset, Self::taken(after, by, &call.entry));
                let until_ms = call.ttl_ms.map_or(u64::MAX, |ttl_ms| self.now_ms + ttl_ms.0);
                if is_honest(&by) {
                    self.commitments.push(Commitment {
                        id,
                        who: by,
                        asset,
                        amount,
                        until_ms,
                        claimant: None,
                        hold: true,
                    });
                }
            }
            Call::Ledger(LedgerCall::Capture(_) | LedgerCall::Void(_) | LedgerCall::SetPeriod(_)) => {}
            Call::Token(TokenCall::Issue(_)) => self.sink(1),
            Call::Token(TokenCall::Mint(call)) => {
                self.sink(2);
                let to = if is_honest(&call.to) { &mut self.minted } else { &mut self.gains };
                *to.entry(call.asset).or_default() += call.amount.0 as i128;
            }
            Call::Token(TokenCall::Burn(call)) => {
                *self.signed.entry((by, call.asset)).or_default() += call.amount.0 as i128;
            }
            Call::Token(TokenCall::Transfer(call)) => {
                self.sink(2);
                let amount = if call.to == by { 0 } else { call.amount.0 };
                self.sign(by, call.asset, amount, Some(call.to));
            }
            Call::Identity(IdentityCall::CreateAccount(_)) => self.sink(1),
            Call::Identity(IdentityCall::SetAuthority(_)) => {}
            Call::Identity(IdentityCall::Sponsor(call)) => {
                let total = call.limits.spending[0].total.map_or(u128::MAX, |total| total.0);
                self.allowances.insert((by, call.grantee), total);
            }
            Call::Identity(IdentityCall::Unsponsor(call)) => {
                self.allowances.remove(&(by, call.grantee));
            }
            Call::Identity(IdentityCall::Grant(call)) => {
                self.sink(1);
                let id = call::identity::grant_id(&by, &call.reference);
                for row in &call.limits.spending {
                    self.granted.insert((id, row.asset), row.total.map_or(u128::MAX, |total| total.0));
                }
            }
            Call::Identity(IdentityCall::RevokeGrant(_)) => {}
            Call::Energy(call) => self.read_energy(by, call, after),
            Call::Market(MarketCall::PlaceOrder(call)) => {
                let ([import, _, fee], asset) = (after.prices(&call.microgrid), asset_of(&call.microgrid));
                self.bind(by, call.microgrid);
                match call.side {
                    Side::Buy => {
                        let id = call::market::order_id(&by, &call.reference);
                        self.commit(id, by, asset, cost(call.wh.0, call.price.0) + cost(call.wh.0, fee));
                    }
                    // Energy that is not delivered is bought from the grid.
                    Side::Sell => self.extend(by, asset, call.wh.0, import),
                }
            }
            Call::Market(MarketCall::CancelOrder(_)) => {}
            Call::Deals(DealsCall::RequestDeal(call)) => {
                self.bind(by, call.microgrid);
                let id = call::deals::deal_id(&by, &call.reference);
                self.charges.insert(id, call.side == Side::Buy);
                self.deal(by, id, &call.microgrid, call.side, call.wh_max.0, call.price.0, after);
            }
            Call::Deals(DealsCall::AcceptDeal(call)) => {
                let side = if self.charges[&call.request] { Side::Sell } else { Side::Buy };
                // A request that is gone by the end of the block was never more than that.
                if let Some(deal) = after.deals.get(&call.request) {
                    self.bind(by, deal.microgrid);
                    let grid = deal.microgrid;
                    self.deal(by, call.request, &grid, side, call.wh_max.0, call.price.0, after);
                }
            }
            Call::Deals(
                DealsCall::ConfirmDeal(_)
                | DealsCall::AuthoriseDeal(_)
                | DealsCall::ReportUsage(_)
                | DealsCall::CloseDeal(_)
                | DealsCall::AbortDeal(_),
            ) => self.sink(2),
            // It may be granted at the operator's cost, until it expires; how much, is known when it is decided.
            Call::Disputes(DisputesCall::OpenDispute(call)) => {
                let (id, grid) =
                    (call::disputes::dispute_id(&by, &call.reference), &after.grids[&call.microgrid]);
                let claimant = Some((call.microgrid, by));
                let (who, asset, amount) = (grid.operator, grid.asset, call.claim.0);
                self.commitments.push(Commitment {
                    id,
                    who,
                    asset,
                    amount,
                    until_ms: self.now_ms + call::disputes::OPEN_MS.0,
                    claimant,
                    hold: false,
                });
            }
            Call::Disputes(DisputesCall::DecideDispute(_) | DisputesCall::WithdrawDispute(_)) => {}
        }
    }

    /// Calls of the energy module that honest accounts sign are to be billed for what meters show.
    fn read_energy(&mut self, by: Address, call: &EnergyCall, after: &View) {
        match call {
            EnergyCall::RegisterMicrogrid(call) => {
                self.sink(12);
                self.bind(by, microgrid_id(&by, &call.reference));
            }
            EnergyCall::RegisterMeter(call) => {
                self.sink(6);
                self.opened.insert(Address::of_key(&call.key), call.opening.time_ms.0);
            }
            EnergyCall::SetMember(_) => self.sink(6),
            EnergyCall::SwapMeter(call) => {
                self.sink(6);
                self.opened.insert(Address::of_key(&call.swap.new), call.swap.time_ms.0);
            }
            // Its registers are bounded as any reading of the meter.
            EnergyCall::ReadMeter(_) | EnergyCall::RetireMeter(_) | EnergyCall::LeaveMicrogrid(_) => {}
            EnergyCall::RateMeter(call) => self.rate(call.meter, call.power_max_w),
            EnergyCall::HandOverMeter(call) => {
                self.handed.insert((call.meter, call.to));
            }
            EnergyCall::SetTerms(_) => self.sink(1),
            // A connection costs no more than the member's terms say; the rest the operator gives away, also by a
            // grant, of which no amount is left for what stands on its tab.
            EnergyCall::ChargeLine(call) => {
                let asset = after.grids[&call.microgrid].asset;
                match call.kind {
                    LineKind::Connection => self.owe(call.account, asset, call.amount.0),
                    LineKind::Credit | LineKind::WriteOff | LineKind::Refund => {
                        let grant = self.grant.take();
                        self.sign(by, asset, call.amount.0, Some(call.account));
                        self.grant = grant;
                    }
                    LineKind::Energy | LineKind::Monthly | LineKind::Demand | LineKind::TaxPaid => {}
                }
            }
            EnergyCall::SubmitReadings(_) | EnergyCall::ResumeMicrogrid(_) => {}
            EnergyCall::PayTab(call::energy::PayTab { microgrid })
            | EnergyCall::SetMandate(call::energy::SetMandate { microgrid, .. }) => {
                self.sink(2);
                self.bind(by, *microgrid);
            }
        }
    }

    fn rate(&mut self, meter: Address, power_max_w: u32) {
        let most = self.rated.entry(meter).or_default();
        *most = power_max_w.max(*most);
    }

    fn bind(&mut self, who: Address, grid: Hash) {
        if is_honest(&who) {
            self.bound.insert((who, grid));
        }
    }

    /// A side of a deal: who charges pays its own price, at the end; who discharges may have to buy it from the grid.
    #[expect(clippy::too_many_arguments, reason = "a side of a deal")]
    fn deal(&mut self, by: Address, id: Hash, grid: &Hash, side: Side, wh: u64, price: u128, after: &View) {
        let (wh, asset) = (wh + wh / 10, after.grids[grid].asset);
        match side {
            Side::Buy => self.commit(id, by, asset, cost(wh, price)),
            Side::Sell => self.extend(by, asset, wh, after.prices(grid)[0]),
        }
    }

    /// Reads a block: fees and calls, then what stands no longer, then what meters have shown.
    fn block(&mut self, before: &View, after: &View, txs: &[VerifiedTx], receipts: &BlockReceipts) {
        (self.signed, self.gains, self.minted) = Default::default();
        self.handed.clear();
        for (tx, receipt) in txs.iter().zip(&receipts.txs) {
            let TxBody { sender, grant, fee_payer, max_fee, calls, .. } = tx.tx().body();
            self.grant = None;
            let mut fee = max_fee.0;
            if fee_payer != sender {
                let left = self.allowances.entry((*fee_payer, *sender)).or_default();
                fee = fee.min(*left);
                *left -= fee;
            }
            self.sign(*fee_payer, AssetId::NATIVE, fee, Some(*fee_payer));
            self.payer = *fee_payer;
            if receipt.outcome == Outcome::Success {
                self.grant = *grant;
                let by = grant.map_or(*sender, |grant| {
                    before.grants.get(&grant).or(after.grants.get(&grant)).map_or(*sender, |of| of.grantor)
                });
                calls.iter().for_each(|call| self.read(by, call, after));
                self.grant = None;
            }
        }
        let mut captured = Vec::new();
        for of in self.commitments.iter_mut().filter(|of| of.hold) {
            let left = after.holds.get(&of.id).map_or(of.amount, |hold| hold.entry.amount.0.min(of.amount));
            captured.push((of.who, of.asset, of.amount - left));
            of.amount = left;
        }
        captured.into_iter().for_each(|(who, asset, amount)| self.sign(who, asset, amount, None));
        let stands = |id: &Hash| {
            after.holds.contains_key(id)
                || after.orders.contains_key(id)
                || after.deals.contains_key(id)
                || after.disputes.contains_key(id)
        };
        let (kept, over): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.commitments).into_iter().partition(|commitment| stands(&commitment.id));
        self.commitments = kept;
        let now_ms = self.now_ms;
        for Commitment { who, asset, amount, claimant, .. } in
            over.into_iter().filter(|of| now_ms < of.until_ms)
        {
            let most = claimant.map_or(u128::MAX, |(grid, account)| after.charged(&grid, &account));
            self.sign(who, asset, amount.min(most), None);
        }
        after.meters.keys().for_each(|meter| self.metered(before, after, meter));
        for (id, grid) in &after.grids {
            if is_honest(&grid.operator) {
                let most = self.price * Self::work(before, after, id);
                *self.signed.entry((grid.operator, AssetId::NATIVE)).or_default() += most as i128;
            }
            // A month's fee may be posted blocks before the month's first interval is done.
            let (was, is) = (before.month(id), after.month(id));
            let months = if was == 0 { 0 } else { is.saturating_sub(was) };
            for (_, account) in after.members.keys().filter(|(of, _)| months > 0 && of == id) {
                self.owe(*account, grid.asset, u128::from(months) * after.monthly(id));
            }
            // The other side of every line: what lines brought to the operator, adjustments may take back.
            let more = after.brought(id, &grid.operator) - before.brought(id, &grid.operator);
            if is_honest(&grid.operator) {
                *self.line.entry((grid.operator, grid.asset)).or_default() += more.max(0);
            }
        }
    }

    /// The most that a microgrid's work in this block can weigh: for each interval that its agenda has come on by, and
    /// one more of each kind, what looking at all that there is takes, a few keys for each meter, member and order.
    fn work(before: &View, after: &View, id: &Hash) -> u128 {
        let of = |view: &View| view.grids.get(id).and_then(|grid| grid.agenda);
        let Some(now) = of(after) else { return 0 };
        let then = of(before).unwrap_or(now);
        let come =
            [now.clear.0 - then.clear.0, now.settle.0 - then.settle.0, now.finalize.0 - then.finalize.0];
        let intervals = u128::from(come.iter().sum::<u64>()) + 3;
        let orders = before.orders.len().max(after.orders.len()) as u128;
        let grid = &after.grids[id];
        let each = 64 + 32 * u128::from(grid.meters) + 96 * u128::from(grid.members + 1) + 32 * orders;
        u128::from(weights::KEY) * (128 + intervals * each)
    }

    /// A meter's energy in this block may cost its owner, at the import price; its export the operator; and who
    /// shares losses both what comes through a feeder and what others claim to deliver. While it is silent it is
    /// estimated.
    fn metered(&mut self, before: &View, after: &View, address: &Address) {
        let meter = &after.meters[address];
        self.rate(*address, meter.power_max_w);
        let Some(last) = meter.last else { return };
        let shown = (last.import_wh.0, last.export_wh.0);
        let first = *self.first.entry(*address).or_insert(shown);
        let old = before.meters.get(address).and_then(|meter| meter.last);
        let old = old.map_or(first, |old| (old.import_wh.0, old.export_wh.0));
        if meter.replaced_by.is_none() {
            // From when its opening registers were read, or a week before it was registered at most.
            let registered = meter.registered_ms.0;
            let opened = self.opened.get(address).copied().unwrap_or(registered);
            let began = opened.clamp(registered.saturating_sub(7 * 86_400_000), registered);
            let age_ms = last.block_time_ms.0 - began;
            let most = u128::from(self.rated[address]) * u128::from(age_ms) / 3_600_000 + 4;
            let claimed = (shown.0 - first.0).max(shown.1 - first.1);
            assert!(u128::from(claimed) <= most, "meter {address} claims {claimed} Wh of {most}");
        }
        let (id, grid) = (meter.microgrid, &after.grids[&meter.microgrid]);
        let [import, export, _] = after.prices(&id);
        let (imported, exported) = (shown.0 - old.0, shown.1 - old.1);
        // A line may be posted blocks before its interval is settled, but not before its meter is measured.
        let (from, until) = (before.measured(address), after.measured(address));
        let intervals = from.zip(until).map_or(0, |(from, until)| until - from);
        let typical = before.typical(address).max(after.typical(address));
        let estimated = intervals.saturating_mul(typical);
        // One of those whose it was in this block.
        let to = self.handed.iter().filter(|(of, _)| of == address).map(|(_, to)| *to);
        let was = before.meters.get(address).map(|meter| meter.owner);
        let owners: BTreeSet<Address> = to.chain(was).chain([meter.owner]).collect();
        for owner in owners.into_iter().filter(|owner| self.bound.contains(&(*owner, id))).collect::<Vec<_>>()
        {
            self.extend(owner, grid.asset, imported.saturating_add(estimated), import);
        }
        self.extend(grid.operator, grid.asset, exported, export);
        let lost = if meter.role == MeterRole::Feeder { imported } else { exported };
        if lost > 0 && after.shares_losses(&id) {
            let members: Vec<_> =
                self.bound.iter().filter(|(_, grid)| *grid == id).map(|(who, _)| *who).collect();
            members.into_iter().for_each(|who| self.extend(who, grid.asset, lost, import));
        }
    }

    /// The promise, for a block that was read.
    fn check(&mut self, before: &View, after: &View) {
        let (before, after) = (before.worth(), after.worth());
        let mut grown: BTreeMap<AssetId, i128> = BTreeMap::new();
        let mut used: BTreeMap<AssetId, i128> = BTreeMap::new();
        let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
        for at @ (who, asset) in names {
            let of = |sums: &Sums| sums.get(&at).copied().unwrap_or_default();
            let lost = of(&before) - of(&after);
            if is_honest(&who) {
                let beyond = (lost - of(&self.signed)).max(0);
                let line = self.line.entry(at).or_default();
                let n = number(&who);
                assert!(
                    beyond <= *line,
                    "{n} loses {lost} of asset {asset}: {beyond} beyond its signature, of {line}"
                );
                *line -= beyond;
                *used.entry(asset).or_default() += beyond;
            } else {
                *grown.entry(asset).or_default() -= lost;
            }
        }
        for (asset, grown) in grown {
            let of = |sums: &BTreeMap<AssetId, i128>| sums.get(&asset).copied().unwrap_or_default();
            // Whoever pays for energy out of what it has just been paid, or was minted, shows no loss.
            let total =
                |sums: &Sums| sums.iter().filter(|(at, _)| at.1 == asset).map(|(_, sum)| sum).sum::<i128>();
            let masked = (total(&self.signed) + of(&self.minted)).min(total(&self.line) + of(&used));
            let most = of(&self.gains) + of(&used) + masked;
            assert!(grown <= most, "colluders gain {grown} of asset {asset}, at most {most} was to be had");
        }
    }
}

/// Price of energy, rounded up.
fn cost(wh: u64, price: u128) -> u128 {
    (u128::from(wh) * price).div_ceil(1000)
}

/// How often each call was drawn, and took effect.
type Counts = BTreeMap<(&'static str, &'static str), (u64, u64)>;

/// Says what was played, should it fail.
struct Playing<'a>(u64, &'a [VerifiedTx]);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SEED={}, and this block:", self.0);
            for tx in self.1 {
                let body = tx.tx().body();
                eprintln!("{} (fee of {}): {:?}", number(&body.sender), number(&body.fee_payer), body.calls);
            }
        }
    }
}

struct Game {
    world: World,
    dice: Dice,
    seed: u64,
    view: View,
    bounds: Bounds,
    counts: Counts,
    serial: u64,
    seen: Vec<SignedReading>,
    /// Transactions of scripts that are under way.
    planned: Vec<(u8, Vec<Call>)>,
    next: BTreeMap<u8, u64>,
}

impl Game {
    fn new(seed: u64) -> Self {
        let priced = seed.is_multiple_of(2);
        let (rate, capacity) = match seed % 4 {
            0 => (300, 60_000),
            2 => (4_000, 400_000),
            _ => (1 << 40, 1 << 44),
        };
        let params = Params {
            account_deposit: Amount(DEPOSIT),
            block_weight_max: Weight(1 << 40),
            weight_price: Amount(priced.into()),
            bandwidth_rate: Weight(rate),
            bandwidth_capacity: Weight(capacity),
            ..params()
        };
        let mut world = World::new(params.clone());
        let mut accounts: Vec<_> = (1..=PEOPLE)
            .map(|n| GenesisAccount { key: public(n), balance: Amount(u128::from(START_EACH)) })
            .collect();
        accounts.sort_by_key(|account| account.key);
        let spec = Genesis { accounts, microgrids: Vec::new(), ..spec(params) };
        world.history = History::of_genesis(&spec);
        let (state, header) = genesis(&spec).unwrap();
        (world.tally, world.state, world.env.chain) = (Tally::of(&state).unwrap(), state, header.hash());
        let (view, dice) = (View::of(&world.state), Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        let mut game = Self {
            world,
            dice,
            seed,
            view,
            bounds: Bounds { price: priced.into(), ..Bounds::default() },
            counts: Counts::new(),
            serial: 0,
            seen: Vec::new(),
            planned: Vec::new(),
            next: BTreeMap::new(),
        };
        moves::setup().into_iter().for_each(|(n, calls)| game.run(vec![(n, calls)]));
        assert!(game.counts.values().all(|(drawn, done)| drawn == done), "{:?}", game.counts);
        game
    }

    /// A transaction that person `n` can sign, if that has a right form. Most pay for themselves.
    fn tx(&mut self, n: u8, calls: Vec<Call>) -> Option<VerifiedTx> {
        let sender = person(n);
        let account = self.view.accounts.get(&sender)?;
        let held = |key: &PublicKey| {
            (1..=200)
                .find(|n| public(*n) == *key)
                .filter(|k| *k == n || *k == SECOND + n || n > HONEST && *k > HONEST)
        };
        let mut keys: Vec<PublicKey> = match &account.authority {
            None => vec![public(n)],
            Some(authority) => {
                let held = authority.keys.iter().map(|k| k.key).filter(|key| held(key).is_some());
                let keys: Vec<_> = held.take(authority.threshold as usize).collect();
                (keys.len() == authority.threshold as usize).then_some(keys)?
            }
        };
        keys.sort();
        let (now, any) = (self.world.env.time_ms, self.dice.roll(30) == 0);
        let sponsors = self
            .view
            .sponsorships
            .iter()
            .filter(|((_, to), of)| *to == sender && (any || of.allowance.limits.expires_ms > now));
        let sponsors: Vec<_> =
            sponsors.map(|((by, _), of)| (*by, of.allowance.left(now, AssetId::NATIVE))).collect();
        let sponsored = !sponsors.is_empty() && self.dice.roll(2) == 0;
        let own = (sender, Amount::MAX);
        let (fee_payer, left) =
            if sponsored { sponsors[self.dice.roll(sponsors.len() as u64) as usize] } else { own };
        let tip = Amount(u128::from(self.dice.roll(3) * self.dice.roll(20)));
        let nonce = self.next.entry(n).or_insert_with(|| account.nonce(Lane(0)).0);
        let grants: Vec<Hash> =
            self.view.grants.iter().filter(|(_, of)| of.grantee == sender).map(|(id, _)| *id).collect();
        let grant = (!grants.is_empty() && self.dice.roll(2) == 0)
            .then(|| grants[self.dice.roll(grants.len() as u64) as usize]);
        let mut body =
            TxBody { sender, grant, nonce: Nonce(*nonce), fee_payer, tip, ..self.world.body(n, calls) };
        let fee = |tip| fee_of(&self.world.env.params, weigh(&body, keys.len()), tip);
        let tip = tip.min(left.saturating_sub(fee(Amount::ZERO)));
        let max_fee = fee(tip);
        (body.tip, body.max_fee) = (tip, max_fee);
        if max_fee > left && !any {
            body.fee_payer = sender; // the sponsor pays no more
        }
        let tx = verified(&self.world, body, &keys)?;
        *nonce += 1;
        Some(tx)
    }

    /// Runs a block of these, and holds what came of it against the promise.
    fn run(&mut self, wanted: Vec<(u8, Vec<Call>)>) {
        self.next.clear();
        let mut txs = Vec::new();
        for (n, calls) in wanted {
            calls.iter().for_each(|call| {
                assert_eq!(moves::name(call).1, call.name().1);
                self.counts.entry(call.name()).or_default().0 += 1;
            });
            txs.extend(self.tx(n, calls));
        }
        let playing = Playing(self.seed, &txs);
        self.bounds.now_ms = self.world.env.time_ms.0;
        let done = self.world.try_run(&txs);
        drop(playing);
        // One that cannot pay its fee after those before it makes the whole block wrong: it is left out.
        let done = done.unwrap_or_else(|_| {
            let limits = BuildLimits { bytes_max: usize::MAX, weight_max: Weight::MAX };
            txs =
                build_block(&self.world.state, &self.world.env, std::mem::take(&mut txs).into_iter(), limits)
                    .txs;
            let _playing = Playing(self.seed, &txs);
            self.world.try_run(&txs).unwrap()
        });
        let _playing = Playing(self.seed, &txs);
        for (tx, receipt) in txs.iter().zip(&done.receipts.txs) {
            let took = u64::from(receipt.outcome == Outcome::Success);
            tx.tx()
                .body()
                .calls
                .iter()
                .for_each(|call| self.counts.entry(call.name()).or_default().1 += took);
        }
        let after = View::of(&self.world.state);
        self.bounds.block(&self.view, &after, &txs, &done.receipts);
        self.bounds.check(&self.view, &after);
        self.view = after;
    }

    fn draw(&mut self, n: u8) -> Draw<'_> {
        let now = self.world.env.time_ms.0;
        Draw {
            dice: &mut self.dice,
            view: &self.view,
            n,
            now,
            serial: &mut self.serial,
            seen: &mut self.seen,
            price: self.bounds.price,
        }
    }

    /// Whether a call would take effect by itself.
    fn fits(&self, n: u8, call: &Call) -> bool {
        let mut verdicts = Verdicts(Vec::new());
        call.signatures(&self.world.env.chain, &mut verdicts);
        let mut ctx = Ctx::new(Overlay::new(&self.world.state), &self.world.env);
        ctx.begin(Parties::alone(person(n)), &verdicts.0);
        call.check().is_ok() && call.execute(&mut ctx).is_ok()
    }

    /// A block's transactions: steps of scripts among calls of everybody's.
    fn wanted(&mut self) -> Vec<(u8, Vec<Call>)> {
        if self.planned.is_empty() {
            self.planned = moves::script(&mut self.draw(HONEST + 1));
        }
        let mut wanted = Vec::new();
        for _ in 0..self.dice.roll(14) {
            if self.dice.roll(3) == 0 && !self.planned.is_empty() {
                wanted.push(self.planned.remove(0));
                continue;
            }
            let mut n = self.dice.roll(u64::from(PEOPLE)) as u8 + 1;
            let mut calls: Vec<Call> = Vec::new();
            for _ in 0..=self.dice.roll(4) * self.dice.roll(2) {
                let most = if self.dice.roll(4) == 0 { 11 } else { DRAWS.len() as u64 };
                let mut draw = DRAWS[self.dice.roll(most) as usize];
                let mut call = draw(&mut self.draw(n));
                // Most are what somebody can do; the rest is done by whoever cannot.
                for _ in 0..self.dice.roll(60) {
                    match calls.is_empty() {
                        _ if self.fits(n, &call) => break,
                        true => n = self.dice.roll(u64::from(PEOPLE)) as u8 + 1,
                        false => draw = DRAWS[self.dice.roll(DRAWS.len() as u64) as usize],
                    }
                    call = draw(&mut self.draw(n));
                }
                calls.push(call);
            }
            wanted.push((n, calls));
        }
        wanted
    }

    /// Nobody acts in another's name.
    fn forge(&mut self) {
        let (n, by) = (self.dice.roll(u64::from(HONEST)) as u8 + 1, HONEST + 1 + self.dice.roll(8) as u8);
        let body =
            TxBody { sender: person(n), fee_payer: person(n), ..self.world.body(n, vec![transfer(by, 1)]) };
        let forged = verified(&self.world, body, &[public(by)]).unwrap();
        assert!(self.world.try_run(&[forged]).is_err(), "SEED={}: {by} acts for {n}", self.seed);
    }
}

/// A transaction of a right form, signed by these keys.
fn verified(world: &World, body: TxBody, keys: &[PublicKey]) -> Option<VerifiedTx> {
    let auths = keys.iter().map(|key| Auth { key: *key, signature: Signature([0; 64]) }).collect();
    let mut verdicts = Verdicts(Vec::new());
    body.calls.iter().for_each(|call| call.signatures(&world.env.chain, &mut verdicts));
    let checked = CheckedTx::check(Tx::new(body, auths).ok()?, &world.env.chain, &world.env.params).ok()?;
    Some(VerifiedTx(std::sync::Arc::new(Verified { checked, verdicts: verdicts.0 })))
}

fn play(seed: u64, calls: u64, counts: &mut Counts) {
    let mut game = Game::new(seed);
    let drawn = |game: &Game| game.counts.values().map(|of| of.0).sum::<u64>();
    while drawn(&game) < calls {
        let ms = match game.dice.roll(60) {
            0 => 2 * 96 * QUARTER,
            1..=4 => 2 * QUARTER,
            _ => 1_000,
        };
        game.world.env.time_ms.0 += game.dice.roll(ms);
        let wanted = game.wanted();
        game.run(wanted);
        if game.dice.roll(20) == 0 {
            game.forge();
        }
    }
    for (name, of) in game.counts {
        let sum = counts.entry(name).or_default();
        *sum = (sum.0 + of.0, sum.1 + of.1);
    }
}

/// Calls of one world: what comes after is slower, since there is more state to look at.
const CALLS_EACH: u64 = 2_500;

/// Calls that may not take effect in a short run: a deal comes to them after four others in order, and a reading; a
/// microgrid has to be out of money, and then be given some.
const RARE: &[&str] = &["report_usage", "close_deal", "resume_microgrid"];

/// Goal: the promise above, after every block. `SEED=n` replays one world, `CALLS=n` makes it longer;
/// `WATTLE_TEST_LONG` plays ten times as many, in which every call takes effect.
#[test]
fn nobody_makes_money_and_none_is_robbed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut counts = Counts::new();
    let long = std::env::var_os("WATTLE_TEST_LONG").is_some();
    // A build for development plays a tenth, so that nobody waits for it.
    let usual = if cfg!(debug_assertions) { 10_000 } else { 100_000 };
    let calls = number("CALLS").unwrap_or(if long { 10 * usual } else { usual });
    if let Some(seed) = number("SEED") {
        return play(seed, calls.min(CALLS_EACH), &mut counts);
    }
    (1..=calls.div_ceil(CALLS_EACH)).for_each(|seed| play(seed, CALLS_EACH, &mut counts));
    println!("drawn and done: {counts:?}");
    for (module, names) in Call::NAMES {
        for name in *names {
            let (drawn, done) = counts.get(&(*module, *name)).copied().unwrap_or_default();
            assert!(drawn > 0, "{name} was never drawn");
            assert!(done > 0 || !long && RARE.contains(name), "{name} never took effect");
        }
    }
}

/// Goal: of every call there is, a grant for any call, for none, and for this one by its name make what the page says;
/// and so does one bound to a book, whose holder is then its admin, its auditor, or an agent.
#[test]
fn every_call_by_a_grantee_is_let_through_or_refused_as_the_page_says() {
    let page = include_str!("../../../../../docs/protocol.md");
    let names = |from: &str, to: &str| -> Vec<&str> {
        let (list, _) = page.split_once(from).unwrap().1.split_once(to).unwrap();
        list.split('`').skip(1).step_by(2).collect()
    };
    let never_made = names("By a grant, ", "can never be made");
    let made_by_name = names("only by one that names it: ", ". Whom a grant makes a member");
    let made_in_books = names("for these books of the grantor's alone, and for ", " in them.");
    let mut game = Game::new(3);
    let mut tried = BTreeSet::new();
    for draw in DRAWS {
        let call = draw(&mut game.draw(3));
        let name = call.name().1;
        let kinds = |kinds: Vec<CallKind>| Calls::Only(BoundedVec::new(kinds).unwrap());
        let may = |calls: Calls, in_a_book: bool| {
            let mut ctx = Ctx::new(Overlay::new(&game.world.state), &game.world.env);
            ctx.begin(Parties::alone(person(3)), &[]);
            let reference = Hash([201; 32]);
            call::ledger::CreateBook { reference }.execute(&mut ctx).unwrap();
            let book = BookId::of(&person(3), &reference);
            let books = BoundedVec::new(if in_a_book { vec![book] } else { vec![] }).unwrap();
            let limits = Limits { calls, books, ..Limits::allowance(Amount(1), TimeMs::MAX) };
            let grant = call::identity::Grant { reference: Hash([200; 32]), grantee: person(4), limits };
            grant.execute(&mut ctx).unwrap();
            ctx.begin(Parties::alone(person(4)), &[]);
            identity::act(&mut ctx, &call::identity::grant_id(&person(3), &grant.reference)).unwrap();
            identity::permit(&mut ctx, &call) != Err(Reason::CallNotGranted)
        };
        let all = [Calls::Any, kinds(vec![]), kinds(vec![call.kind()])];
        let (never, named) = (never_made.contains(&name), made_by_name.contains(&name));
        let got = all.clone().map(|calls| may(calls, false));
        assert_eq!(got, [!never && !named, false, !never], "{name}");
        let of_books = made_in_books.contains(&name);
        assert_eq!(
            all.map(|calls| may(calls, true)),
            [of_books, false, of_books],
            "{name}, by a role in a book"
        );
        tried.insert(name);
    }
    assert_eq!(tried.len(), CallKind::all().count());
    for name in [never_made, made_by_name, made_in_books].concat() {
        assert!(tried.contains(name), "{name} on the page is no call");
    }
}
