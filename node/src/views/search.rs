//! Finds things by a text: exact matches only.

use super::{NodeBackend, at, storage};
use crate::run::shared::View;
use std::collections::BTreeSet;
use wattle_primitives::{Address, AssetId, BlockId, Hash, Height, PublicKey};
use wattle_rpc_types::{RpcError, RpcResult, SearchHit, SearchKind, SearchQueries, SearchReply};
use wattle_runtime::{keys, query};

/// Most hits beside the best.
const ALSO_MAX: usize = 16;
/// Most assets whose symbols are compared; symbols are not unique and not indexed.
const SYMBOLS_MAX: usize = 1000;

/// Hits, the most likely first.
struct Hits(Vec<SearchHit>);

impl Hits {
    fn add(&mut self, kind: SearchKind, target: impl ToString) {
        self.0.push(SearchHit { kind, target: target.to_string() });
    }
}

impl SearchQueries for NodeBackend {
    fn search(&self, text: &str) -> RpcResult<SearchReply> {
        let (view, text) = (self.shared.view(), text.trim());
        let mut hits = Hits(Vec::new());
        if let Ok(number) = text.parse::<u64>() {
            by_number(&view, number, &mut hits);
        }
        if let Ok(hash) = text.strip_prefix("0x").unwrap_or(text).parse::<Hash>() {
            by_hash(self, &view, &hash, &mut hits)?;
        }
        if let Ok(address) = text.parse::<Address>() {
            by_address(&view, &address, &mut hits);
        }
        by_symbol(&view, text, &mut hits);
        let mut seen = BTreeSet::new();
        hits.0.retain(|hit| seen.insert((hit.kind, hit.target.clone())));
        let truncated = hits.0.len() > ALSO_MAX.saturating_add(1);
        let mut hits = hits.0.into_iter();
        let best = hits.next().ok_or_else(|| RpcError::not_found("match for", text))?;
        Ok(SearchReply { at: at(&view), best, also: hits.take(ALSO_MAX).collect(), truncated })
    }
}

fn by_number(view: &View, number: u64, hits: &mut Hits) {
    if Height(number) <= view.header.height {
        hits.add(SearchKind::Block, number);
    }
    if let Some(id) = u32::try_from(number).ok().map(AssetId)
        && view.state.read(keys::asset(id)).is_some()
    {
        hits.add(SearchKind::Asset, id);
    }
}

fn by_hash(node: &NodeBackend, view: &View, hash: &Hash, hits: &mut Hits) -> RpcResult<()> {
    let store = &node.shared.store;
    if store.tx(hash).map_err(storage)?.is_some() {
        hits.add(SearchKind::Tx, hash);
    }
    if let Some(header) = store.header(BlockId::Hash(*hash)).map_err(storage)? {
        hits.add(SearchKind::Block, header.height);
    }
    if view.state.read(keys::microgrid(hash)).is_some() {
        hits.add(SearchKind::Microgrid, hash);
    }
    if view.state.read(keys::hold(hash)).is_some() {
        hits.add(SearchKind::Hold, hash);
    }
    let key = PublicKey(hash.0);
    if view.schedule.validators(view.next_epoch()).index_of(&key).is_some() {
        hits.add(SearchKind::Validator, key);
    }
    by_address(view, &Address::of_key(&key), hits);
    Ok(())
}

fn by_address(view: &View, address: &Address, hits: &mut Hits) {
    if view.state.read(keys::meter(address)).is_some() {
        hits.add(SearchKind::Meter, address);
    }
    if view.state.read(keys::account(address)).is_some() {
        hits.add(SearchKind::Account, address);
    }
}

fn by_symbol(view: &View, text: &str, hits: &mut Hits) {
    let assets = query::assets(&view.state, AssetId::NATIVE, SYMBOLS_MAX);
    for (id, _) in assets.iter().filter(|(_, asset)| asset.symbol.as_str().eq_ignore_ascii_case(text)) {
        hits.add(SearchKind::Asset, id);
    }
}
