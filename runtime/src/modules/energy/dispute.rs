//! Disputes: a member contests a bill by two readings that its meter signed.
//!
//! The readings are evidence, not a calculation: that they are genuine and of one meter is checked here, what follows from
//! them is decided by people. The operator may grant a claim alone. Where the terms leave it to the operator, it may refuse
//! it alone as well; else so many members' votes on one side decide, each member having one, the claimant none. No more is granted
//! to a member in all than it was ever charged.

use super::records::{Dispute, Microgrid};
use super::tab::{self, OPERATOR};
use super::{registry, terms};
use crate::keys;
use crate::modules::records::Meter;
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy::{CLAIM_MAX, DISPUTE_VOTES_MAX, EnergyCall, dispute_id};
use wattle_primitives::reading::{Reading, RegisterEncoding, SignedReading};
use wattle_primitives::{Address, Amount, Event, Hash, Reason, WattHours, planted};

/// A claim and what it rests on.
pub(super) struct Claim<'a> {
    pub(super) microgrid: &'a Hash,
    pub(super) reference: &'a Hash,
    pub(super) first: &'a SignedReading,
    pub(super) second: &'a SignedReading,
    pub(super) claim: Amount,
    pub(super) note: &'a Hash,
}

impl<'a> Claim<'a> {
    /// The claim that a call makes, if it makes one.
    pub(super) fn of(call: &'a EnergyCall) -> Option<Self> {
        let EnergyCall::OpenDispute { microgrid, reference, first, second, claim, note } = call else {
            return None;
        };
        Some(Self { microgrid, reference, first, second, claim: *claim, note })
    }

    /// Checks what needs no state.
    pub(super) fn check(&self) -> Result<(), Reason> {
        if self.claim == Amount::ZERO {
            return Err(Reason::ZeroAmount);
        }
        if self.claim > CLAIM_MAX {
            return Err(Reason::OutOfRange);
        }
        let of_meter = |signed: &SignedReading| Address::of_key(&signed.key) == signed.reading.meter;
        let (first, second) = (&self.first.reading, &self.second.reading);
        let one = first.meter == second.meter && first.seq < second.seq;
        if one && of_meter(self.first) && of_meter(self.second) { Ok(()) } else { Err(Reason::BadEvidence) }
    }

    /// Opens the dispute for the sender, who owns the meter.
    pub(super) fn open(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let genuine = [ctx.next_verdict(), ctx.next_verdict()];
        if genuine != [true, true] {
            return Err(Reason::BadSignature);
        }
        let account = ctx.sender();
        let address = self.first.reading.meter;
        let meter: Meter = ctx.state.read(keys::meter(&address)).ok_or(Reason::UnknownMeter)?;
        if meter.microgrid != *self.microgrid || meter.owner != account {
            return Err(Reason::NotAllowed);
        }
        let dispute = dispute_id(&account, self.reference);
        let key = keys::dispute(&dispute);
        if ctx.state.contains(key) {
            return Err(Reason::AlreadyExists);
        }
        let (import_wh, export_wh) = between(meter.encoding, &self.first.reading, &self.second.reading)?;
        let (microgrid, claim) = (*self.microgrid, self.claim);
        let deposit = ledger::deposit(ctx, account)?;
        let (note, voters) = (*self.note, Vec::new());
        let record = Dispute {
            microgrid,
            account,
            meter: address,
            claim,
            note,
            upheld: 0,
            rejected: 0,
            voters,
            deposit,
        };
        ctx.state.write(key, &record);
        ctx.emit(Event::DisputeOpened {
            dispute,
            microgrid,
            account,
            meter: address,
            import_wh,
            export_wh,
            claim,
        });
        Ok(())
    }
}

/// Energy between two readings of a meter, roll-overs counted on.
fn between(
    encoding: RegisterEncoding,
    first: &Reading,
    second: &Reading,
) -> Result<(WattHours, WattHours), Reason> {
    let wh = |first: &[u16], second: &[u16]| {
        let from = encoding.count(first).map_err(|_| Reason::BadEvidence)?;
        let to = encoding.next_count(from, second).map_err(|_| Reason::BadEvidence)?;
        let energy = |count| encoding.energy_of(count).map_err(|_| Reason::BadEvidence);
        Ok(energy(to.ok_or(Reason::BadEvidence)?)?.saturating_sub(energy(from)?))
    };
    Ok((wh(&first.import, &second.import)?, wh(&first.export, &second.export)?))
}

/// Decides a dispute, or votes on it: see above.
pub(super) fn decide(ctx: &mut Ctx<'_>, id: &Hash, uphold: bool) -> Result<(), Reason> {
    let key = keys::dispute(id);
    let mut dispute: Dispute = ctx.state.read(key).ok_or(Reason::UnknownDispute)?;
    let grid = registry::microgrid(ctx, &dispute.microgrid)?;
    let sender = ctx.sender();
    let code = tab::member(ctx, &dispute.microgrid, &sender)?.code;
    let terms = terms::at(ctx, &dispute.microgrid, &grid, grid.interval_at(ctx.time_ms()));
    let needed = terms.map_or(0, |terms| terms.dispute_votes.min(DISPUTE_VOTES_MAX));
    if sender == grid.operator && (uphold || needed == 0) {
        return end(ctx, id, &grid, &dispute, uphold);
    }
    if needed == 0 || sender == dispute.account {
        return Err(Reason::NotAllowed);
    }
    if dispute.voters.contains(&code) && !planted!("dispute-voted-twice") {
        return Err(Reason::AlreadyExists);
    }
    dispute.voters.push(code);
    let votes = if uphold { &mut dispute.upheld } else { &mut dispute.rejected };
    *votes = votes.saturating_add(1);
    let decided = *votes >= needed;
    ctx.emit(Event::DisputeVoted { dispute: *id, account: sender, uphold });
    if decided {
        return end(ctx, id, &grid, &dispute, uphold);
    }
    ctx.state.write(key, &dispute);
    Ok(())
}

/// Pays a claim that is granted from the operator's tab to the claimant's, and gives the deposit back.
fn end(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    dispute: &Dispute,
    upheld: bool,
) -> Result<(), Reason> {
    let mut member = tab::member(ctx, &dispute.microgrid, &dispute.account)?;
    // The operator would pay itself.
    let credit = if upheld && member.code != OPERATOR { dispute.claim } else { Amount::ZERO };
    if credit > Amount::ZERO {
        member.granted = member.granted.checked_add(credit).ok_or(Reason::Overflow)?;
        if member.granted > tab::charged(ctx, grid, &member) {
            return Err(Reason::LimitExceeded);
        }
        ctx.state.write(keys::member(&dispute.microgrid, &dispute.account), &member);
        tab::charge(ctx, grid, OPERATOR, member.code, credit)?;
    }
    ctx.state.remove(keys::dispute(id));
    ctx.emit(Event::DisputeDecided {
        dispute: *id,
        microgrid: dispute.microgrid,
        account: dispute.account,
        upheld,
        credit,
    });
    ledger::refund(ctx, dispute.account, dispute.deposit)
}
