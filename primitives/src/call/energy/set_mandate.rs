use super::NOTICE_MS_MAX;
use crate::call::identity::{Calls, Limits, PerPeriod, Spending};
use crate::{Amount, AssetId, BoundedVec, Hash, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// An owner's consent: a microgrid's operator may bind meters to it, swap and rate them, and settlement may take
/// what it owes from its wallet, within these limits. What is absent does not limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mandate {
    /// Most that the settlement of one interval takes, base units of the settlement asset.
    #[serde(default)]
    pub per_charge: Option<Amount>,
    /// Most in each period.
    #[serde(default)]
    pub per_period: Option<PerPeriod>,
    /// First block time, ms UTC, at which it is over.
    pub expires_ms: TimeMs,
    /// For so long after terms were set, in ms, nothing is taken for what they bill; at most 400 days. Terms that were
    /// set before the mandate was given are known to its owner.
    pub notice_ms: TimeMs,
}

impl Mandate {
    /// Lets settlement take all that is owed, for ever and without notice.
    pub const UNLIMITED: Self =
        Self { per_charge: None, per_period: None, expires_ms: TimeMs::MAX, notice_ms: TimeMs::ZERO };

    /// Whether it can be given: a period lasts, the notice is in its range.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.limits(AssetId::NATIVE).are_sound() && self.notice_ms.0 <= NOTICE_MS_MAX
    }

    /// Its limits, where settlement is in `asset`: no call is made by it.
    #[must_use]
    pub fn limits(&self, asset: AssetId) -> Limits {
        let (per_tx, per_period) = (self.per_charge, self.per_period);
        let row = Spending { asset, per_tx, per_period, total: None, cosign_above: None };
        Limits::of(Calls::Only(BoundedVec::default()), row, self.expires_ms)
    }
}

/// Gives a microgrid the sender's mandate, in place of the one before, or takes it back: from then on nothing more is
/// taken from its wallet, and what it owes waits on its tab. It can be given before its owner is a member.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetMandate {
    /// The microgrid.
    pub microgrid: Hash,
    /// The mandate; none takes it back.
    pub mandate: Option<Mandate>,
}
