//! Readings, settlement, swaps and disputes of a microgrid, from signed transactions to tabs.

mod budget;
mod covered;
mod disputes;
mod late;
mod life;
mod lines;
mod mandates;
mod payout;
mod random;
mod small;
mod worked;

use super::*;
use crate::keys;
use crate::modules::energy::records::{Member, Microgrid};
use crate::modules::energy::tab::Customer;
use std::collections::BTreeMap;
use wattle_primitives::call;
use wattle_primitives::call::energy::{
    ClearingRule, Fees, LineKind, LossRule, MeterBinding, MeterSwap, TariffBand, Terms, microgrid_id,
};
use wattle_primitives::event::{DisputesEvent, EnergyEvent, MarketEvent};
use wattle_primitives::reading::{ClockQuality, Reading, Registers, SignedReading};
use wattle_primitives::units::IntervalId;

/// A quarter of an hour.
pub(crate) const QUARTER: u64 = 900_000;

/// 0.30 and 0.10 a kWh all day (six decimals), everything else plain.
pub(crate) fn terms() -> Terms {
    let band = TariffBand { from_minute: 0, import_price: Amount(300_000), export_price: Amount(100_000) };
    Terms {
        tariff: BoundedVec::new(vec![band]).unwrap(),
        utc_offset_minutes: 0,
        clearing: ClearingRule::Tariff,
        gate_closure_ms: TimeMs(0),
        grace_ms: TimeMs(60_000),
        late_window_ms: TimeMs(4 * QUARTER),
        fee_per_kwh: Amount(0),
        losses: LossRule::Operator,
        loss_permille_max: 30,
        credit_limit: Amount(1_000_000),
        installer: None,
        dispute_votes: 0,
        notice_ms: TimeMs(0),
        fees: Fees::default(),
    }
}

/// A meter as its light node sees it.
#[derive(Clone, Debug)]
pub(crate) struct Sim {
    /// Its key.
    pub(crate) n: u8,
    pub(crate) seq: u64,
    pub(crate) boot_id: u64,
    pub(crate) booted_ms: u64,
    pub(crate) import: u64,
    pub(crate) export: u64,
}

impl Sim {
    pub(crate) fn new(n: u8, booted_ms: u64) -> Self {
        Self { n, seq: 0, boot_id: 1, booted_ms, import: 1_000, export: 0 }
    }

    /// A reading taken at `at`, by a clock that shows `at + off`.
    pub(crate) fn read(&mut self, chain: Hash, at: u64, off: i64, clock: ClockQuality) -> SignedReading {
        self.seq += 1;
        let words = |wh: u64| {
            let wh = wh as u32; // rolls over
            BoundedVec::new(vec![(wh >> 16) as u16, wh as u16]).unwrap()
        };
        let reading = Reading {
            meter: address(self.n),
            seq: self.seq,
            boot_id: self.boot_id,
            uptime_ms: at.saturating_sub(self.booted_ms),
            time_ms: TimeMs(at.saturating_add_signed(off)),
            clock,
            import: words(self.import),
            export: words(self.export),
        };
        let signature = key(self.n).sign(&reading.signing_bytes(&chain));
        SignedReading { reading, key: key(self.n).public(), signature }
    }
}

/// Registers that somebody read at `at`: so much import, and no export.
pub(crate) fn opening(import: u64, at: u64) -> Registers {
    let words = |wh: u64| BoundedVec::new(vec![(wh >> 16) as u16, wh as u16]).unwrap();
    Registers { import: words(import), export: words(0), time_ms: TimeMs(at) }
}

/// Energy and money by account, as events tell them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) import: i128,
    pub(crate) export: i128,
    pub(crate) traded: i128,
    pub(crate) debit: u128,
    pub(crate) credit: u128,
    pub(crate) paid: i128,
}

/// The genesis microgrid of person 1, whose meter 50 stays silent, and what has happened in it.
pub(crate) struct Village {
    pub(crate) world: World,
    pub(crate) id: Hash,
    pub(crate) lines: BTreeMap<Address, Line>,
    pub(crate) events: Vec<Event>,
    /// Taxes charged and not paid, as events say.
    pub(crate) taxes: i128,
    /// Import, export, bought and sold energy of an interval that is being settled.
    sums: BTreeMap<IntervalId, [i128; 4]>,
    /// Start of the first interval that is settled.
    pub(crate) first_ms: u64,
}

