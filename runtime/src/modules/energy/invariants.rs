//! The rules of settlement: every microgrid with terms stands in the queue once unless it is paused, lists and records
//! agree, nothing waits for an interval that is over, and money is on tabs or in cash and nowhere else.

use super::records::{Carry, Mandate, Member, Meter, Microgrid, Position, SettledMeter, Step};
use super::tab::{CLEARING, Customer, TAX};
use crate::State;
use crate::keys::{self, tag};
use crate::modules::invariants::{self, Entry, Sums, Violation, require};
use crate::overlay::Overlay;
use crate::records::Due;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::payouts_of;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, TimeMs};

/// Each pair: as a record says, and as those it sums up do.
#[derive(Default)]
pub(crate) struct Rules {
    /// Charges of members for estimates alone; the other side is their silent meters.
    estimates: BTreeMap<(Hash, Address), (Amount, Amount)>,
    /// Members' suspended meters; the other side is those.
    suspended: BTreeMap<(Hash, Address), (u32, u32)>,
    /// Debts that members may come to for energy they sold, by the codes of their tabs; the other side is their
    /// positions.
    exposures: BTreeMap<(Hash, u32), (Amount, Amount)>,
    /// Escrow of members, by the codes of their tabs; the other side is their positions.
    kept: BTreeMap<(Hash, u32), (Amount, Amount)>,
    /// Cash that microgrids keep in escrow; the other side is their members' positions.
    escrows: BTreeMap<Hash, (Amount, Amount)>,
}

