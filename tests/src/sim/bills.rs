//! An independent account of energy and its money, kept from what the chain says happened.
//!
//! - A reading counts if its meter, its owner or the operator sends it, and it is newer than the last one that counted.
//! - What is billed to a member is what its meters' registers gained since their first reading, less what waits for an
//!   interval that is not settled, and more by what is estimated since the last reading.
//! - In each interval as much is bought as is sold and traded; whoever trades has an order that is good for it, and
//!   is not alone in the trade.
//! - A line costs what the tariff says, where no rule shares it out.
//! - No deal uses more than the charging side's meter has shown since it was authorised, and all deals of a meter
//!   together no more than it has shown since the first of them.
//! - Money is in wallets, on tabs, among the deposits or the fees, and all of it was there at genesis.

// A new event of the modules that are told here must not be passed over unseen; one of another is refused.
#![deny(clippy::wildcard_enum_match_arm)]

use super::coverage::{Coverage, Mark};
use super::plan::{METERS, Plan, WALLETS, meter_owner};
use super::village::{INTERVAL_MS, account, meter};
use std::collections::BTreeMap;
use wattle_primitives::call::deals::DealEnd;
use wattle_primitives::call::energy::{ClearingRule, TariffBand, Terms};
use wattle_primitives::call::market::{OrderEnd, Side};
use wattle_primitives::event::{DealsEvent, EnergyEvent, MarketEvent};
use wattle_primitives::reading::{ClockQuality, RegisterEncoding, SignedReading};
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Call, Event, Hash, Reason, Receipt, TimeMs, Tx, WattHours, call};
use wattle_runtime::modules::energy::records::Step;
use wattle_runtime::{State, keys};

/// How far ahead of its block a reading's clock may be and still be believed, ms.
const CLOCK_AHEAD_MS_MAX: u64 = 60_000;

/// A meter's registers, as accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    seq: u64,
    boot_id: u64,
    first: [u64; 2],
    last: [u64; 2],
}

/// An order, as it was placed.
#[derive(Debug)]
struct Order {
    account: Address,
    interval: IntervalId,
    side: Side,
    price: Amount,
    left: WattHours,
}

/// Energy of an interval, in Wh.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    bought: u64,
    sold: u64,
    matched: u64,
}

/// An independent account of the microgrid.
#[derive(Debug)]
pub(super) struct Bills {
    id: Hash,
    terms: Terms,
    /// Whether ledger and meters may go by clocks that differ for long.
    clocks_lost: bool,
    shown: BTreeMap<Address, Shown>,
    /// Meters that the transaction under way reads after another start, and when by their clocks; none where a clock is
    /// unset or too far ahead.
    restarted: Vec<(Address, Option<TimeMs>)>,
    /// Billed import and export of each member.
    billed: BTreeMap<Address, [i128; 2]>,
    sums: BTreeMap<IntervalId, Sums>,
    orders: BTreeMap<Hash, Order>,
    /// The meter of each authorised deal, and what it showed then.
    deals: BTreeMap<Hash, (Address, u64)>,
    /// For each meter that has backed deals: what it showed when the first was authorised, and what they were paid for.
    backed: BTreeMap<Address, (u64, u64)>,
    /// Whether this block settled or ended something: then the whole state is looked at.
    pub(super) settled: bool,
}

