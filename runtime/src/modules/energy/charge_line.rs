use super::lines::{Lines, Taxed};
use super::records::{Member, Microgrid};
use super::tab::{self, OPERATOR, TAX};
use super::{TERMS_KEYS, operated, terms};
use crate::keys;
use crate::modules::{Action, Ctx, Reach, weights};
use wattle_primitives::call::energy::{ChargeLine, LineKind};
use wattle_primitives::call::ledger::SUPPLY_MAX;
use wattle_primitives::{Amount, Hash, Reason, Weight, planted};

impl Action for ChargeLine {
    fn check(&self) -> Result<(), Reason> {
        if self.amount == Amount::ZERO {
            return Err(Reason::ZeroAmount);
        }
        if self.kind.by_hand() && self.amount <= SUPPLY_MAX { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    fn weight(&self) -> Weight {
        weights::keys(22 + TERMS_KEYS)
    }

    fn reach(&self) -> Reach {
        Reach::Named
    }

    /// The operator gives of its own, see [`tab::give`]; its charges are bounded by terms that the member knew.
    fn execute(&self, ctx: &mut Ctx<'_>) -> Result<(), Reason> {
        let Self { microgrid: ref id, account, kind, amount, reason } = *self;
        let grid = &operated(ctx, id)?;
        let mut member = tab::member(ctx, id, &account)?;
        if (member.code == OPERATOR) != (kind == LineKind::TaxPaid) {
            return Err(Reason::NotAllowed);
        }
        let interval = grid.interval_at(ctx.time_ms());
        let lines = Lines { id, grid, interval, account, code: member.code };
        let given = match kind {
            LineKind::Connection => {
                let due = connection(ctx, id, grid, &mut member, amount)?;
                ctx.state.write(keys::member(id, &account), &member);
                return lines.charge(ctx, kind, due, Some(reason));
            }
            LineKind::TaxPaid => {
                within(amount, tab::taxes(ctx, grid))?;
                tab::charge(ctx, grid, TAX, OPERATOR, amount)?;
                false
            }
            LineKind::Credit => true,
            LineKind::WriteOff => {
                // An estimate will be corrected, and so would be written off twice.
                within(amount, tab::receivable(ctx, grid, member.code))?;
                true
            }
            LineKind::Refund => {
                within(amount, tab::refundable(ctx, grid, &member))?;
                true
            }
            LineKind::Energy | LineKind::Monthly | LineKind::Demand => return Err(Reason::OutOfRange),
        };
        if given {
            if kind != LineKind::Credit {
                // A charge that was given back is not granted by a dispute again.
                member.granted = member.granted.checked_add(amount).ok_or(Reason::Overflow)?;
                ctx.state.write(keys::member(id, &account), &member);
            }
            tab::give(ctx, id, grid, member.code, amount)?;
        }
        lines.note(ctx, kind, Taxed { amount, tax: Amount::ZERO }, Some(reason));
        Ok(())
    }
}

/// Takes one of the connections that a member can be charged for: one for each of its meters, at no more than the terms
/// asked when it became a member.
fn connection(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    member: &mut Member,
    amount: Amount,
) -> Result<Taxed, Reason> {
    let first = terms::first(ctx, id).ok_or(Reason::NoTerms)?;
    let interval = grid.interval_at(member.since_ms).max(first);
    let fees = terms::at(ctx, id, grid, interval).ok_or(Reason::NoTerms)?.fees;
    within(amount, fees.connection)?;
    if member.connections >= member.meters && !planted!("connected-twice") {
        return Err(Reason::LimitExceeded);
    }
    member.connections = member.connections.saturating_add(1);
    Ok(Taxed::new(member, amount, fees.permille(LineKind::Connection)))
}

fn within(amount: Amount, most: Amount) -> Result<(), Reason> {
    if amount <= most { Ok(()) } else { Err(Reason::LimitExceeded) }
}
