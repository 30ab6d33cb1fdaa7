//! `identity_*`: who may act on whose behalf, and who pays for whom.

use crate::{Anchored, Page, PageRequest, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::identity::Limits;
use wattle_primitives::{Address, Amount, AssetId, Hash, TimeMs};

/// Queries about grants and sponsorships.
pub trait IdentityQueries {
    /// One grant.
    fn identity_grant(&self, grant: Hash) -> RpcResult<Anchored<GrantInfo>>;

    /// The grants that an account made, in no lasting order.
    fn identity_grants_by(&self, grantor: Address, page: PageRequest) -> RpcResult<Page<GrantInfo>>;

    /// The grants that an account was given, in no lasting order.
    fn identity_grants_to(&self, grantee: Address, page: PageRequest) -> RpcResult<Page<GrantInfo>>;

    /// A sponsorship.
    fn identity_sponsorship(
        &self,
        sponsor: Address,
        grantee: Address,
    ) -> RpcResult<Anchored<SponsorshipInfo>>;

    /// The accounts that an account pays for, in no lasting order.
    fn identity_sponsorships_by(
        &self,
        sponsor: Address,
        page: PageRequest,
    ) -> RpcResult<Page<SponsorshipInfo>>;

    /// The accounts that pay for an account, in no lasting order.
    fn identity_sponsorships_for(
        &self,
        grantee: Address,
        page: PageRequest,
    ) -> RpcResult<Page<SponsorshipInfo>>;
}

methods![
    query!(
        "identity_getGrant",
        "A grant: who may act on whose behalf, how far, and what was spent of it.",
        identity_grant(req::<Hash>("grant"))
    ),
    list!(
        "identity_listGrants",
        "The grants that an account made, or was given: one of the two is asked for.",
        [opt::<Address>("grantor"), opt::<Address>("grantee")],
        |node, params| {
            let (grantor, grantee) = (params.opt::<Address>("grantor")?, params.opt::<Address>("grantee")?);
            match (grantor, grantee) {
                (Some(grantor), None) => node.identity_grants_by(grantor, params.page()?),
                (None, Some(grantee)) => node.identity_grants_to(grantee, params.page()?),
                (None, None) | (Some(_), Some(_)) => {
                    Err(crate::RpcError::params("give one of \"grantor\" and \"grantee\""))
                }
            }
        }
    ),
    query!(
        "identity_getSponsorship",
        "How far an account pays for another, and what was spent of it.",
        identity_sponsorship(req::<Address>("sponsor"), req::<Address>("grantee"))
    ),
    list!(
        "identity_listSponsorships",
        "The accounts that an account pays for, or that pay for it: one of the two is asked for.",
        [opt::<Address>("sponsor"), opt::<Address>("grantee")],
        |node, params| {
            let (sponsor, grantee) = (params.opt::<Address>("sponsor")?, params.opt::<Address>("grantee")?);
            match (sponsor, grantee) {
                (Some(sponsor), None) => node.identity_sponsorships_by(sponsor, params.page()?),
                (None, Some(grantee)) => node.identity_sponsorships_for(grantee, params.page()?),
                (None, None) | (Some(_), Some(_)) => {
                    Err(crate::RpcError::params("give one of \"sponsor\" and \"grantee\""))
                }
            }
        }
    ),
];

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GrantInfo {
    /// Its id: what a transaction names.
    pub grant: Hash,
    /// On whose behalf.
    pub grantor: Address,
    /// Who acts.
    pub grantee: Address,
    /// How far, and what was spent.
    #[serde(flatten)]
    pub allowance: AllowanceInfo,
}

/// A sponsorship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SponsorshipInfo {
    /// Who pays.
    pub sponsor: Address,
    /// For whom.
    pub grantee: Address,
    /// How far, and what was spent.
    #[serde(flatten)]
    pub allowance: AllowanceInfo,
}

/// Limits, and what was spent within them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AllowanceInfo {
    /// How far it goes.
    pub limits: Limits,
    /// Amounts spent of each asset of the limits.
    pub spent: Vec<SpentInfo>,
    /// Transactions so far.
    pub uses: u32,
}

/// Amounts of an asset, spent and left, base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SpentInfo {
    /// The asset.
    pub asset: AssetId,
    /// In all.
    pub total: Amount,
    /// In the newest period.
    pub period: Amount,
    /// When that began, ms UTC.
    pub period_from_ms: TimeMs,
    /// The most that the next transaction can spend without the grantor's signature, as of the state's time; absent
    /// where nothing limits it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Amount>,
}
