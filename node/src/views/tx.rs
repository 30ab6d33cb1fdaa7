//! Transactions: prepared, tried, offered, and followed to their end.

use super::{NodeBackend, at, mixed_up, reject, storage};
use crate::driver::{Answer, Fate, Question, SubmitError};
use crate::mempool::InsertError;
use std::sync::Arc;
use wattle_host::wall;
use wattle_primitives::tx::{AUTHS_MAX, TX_BYTES_MAX};
use wattle_primitives::{Address, Amount, Auth, BlockId, Hash, Lane, Nonce, TimeMs, Tx, TxBody, encode};
use wattle_rpc_types::{
    Answers, PrepareRequest, PreparedTx, RpcError, RpcResult, Simulation, TxQueries, TxReply, TxState,
    TxStatus,
};
use wattle_runtime::execute::{Signers, fee_of, simulate as run, weigh};
use wattle_runtime::store::TxLocation;
use wattle_runtime::{Store, TxError};

/// How long a prepared transaction is valid unless the client says otherwise, ms.
const EXPIRES_AFTER: TimeMs = TimeMs(120_000);

impl TxQueries for NodeBackend {
    fn tx_prepare(&self, request: PrepareRequest) -> RpcResult<PreparedTx> {
        let view = self.shared.view();
        let PrepareRequest { calls, sender, grant, lane, nonce, expires_ms, fee_payer, max_fee, tip } =
            request;
        let (lane, tip) = (lane.unwrap_or(Lane(0)), tip.unwrap_or(Amount::ZERO));
        let fee_payer = fee_payer.unwrap_or(sender);
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => next_nonce(self, sender, lane)?,
        };
        let mut body = TxBody {
            chain: self.shared.chain,
            sender,
            grant,
            lane,
            nonce,
            expires_ms: expires_ms.unwrap_or_else(|| {
                self.next_time(&view).saturating_add(TimeMs(wall::stretched(EXPIRES_AFTER.0)))
            }),
            fee_payer,
            max_fee: Amount::MAX,
            tip,
            calls,
        };
        let env = self.next_env(&view);
        let signatures = Signers::expected(&view.state, &env, &body, &[]).count;
        let weight = weigh(&body, signatures);
        let fee = fee_of(&env.params, weight, tip);
        // An obstacle that only the state is may be gone when the transaction is sent: `tx_simulate` tells of those.
        run(&view.state, &env, &body, &[]).map_err(|error| reject::by_runtime(body.id(), &error))?;
        // Room for one signature more than expected, so that it does not void the transaction; what is not used is not
        // taken.
        let roomy = weigh(&body, signatures.saturating_add(1).min(AUTHS_MAX));
        body.max_fee = max_fee.unwrap_or_else(|| fee_of(&env.params, roomy, tip));
        let body_hex = encode(&body);
        if body_hex.len() > TX_BYTES_MAX {
            let error = TxError::TooLarge { max: TX_BYTES_MAX, got: body_hex.len() };
            return Err(reject::by_runtime(body.id(), &error));
        }
        Ok(PreparedTx {
            at: at(&view),
            id: body.id(),
            body_hex,
            signing_hex: body.signing_bytes(),
            fee,
            weight,
            body,
        })
    }

    fn tx_submit(&self, txs: Vec<Tx>) -> Answers<'_> {
        Box::pin(submit(self, txs))
    }

    fn tx_status(&self, id: Hash) -> RpcResult<TxStatus> {
        if let Some(found) = stored(self, id)? {
            return Ok(found.status);
        }
        let Answer::TxFate(fate) = self.ask(Question::TxFate(id))? else { return Err(mixed_up()) };
        let (state, height, reason) = match fate {
            // It may have become final between the two questions.
            Fate::Unknown => {
                return stored(self, id)?
                    .map(|found| found.status)
                    .ok_or_else(|| RpcError::not_found("transaction", id));
            }
            Fate::Pending => (TxState::Pending, None, None),
            Fate::Included { height } => (TxState::Included, Some(height), None),
            Fate::Expired => (TxState::Expired, None, None),
            Fate::Superseded => (TxState::Superseded, None, None),
            Fate::Dropped(code) => (TxState::Dropped, None, Some(code.to_owned())),
        };
        let head = self.shared.view().header.height;
        let (index, expires_ms, receipt) = (None, None, None);
        Ok(TxStatus { id, state, finalized: false, height, index, head, expires_ms, reason, receipt })
    }

    fn tx_get(&self, id: Hash) -> RpcResult<TxReply> {
        match stored(self, id)? {
            Some(found) => Ok(found),
            None => {
                let mut status = self.tx_status(id)?;
                let Answer::Tx(tx) = self.ask(Question::Tx(id))? else { return Err(mixed_up()) };
                let tx = tx.map(|tx| *tx);
                status.expires_ms = tx.as_ref().map(|tx| tx.body().expires_ms);
                Ok(TxReply { status, tx_hex: tx.as_ref().map(encode), tx })
            }
        }
    }

    fn tx_simulate(&self, body: TxBody, auths: &[Auth]) -> RpcResult<Simulation> {
        let view = self.shared.view();
        let id = body.id();
        let outcome = run(&view.state, &self.next_env(&view), &body, auths);
        let simulated = outcome.map_err(|error| reject::by_runtime(id, &error))?;
        if let Some(error) = simulated.uncharged {
            return Err(reject::by_runtime(id, &error));
        }
        let receipt = simulated.receipt;
        let (weight, fee) = (receipt.weight, receipt.fee);
        Ok(Simulation { at: at(&view), id, receipt: receipt.into(), weight, fee })
    }
}

