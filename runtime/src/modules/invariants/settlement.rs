//! Rules of settlement: every microgrid with terms stands in the queue once, lists and records agree, nothing waits for an
//! interval that is over, and money is on tabs or in cash and nowhere else.

use super::{Tally, Violation};
use crate::State;
use crate::keys::{self};
use crate::modules::disputes::records::Dispute;
use crate::modules::energy::records::{Interval, Member, Microgrid, Position, SettledMeter, Step};
use crate::modules::energy::tab::{self, CLEARING};
use crate::modules::ledger::records::Balance;
use crate::modules::records::Due;
use crate::overlay::decode_entry;
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::units::{BookId, IntervalId};
use wattle_primitives::{Address, Amount, Hash};

/// What members owe by estimates alone: as their records say, and as their silent meters do.
#[derive(Default)]
pub(super) struct Estimates(BTreeMap<(Hash, Address), (Amount, Amount)>);

impl Estimates {
    /// Checks that both are the same for every member.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let apart = self.0.iter().find(|(_, (says, estimated))| says != estimated);
        apart.map_or(Ok(()), |((id, _), _)| require(false, *id, "member's estimates are not its meters'"))
    }
}

/// What members may come to owe for what they sold: as their records say, and as their positions do, by the codes of
/// their tabs.
#[derive(Default)]
pub(super) struct Exposures(BTreeMap<(Hash, u32), (Amount, Amount)>);

impl Exposures {
    /// Checks that both are the same for every member.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let apart = self.0.iter().find(|(_, (says, exposed))| says != exposed);
        apart.map_or(Ok(()), |((id, _), _)| require(false, *id, "member's exposure is not its positions'"))
    }
}

/// What microgrids keep in escrow: as they say, and as their members' positions do.
#[derive(Default)]
pub(super) struct Escrows(BTreeMap<Hash, (Amount, Amount)>);

impl Escrows {
    /// Checks that both are the same for every microgrid, and that there is so much cash, unless a market is just being
    /// cleared: an offer may end before the bid that pays for it.
    pub(super) fn check(&self, state: &State) -> Result<(), Violation> {
        self.0.iter().try_for_each(|(id, (says, kept))| {
            require(says == kept, *id, "escrow is not its positions'")?;
            let Some(grid) = state.read(keys::microgrid(id)) else { return Ok(()) };
            let cash =
                net(state, &AccountId::Due { book: BookId::PUBLIC, to: grid.book }, &grid).unsigned_abs();
            let cleared = grid.agenda.and_then(|agenda| state.read(keys::interval(id, agenda.clear)));
            let clearing =
                cleared.is_some_and(|record: Interval| matches!(record.step, Step::Release { .. }));
            require(clearing || cash >= says.0, *id, "less cash than in escrow")
        })
    }
}

/// Fails with `what` is wrong unless it `holds`.
fn require(holds: bool, id: Hash, what: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::Settlement { id, what }) }
}

/// A balance from its credit side.
fn net(state: &State, account: &AccountId, grid: &Microgrid) -> i128 {
    let balance: Balance = state.read(keys::balance(account, grid.asset)).unwrap_or_default();
    balance.credits_posted.wrapping_sub(balance.debits_posted).cast_signed()
}

