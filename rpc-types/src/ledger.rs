//! `ledger_*`: holds and counters.

use crate::{Anchored, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::ledger::{AccountClass, AccountId};
use wattle_primitives::{Address, Amount, AssetId, Hash, TimeMs};

/// Queries about the ledger.
pub trait LedgerQueries {
    /// An open hold; one that was captured, voided or expired is `NotFound`.
    fn ledger_hold(&self, id: Hash) -> RpcResult<Anchored<HoldInfo>>;

    /// An account's counters in one asset.
    fn ledger_account(&self, account: AccountId, asset: AssetId) -> RpcResult<Anchored<LedgerAccountInfo>>;
}

methods![
    query!("ledger_getHold", "An open hold.", ledger_hold(req::<Hash>("id"))),
    query!(
        "ledger_getAccount",
        "The four counters of an account in one asset.",
        [req::<AccountId>("account"), opt::<AssetId>("asset")],
        |node, params| {
            node.ledger_account(params.req("account")?, params.opt("asset")?.unwrap_or(AssetId::NATIVE))
        }
    ),
];

/// An open hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HoldInfo {
    /// Its id.
    pub id: Hash,
    /// Account to be debited.
    pub debit: AccountId,
    /// Account to be credited.
    pub credit: AccountId,
    /// Its asset.
    pub asset: AssetId,
    /// Base units reserved.
    pub amount: Amount,
    /// Who may capture or void it.
    pub captor: Address,
    /// Block time at which it is released, ms UTC.
    pub expires_ms: TimeMs,
}

/// The four counters of an account in one asset, base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LedgerAccountInfo {
    /// The account.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// Its class.
    pub class: AccountClass,
    /// Whether its balance may never go below zero on the normal side of the class.
    pub limited: bool,
    /// Debits reserved by holds.
    pub debits_pending: Amount,
    /// Debits posted, in all.
    pub debits_posted: Amount,
    /// Credits reserved by holds.
    pub credits_pending: Amount,
    /// Credits posted, in all.
    pub credits_posted: Amount,
}
