//! `token_*`: assets.

use crate::{Anchored, Page, PageRequest, RpcResult};
use serde::{Deserialize, Serialize};
use wattle_primitives::call::token::Symbol;
use wattle_primitives::{Address, Amount, AssetId};

/// Queries about assets.
pub trait TokenQueries {
    /// One asset.
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>>;

    /// How much of an asset there is, and where.
    fn token_supply(&self, asset: AssetId) -> RpcResult<Anchored<SupplyInfo>>;

    /// Assets, by id.
    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>>;
}

methods![
    query!("token_getAsset", "One asset.", token_asset(req::<AssetId>("asset"))),
    query!(
        "token_getSupply",
        "How much of an asset was issued and burned, and where the rest of it is.",
        token_supply(req::<AssetId>("asset"))
    ),
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

/// How much of an asset there is, and where, base units: `issued` less `burned` is the sum of the five parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SupplyInfo {
    /// The asset.
    pub asset: AssetId,
    /// Issued: given out by the genesis, and by the calls of `mint` that took effect, counted from the receipts.
    pub issued: Amount,
    /// Burned by the calls of `burn` that took effect, counted from the receipts.
    pub burned: Amount,
    /// In wallets, free to be spent.
    pub wallets: Amount,
    /// Reserved by holds, in wallets and books.
    pub held: Amount,
    /// Fees taken.
    pub fees: Amount,
    /// Deposits for keys in state.
    pub deposits: Amount,
    /// Cash of organisations' and microgrids' books, free to be paid out.
    pub books: Amount,
}