impl Tally {
    /// Takes an entry of settlement.
    pub(super) fn take_settlement(
        &mut self,
        state: &State,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Violation> {
        let (tag, rest) = (key.first().copied().unwrap_or_default(), key.get(1..).unwrap_or_default());
        match tag {
            keys::tag::QUEUE => {
                if let Due::Microgrid(id) = decode_entry(key, value) {
                    self.found("agendas");
                    let grid: Option<Microgrid> = state.read(keys::microgrid(&id));
                    let due_ms = grid.and_then(|grid| grid.agenda).map(|agenda| agenda.due_ms);
                    let queued = due_ms.is_some() && due_ms == keys::queue_time(key);
                    require(queued, id, "microgrid is queued amiss")?;
                }
                Ok(())
            }
            keys::tag::MICROGRID => {
                self.take_microgrid(state, decode_entry(key, rest), &decode_entry(key, value))
            }
            keys::tag::MEMBER => {
                let at: (Hash, Address) = decode_entry(key, rest);
                let member: Member = decode_entry(key, value);
                self.estimates.0.entry(at).or_default().0 = member.estimated;
                self.exposures.0.entry((at.0, member.code)).or_default().0 = member.exposed;
                let listed = state.read(keys::member_index(&at.0, member.code)) == Some(at.1);
                require(listed, at.0, "member is not listed under its code")
            }
            keys::tag::METER_INDEX => {
                let (id, _): (Hash, u32) = decode_entry(key, rest);
                let meter = state.read(keys::meter(&decode_entry(key, value)));
                require(meter.is_some_and(|meter| meter.microgrid == id), id, "listed meter is another's")
            }
            keys::tag::SETTLED_METER => {
                self.take_meter(state, decode_entry(key, rest), &decode_entry(key, value))
            }
            keys::tag::SLICE => {
                let (meter, interval): (Address, IntervalId) = decode_entry(key, rest);
                let settled: Option<SettledMeter> = state.read(keys::settled_meter(&meter));
                let waits = settled.is_some_and(|settled| settled.until <= interval);
                require(waits, Hash(meter.0), "slice waits for an interval that is settled")
            }
            keys::tag::POSITION => {
                let (id, interval, code): (Hash, IntervalId, u32) = decode_entry(key, rest);
                let of = self.exposures.0.entry((id, code)).or_default();
                let position: Position = decode_entry(key, value);
                of.1 = of.1.saturating_add(position.exposed);
                let escrow = &mut self.escrows.0.entry(id).or_default().1;
                *escrow = escrow.saturating_add(position.escrow);
                let open = state.get(&keys::interval(&id, interval)).is_some();
                require(open, id, "position belongs to no interval")
            }
            keys::tag::INTERVAL => {
                let (id, interval): (Hash, IntervalId) = decode_entry(key, rest);
                let grid: Option<Microgrid> = state.read(keys::microgrid(&id));
                let agenda = grid.and_then(|grid| grid.agenda);
                require(agenda.is_some_and(|agenda| interval >= agenda.finalize), id, "interval is over")
            }
            keys::tag::ESCROW => {
                self.escrows.0.entry(decode_entry(key, rest)).or_default().0 = decode_entry(key, value);
                Ok(())
            }
            keys::tag::DISPUTE => {
                self.owed = self.owed.saturating_add(decode_entry::<Dispute>(key, value).deposit.0);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_microgrid(&mut self, state: &State, id: Hash, grid: &Microgrid) -> Result<(), Violation> {
        let [outside, inside] = [(BookId::PUBLIC, grid.book), (grid.book, BookId::PUBLIC)]
            .map(|(book, to)| net(state, &AccountId::Due { book, to }, grid));
        require(outside >= 0 && outside.checked_add(inside) == Some(0), id, "cash is not what was paid in")?;
        let Some(agenda) = grid.agenda else {
            return require(grid.terms == 0, id, "terms without an agenda");
        };
        self.expect("agendas", 1);
        let ordered = agenda.finalize <= agenda.settle && agenda.settle <= agenda.clear;
        require(ordered, id, "agenda is out of order")?;
        let step =
            |interval| state.read(keys::interval(&id, interval)).map_or(Step::Open, |record| record.step);
        let passing = matches!(step(agenda.settle), Step::Post { .. })
            || matches!(step(agenda.clear), Step::Release { .. });
        let clearing = net(state, &tab::account(grid.book, CLEARING), grid);
        require(passing || clearing == 0, id, "money is left between tabs")
    }

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
        let of = self.estimates.0.entry((meter.microgrid, meter.owner)).or_default();
        of.1 = of.1.saturating_add(amount);
        let agenda = state.read(keys::microgrid(&meter.microgrid)).and_then(|grid| grid.agenda);
        let next = agenda.map(|agenda| agenda.settle.next());
        require(
            next.is_some_and(|next| settled.until <= next),
            id,
            "meter is settled ahead of its microgrid",
        )?;
        let quiet = meter.replaced_by.is_none() || settled.silence.is_none();
        require(quiet, id, "a meter that was replaced is estimated")
    }
}
