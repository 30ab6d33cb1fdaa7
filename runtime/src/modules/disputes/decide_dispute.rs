use super::LIST;
use super::records::Dispute;
use crate::keys;
use crate::modules::energy::records::Microgrid;
use crate::modules::energy::tab::{self, OPERATOR};
use crate::modules::energy::{self, TERMS_KEYS, terms};
use crate::modules::{Action, Ctx, ledger, weights};
use wattle_primitives::call::disputes::DecideDispute;
use wattle_primitives::call::energy::DISPUTE_VOTES_MAX;
use wattle_primitives::event::DisputesEvent;
use wattle_primitives::{Amount, Hash, Reason, Weight, planted};

impl Action for DecideDispute {
    fn check(&self) -> Result<(), Reason> {
        Ok(())
    }

    fn weight(&self) -> Weight {
        weights::keys(17 + TERMS_KEYS)
    }

    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let (id, uphold) = (&self.dispute, self.uphold);
        let key = keys::dispute(id);
        let mut dispute = ctx.state.read(key).ok_or(Reason::UnknownDispute)?;
        let grid = energy::microgrid(ctx, &dispute.microgrid)?;
        let sender = ctx.on_behalf_of();
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
        ctx.emit(DisputesEvent::DisputeVoted { dispute: *id, account: sender, uphold });
        if decided {
            return end(ctx, id, &grid, &dispute, uphold);
        }
        ctx.state.write(key, &dispute);
        Ok(())
    }
}

/// Pays a claim that is granted from the operator's tab to the claimant's, and gives the deposit back.
fn end(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    dispute: &Dispute,
    upheld: bool,
) -> Result<(), Reason> {
    // The operator would pay itself; who has left is owed nothing any more.
    let member = ctx.state.read(keys::member(&dispute.microgrid, &dispute.account));
    let member = member.filter(|member| upheld && member.code != OPERATOR);
    let credit = member.as_ref().map_or(Amount::ZERO, |_| dispute.claim);
    if let Some(mut member) = member {
        member.granted = member.granted.checked_add(credit).ok_or(Reason::Overflow)?;
        if member.granted > tab::charged(ctx, grid, &member) {
            return Err(Reason::LimitExceeded);
        }
        ctx.state.write(keys::member(&dispute.microgrid, &dispute.account), &member);
        tab::charge(ctx, grid, OPERATOR, member.code, credit)?;
    }
    ctx.state.remove(keys::dispute(id));
    if let Some(moved) = LIST.remove(ctx, &dispute.microgrid, dispute.index)
        && let Some(mut other) = ctx.state.read(keys::dispute(&moved))
    {
        other.index = dispute.index;
        ctx.state.write(keys::dispute(&moved), &other);
    }
    ctx.emit(DisputesEvent::DisputeDecided {
        dispute: *id,
        microgrid: dispute.microgrid,
        account: dispute.account,
        upheld,
        credit,
    });
    ledger::refund(ctx, &dispute.deposit)
}