/// A swap that person `installer` and the new meter's key `new` have signed.
fn signed(chain: &Hash, swap: MeterSwap, installer: u8, new: u8) -> Call {
    let signature = key(installer).sign(&swap.signing_bytes(chain));
    let binding = key(new).sign(&MeterBinding::Replacement { old: swap.old }.signing_bytes(chain));
    Call::from(call::energy::SwapMeter {
        swap: Box::new(swap),
        key: key(installer).public(),
        signature,
        binding,
    })
}

impl Village {
    pub(crate) fn new(params: Params, terms: &Terms) -> Self {
        let world = World::new(params);
        let id = microgrid_id(&address(1), &Hash::ZERO);
        let first_ms = (T0 / QUARTER + 1) * QUARTER;
        let (lines, sums) = (BTreeMap::new(), BTreeMap::new());
        let mut village = Self { world, id, lines, events: Vec::new(), taxes: 0, sums, first_ms };
        village.ok(1, Call::from(call::energy::SetTerms { microgrid: id, terms: Box::new(terms.clone()) }));
        village
    }

    /// Registers meter `n` for person `owner`, by its mandate without limits. It shows 1,000 Wh.
    pub(crate) fn meter(&mut self, n: u8, owner: u8, role: MeterRole) -> Sim {
        self.meter_at(n, owner, role, opening(1_000, self.now()))
    }

    /// The same with these opening registers.
    pub(crate) fn meter_at(&mut self, n: u8, owner: u8, role: MeterRole, opening: Registers) -> Sim {
        let import = RegisterEncoding::Uint32Wh.watt_hours(&opening.import).unwrap().0;
        let mut call = registration_at(&self.world.env.chain, self.id, n, owner, opening);
        if let Call::Energy(EnergyCall::RegisterMeter(call::energy::RegisterMeter {
            role: counted, ..
        })) = &mut call
        {
            *counted = role;
        }
        if self.record(keys::mandate(&self.id, &address(owner))).is_none() {
            self.ok(owner, mandate(self.id, None));
        }
        self.ok(1, call);
        Sim { import, ..Sim::new(n, self.now()) }
    }

    /// Person 2 buys so much of person 3 until then, by meter 52, and reserves it from its balance: the deal.
    fn deal(&mut self, wh: u64, expires_ms: u64) -> Hash {
        let (deal, wh, expires_ms) =
            (call::deals::deal_id(&address(2), &Hash::ZERO), WattHours(wh), TimeMs(expires_ms));
        let request = call::deals::RequestDeal {
            microgrid: self.id,
            reference: Hash::ZERO,
            side: call::market::Side::Buy,
            wh_max: wh,
            wh_min: WattHours(1),
            unit_wh: WattHours(1),
            price: Amount(100_000),
            expires_ms,
        };
        let (funding, margin_wh, meter) = (call::deals::Funding::Balance, WattHours(0), address(52));
        for (n, call) in [
            (2, Call::from(request)),
            (3, Call::from(call::deals::AcceptDeal { request: deal, wh_max: wh, price: Amount(1) })),
            (2, Call::from(call::deals::ConfirmDeal { request: deal, partner: address(3) })),
            (2, Call::from(call::deals::AuthoriseDeal { deal, funding, expires_ms, margin_wh, meter })),
        ] {
            self.ok(n, call);
        }
        deal
    }

    pub(crate) fn now(&self) -> u64 {
        self.world.env.time_ms.0
    }

    /// Runs a block with one call of person `n`.
    pub(crate) fn run(&mut self, n: u8, call: Call) -> Outcome {
        let tx = self.world.sign(self.world.body(n, vec![call]), &[n]);
        let done = self.world.try_run(&[tx]).unwrap();
        self.note(done.receipts.block);
        let receipt = done.receipts.txs.into_iter().next().unwrap();
        self.note(receipt.events);
        receipt.outcome
    }

    pub(crate) fn ok(&mut self, n: u8, call: Call) {
        assert_eq!(self.run(n, call.clone()), Outcome::Success, "{call:?}");
    }

    pub(crate) fn fails(&mut self, n: u8, call: Call, reason: Reason) {
        assert_eq!(self.run(n, call.clone()), Outcome::Failed { call: 0, reason }, "{call:?}");
    }