fn next_nonce(node: &NodeBackend, sender: Address, lane: Lane) -> RpcResult<Nonce> {
    let Answer::NextNonce(nonce) = node.ask(Question::NextNonce(sender, lane))? else {
        return Err(mixed_up());
    };
    Ok(nonce)
}

async fn submit(node: &NodeBackend, txs: Vec<Tx>) -> Vec<RpcResult<Hash>> {
    let answers = node.shared.submit(txs).await;
    let mut results = Vec::with_capacity(answers.len());
    for answer in answers {
        results.push(match answer {
            Ok(id) => Ok(id),
            Err((id, error)) if is_spent(&error) && is_stored(&node.shared.store, id).await => Ok(id),
            Err((id, error)) => Err(reject::by_driver(id, &error)),
        });
    }
    results
}

/// Whether the transaction may have been refused because it is final already.
const fn is_spent(error: &SubmitError) -> bool {
    matches!(
        error,
        SubmitError::Tx(TxError::Nonce { .. } | TxError::Expired { .. })
            | SubmitError::Pool(
                InsertError::Finalized | InsertError::NonceUsed { .. } | InsertError::Expired { .. }
            )
    )
}

async fn is_stored(store: &Arc<dyn Store>, id: Hash) -> bool {
    let store = Arc::clone(store);
    let found = tokio::task::spawn_blocking(move || store.tx(&id)).await;
    matches!(found, Ok(Ok(Some(_))))
}

/// A finalized transaction, with its receipt.
fn stored(node: &NodeBackend, id: Hash) -> RpcResult<Option<TxReply>> {
    let store = &node.shared.store;
    let Some(TxLocation { height, index }) = store.tx(&id).map_err(storage)? else { return Ok(None) };
    let missing = || RpcError::internal("a transaction named in the index is missing");
    let place = usize::try_from(index).unwrap_or(usize::MAX);
    let block = store.block(BlockId::Height(height)).map_err(storage)?.ok_or_else(missing)?;
    let receipts = store.receipts(height).map_err(storage)?.ok_or_else(missing)?;
    let tx = block.txs.into_iter().nth(place).ok_or_else(missing)?;
    let receipt = receipts.txs.into_iter().nth(place).ok_or_else(missing)?;
    let status = TxStatus {
        id,
        state: TxState::Finalized,
        finalized: true,
        height: Some(height),
        index: Some(index),
        // A block is in the database a moment before readers move on to it.
        head: node.shared.view().header.height.max(height),
        expires_ms: Some(tx.body().expires_ms),
        reason: None,
        receipt: Some(receipt.into()),
    };
    let tx_hex = Some(encode(&tx));
    Ok(Some(TxReply { status, tx: Some(tx), tx_hex }))
}
