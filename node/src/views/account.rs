//! Accounts: records, proofs, history.

use super::chain::{Finality, finality, unproven};
use super::{NodeBackend, at, next_time, page, storage};
use std::collections::BTreeMap;
use wattle_primitives::receipt::BlockReceipts;
use wattle_primitives::state_key::AccountRecord;
use wattle_primitives::{Address, Block, BlockId, Height, Lane, Nonce, Params, TimeMs, Weight};
use wattle_rpc_types::event::touches;
use wattle_rpc_types::tx::call_name;
use wattle_rpc_types::{
    AccountQueries, AccountReply, At, Balance, HistoryItem, Page, PageRequest, ProofReply, ProofTarget,
    ReceiptReply, RpcError, RpcResult,
};
use wattle_runtime::query;
use wattle_runtime::store::{HistoryCursor, HistoryItem as Row};

/// Most bytes of an encoded account record: 16 nonces, 16 keys.
const RECORD_BYTES_MAX: usize = 4096;

impl AccountQueries for NodeBackend {
    fn account(&self, address: Address) -> RpcResult<AccountReply> {
        let view = self.shared.view();
        let record = record(self, &address)?;
        let known = query::account(&view.state, &address);
        let mut nonce = BTreeMap::from([(Lane(0), Nonce::ZERO)]);
        let (mut balances, exists) = (Vec::new(), known.is_some());
        if let Some(known) = known {
            nonce.extend(
                known.nonces.into_iter().filter(|(lane, next)| *next > Nonce::ZERO || *lane == Lane(0)),
            );
            balances.extend(known.balances.into_iter().map(|b| Balance {
                asset: b.asset,
                symbol: b.symbol,
                scale: b.scale,
                available: b.available,
                pending: b.pending,
                incoming: b.incoming,
            }));
        }
        let bandwidth = record
            .as_ref()
            .map_or(Weight::ZERO, |record| bandwidth(view.schedule.params(), record.tat, next_time(&view)));
        let authority = record.and_then(|record| record.authority);
        Ok(AccountReply { at: at(&view), address, exists, nonce, balances, authority, bandwidth })
    }

    fn account_proof(&self, target: ProofTarget) -> RpcResult<ProofReply> {
        let view = self.shared.view();
        let key = match target {
            ProofTarget::Address(address) => query::account_key(&address),
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

/// The account's record, if it has one.
pub(super) fn record(node: &NodeBackend, address: &Address) -> RpcResult<Option<AccountRecord>> {
    let view = node.shared.view();
    let Some(raw) = view.state.get(&query::account_key(address)) else { return Ok(None) };
    wattle_primitives::codec::decode_bounded(raw, RECORD_BYTES_MAX).map(Some).map_err(RpcError::internal)
}

/// What a bucket holds at `now`: its capacity but for what has not leaked yet.
fn bandwidth(params: &Params, tat: u128, now: TimeMs) -> Weight {
    let now = u128::from(now.0).saturating_mul(u128::from(params.bandwidth_rate.0));
    let used = u64::try_from(tat.saturating_sub(now).div_ceil(1000)).unwrap_or(u64::MAX);
    params.bandwidth_capacity.saturating_sub(Weight(used))
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