    /// Submits readings in one transaction, and says what came of each.
    pub(crate) fn submit(&mut self, readings: Vec<SignedReading>) -> Vec<Result<(), Reason>> {
        let from = self.events.len();
        self.ok(1, Call::from(call::energy::SubmitReadings { readings: BoundedVec::new(readings).unwrap() }));
        let results = self.events[from..].iter().filter_map(|event| match event {
            Event::Energy(EnergyEvent::ReadingAccepted { .. }) => Some(Ok(())),
            Event::Energy(EnergyEvent::ReadingRefused { reason, .. }) => Some(Err(*reason)),
            _ => None,
        });
        results.collect()
    }

    /// Goes to a time, and runs blocks until nothing is due. Returns how many it took.
    pub(crate) fn go(&mut self, at: u64) -> usize {
        self.world.env.time_ms = TimeMs(at.max(self.now()));
        let mut blocks = 0;
        loop {
            let done = self.world.try_run(&[]).unwrap();
            self.note(done.receipts.block);
            blocks += 1;
            if !crate::query::has_due(&self.world.state, self.world.env.time_ms) {
                return blocks;
            }
            assert!(blocks < 10_000, "never at rest");
        }
    }

    /// Goes to where the interval of now is settled: what is owed is collected, and cash shared out.
    pub(crate) fn settle_next(&mut self) {
        let end = (self.now() / QUARTER + 1) * QUARTER;
        self.go(end + 60_000);
    }

    /// Charges person `from` for what person `to` is owed.
    pub(crate) fn owe(&mut self, from: u8, to: u8, amount: u128) {
        let grid = self.grid();
        let account = |n| grid.account(self.member(n).code);
        let (debit, credit) = (account(from), account(to));
        let env = self.world.env.clone();
        let mut ctx = Ctx::new(Overlay::new(&self.world.state), &env);
        crate::modules::ledger::post(&mut ctx, debit, credit, grid.asset, Amount(amount)).unwrap();
        self.world.state = ctx.state.finish().0;
        self.lines.entry(address(from)).or_default().debit += amount;
        self.lines.entry(address(to)).or_default().credit += amount;
    }

    fn note(&mut self, events: Vec<Event>) {
        for event in &events {
            self.note_one(event);
        }
        self.events.extend(events);
    }

    fn note_one(&mut self, event: &Event) {
        let wh = |wh: &WattHours| i128::from(wh.0);
        match event {
            Event::Energy(EnergyEvent::EnergySettled {
                interval,
                account,
                import_wh,
                export_wh,
                bought_wh,
                sold_wh,
                debit,
                credit,
                ..
            }) => {
                let sums = self.sums.entry(*interval).or_default();
                for (sum, of) in sums.iter_mut().zip([import_wh, export_wh, bought_wh, sold_wh]) {
                    *sum += wh(of);
                }
                let line = self.lines.entry(*account).or_default();
                line.import += wh(import_wh);
                line.export += wh(export_wh);
                line.traded += wh(bought_wh) - wh(sold_wh);
                line.debit += debit.0;
                line.credit += credit.0;
            }
            Event::Energy(EnergyEvent::EnergyAdjusted {
                account,
                import_wh,
                export_wh,
                settled_import_wh,
                settled_export_wh,
                debit,
                credit,
                ..
            }) => {
                let line = self.lines.entry(*account).or_default();
                line.import += wh(import_wh) - wh(settled_import_wh);
                line.export += wh(export_wh) - wh(settled_export_wh);
                line.debit += debit.0;
                line.credit += credit.0;
            }
            Event::Energy(EnergyEvent::LossShared { account, debit, .. }) => {
                self.lines.entry(*account).or_default().debit += debit.0;
            }
            Event::Energy(EnergyEvent::LineCharged { account, line, amount, tax, .. }) => {
                let of = self.lines.entry(*account).or_default();
                match line {
                    LineKind::Energy | LineKind::Monthly | LineKind::Demand | LineKind::Connection => {
                        of.debit += amount.0 + tax.0;
                    }
                    LineKind::Credit | LineKind::WriteOff | LineKind::Refund | LineKind::TaxPaid => {
                        of.credit += amount.0;
                    }
                }
                self.taxes += if *line == LineKind::TaxPaid { -(amount.0 as i128) } else { tax.0 as i128 };
            }
            Event::Disputes(DisputesEvent::DisputeDecided { account, credit, .. }) => {
                self.lines.entry(*account).or_default().credit += credit.0;
            }
            Event::Market(MarketEvent::Traded { buyer, seller, amount, fee, .. }) => {
                // The buyer's hold is captured to its tab for what its tab is charged.
                let _ = (buyer, fee);
                self.lines.entry(*seller).or_default().credit += amount.0;
            }
            Event::Energy(EnergyEvent::IntervalSettled {
                interval, import_wh, export_wh, traded_wh, ..
            }) => {
                // Energy that members used, delivered and traded is what meters showed and markets cleared.
                let sums = self.sums.remove(interval).unwrap_or_default();
                assert_eq!(sums, [import_wh, export_wh, traded_wh, traded_wh].map(wh), "interval {interval}");
            }
            Event::Energy(EnergyEvent::TabPaid { account, amount, by_member, .. }) => {
                let amount = amount.0 as i128;
                self.lines.entry(*account).or_default().paid += if *by_member { amount } else { -amount };
            }
            _ => {}
        }
    }

