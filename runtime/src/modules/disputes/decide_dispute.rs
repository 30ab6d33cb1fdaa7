use super::close;
use super::records::Dispute;
use crate::keys;
use crate::modules::energy::records::Microgrid;
use crate::modules::energy::tab::{self, OPERATOR};
use crate::modules::{Action, Ctx, energy, weights};
use wattle_primitives::call::disputes::DecideDispute;
use wattle_primitives::event::DisputesEvent;
use wattle_primitives::{Amount, Hash, Reason, Weight, planted};

impl Action for DecideDispute {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(17)
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

/// Pays a claim that is granted, or as much of it as the claimant was charged and not granted before, from the
/// operator's tab to the claimant's, and ends the dispute.
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
    if let Some(mut member) = member {
        let left = tab::charged(ctx, grid, &member).saturating_sub(member.granted);
        credit = if planted!("claim-granted-whole") { dispute.claim } else { dispute.claim.min(left) };
        member.granted = member.granted.checked_add(credit).ok_or(Reason::Overflow)?;
        ctx.state.write(keys::member(&dispute.microgrid, &dispute.account), &member);
        tab::charge(ctx, grid, OPERATOR, member.code, credit)?;
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
