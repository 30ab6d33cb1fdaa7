//! `disputes_*`: disputes that are not decided.

use crate::{Anchored, Page, PageRequest, RpcResult, decimal};
use serde::{Deserialize, Serialize};
use wattle_primitives::{Address, Amount, Hash, Height, TimeMs};

/// Queries about disputes.
pub trait DisputeQueries {
    /// Disputes that are not decided, of a microgrid, of an account, or all.
    fn disputes_list(&self, request: DisputesRequest, page: PageRequest) -> RpcResult<Page<DisputeInfo>>;

    /// A dispute that is not decided.
    fn disputes_get(&self, id: Hash) -> RpcResult<Anchored<DisputeInfo>>;
}

methods![
    list!(
        "disputes_listDisputes",
        "Disputes that are not decided, of a microgrid, of an account, or all.",
        [opt::<Hash>("microgrid"), opt::<Address>("account")],
        |node, params| {
            let request =
                DisputesRequest { microgrid: params.opt("microgrid")?, account: params.opt("account")? };
            node.disputes_list(request, params.page()?)
        }
    ),
    query!("disputes_getDispute", "A dispute that is not decided.", disputes_get(req::<Hash>("dispute"))),
];

/// A dispute that is not decided. A decided one stands in its events only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DisputeInfo {
    /// Its id.
    pub dispute: Hash,
    /// The microgrid.
    pub microgrid: Hash,
    /// Who contests.
    pub account: Address,
    /// About which meter.
    pub meter: Address,
    /// Base units wanted back.
    pub claim: Amount,
    /// Hash of the reasons.
    pub note: Hash,
    /// Votes for the claim.
    pub upheld: u32,
    /// Votes against it.
    pub rejected: u32,
    /// So many votes on one side decide; 0: the operator alone. As the terms said when it was opened.
    pub votes_needed: u32,
    /// Who was a member when it was opened votes: whose tab's code is not above this.
    pub electorate: u32,
    /// From then on it is not decided any more, and anybody can withdraw it.
    pub expires_ms: TimeMs,
    /// Where the two readings stand; absent when that is not among what this node keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<OpenedInfo>,
}

/// Where a dispute was opened, and by which readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OpenedInfo {
    /// Its block.
    pub height: Height,
    /// The transaction that holds both signed readings.
    pub tx: Hash,
    /// Number of the earlier reading.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub first_seq: u64,
    /// Number of the later reading.
    #[serde(with = "decimal")]
    #[cfg_attr(feature = "schema", schemars(with = "wattle_primitives::schema::Decimal"))]
    pub second_seq: u64,
}

/// Which disputes are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisputesRequest {
    /// Of this microgrid only.
    pub microgrid: Option<Hash>,
    /// Of this account only.
    pub account: Option<Address>,
}
