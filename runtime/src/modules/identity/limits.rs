//! Checks and debits limits: of grants, of sponsorships, and of mandates.

use super::records::{Allowance, Spent};
use wattle_primitives::bucket::{Bucket, BucketSize};
use wattle_primitives::call::CallKind;
use wattle_primitives::call::identity::{Calls, Limits, Spending};
use wattle_primitives::{Amount, AssetId, Reason, TimeMs, Weight};

/// Units of a transaction in the bucket of the hour: as many leak in a second as transactions are allowed in an hour.
const TX_UNITS: u64 = 3600;

impl Allowance {
    /// Nothing spent yet.
    pub(crate) fn new(limits: Limits) -> Self {
        let spent = vec![Spent::default(); limits.spending.len()];
        Self { limits, spent, uses: 0, hour: Bucket::default() }
    }

    /// Counts one more transaction, at `now`.
    pub(crate) fn begin(&mut self, now: TimeMs) -> Result<(), Reason> {
        if now >= self.limits.expires_ms {
            return Err(Reason::GrantExpired);
        }
        self.uses = self.uses.checked_add(1).ok_or(Reason::GrantExceeded)?;
        if self.limits.uses.is_some_and(|most| self.uses > most) {
            return Err(Reason::GrantExceeded);
        }
        if let Some(most) = self.limits.tx_per_hour.map(u64::from) {
            let size = BucketSize { rate: Weight(most), capacity: Weight(most.saturating_mul(TX_UNITS)) };
            self.hour.draw(size, now, Weight(TX_UNITS)).map_err(|_| Reason::GrantRateExceeded)?;
        }
        self.spent.iter_mut().for_each(|spent| spent.tx = Amount::ZERO);
        Ok(())
    }

    /// Whether a call may be made.
    pub(crate) fn allow(&self, kind: CallKind) -> Result<(), Reason> {
        if self.limits.calls.allow(kind) { Ok(()) } else { Err(Reason::CallNotGranted) }
    }

    /// Whether a call is named, and the time of it is not over.
    pub(crate) fn names(&self, kind: CallKind, now: TimeMs) -> bool {
        now < self.limits.expires_ms
            && matches!(&self.limits.calls, Calls::Only(kinds) if kinds.contains(&kind))
    }

    /// Spends `amount` at `now`; `cosigned` when the grantor signed too.
    pub(crate) fn spend(
        &mut self,
        now: TimeMs,
        asset: AssetId,
        amount: Amount,
        cosigned: bool,
    ) -> Result<(), Reason> {
        if amount == Amount::ZERO {
            return Ok(());
        }
        let mut rows = self.limits.spending.iter().zip(&mut self.spent);
        let (limit, spent) = rows.find(|(limit, _)| limit.asset == asset).ok_or(Reason::GrantExceeded)?;
        roll(limit, spent, now);
        for counter in [&mut spent.tx, &mut spent.period, &mut spent.total] {
            *counter = counter.checked_add(amount).ok_or(Reason::GrantExceeded)?;
        }
        let within = |most: Option<Amount>, sum: Amount| most.is_none_or(|most| sum <= most);
        let per_period = limit.per_period.map(|most| most.amount);
        if !within(limit.per_tx, spent.tx)
            || !within(per_period, spent.period)
            || !within(limit.total, spent.total)
        {
            return Err(Reason::GrantExceeded);
        }
        if within(limit.cosign_above, spent.tx) || cosigned { Ok(()) } else { Err(Reason::CosignatureNeeded) }
    }

    /// The most that one transaction can spend of an asset at `now` without the grantor's signature, base units.
    #[must_use]
    pub fn left(&self, now: TimeMs, asset: AssetId) -> Amount {
        self.rest(now, asset, |_| Amount::ZERO)
    }

    /// The same for the transaction that is under way, of which some may be spent.
    pub(crate) fn left_in_tx(&self, now: TimeMs, asset: AssetId) -> Amount {
        self.rest(now, asset, |spent| spent.tx)
    }

    fn rest(&self, now: TimeMs, asset: AssetId, in_tx: impl Fn(&Spent) -> Amount) -> Amount {
        let mut rows = self.limits.spending.iter().zip(&self.spent);
        let Some((limit, spent)) = rows.find(|(limit, _)| limit.asset == asset) else { return Amount::ZERO };
        let mut spent = *spent;
        roll(limit, &mut spent, now);
        let rest =
            |most: Option<Amount>, sum: Amount| most.map_or(Amount::MAX, |most| most.saturating_sub(sum));
        let tx = in_tx(&spent);
        let alone = rest(limit.per_tx, tx).min(rest(limit.cosign_above, tx));
        let per_period = limit.per_period.map(|most| most.amount);
        alone.min(rest(per_period, spent.period)).min(rest(limit.total, spent.total))
    }
}

/// Begins a new period if the one before is over at `now`.
fn roll(limit: &Spending, spent: &mut Spent, now: TimeMs) {
    let Some(period_ms) = limit.per_period.map(|most| most.period_ms) else { return };
    if spent.period == Amount::ZERO || now >= spent.period_from_ms.saturating_add(period_ms) {
        (spent.period, spent.period_from_ms) = (Amount::ZERO, now);
    }
}
