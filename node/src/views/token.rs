//! Assets.

use super::{NodeBackend, at, page};
use wattle_primitives::AssetId;
use wattle_rpc_types::{Anchored, AssetInfo, Page, PageRequest, RpcError, RpcResult, TokenQueries};
use wattle_runtime::query::{self, AssetView};

impl TokenQueries for NodeBackend {
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>> {
        let view = self.shared.view();
        let asset = query::asset(&view.state, id).ok_or_else(|| RpcError::not_found("asset", id))?;
        Ok(Anchored { at: at(&view), value: asset_info(asset) })
    }

    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>> {
        let view = self.shared.view();
        let (from, limit) = (page::one(&page)?.unwrap_or(AssetId::NATIVE), page::limit(&page));
        let mut assets = query::assets(&view.state, from, limit.saturating_add(1));
        let next_cursor = assets.get(limit).map(|asset| asset.asset.to_string());
        assets.truncate(limit);
        Ok(Page { at: at(&view), items: assets.into_iter().map(asset_info).collect(), next_cursor })
    }
}

fn asset_info(asset: AssetView) -> AssetInfo {
    let AssetView { asset: id, symbol, scale, issuer, supply } = asset;
    AssetInfo { id, symbol, scale, issuer, supply }
}