    pub(crate) fn line(&self, n: u8) -> Line {
        self.lines.get(&address(n)).cloned().unwrap_or_default()
    }

    /// Import and export of person `n` as billed.
    pub(crate) fn billed(&self, n: u8) -> (i128, i128) {
        let line = self.line(n);
        (line.import, line.export)
    }

    pub(crate) fn record<T: borsh::BorshDeserialize>(&self, key: keys::Key<T>) -> Option<T> {
        self.world.state.read(key)
    }

    pub(crate) fn grid(&self) -> Microgrid {
        self.record(keys::microgrid(&self.id)).unwrap()
    }

    pub(crate) fn member(&self, n: u8) -> Member {
        self.record(keys::member(&self.id, &address(n))).unwrap()
    }

    /// Amount that a member is owed, or owes (negative), on all its accounts.
    pub(crate) fn tab(&self, n: u8) -> i128 {
        self.customer(n).due()
    }

    /// A member's accounts.
    pub(crate) fn customer(&self, n: u8) -> Customer {
        crate::query::customer(&self.world.state, &self.grid(), self.member(n).code)
    }

    /// The balance of an account of the microgrid's book, from its credit side.
    pub(crate) fn balance(&self, code: u32) -> i128 {
        let grid = self.grid();
        let account = grid.account(code);
        let balance: crate::modules::ledger::records::Balance =
            self.record(keys::balance(&account, grid.asset)).unwrap_or_default();
        balance.credits_posted as i128 - balance.debits_posted as i128
    }

    /// Tabs are what the events say, for everybody but the operator, who is the other side of them.
    pub(crate) fn check_tabs(&self) {
        let mut sum = 0;
        for n in 2..=6u8 {
            if self.record::<Member>(keys::member(&self.id, &address(n))).is_some() {
                let line = self.line(n);
                assert_eq!(self.tab(n), line.credit as i128 - line.debit as i128 + line.paid, "person {n}");
                sum += self.tab(n);
            }
        }
        let paid: i128 = self.lines.values().map(|line| line.paid).sum();
        let trades: i128 = self
            .events
            .iter()
            .map(|event| match event {
                Event::Market(MarketEvent::Traded { amount, fee, .. }) => (amount.0 + fee.0) as i128,
                _ => 0,
            })
            .sum();
        let taxes = self.balance(crate::modules::energy::tab::TAX);
        assert_eq!(taxes, self.taxes, "taxes");
        assert_eq!(sum + self.tab(1) + taxes, paid + trades, "cash");
    }

    pub(crate) fn interval(&self, at: u64) -> IntervalId {
        IntervalId(at / QUARTER)
    }
}

impl Village {
    /// Amount that person `n` can spend.
    pub(crate) fn funds(&self, n: u8) -> u128 {
        self.world.funds(n).0
    }
}

/// Lets `wh` flow until `at`, and reads then.
fn report(village: &mut Village, sim: &mut Sim, at: u64, wh: u64) -> Vec<Result<(), Reason>> {
    village.go(at + 1000);
    sim.import += wh;
    let reading = sim.read(village.world.env.chain, at, 0, ClockQuality::Synced);
    village.submit(vec![reading])
}
