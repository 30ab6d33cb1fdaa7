use super::close;
use super::records::Dispute;
use crate::keys;
use crate::modules::energy::records::Microgrid;
use crate::modules::energy::tab::{self, OPERATOR};
use crate::modules::energy::{mandate, positions};
use crate::modules::{Action, Ctx, Reach, energy, ledger, weights};
use wattle_primitives::call::disputes::DecideDispute;
use wattle_primitives::event::DisputesEvent;
use wattle_primitives::{Amount, Hash, Reason, TimeMs, Weight, planted};

impl Action for DecideDispute {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(34)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, uphold) = (&self.dispute, self.uphold);
        let key = keys::dispute(id);
        let mut dispute = ctx.state.read(key).ok_or(Reason::UnknownDispute)?;
        let grid = energy::microgrid(ctx, &dispute.microgrid)?;
        let sender = ctx.on_behalf_of();
        let code = tab::member(ctx, &dispute.microgrid, &sender)?.code;
        if dispute.is_over(ctx.time_ms()) && !planted!("dispute-never-over") {
            return Err(Reason::DisputeExpired);
        }
        let alone = dispute.needed == 0 || planted!("operator-grants-alone", uphold);
        if alone && sender == grid.operator {
            return end(ctx, id, &grid, &dispute, uphold);
        }
        if dispute.needed == 0 || sender == dispute.account {
            return Err(Reason::NotAllowed);
        }
        if code > dispute.electorate && !planted!("newcomer-votes") {
            return Err(Reason::NotAllowed);
        }
        if dispute.voters.contains(&code) && !planted!("dispute-voted-twice") {
            return Err(Reason::AlreadyExists);
        }
        dispute.voters.push(code);
        let votes = if uphold { &mut dispute.upheld } else { &mut dispute.rejected };
        *votes = votes.saturating_add(1);
        let decided = *votes >= dispute.needed;
        ctx.emit(DisputesEvent::DisputeVoted { dispute: *id, account: sender, uphold });
        if decided {
            return end(ctx, id, &grid, &dispute, uphold);
        }
        ctx.state.write(key, &dispute);
        Ok(())
    }
}

/// Pays a claim that is granted, or as much of it as the claimant was charged and not given back before, from the
/// operator's tab to the claimant's, and ends the dispute. See [`tab::award`].
fn end(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    dispute: &Dispute,
    upheld: bool,
) -> Result<(), Reason> {
    // The operator would pay itself; who has left since is owed nothing any more, even if it is back.
    let member = ctx.state.read(keys::member(&dispute.microgrid, &dispute.account));
    let electorate = dispute.electorate;
    let member = member.filter(|member| upheld && member.code != OPERATOR && member.code <= electorate);
    let mut credit = Amount::ZERO;
    if let Some(member) = member {
        let left = tab::refundable(ctx, grid, &member);
        let claim = if planted!("claim-granted-whole") { dispute.claim } else { dispute.claim.min(left) };
        let microgrid = &dispute.microgrid;
        credit = tab::award(ctx, microgrid, grid, member.code, claim, |ctx, wanted| {
            at_hand(ctx, microgrid, grid, wanted)
        })?;
        positions::add_granted(ctx, microgrid, &dispute.account, credit)?;
    }
    ctx.emit(DisputesEvent::DisputeDecided {
        dispute: *id,
        microgrid: dispute.microgrid,
        account: dispute.account,
        upheld,
        credit,
    });
    close(ctx, id, dispute)
}

/// How much of `wanted` may be taken from the operator's wallet: by its own decision what is there, by others' as much
/// as its mandate leaves.
fn at_hand(ctx: &mut Ctx<'_>, id: &Hash, grid: &Microgrid, wanted: Amount) -> Result<Amount, Reason> {
    let wanted = wanted.min(ledger::available(&mut ctx.state, grid.operator, grid.asset));
    if ctx.on_behalf_of() == grid.operator {
        return Ok(wanted);
    }
    let charge = (grid.interval_at(ctx.time_ms()), TimeMs::ZERO); // of terms that it set
    mandate::draw(ctx, id, grid, &grid.operator, charge, wanted)
}