impl invariants::Rules for Rules {
    fn take(&mut self, entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
        let state = entry.state;
        match entry.tag() {
            tag::QUEUE => match entry.record() {
                Due::Microgrid(id) => {
                    sums.found("agendas");
                    let agenda = state.read(keys::microgrid(&id)).and_then(|grid| grid.agenda);
                    let due_ms = agenda.map(|agenda| agenda.due_ms);
                    let queued = due_ms.is_some() && due_ms == keys::queue_time(entry.key);
                    require(queued, id, "microgrid is queued amiss")
                }
                Due::Hold(_) | Due::Deal(_) | Due::Order(_) => Ok(()),
            },
            tag::MICROGRID => take_microgrid(entry, sums),
            tag::MICROGRID_INDEX => counted(sums, "microgrid index"),
            tag::METER => {
                let meter: Meter = entry.record();
                if meter.suspended_ms.is_some() {
                    let of = &mut self.suspended.entry((meter.microgrid, meter.owner)).or_default().1;
                    *of = of.saturating_add(1);
                }
                let closed = meter.closed().is_some() && meter.suspended_ms.is_some();
                require(!closed, meter.microgrid, "a meter that was closed is suspended")?;
                counted(sums, "meters")
            }
            tag::MEMBER => {
                sums.found("members");
                let at: (Hash, Address) = entry.name();
                let member: Member = entry.record();
                sums.owe(&member.deposit);
                if let Some(grid) = state.read(keys::microgrid(&at.0)) {
                    let customer = Customer::of(&mut Overlay::new(state), &grid, member.code);
                    self.estimates.entry(at).or_default().0 = customer.estimates;
                    self.kept.entry((at.0, member.code)).or_default().0 = customer.escrow;
                    let through = net(state, &grid.account(payouts_of(member.code)), &grid);
                    require(through == 0, at.0, "a payout has not arrived")?;
                }
                self.suspended.entry(at).or_default().0 = member.suspended;
                self.exposures.entry((at.0, member.code)).or_default().0 = member.exposed;
                let Carry { debit, credit, tax } = member.carry;
                require(debit.max(credit).max(tax) < 1000, at.0, "a whole base unit is left over")?;
                let listed = state.read(keys::member_index(&at.0, member.code)) == Some(at.1);
                require(listed, at.0, "member is not listed under its code")
            }
            tag::MANDATE => {
                let mandate: Mandate = entry.record();
                sums.owe(&mandate.deposit);
                Ok(())
            }
            tag::MEMBER_INDEX => counted(sums, "member index"),
            tag::METER_INDEX => {
                sums.found("meter index");
                let (id, _): (Hash, u32) = entry.name();
                let meter = state.read(keys::meter(&entry.record()));
                require(meter.is_some_and(|meter| meter.microgrid == id), id, "listed meter is another's")
            }
            tag::SETTLED_METER => self.take_meter(state, entry.name(), &entry.record()),
            tag::SLICE => {
                let (meter, interval): (Address, IntervalId) = entry.name();
                let settled = state.read(keys::settled_meter(&meter));
                let waits = settled.is_some_and(|settled| settled.until <= interval);
                require(waits, Hash(meter.0), "slice waits for an interval that is settled")
            }
            tag::POSITION => {
                let (id, interval, code): (Hash, IntervalId, u32) = entry.name();
                let position: Position = entry.record();
                let of = self.exposures.entry((id, code)).or_default();
                of.1 = of.1.saturating_add(position.exposed);
                for escrow in [
                    &mut self.escrows.entry(id).or_default().1,
                    &mut self.kept.entry((id, code)).or_default().1,
                ] {
                    *escrow = escrow.saturating_add(position.escrow);
                }
                let open = state.get(&keys::interval(&id, interval)).is_some();
                require(open, id, "position belongs to no interval")
            }
            tag::INTERVAL => {
                let (id, interval): (Hash, IntervalId) = entry.name();
                let agenda = state.read(keys::microgrid(&id)).and_then(|grid| grid.agenda);
                require(agenda.is_some_and(|agenda| interval >= agenda.finalize), id, "interval is over")
            }
            tag::ESCROW => {
                self.escrows.entry(entry.name()).or_default().0 = entry.record();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check(self, state: &State) -> Result<(), Violation> {
        let apart = self.estimates.iter().find(|(_, (says, estimated))| says != estimated);
        if let Some(((id, _), _)) = apart {
            return require(false, *id, "member's estimates are not its meters'");
        }
        let apart = self.suspended.iter().find(|(_, (says, suspended))| says != suspended);
        if let Some(((id, _), _)) = apart {
            return require(false, *id, "member's suspended meters are not its own");
        }
        let apart = self.exposures.iter().find(|(_, (says, exposed))| says != exposed);
        if let Some(((id, _), _)) = apart {
            return require(false, *id, "member's exposure is not its positions'");
        }
        let apart = self.kept.iter().find(|(_, (says, kept))| says != kept);
        if let Some(((id, _), _)) = apart {
            return require(false, *id, "member's escrow is not its positions'");
        }
        self.escrows.iter().try_for_each(|(id, (says, kept))| {
            require(says == kept, *id, "escrow is not its positions'")?;
            check_cash(state, id, *says)
        })
    }
}

impl Rules {
    fn take_meter(
        &mut self,
        state: &State,
        address: Address,
        settled: &SettledMeter,
    ) -> Result<(), Violation> {
        let id = Hash(address.0);
        let Some(meter) = state.read(keys::meter(&address)) else {
            return require(false, id, "settled meter does not exist");
        };
        let amount = settled.silence.map_or(Amount::ZERO, |silence| silence.amount);
        let of = self.estimates.entry((meter.microgrid, meter.owner)).or_default();
        of.1 = of.1.saturating_add(amount);
        let agenda = state.read(keys::microgrid(&meter.microgrid)).and_then(|grid| grid.agenda);
        let next = agenda.map(|agenda| agenda.settle.next());
        let behind = next.is_some_and(|next| settled.until <= next);
        require(behind, id, "meter is settled ahead of its microgrid")?;
        let quiet = meter.closed().is_none() || settled.silence.is_none();
        require(quiet, id, "a meter that was closed is estimated")
    }
}

fn counted(sums: &mut Sums, list: &'static str) -> Result<(), Violation> {
    sums.found(list);
    Ok(())
}

/// There is as much cash as is in escrow, unless a market is just being cleared: an offer may end before the bid that
/// pays for it.
fn check_cash(state: &State, id: &Hash, escrow: Amount) -> Result<(), Violation> {
    let Some(grid) = state.read(keys::microgrid(id)) else { return Ok(()) };
    let cash = net(state, &AccountId::Due { book: grid.book }, &grid);
    let escrow = i128::try_from(escrow.0).unwrap_or(i128::MAX);
    let clearing = grid.agenda.is_some_and(|agenda| is_clearing(step(state, id, agenda.clear)));
    require(clearing || cash >= escrow, *id, "less cash than in escrow")
}

fn step(state: &State, id: &Hash, interval: IntervalId) -> Step {
    state.read(keys::interval(id, interval)).map_or(Step::Open, |record| record.step)
}

const fn is_clearing(step: Step) -> bool {
    matches!(step, Step::Release { .. })
}

/// A balance from its credit side.
fn net(state: &State, account: &AccountId, grid: &Microgrid) -> i128 {
    let balance = state.read(keys::balance(account, grid.asset)).unwrap_or_default();
    balance.credits_posted.wrapping_sub(balance.debits_posted).cast_signed()
}

fn take_microgrid(entry: &Entry<'_>, sums: &mut Sums) -> Result<(), Violation> {
    let (state, id, grid): (_, Hash, Microgrid) = (entry.state, entry.name(), entry.record());
    sums.found("microgrids");
    for list in ["meters", "meter index"] {
        sums.expect(list, u64::from(grid.meters));
    }
    for list in ["members", "member index"] {
        sums.expect(list, u64::from(grid.members.saturating_sub(grid.left)));
    }
    let Some(agenda) = grid.agenda else {
        return require(grid.terms == 0, id, "terms without an agenda");
    };
    if grid.is_paused() {
        require(agenda.due_ms == TimeMs::MAX, id, "a paused microgrid is due")?;
    } else {
        sums.expect("agendas", 1);
    }
    let ordered = agenda.finalize <= agenda.settle && agenda.settle <= agenda.clear;
    require(ordered, id, "agenda is out of order")?;
    let posting = matches!(step(state, &id, agenda.settle), Step::Post { .. });
    let clearing = is_clearing(step(state, &id, agenda.clear));
    let between = net(state, &grid.account(CLEARING), &grid);
    require(posting || clearing || between == 0, id, "money is left between tabs")?;
    let taxes = net(state, &grid.account(TAX), &grid);
    require(taxes >= 0, id, "more taxes were paid than charged")
}
