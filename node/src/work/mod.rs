//! Long work on the CPU, as pure functions of their input: the node runs them on a worker thread, the simulator in
//! its own event order.
//!
//! A worker keeps the schedule of the node's start. That is right in every later epoch too: only genesis writes
//! parameters and validator sets into the state, those of all epochs at once (a test refuses a second writer in
//! `runtime`), and work takes nothing from the schedule but parameters. A call that could change them would have to
//! send them along with each job, since jobs of two epochs can be under way at a time.

mod block;
mod body;
mod cache;
mod job;

pub use block::{
    BuildJob, BuiltBlock, Divergence, ExecuteError, ReplayError, Replayed, build, execute, replay,
};
pub use body::{BodyError, BodyFault, VerifiedBlock, check_body};
pub use cache::TxCache;
pub use job::{Done, Job, Token};

use std::sync::Arc;
use wattle_primitives::{Hash, Tx};
use wattle_runtime::{BlockEnv, CheckedTx, Schedule, TxError, VerifiedTx, verify_all};

/// Transactions that one source sent; the token names it.
pub type Unchecked = (Token, Vec<Tx>);

/// The chain, as all work needs it.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Genesis hash.
    pub chain: Hash,
    /// Parameters and validator sets, as genesis wrote them.
    pub schedule: Arc<Schedule>,
    /// Transactions that were verified already.
    pub cache: Arc<TxCache>,
}

impl Worker {
    /// Does one piece of work.
    #[must_use]
    pub fn run(&self, job: Job) -> Done {
        match job {
            Job::Body(block) => {
                let hash = block.hash();
                Done::Body { hash, result: check_body(self, *block).map(Arc::new) }
            }
            Job::Txs { token, txs } => {
                let results = self.check_txs(txs);
                Done::Txs { token, results }
            }
            Job::Execute { block, parent } => {
                Done::Executed { hash: block.hash, result: execute(self, &block, &parent).map(Arc::new) }
            }
            Job::Build(job) => {
                let round = job.round;
                Done::Built { round, result: Box::new(build(self, *job)) }
            }
            Job::Replay { token, parent, blocks } => {
                Done::Replayed { token, result: replay(self, &parent, blocks) }
            }
        }
    }

    /// Checks what several sources sent as one batch: the larger it is, the less a signature costs.
    #[must_use]
    pub fn check_together(&self, sources: Vec<Unchecked>) -> Vec<Done> {
        let mut txs = Vec::with_capacity(sources.iter().map(|(_, txs)| txs.len()).sum());
        let parts = sources.into_iter().map(|(token, mut part)| {
            let len = part.len();
            txs.append(&mut part);
            (token, len)
        });
        let parts: Vec<(Token, usize)> = parts.collect();
        let mut results = self.check_txs(txs).into_iter();
        parts
            .into_iter()
            .map(|(token, len)| Done::Txs { token, results: results.by_ref().take(len).collect() })
            .collect()
    }

    /// Checks and verifies transactions in one batch; what the cache knows is not verified again.
    fn check_txs(&self, txs: Vec<Tx>) -> Vec<Result<VerifiedTx, (Hash, TxError)>> {
        let ids: Vec<Hash> = txs.iter().map(Tx::id).collect();
        self.verify(txs).into_iter().zip(ids).map(|(result, id)| result.map_err(|e| (id, e))).collect()
    }

    /// The same without ids: one verdict each, in order.
    fn verify(&self, txs: Vec<Tx>) -> Vec<Result<VerifiedTx, TxError>> {
        let mut results: Vec<Option<Result<VerifiedTx, TxError>>> = Vec::with_capacity(txs.len());
        let mut fresh = Vec::new();
        let mut places = Vec::new();
        for tx in txs {
            let place = results.len();
            match CheckedTx::check(tx, &self.chain, self.schedule.params()) {
                Err(error) => results.push(Some(Err(error))),
                Ok(checked) => match self.cache.get(&checked) {
                    Some(known) => results.push(Some(Ok(known))),
                    None => {
                        results.push(None);
                        places.push(place);
                        fresh.push(checked);
                    }
                },
            }
        }
        for (place, verdict) in places.into_iter().zip(verify_all(fresh)) {
            if let Ok(tx) = &verdict {
                self.cache.insert(tx.clone());
            }
            if let Some(slot) = results.get_mut(place) {
                *slot = Some(verdict);
            }
        }
        results.into_iter().flatten().collect()
    }

    /// The environment in which the block with this header is executed.
    #[must_use]
    pub fn env(&self, header: &wattle_primitives::Header) -> BlockEnv {
        BlockEnv {
            params: self.schedule.params().clone(),
            chain: self.chain,
            height: header.height,
            time_ms: header.time_ms,
            parent: header.parent,
            proposer: header.proposer,
        }
    }
}

#[cfg(test)]
mod tests;
