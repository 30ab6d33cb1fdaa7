//! How far somebody may go with another's authority or money: one shape for grants, sponsorships and mandates.

use crate::call::CallKind;
use crate::{Address, Amount, AssetId, BookId, BoundedVec, TimeMs};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most kinds of calls that limits name.
pub const LIMIT_CALLS_MAX: usize = 32;
/// Most assets that limits name.
pub const LIMIT_ASSETS_MAX: usize = 8;
/// Most counterparties, and most books, that limits name.
pub const LIMIT_PARTIES_MAX: usize = 16;

/// Which calls.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[repr(u8)]
pub enum Calls {
    /// Every call.
    Any = 0,
    /// These; none at all when there are none.
    Only(BoundedVec<CallKind, LIMIT_CALLS_MAX>) = 1,
}

/// Spending limit of each period. A period begins with the first that is spent when the one before is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PerPeriod {
    /// Base units.
    pub amount: Amount,
    /// Length of a period, ms; more than zero.
    pub period_ms: TimeMs,
}

/// Spending limits in one asset. What is absent does not limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spending {
    /// The asset.
    pub asset: AssetId,
    /// Most in one transaction, base units.
    #[serde(default)]
    pub per_tx: Option<Amount>,
    /// Most in each period.
    #[serde(default)]
    pub per_period: Option<PerPeriod>,
    /// Most in all, base units.
    #[serde(default)]
    pub total: Option<Amount>,
    /// A transaction that spends more than this, base units, needs the grantor's own signature as well: the grantor
    /// signs it as its fee payer.
    #[serde(default)]
    pub cosign_above: Option<Amount>,
}

/// How far a grant or a sponsorship goes. Everything must hold.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Calls that may be made.
    pub calls: Calls,
    /// Spending limits by asset, each at most once. Nothing may be spent of an asset that is not here.
    pub spending: BoundedVec<Spending, LIMIT_ASSETS_MAX>,
    /// Who may be paid; anybody when nobody is named.
    #[serde(default)]
    pub counterparties: BoundedVec<Address, LIMIT_PARTIES_MAX>,
    /// The grantor's books that it is for, and nothing else of the grantor's; when none is named, all that is the
    /// grantor's.
    #[serde(default)]
    pub books: BoundedVec<BookId, LIMIT_PARTIES_MAX>,
    /// Transactions at once, and again in each hour, spread evenly over it.
    #[serde(default)]
    pub tx_per_hour: Option<u32>,
    /// Transactions in all.
    #[serde(default)]
    pub uses: Option<u32>,
    /// First block time, ms UTC, at which it is over.
    pub expires_ms: TimeMs,
}

impl Calls {
    /// Whether a call is among them.
    #[must_use]
    pub fn allow(&self, kind: CallKind) -> bool {
        match self {
            Self::Any => true,
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

impl Limits {
    /// So much of the native asset in all, for any call, until `expires_ms`.
    #[must_use]
    pub fn allowance(total: Amount, expires_ms: TimeMs) -> Self {
        let native = Spending {
            asset: AssetId::NATIVE,
            per_tx: None,
            per_period: None,
            total: Some(total),
            cosign_above: None,
        };
        Self::of(Calls::Any, native, expires_ms)
    }

    /// These calls, and so much of one asset, until `expires_ms`.
    #[must_use]
    pub fn of(calls: Calls, row: Spending, expires_ms: TimeMs) -> Self {
        Self {
            calls,
            spending: BoundedVec::new(vec![row]).unwrap_or_default(), // 1 <= LIMIT_ASSETS_MAX
            counterparties: BoundedVec::default(),
            books: BoundedVec::default(),
            tx_per_hour: None,
            uses: None,
            expires_ms,
        }
    }

    /// Whether they limit anything in a way that can be met: each asset once, periods that last, no number of zero.
    #[must_use]
    pub fn are_sound(&self) -> bool {
        let assets = self.spending.iter().map(|of| of.asset);
        let once = assets.clone().all(|asset| assets.clone().filter(|other| *other == asset).count() == 1);
        let lasting = |of: &Spending| of.per_period.is_none_or(|most| most.period_ms > TimeMs::ZERO);
        once && self.spending.iter().all(lasting) && self.tx_per_hour != Some(0) && self.uses != Some(0)
    }
}
