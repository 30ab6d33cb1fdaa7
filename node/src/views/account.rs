//! Accounts: records, proofs, history.

use super::chain::{Finality, finality, unproven};
use super::{NodeBackend, View, at, page, storage};
use std::collections::BTreeMap;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::{Address, Amount, AssetId, Block, BlockId, Height, Lane, Nonce, Weight};
use wattle_rpc_types::event::touches;
use wattle_rpc_types::tx::call_name;
use wattle_rpc_types::{
    AccountQueries, AccountReply, At, Balance, HistoryItem, Page, PageRequest, ProofReply, ProofTarget,
    ReceiptReply, RpcError, RpcResult, limits,
};
use wattle_runtime::modules::identity::records::Account;
use wattle_runtime::modules::ledger::records::Asset;
use wattle_runtime::store::{HistoryCursor, HistoryItem as Row};
use wattle_runtime::{keys, query};

impl AccountQueries for NodeBackend {
    fn account(&self, address: Address) -> RpcResult<AccountReply> {
        let view = self.shared.view();
        let mut reply = AccountReply {
            at: at(&view),
            address,
            exists: false,
            nonce: BTreeMap::from([(Lane(0), Nonce::ZERO)]),
            balances: Vec::new(),
            balances_cursor: None,
            authority: None,
            bandwidth: Weight::ZERO,
        };
        if let Some(record) = view.state.read(keys::account(&address)) {
            reply.exists = true;
            reply.nonce.extend(record.lanes().filter(|(_, next)| *next > Nonce::ZERO));
            let first = PageRequest { cursor: None, limit: limits::PAGE_ITEMS_MAX };
            (reply.balances, reply.balances_cursor) = balances(&view, &address, &record, &first)?;
            reply.bandwidth = record.bucket.room(view.schedule.params().bandwidth(), self.next_time(&view));
            reply.authority = record.authority;
        }
        Ok(reply)
    }

    fn account_balances(&self, address: Address, page: PageRequest) -> RpcResult<Page<Balance>> {
        let view = self.shared.view();
        let record = view.state.read(keys::account(&address)).unwrap_or_default();
        let (items, next_cursor) = balances(&view, &address, &record, &page)?;
        Ok(Page { at: at(&view), items, next_cursor })
    }

    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply> {
        let view = self.shared.view();
        let key = match target {
            ProofTarget::Address(address) => keys::account(&address).to_vec(),
            ProofTarget::Key(key) => key,
        };
        let Finality { header, certificate, path } =
            finality(self, view.header.height)?.ok_or_else(unproven)?;
        Ok(ProofReply {
            at: At::finalized(header.height),
            value: view.state.get(&key).map(<[u8]>::to_vec),
            proof: view.state.prove(&key),
            key,
            header,
            finalization: certificate,
            path,
        })
    }

    fn account_history(&self, address: Address, page: PageRequest) -> RpcResult<Page<HistoryItem>> {
        let view = self.shared.view();
        let before = page::two(&page)?.map(|(height, index)| HistoryCursor { height, index });
        let rows = self.shared.store.history(&address, before, page::limit(&page)).map_err(storage)?;
        let mut reader = Reader::default();
        let items: RpcResult<Vec<HistoryItem>> =
            rows.items.iter().map(|row| history_item(self, &mut reader, &address, row)).collect();
        let next_cursor = rows.next.map(|at| format!("{}-{}", at.height, at.index));
        Ok(Page { at: at(&view), items: items?, next_cursor })
    }
}

/// A page of an account's balances, in the order in which it came to the assets, and the cursor of the next.
fn balances(
    view: &View,
    address: &Address,
    record: &Account,
    page: &PageRequest,
) -> RpcResult<(Vec<Balance>, Option<String>)> {
    page::numbered(page, |from, limit| {
        let assets = query::assets_of(&view.state, address, record, from, limit);
        assets.into_iter().filter_map(|asset| balance(view, *address, asset)).collect()
    })
}

fn balance(view: &View, owner: Address, asset: AssetId) -> Option<Balance> {
    let Asset { symbol, scale, .. } = view.state.read(keys::asset(asset))?;
    let counters = query::balance(&view.state, &AccountId::Wallet { owner }, asset);
    let (pending, incoming) = (Amount(counters.debits_pending), Amount(counters.credits_pending));
    Some(Balance { asset, symbol, scale, available: counters.available(), pending, incoming })
}

/// The last block that was read, since neighbours in a history often share one.
#[derive(Default)]
struct Reader {
    last: Option<(Height, Block, BlockReceipts)>,
}

impl Reader {
    fn read(&mut self, node: &NodeBackend, height: Height) -> RpcResult<(&Block, &BlockReceipts)> {
        if self.last.as_ref().is_none_or(|(at, ..)| *at != height) {
            let store = &node.shared.store;
            let block = store.block(BlockId::Height(height)).map_err(storage)?;
            let receipts = store.receipts(height).map_err(storage)?;
            self.last = block.zip(receipts).map(|(block, receipts)| (height, block, receipts));
        }
        let found = self.last.as_ref().map(|(_, block, receipts)| (block, receipts));
        found.ok_or_else(|| RpcError::internal("a block named in the history is missing"))
    }
}

fn history_item(
    node: &NodeBackend,
    reader: &mut Reader,
    address: &Address,
    row: &Row,
) -> RpcResult<HistoryItem> {
    let (block, receipts) = reader.read(node, row.at.height)?;
    let place = usize::try_from(row.at.index).unwrap_or(usize::MAX);
    let found = block.txs.get(place).zip(receipts.txs.get(place));
    let (tx, receipt) =
        found.ok_or_else(|| RpcError::internal("a transaction named in the history is missing"))?;
    let reply = ReceiptReply::from(receipt.clone());
    Ok(HistoryItem {
        height: row.at.height,
        index: row.at.index,
        id: row.tx,
        time_ms: row.time_ms,
        sender: tx.body().sender,
        calls: tx.body().calls.iter().map(call_name).collect(),
        code: reply.code,
        fee: reply.fee,
        events: reply.events.into_iter().filter(|event| touches(event, address)).collect(),
    })
}
