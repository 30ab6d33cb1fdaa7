//! The answers to clients of the JSON-RPC interface, from the last committed block, the database and the driver.
//!
//! ```text
//! chain    status, blocks, validators, proofs of events
//! account  records, proofs, history          tx       prepare, simulate, submit, fate
//! ledger   books, charts, trial balances, dues, statements; holds, counters
//! token    assets, supply                    identity grants, sponsorships
//! energy   microgrids, meters, bills         market   orders, trades
//! deals    requests and deals                disputes not decided yet
//! events   pages of events                   search   what a text may mean
//! node     peers, consensus, evidence        health   whether it works, and whether it is fresh
//! page     cursors                           keys     which key a meter's address is the hash of
//! reject   why a transaction was refused, as clients read it
//! ```
//!
//! An answer is made from one committed view, which never changes under it. Everything is bounded by the request's
//! limit; where a walk could be longer than its result, by a named constant too.

// A new module's events and calls must not be passed over here unseen.
#![cfg_attr(not(test), deny(clippy::wildcard_enum_match_arm))]

mod account;
mod chain;
mod deals;
mod disputes;
mod energy;
mod events;
mod health;
mod identity;
mod keys;
mod ledger;
mod market;
mod node;
mod page;
mod reject;
mod search;
mod token;
mod tx;

#[cfg(test)]
mod tests;

pub(crate) use token::supply_info;

use crate::driver::{Answer, DriverStatus, Question};
use crate::run::shared::{Shared, View};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;
use wattle_primitives::{BlockId, Height, TimeMs, Tx};
use wattle_rpc::{Backend, Gauges};
use wattle_rpc_types::{At, RpcError, RpcResult};
use wattle_runtime::store::HistoryCursor;
use wattle_runtime::{BlockEnv, StoreError};

/// How long the driver may take to answer a question before the client is told that it is not available.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// A node as its clients see it.
pub struct NodeBackend {
    shared: Arc<Shared>,
    network: wattle_p2p::Handle,
    runtime: Runtime,
    probe: health::Probe,
    meter_keys: keys::MeterKeys,
}

impl std::fmt::Debug for NodeBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeBackend").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl NodeBackend {
    /// Answers for the node behind `shared` and `network`. To be called within a tokio runtime: a small task there
    /// asks the driver how it is doing, until this is dropped.
    #[must_use]
    pub fn new(shared: Arc<Shared>, network: wattle_p2p::Handle) -> Self {
        let runtime = Runtime::current();
        let probe = health::Probe::start(&runtime, Arc::clone(&shared));
        let meter_keys = keys::MeterKeys::of_genesis(&shared.genesis);
        Self { shared, network, runtime, probe, meter_keys }
    }

    /// The transaction at a place in the chain's history.
    fn tx_at(&self, place: HistoryCursor) -> RpcResult<Option<Tx>> {
        let block = self.shared.store.block(BlockId::Height(place.height)).map_err(storage)?;
        let index = usize::try_from(place.index).unwrap_or(usize::MAX);
        Ok(block.and_then(|block| block.txs.into_iter().nth(index)))
    }

    /// Asks the driver; not from an async context.
    fn ask(&self, question: Question) -> RpcResult<Answer> {
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(ASK_TIMEOUT, self.shared.ask(question)).await });
        answer
            .ok()
            .flatten()
            .ok_or_else(|| RpcError::Unavailable { reason: "the node is overloaded or stopping".to_owned() })
    }

    /// Consensus, mempool and synchronization at a glance, as of now.
    fn status(&self) -> RpcResult<DriverStatus> {
        let Answer::Status(status) = self.ask(Question::Status)? else { return Err(mixed_up()) };
        Ok(*status)
    }

    /// About when the next block is made: by the node's clock, but never before the last one, wherever that stands.
    fn next_time(&self, view: &View) -> TimeMs {
        self.shared.clock().max(view.header.time_ms.next())
    }

    /// The environment of the next block, as far as it can be known.
    fn next_env(&self, view: &View) -> BlockEnv {
        BlockEnv {
            params: view.schedule.params().clone(),
            chain: self.shared.chain,
            height: view.header.height.next(),
            time_ms: self.next_time(view),
            parent: view.hash,
            proposer: view.header.proposer,
        }
    }
}

/// The state that an answer describes.
const fn at(view: &View) -> At {
    At::finalized(view.header.height)
}

/// A failure of the database, as clients are told.
fn storage(error: StoreError) -> RpcError {
    if let StoreError::Pruned { horizon } = error {
        return RpcError::Pruned { horizon };
    }
    tracing::error!(%error, "the database failed to answer");
    RpcError::internal("storage failed")
}

fn mixed_up() -> RpcError {
    RpcError::internal("the driver answered another question")
}

impl Backend for NodeBackend {
    fn subscribe_heights(&self) -> watch::Receiver<Height> {
        self.shared.heights()
    }

    fn gauges(&self) -> Gauges {
        health::gauges(self)
    }
}
