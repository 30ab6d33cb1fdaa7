//! Assets.

use super::{NodeBackend, at, page};
use crate::run::shared::View;
use wattle_primitives::AssetId;
use wattle_rpc_types::{Anchored, AssetInfo, Page, PageRequest, RpcError, RpcResult, TokenQueries};
use wattle_runtime::modules::ledger::records::Asset;
use wattle_runtime::{keys, query};

impl TokenQueries for NodeBackend {
    fn token_asset(&self, id: AssetId) -> RpcResult<Anchored<AssetInfo>> {
        let view = self.shared.view();
        let asset = view.state.read(keys::asset(id)).ok_or_else(|| RpcError::not_found("asset", id))?;
        Ok(Anchored { at: at(&view), value: info(&view, id, asset) })
    }

    fn token_assets(&self, page: PageRequest) -> RpcResult<Page<AssetInfo>> {
        let view = self.shared.view();
        let (from, limit) = (page::one(&page)?.unwrap_or(AssetId::NATIVE), page::limit(&page));
        let mut assets = query::assets(&view.state, from, limit.saturating_add(1));
        let next_cursor = assets.get(limit).map(|(id, _)| id.to_string());
        assets.truncate(limit);
        Ok(Page {
            at: at(&view),
            items: assets.into_iter().map(|(id, asset)| info(&view, id, asset)).collect(),
            next_cursor,
        })
    }
}

fn info(view: &View, id: AssetId, asset: Asset) -> AssetInfo {
    let Asset { symbol, scale, issuer } = asset;
    AssetInfo { id, symbol, scale, issuer, supply: query::supply(&view.state, id) }
}