impl Bills {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            id: plan.microgrid_id(),
            terms: plan.terms(),
            clocks_lost: plan.faults.clock_1970 > 0 || plan.bend.is_some(),
            shown: BTreeMap::new(),
            restarted: Vec::new(),
            billed: BTreeMap::new(),
            sums: BTreeMap::new(),
            orders: BTreeMap::new(),
            deals: BTreeMap::new(),
            backed: BTreeMap::new(),
            settled: false,
        }
    }

    /// A successful transaction in a final block of this time.
    pub(super) fn take_tx(
        &mut self,
        tx: &Tx,
        receipt: &Receipt,
        time_ms: u64,
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        for call in tx.body().calls.iter() {
            if let Call::Energy(call::EnergyCall::SubmitReadings(call::energy::SubmitReadings { readings })) =
                call
            {
                self.take_readings((&tx.body().sender, time_ms), readings, &receipt.events, coverage)?;
            }
        }
        let taken = self.take_events(&receipt.events, time_ms, coverage);
        self.restarted.clear();
        taken
    }

    /// Every reading has its result, and it is the right one.
    fn take_readings(
        &mut self,
        (sender, time_ms): (&Address, u64),
        readings: &[SignedReading],
        events: &[Event],
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        let results: Vec<Result<(), Reason>> = events
            .iter()
            .filter_map(|event| {
                if let Event::Energy(EnergyEvent::ReadingRefused { reason, .. }) = event {
                    return Some(Err(*reason));
                }
                matches!(event, Event::Energy(EnergyEvent::ReadingAccepted { .. })).then_some(Ok(()))
            })
            .collect();
        if results.len() != readings.len() {
            return Err(format!("{} readings have {} results", readings.len(), results.len()));
        }
        for (signed, result) in readings.iter().zip(results) {
            let reading = &signed.reading;
            let Some(at) = (0..METERS).find(|i| meter(*i) == reading.meter) else { continue };
            let allowed = [reading.meter, account(meter_owner(at)), account(0)].contains(sender);
            let last = self.shown.get(&reading.meter).copied();
            let duplicate = last.is_some_and(|last| reading.seq <= last.seq);
            let right = match result {
                Err(Reason::NotAllowed) => !allowed,
                Err(Reason::DuplicateReading) => allowed && duplicate,
                Err(Reason::ImplausibleReading) => allowed && !duplicate && last.is_some(),
                Err(_) => false,
                Ok(()) => allowed && !duplicate,
            };
            if !right {
                return Err(format!("reading {} of meter {at} by {sender}: {result:?}", reading.seq));
            }
            match result {
                Ok(()) => {
                    let wh =
                        |words: &[u16]| RegisterEncoding::Uint32Wh.watt_hours(words).map_or(0, |wh| wh.0);
                    let now = [wh(&reading.import), wh(&reading.export)];
                    let first = last.map_or(now, |last| last.first);
                    if last.is_some_and(|last| last.boot_id != reading.boot_id) {
                        let ahead = reading.time_ms.0 > time_ms.saturating_add(CLOCK_AHEAD_MS_MAX);
                        let known = reading.clock != ClockQuality::Unset && !ahead;
                        self.restarted.push((reading.meter, known.then_some(reading.time_ms)));
                    }
                    let (seq, boot_id) = (reading.seq, reading.boot_id);
                    self.shown.insert(reading.meter, Shown { seq, boot_id, first, last: now });
                }
                Err(Reason::NotAllowed) => coverage.mark(Mark::ReadingOfStranger),
                Err(_) => coverage.mark(Mark::ReadingRefused),
            }
        }
        Ok(())
    }

    /// Takes what happened in a block of this time.
    pub(super) fn take_events(
        &mut self,
        events: &[Event],
        time_ms: u64,
        coverage: &mut Coverage,
    ) -> Result<(), String> {
        events.iter().try_for_each(|event| {
            self.take(event, time_ms, coverage).map_err(|what| format!("{what}: {event:?}"))
        })
    }

    fn take(&mut self, event: &Event, time_ms: u64, coverage: &mut Coverage) -> Result<(), &'static str> {
        if let Event::Energy(energy) = event {
            self.take_energy(event, energy, coverage)
        } else if let Event::Market(market) = event {
            self.take_market(event, market, time_ms, coverage)
        } else if let Event::Deals(deals) = event {
            self.take_deals(deals, coverage)
        } else if matches!(event, Event::Ledger(_) | Event::Token(_) | Event::Identity(_)) {
            Ok(()) // money is the ledger's to tell
        } else {
            Err("an event that no client brings about")
        }
    }

    fn take_energy(
        &mut self,
        event: &Event,
        energy: &EnergyEvent,
        coverage: &mut Coverage,
    ) -> Result<(), &'static str> {
        match energy {
            EnergyEvent::EnergySettled { .. } => self.line(event)?,
            EnergyEvent::IntervalSettled { interval, traded_wh, estimated, .. } => {
                self.settled = true;
                coverage.mark(Mark::IntervalSettled);
                if *estimated > 0 {
                    coverage.mark(Mark::Estimate);
                }
                let Sums { bought, sold, matched } = self.sums.remove(interval).unwrap_or_default();
                if bought != sold || sold != traded_wh.0 || matched > sold {
                    return Err("bought, sold and traded are not one");
                }
            }
            EnergyEvent::IntervalFinal { .. } => {
                self.settled = true;
                coverage.mark(Mark::IntervalFinal);
            }
            EnergyEvent::EnergyAdjusted {
                account,
                import_wh,
                export_wh,
                settled_import_wh,
                settled_export_wh,
                ..
            } => {
                coverage.mark(Mark::Adjustment);
                self.adjustment(event)?;
                let billed = self.billed.entry(*account).or_default();
                billed[0] += i128::from(import_wh.0) - i128::from(settled_import_wh.0);
                billed[1] += i128::from(export_wh.0) - i128::from(settled_export_wh.0);
            }
            EnergyEvent::LossShared { .. } => coverage.mark(Mark::LossShared),
            EnergyEvent::TabPaid { .. } => coverage.mark(Mark::TabPaid),
            EnergyEvent::CreditExceeded { .. } => coverage.mark(Mark::CreditExceeded),
            EnergyEvent::LineCharged { .. } => return Err("a line that no terms charge"),
            EnergyEvent::MeterHandedOver { .. } => {
                return Err("a meter that no client hands over");
            }
            // Readings are looked at with their call; the others bill nothing.
            EnergyEvent::ReadingAccepted { .. }
            | EnergyEvent::ReadingRefused { .. }
            | EnergyEvent::MicrogridRegistered { .. }
            | EnergyEvent::MeterRegistered { .. }
            | EnergyEvent::MeterSwapped { .. }
            | EnergyEvent::MeterRetired { .. }
            | EnergyEvent::MeterSuspended { .. }
            | EnergyEvent::MemberLeft { .. }
            | EnergyEvent::TermsSet { .. }
            | EnergyEvent::MemberSet { .. }
            | EnergyEvent::MandateSet { .. }
            | EnergyEvent::MeterRated { .. }
            | EnergyEvent::MicrogridPaused { .. }
            | EnergyEvent::MicrogridResumed { .. } => {}
        }
        Ok(())
    }

    fn take_market(
        &mut self,
        event: &Event,
        market: &MarketEvent,
        time_ms: u64,
        coverage: &mut Coverage,
    ) -> Result<(), &'static str> {
        match market {
            MarketEvent::OrderPlaced { order, interval, account, side, price, wh, .. } => {
                let (account, interval, side, price, left) = (*account, *interval, *side, *price, *wh);
                if time_ms >= self.gate(interval) {
                    return Err("an order after the gate has closed");
                }
                self.orders.insert(*order, Order { account, interval, side, price, left });
            }
            MarketEvent::OrderEnded { order, end, .. } => {
                let order = self.orders.remove(order).ok_or("an order ends twice")?;
                if *end == OrderEnd::Cancelled {
                    coverage.mark(Mark::OrderCancelled);
                    if time_ms >= self.gate(order.interval) {
                        return Err("an order is cancelled after the gate has closed");
                    }
                }
            }
            MarketEvent::Traded { .. } => {
                coverage.mark(Mark::Trade);
                self.trade(event)?;
            }
            MarketEvent::MarketCleared { .. } => {}
        }
        Ok(())
    }

    fn take_deals(&mut self, deals: &DealsEvent, coverage: &mut Coverage) -> Result<(), &'static str> {
        match deals {
            DealsEvent::DealAuthorised { deal, meter, .. } => {
                let shown = self.shown.get(meter).ok_or("a deal with a meter that was never read")?;
                self.deals.insert(*deal, (*meter, shown.last[0]));
            }
            DealsEvent::DealUsage { deal, cumulative_wh, .. } => self.used(deal, *cumulative_wh)?,
            DealsEvent::DealEnded { deal, end, used_wh, .. } => {
                self.used(deal, *used_wh)?;
                self.backs(deal, *used_wh)?;
                if *end == DealEnd::Closed {
                    coverage.mark(Mark::DealClosed);
                }
            }
            DealsEvent::DealRequested { .. }
            | DealsEvent::DealAccepted { .. }
            | DealsEvent::DealConfirmed { .. }
            | DealsEvent::DealWithdrawn { .. } => {}
        }
        Ok(())
    }

    /// When no more orders are taken for an interval.
    fn gate(&self, interval: IntervalId) -> u64 {
        interval.0 * INTERVAL_MS - self.terms.gate_closure_ms.0
    }

    /// No more is used than the charging side's meter has shown since.
    fn used(&self, deal: &Hash, wh: WattHours) -> Result<(), &'static str> {
        let Some((meter, from)) = self.deals.get(deal) else {
            return if wh == WattHours::ZERO { Ok(()) } else { Err("use without an authorisation") };
        };
        if wh.0 <= self.shown(meter) - from { Ok(()) } else { Err("more is used than the meter has shown") }
    }

    /// All deals of a meter together are paid for no more than it has shown since the first of them.
    fn backs(&mut self, deal: &Hash, wh: WattHours) -> Result<(), &'static str> {
        let Some((meter, from)) = self.deals.remove(deal) else { return Ok(()) };
        let shown = self.shown(&meter);
        let (since, paid) = self.backed.entry(meter).or_insert((from, 0));
        *since = from.min(*since);
        *paid += wh.0;
        if *paid <= shown - *since { Ok(()) } else { Err("one Wh backs two deals") }
    }

    fn shown(&self, meter: &Address) -> u64 {
        self.shown.get(meter).map_or(0, |shown| shown.last[0])
    }

    fn trade(&mut self, event: &Event) -> Result<(), &'static str> {
        let Event::Market(MarketEvent::Traded { interval, bid, offer, buyer, seller, wh, price, .. }) = event
        else {
            return Ok(());
        };
        if buyer == seller {
            return Err("somebody trades with itself");
        }
        for (id, who, side) in [(bid, buyer, Side::Buy), (offer, seller, Side::Sell)] {
            let order = self.orders.get_mut(id).ok_or("a trade without an order")?;
            if order.account != *who || order.side != side || order.interval != *interval {
                return Err("a trade of another order");
            }
            let good = if side == Side::Buy { *price <= order.price } else { *price >= order.price };
            if !good || *wh > order.left {
                return Err("a trade that the order does not cover");
            }
            order.left = order.left.saturating_sub(*wh);
        }
        self.sums.entry(*interval).or_default().matched += wh.0;
        Ok(())
    }

    /// A member's line: its energy is billed, at the price that the tariff has then.
    fn line(&mut self, event: &Event) -> Result<(), &'static str> {
        let Event::Energy(EnergyEvent::EnergySettled {
            interval,
            account: who,
            import_wh,
            export_wh,
            bought_wh,
            sold_wh,
            debit,
            credit,
            ..
        }) = event
        else {
            return Ok(());
        };
        let billed = self.billed.entry(*who).or_default();
        billed[0] += i128::from(import_wh.0);
        billed[1] += i128::from(export_wh.0);
        let sums = self.sums.entry(*interval).or_default();
        sums.bought += bought_wh.0;
        sums.sold += sold_wh.0;
        if self.terms.clearing == ClearingRule::MidMarket || *who == account(0) {
            return Ok(());
        }
        let wh = |wh: &WattHours| i128::from(wh.0);
        let net = wh(import_wh) - wh(export_wh) - wh(bought_wh) + wh(sold_wh);
        let band = self.band(interval.0)?;
        if costs(*debit, thousandths(net, band.import_price))
            && costs(*credit, thousandths(-net, band.export_price))
        {
            Ok(())
        } else {
            Err("a line does not cost what the tariff says")
        }
    }

    /// The prices of an interval: bands begin with an interval here, so one of them holds for all of it.
    fn band(&self, interval: u64) -> Result<&TariffBand, &'static str> {
        let minute = interval * INTERVAL_MS / 60_000 % 1440;
        let band = self.terms.tariff.iter().rev().find(|band| u64::from(band.from_minute) <= minute);
        band.ok_or("no band begins at midnight")
    }

    /// A correction within one interval has that interval's price, and too high an estimate is refunded at no more. One
    /// of no time at all has no more than the dearest.
    fn adjustment(&self, event: &Event) -> Result<(), &'static str> {
        let Event::Energy(EnergyEvent::EnergyAdjusted {
            meter,
            from_ms,
            to_ms,
            import_wh,
            export_wh,
            settled_import_wh,
            debit,
            credit,
            ..
        }) = event
        else {
            return Ok(());
        };
        let interval = from_ms.0 / INTERVAL_MS;
        if to_ms.0.saturating_sub(1).max(from_ms.0) / INTERVAL_MS != interval {
            return Ok(());
        }
        let band = *self.band(interval)?;
        let more = i128::from(import_wh.0) - i128::from(settled_import_wh.0);
        let export = thousandths(export_wh.0.into(), band.export_price);
        let refund = thousandths(-more, band.import_price);
        let exact = costs(*debit, thousandths(more, band.import_price))
            && credit.0 >= export / 1000
            && credit.0 <= (export + refund).div_ceil(1000);
        // Energy that flowed in no time has the dearest price until its block. So has what a meter shows after a start
        // by a clock that is not believed: unset, far ahead of the block, or before the reading on which it stands.
        let mut starts = self.restarted.iter().filter(|(of, _)| of == meter);
        let undated = starts.any(|(_, at)| at.is_none_or(|at| at < *from_ms));
        let timeless = from_ms == to_ms || undated || self.clocks_lost;
        let dearest = || {
            let bands = self.terms.tariff.iter();
            let import = bands.clone().map(|band| band.import_price).max().unwrap_or_default();
            let export = bands.map(|band| band.export_price).min().unwrap_or_default();
            let least = thousandths(export_wh.0.into(), export) / 1000;
            debit.0 <= thousandths(more.max(0), import).div_ceil(1000) && credit.0 >= least
        };
        if exact || (timeless && dearest()) {
            Ok(())
        } else if timeless {
            Err("what flowed at no known time costs more than the dearest price")
        } else {
            Err("an adjustment does not cost what the tariff says")
        }
    }

    /// Compares a state with everything that was taken so far.
    pub(super) fn compare(&self, state: &State) -> Result<(), String> {
        for at in 0..METERS {
            let record = state.read(keys::meter(&meter(at))).ok_or("a meter is gone")?;
            let got = record.last.map(|last| (last.seq, [last.import_wh.0, last.export_wh.0]));
            let want = self.shown.get(&meter(at)).map(|shown| (shown.seq, shown.last));
            if got != want {
                return Err(format!("meter {at} stands at {got:?}, should at {want:?}"));
            }
        }
        let grid = state.read(keys::microgrid(&self.id)).ok_or("the microgrid is gone")?;
        let Some(agenda) = grid.agenda else {
            let nothing = self.billed.is_empty() && self.sums.is_empty();
            return if nothing { Ok(()) } else { Err("a microgrid without terms has bills".to_owned()) };
        };
        let record = state.read(keys::interval(&self.id, agenda.settle));
        let halfway = |step| matches!(step, Step::Measure { .. } | Step::Sum { .. } | Step::Post { .. });
        if record.is_some_and(|record| halfway(record.step)) {
            return Ok(()); // some are measured and have no line yet
        }
        (1..WALLETS).try_for_each(|wallet| self.compare_energy(state, wallet))
    }

    /// Billed energy is what the registers gained.
    fn compare_energy(&self, state: &State, wallet: usize) -> Result<(), String> {
        let mut want = [0i128; 2];
        for address in (1..METERS).filter(|at| meter_owner(*at) == wallet).map(meter) {
            let Some(shown) = self.shown.get(&address) else { continue };
            let waits = waiting(state, &address)?;
            for (side, want) in want.iter_mut().enumerate() {
                *want += i128::from(shown.last[side]) - i128::from(shown.first[side]) - waits[side];
            }
        }
        let billed = self.billed.get(&account(wallet)).copied().unwrap_or_default();
        if billed == want {
            Ok(())
        } else {
            Err(format!("ENERGY: member {wallet} is billed {billed:?} Wh, its registers show {want:?}"))
        }
    }
}

