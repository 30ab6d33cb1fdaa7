//! Assets, and how much of each was issued and burned.

use super::{NodeBackend, at, page, storage};
use crate::run::shared::View;
use wattle_primitives::{Amount, AssetId};
use wattle_rpc_types::{
    Anchored, AssetInfo, Page, PageRequest, RpcError, RpcResult, SupplyInfo, TokenQueries,
};
use wattle_runtime::modules::ledger::records::Asset;
use wattle_runtime::supply::Holdings;
use wattle_runtime::{keys, query};

impl TokenQueries for NodeBackend {
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>> {
        let view = self.shared.view();
        let asset = view.state.read(keys::asset(id)).ok_or_else(|| RpcError::not_found("asset", id))?;
        Ok(Anchored { at: at(&view), value: info(&view, id, asset) })
    }

    fn token_supply(&self, asset: AssetId) -> RpcResult<Anchored<SupplyInfo>> {
        let (view, holdings) = self.shared.holdings(asset);
        if view.state.read(keys::asset(asset)).is_none() {
            return Err(RpcError::not_found("asset", asset));
        }
        let holdings = holdings.ok_or_else(|| RpcError::internal("the node could not add up its money"))?;
        // Not the ledger's own counter: a ledger that made money by a posting would count it as well.
        let [given, _] = self.shared.given.of_asset(asset);
        let [minted, burned] = self.shared.store.supply(asset, view.header.height).map_err(storage)?;
        let issued = given.saturating_add(minted);
        Ok(Anchored { at: at(&view), value: supply_info(asset, [issued, burned], holdings) })
    }

    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>> {
        let view = self.shared.view();
        let (assets, next_cursor) =
            page::numbered(&page, |from, limit| query::assets(&view.state, AssetId(from), limit))?;
        let items = assets.into_iter().map(|(id, asset)| info(&view, id, asset)).collect();
        Ok(Page { at: at(&view), items, next_cursor })
    }
}

/// How much of an asset was issued and burned, and where the rest of it is.
pub(crate) fn supply_info(asset: AssetId, [issued, burned]: [Amount; 2], holdings: Holdings) -> SupplyInfo {
    let Holdings { wallets, held, fees, deposits, books } = holdings;
    let [wallets, held, fees, deposits, books] = [wallets, held, fees, deposits, books].map(Amount);
    SupplyInfo { asset, issued, burned, wallets, held, fees, deposits, books }
}

fn info(view: &View, id: AssetId, asset: Asset) -> AssetInfo {
    let Asset { symbol, scale, issuer } = asset;
    let (issued, burned) = query::issuance_counters(&view.state, id);
    AssetInfo { id, symbol, scale, issuer, supply: issued.saturating_sub(burned) }
}
