//! `token_*`: assets.

use crate::{Anchored, Page, PageRequest, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Address, Amount, AssetId};

/// Queries about assets.
pub trait TokenQueries {
    /// One asset.
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>>;

    /// Assets, by id.
    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>>;
}

methods![
    query!("token_getAsset", "One asset.", token_asset(req::<AssetId>("asset"))),
    list!("token_listAssets", "All assets.", token_assets()),
];

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AssetInfo {
    /// Its id.
    pub id: AssetId,
    /// Its symbol; not unique.
    pub symbol: Symbol,
    /// Decimal places.
    pub scale: u8,
    /// Who may mint it; absent for the native asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Address>,
    /// Base units in circulation.
    pub supply: Amount,
}