/// Price of so much energy in thousandths of a base unit; nothing for less than none.
fn thousandths(wh: i128, price: Amount) -> u128 {
    wh.max(0).cast_unsigned() * price.0
}

/// Whether a line is so many thousandths in whole base units: rounded down, or up by what lines before it left over.
fn costs(line: Amount, thousandths: u128) -> bool {
    line.0 == thousandths / 1000 || line.0 == thousandths.div_ceil(1000)
}

/// Energy of a meter that waits to be settled, less estimates since its last reading: import and export.
fn waiting(state: &State, address: &Address) -> Result<[i128; 2], String> {
    let mut waits = [0i128; 2];
    let Some(settled) = state.read(keys::settled_meter(address)) else { return Ok(waits) };
    let record = state.read(keys::meter(address)).ok_or("a meter is gone")?;
    let Some(last) = record.last else { return Ok(waits) };
    let newest = (last.effective_ms.0 / INTERVAL_MS).max(settled.until.0);
    for interval in settled.until.0..=newest {
        if let Some(slice) = state.read(keys::slice(address, IntervalId(interval))) {
            waits[0] += i128::from(slice.import_wh.0);
            waits[1] += i128::from(slice.export_wh.0);
        }
    }
    let end = TimeMs(settled.until.0 * INTERVAL_MS);
    waits[0] -= i128::from(settled.estimated(last.effective_ms.min(end), end, TimeMs(INTERVAL_MS)));
    Ok(waits)
}
