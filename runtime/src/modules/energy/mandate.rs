//! Mandates: what owners let a microgrid's operator do in their names.
//!
//! Settlement takes from a wallet what its owner's mandate allows at that time, and nothing without one; what is not
//! taken stays a debt. The operator binds a meter to an owner, and swaps, rates or hands one over, only while that
//! owner's mandate is in force, or when the call is the owner's own. A mandate ends at once when its owner takes it
//! back, when its time is over, and when its owner leaves.
//!
//! # Notice
//! Terms hold no earlier than the notice is over that those before them promise. That the operator promises; what an
//! owner relies on is in its mandate: so long after terms were set, nothing is taken for what they bill. Debts that
//! wait on a tab are never of later terms than those of the interval that is settled, so none of a shorter notice is
//! taken with them.

use super::records::{Mandate, Microgrid};
use crate::keys;
use crate::modules::identity::records::Allowance;
use crate::modules::{Ctx, ledger};
use wattle_primitives::call::energy;
use wattle_primitives::event::EnergyEvent;
use wattle_primitives::units::IntervalId;
use wattle_primitives::{Address, Amount, Hash, Reason, TimeMs, planted};

/// Gives a microgrid its owner's mandate, in place of the one before. The payer pays for a new one.
pub(crate) fn give(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: Address,
    given: &energy::Mandate,
) -> Result<(), Reason> {
    let key = keys::mandate(id, &owner);
    let deposit = match ctx.state.read(key) {
        Some(old) => old.deposit,
        None => ledger::deposit(ctx)?,
    };
    let (allowance, given_ms) = (Allowance::new(given.limits(grid.asset)), ctx.time_ms());
    let (notice_ms, charged) = (given.notice_ms, IntervalId(0));
    ctx.state.write(key, &Mandate { allowance, notice_ms, given_ms, charged, deposit });
    ctx.emit(EnergyEvent::MandateSet { microgrid: *id, account: owner, mandate: Some(*given) });
    Ok(())
}

/// Takes a mandate back, if there is one.
pub(super) fn revoke(ctx: &mut Ctx<'_>, id: &Hash, owner: &Address) -> Result<(), Reason> {
    let key = keys::mandate(id, owner);
    let Some(old) = ctx.state.read(key) else { return Ok(()) };
    ctx.state.remove(key);
    ctx.emit(EnergyEvent::MandateSet { microgrid: *id, account: *owner, mandate: None });
    ledger::refund(ctx, &old.deposit)
}

/// Refuses what is done in an owner's name, unless the call is its own, or its mandate is in force.
pub(super) fn require(ctx: &mut Ctx<'_>, id: &Hash, owner: &Address) -> Result<(), Reason> {
    if *owner == ctx.on_behalf_of() {
        return Ok(());
    }
    let now = ctx.time_ms();
    let given = ctx.state.read(keys::mandate(id, owner));
    let in_force = given.is_some_and(|mandate| now < mandate.allowance.limits.expires_ms);
    if in_force || planted!("meter-bound-without-mandate") { Ok(()) } else { Err(Reason::MandateRequired) }
}

/// How much of `wanted` the settlement of an interval, whose terms were set at `terms_ms`, may take from an owner's
/// wallet now. Its mandate is debited with that.
pub(crate) fn draw(
    ctx: &mut Ctx<'_>,
    id: &Hash,
    grid: &Microgrid,
    owner: &Address,
    (interval, terms_ms): (IntervalId, TimeMs),
    wanted: Amount,
) -> Result<Amount, Reason> {
    let (key, now) = (keys::mandate(id, owner), ctx.time_ms());
    let Some(mut mandate) = ctx.state.read(key) else { return Ok(Amount::ZERO) };
    if now >= mandate.allowance.limits.expires_ms || !mandate.knows(terms_ms, now) {
        return Ok(Amount::ZERO);
    }
    if mandate.charged != interval {
        mandate.allowance.begin(now)?;
        mandate.charged = interval;
    }
    let amount = wanted.min(mandate.allowance.left_in_tx(now, grid.asset));
    if amount > Amount::ZERO && !planted!("mandate-not-debited") {
        mandate.allowance.spend(now, grid.asset, amount, false)?;
        ctx.state.write(key, &mandate);
    }
    Ok(amount)
}

impl Mandate {
    /// Whether terms that were set at `terms_ms` are known to the owner: they were before it gave the mandate, or the
    /// notice it asks for is over.
    fn knows(&self, terms_ms: TimeMs, now: TimeMs) -> bool {
        let known = terms_ms < self.given_ms || now >= terms_ms.saturating_add(self.notice_ms);
        known || planted!("collected-before-notice")
    }
}
