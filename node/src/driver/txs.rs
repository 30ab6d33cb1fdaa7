//! Transactions from clients, peers and gossip: checked, admitted to the pool, offered to the builder.

use super::fates::Fates;
use super::outgoing::Outgoing;
use super::{Answer, Driver, Effect, Fate, SubmitError};
use crate::mempool::{Inserted, Limits, Mempool, Pruned};
use crate::work::{Job, Token, VerifiedBlock};
use std::collections::BTreeMap;
use wattle_consensus::MonoMs;
use wattle_p2p::wire::{ErrorCode, Request, Response};
use wattle_p2p::{MessageId, Offence, PeerId, Penalty, Verdict};
use wattle_primitives::{Address, Hash, Lane, Nonce, PublicKey, TimeMs, Tx, TxBody, planted};
use wattle_runtime::{Admission, BlockEnv, State, TxError, VerifiedTx, query};

/// Most batches of transactions being checked at once.
const BATCHES_MAX: usize = 256;
/// How long transactions that nobody can charge are no reason for a block, unless a new one comes.
const QUIET_MS: u64 = 1_000;
/// Waiting transactions that are looked at again in one round of housekeeping.
const RECHECK_TXS: usize = 256;
/// Most transactions handed on by request in one round of housekeeping: 8 a second leave a narrow link its votes.
const REQUESTS_PER_ROUND: usize = 2;
/// How many times a block's limits are offered to the builder, which leaves out what cannot be charged.
const CANDIDATES_FACTOR: usize = 2;

/// Transactions that are in no finalized block.
#[derive(Debug)]
pub(super) struct Txs {
    pool: Mempool<VerifiedTx>,
    /// Batches at the checkers.
    checking: BTreeMap<Token, Source>,
    /// Transactions that entered here and are to be gossiped.
    pub(super) outgoing: Outgoing,
    /// Transactions that wait no more.
    pub(super) fates: Fates,
    /// Until then ready transactions are no work: the last block could charge none of them.
    quiet_until: MonoMs,
    /// Whether a transaction is ready; `None` when pool or state have changed since it was looked up.
    ready: Option<bool>,
}

/// Where a batch came from, and so who gets the answer.
#[derive(Debug)]
enum Source {
    Client(Token),
    Peer { token: Token, peer: PeerId },
    Gossip { peer: PeerId, id: MessageId },
}

impl Txs {
    /// An empty pool.
    #[must_use]
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            pool: Mempool::new(limits),
            checking: BTreeMap::new(),
            outgoing: Outgoing::default(),
            fates: Fates::default(),
            quiet_until: MonoMs(0),
            ready: Some(false),
        }
    }

    /// Transactions waiting and their bytes.
    #[must_use]
    pub(super) fn size(&self) -> (usize, usize) {
        let stats = self.pool.stats();
        (stats.count, stats.bytes)
    }

    /// Where a transaction stands, as far as it is not in the database.
    #[must_use]
    pub(super) fn fate(&self, id: &Hash) -> Fate {
        match self.fates.included_at(id) {
            Some(height) => Fate::Included { height },
            None if self.pool.contains(id) => Fate::Pending,
            None => self.fates.end(id),
        }
    }

    /// A transaction that waits.
    #[must_use]
    pub(super) fn waiting(&self, id: &Hash) -> Option<Tx> {
        self.pool.get(id).map(|tx| tx.tx().clone())
    }

    /// The nonce after those that wait, where `next` is the state's.
    #[must_use]
    pub(super) fn next_nonce(&self, sender: &Address, lane: Lane, next: Nonce) -> Nonce {
        self.pool.next_nonce(*sender, lane, next)
    }

    /// A transaction cannot be charged on the last finalized state.
    pub(super) fn refused(&mut self, id: &Hash, error: &TxError, now: TimeMs) {
        // A bucket fills again, and a nonce may have been taken by the same transaction in a block: keep those.
        if matches!(error, TxError::Bandwidth { .. } | TxError::Nonce { .. }) {
            return;
        }
        self.ready = None;
        if self.pool.remove_invalid(id, now).is_some() {
            self.fates.ended(*id, Fate::Dropped(error.code()));
        }
    }

    /// A block was finalized; `state` is the one after the last of its batch.
    pub(super) fn finalized(&mut self, block: &VerifiedBlock, state: &State, time: TimeMs) {
        self.ready = None;
        self.fates.finalized(block);
        let ids = block.txs.iter().map(|tx| (tx.id(), (tx.tx().body().sender, tx.tx().body().lane)));
        let pruned = self.pool.on_finalized(ids, |(sender, lane)| query::nonce(state, sender, *lane), time);
        self.note_pruned(pruned);
    }

    fn note_pruned(&mut self, pruned: Pruned) {
        for id in pruned.expired {
            self.fates.ended(id, Fate::Expired);
        }
        for id in pruned.superseded {
            self.fates.ended(id, Fate::Superseded);
        }
    }
}

impl Driver {
    /// Transactions from a client.
    pub(super) fn on_submit(&mut self, token: Token, txs: Vec<Tx>) {
        if self.low_space {
            return self.refuse_all(token, &txs, &SubmitError::LowSpace);
        }
        if self.txs.checking.len() >= BATCHES_MAX {
            return self.refuse_all(token, &txs, &SubmitError::Busy);
        }
        self.check_batch_of(Source::Client(token), txs);
    }

    /// A transaction from a light node.
    pub(super) fn on_peer_submit(&mut self, token: Token, peer: PeerId, tx: Tx) {
        if self.low_space || self.txs.checking.len() >= BATCHES_MAX {
            return self.emit(Effect::Respond { token, response: Response::Busy });
        }
        self.check_batch_of(Source::Peer { token, peer }, vec![tx]);
    }

    /// Transactions gossiped.
    pub(super) fn on_gossiped_txs(&mut self, peer: PeerId, id: MessageId, txs: Vec<Tx>) {
        if self.txs.checking.len() >= BATCHES_MAX || txs.is_empty() {
            return self.emit(Effect::Verdict { peer, id, verdict: Verdict::Ignore });
        }
        self.check_batch_of(Source::Gossip { peer, id }, txs);
    }

    fn check_batch_of(&mut self, source: Source, txs: Vec<Tx>) {
        let token = self.token();
        self.txs.checking.insert(token, source);
        self.emit(Effect::Work(Job::Txs { token, txs }));
    }

    pub(super) fn refuse_all(&mut self, token: Token, txs: &[Tx], error: &SubmitError) {
        let answers = txs.iter().map(|tx| Err((tx.id(), error.clone()))).collect();
        self.emit(Effect::Answer { token, answer: Answer::Submitted(answers) });
    }

    /// Checked transactions come back: those that fit enter the pool, and the source gets its answer.
    pub(super) fn on_txs_checked(&mut self, token: Token, results: Vec<Result<VerifiedTx, (Hash, TxError)>>) {
        let Some(source) = self.txs.checking.remove(&token) else { return };
        let from_here = !matches!(source, Source::Gossip { .. });
        let (mut fresh, mut answers) = (false, Vec::with_capacity(results.len()));
        for result in results {
            answers.push(match result {
                Ok(tx) => {
                    let id = tx.id();
                    match self.admit(tx, from_here) {
                        Ok(new) => {
                            fresh |= new;
                            Ok(id)
                        }
                        Err(error) => Err((id, error)),
                    }
                }
                Err((id, error)) => Err((id, SubmitError::Tx(error))),
            });
        }
        match source {
            Source::Client(token) => self.emit(Effect::Answer { token, answer: Answer::Submitted(answers) }),
            Source::Peer { token, peer } => self.answer_peer(token, peer, answers),
            Source::Gossip { peer, id } => {
                let verdict = if answers.iter().any(is_senders_fault) {
                    Verdict::Reject
                } else if fresh {
                    Verdict::Accept
                } else {
                    Verdict::Ignore
                };
                self.emit(Effect::Verdict { peer, id, verdict });
            }
        }
    }

    fn answer_peer(&mut self, token: Token, peer: PeerId, answers: Vec<Result<Hash, (Hash, SubmitError)>>) {
        if answers.iter().any(is_senders_fault) {
            self.emit(Effect::Report { peer, penalty: Penalty::Light, offence: Offence::Transaction });
        }
        let response = match answers.into_iter().next() {
            Some(Ok(id)) => Response::Submitted { id },
            Some(Err((_, SubmitError::Busy))) | None => Response::Busy,
            Some(Err((_, error))) => Response::error(ErrorCode::TxRejected, error.code()),
        };
        self.emit(Effect::Respond { token, response });
    }

    /// Transactions that could not be charged on an unfinalized parent go only if they cannot be charged on the last
    /// final state either: the parent may yet be dropped.
    pub(super) fn drop_refused(&mut self, skipped: &[(Hash, TxError)], built_empty: bool) {
        let env = self.next_env();
        for (id, _) in skipped {
            let Some(tx) = self.txs.pool.get(id) else { continue };
            if let Err(error) = wattle_runtime::admit(&self.tree.state, &env, tx) {
                self.txs.refused(id, &error, self.tree.header.time_ms);
            }
        }
        if built_empty && !skipped.is_empty() {
            // Nothing that waits can be charged for now: no reason to hurry from one empty block to the next.
            self.txs.quiet_until = self.mono.after(QUIET_MS);
        }
    }

    /// Looks again at a part of what waits: a balance, a sponsorship or a key may have gone since it was taken.
    pub(super) fn recheck_txs(&mut self) {
        // By the chain's time: this node's own clock may be wrong by years.
        let env = BlockEnv { time_ms: self.tree.header.time_ms.next(), ..self.next_env() };
        let state = &self.tree.state;
        let mut errors = Vec::new();
        self.txs.pool.recheck(RECHECK_TXS, |tx| match wattle_runtime::admit(state, &env, tx) {
            Ok(_) | Err(TxError::Bandwidth { .. }) => true,
            Err(_) if planted!("mempool-recheck-skipped") => true,
            Err(error) => {
                errors.push((tx.id(), error.code()));
                false
            }
        });
        for (id, code) in errors {
            self.txs.ready = None;
            self.txs.fates.ended(id, Fate::Dropped(code));
        }
    }

    /// Takes a verified transaction into the pool. True when it is new; one that is already known, pending or
    /// final, is no error, so that a client may send again whatever happened to the first answer.
    fn admit(&mut self, tx: VerifiedTx, from_here: bool) -> Result<bool, SubmitError> {
        let id = tx.id();
        let pooled = self.txs.pool.contains(&id);
        if pooled && from_here && self.txs.outgoing.adopts(&id) {
            self.collect(tx.tx().clone(), tx.encoded_len());
        }
        let known = pooled || self.txs.fates.included_at(&id).is_some();
        if known || self.txs.pool.is_finalized(&id, self.next_time()) {
            return Ok(false);
        }
        let admission =
            wattle_runtime::admit(&self.tree.state, &self.next_env(), &tx).map_err(SubmitError::Tx)?;
        let TxBody { sender, lane, nonce: got, .. } = *tx.tx().body();
        let next = match admission {
            Admission::Ready => got,
            Admission::Future { gap } => got.saturating_sub(Nonce(gap)),
            Admission::Stale => {
                let expected = query::nonce(&self.tree.state, &sender, lane);
                return Err(SubmitError::Tx(TxError::Nonce { lane, expected, got }));
            }
        };
        let wire = from_here.then(|| (tx.tx().clone(), tx.encoded_len()));
        let inserted = self.txs.pool.insert(tx, next, self.tree.header.time_ms).map_err(SubmitError::Pool)?;
        let (fresh, gone) = match inserted {
            Inserted::Known => (false, Vec::new()),
            Inserted::New { evicted } => (true, evicted),
            Inserted::Replaced { old, mut evicted } => {
                evicted.push(old);
                (true, evicted)
            }
        };
        for id in gone {
            self.txs.fates.ended(id, Fate::Dropped("evicted"));
        }
        if fresh {
            self.txs.ready = None;
            self.txs.quiet_until = self.mono;
            if let Some((tx, bytes)) = wire {
                self.collect(tx, bytes);
            }
        }
        Ok(fresh)
    }

    /// The environment of the next block, as far as it can be known.
    fn next_env(&self) -> BlockEnv {
        BlockEnv {
            params: self.schedule.params().clone(),
            chain: self.setup.chain,
            height: self.tree.height().next(),
            time_ms: self.next_time(),
            parent: self.tree.hash,
            proposer: self.tree.header.proposer,
        }
    }

    fn collect(&mut self, tx: Tx, bytes: usize) {
        if let Some(batch) = self.txs.outgoing.collect(tx, bytes, self.mono) {
            self.emit(Effect::Gossip(batch));
        }
    }

    /// Gossips again what entered here and still waits: a full node that was alone when a client came proposes no
    /// block itself, and nobody else would ever learn of the transaction.
    pub(super) fn gossip_again(&mut self) {
        while let Some(id) = self.txs.outgoing.due_again(self.mono) {
            if let Some((tx, bytes)) = self.txs.pool.get(&id).map(|tx| (tx.tx().clone(), tx.encoded_len())) {
                self.collect(tx, bytes);
            }
        }
    }

    /// Hands what entered here and still waits to a validator, each time to another: gossip may have had nobody to go
    /// to, or have gone down with a connection, and the network does not take the same gossip twice. A node that votes
    /// proposes it itself.
    pub(super) fn hand_on_by_request(&mut self) {
        if self.current.core.is_some() || planted!("entry-only-gossips") {
            return;
        }
        let members: Vec<PublicKey> = self.current.set.members().iter().map(|member| member.key).collect();
        let mut sent = 0usize;
        while sent < REQUESTS_PER_ROUND {
            let Some((id, times)) = self.txs.outgoing.due_by_request(self.mono) else { return };
            let Some(tx) = self.txs.waiting(&id) else { continue };
            if let Some(peer) = self.peers.in_turn(&members, times) {
                let token = self.token();
                self.emit(Effect::Ask { token, peer, request: Request::SubmitTx(Box::new(tx)) });
            }
            self.txs.outgoing.handed_on(id, times.saturating_add(1), self.mono);
            sent = sent.saturating_add(1);
        }
    }

    /// Gossips what was collected, once it is due.
    pub(super) fn flush_gossip(&mut self) {
        if let Some(batch) = self.txs.outgoing.due(self.mono) {
            self.emit(Effect::Gossip(batch));
        }
    }

    /// Ready transactions for a block on `state`, best first: about as many as fit.
    pub(super) fn candidates(&self, state: &State) -> Vec<VerifiedTx> {
        let params = self.schedule.params();
        let bytes_max = usize::try_from(params.block_bytes_max).unwrap_or(usize::MAX);
        let bytes_max = bytes_max.saturating_mul(CANDIDATES_FACTOR);
        let weight_max = params.block_weight_max.0.saturating_mul(CANDIDATES_FACTOR as u64);
        let (mut bytes, mut weight) = (0usize, 0u64);
        let next = |(sender, lane): &(Address, Lane)| query::nonce(state, sender, *lane);
        self.txs
            .pool
            .ready(next, self.next_time())
            .take_while(|tx| {
                bytes = bytes.saturating_add(tx.encoded_len());
                weight = weight.saturating_add(tx.weight().0);
                bytes <= bytes_max && weight <= weight_max
            })
            .cloned()
            .collect()
    }

    /// Whether a transaction could go into a block now.
    pub(super) fn has_ready_tx(&mut self) -> bool {
        if self.mono < self.txs.quiet_until {
            return false;
        }
        if let Some(known) = self.txs.ready {
            return known;
        }
        let state = &self.tree.state;
        let next = |(sender, lane): &(Address, Lane)| query::nonce(state, sender, *lane);
        let ready = self.txs.pool.ready(next, self.next_time()).next().is_some();
        self.txs.ready = Some(ready);
        ready
    }

    /// Lets transactions go whose time is over although no block is finalized.
    pub(super) fn expire_txs(&mut self) {
        let time = self.tree.header.time_ms;
        let pruned = self.txs.pool.on_finalized(std::iter::empty(), |_| Nonce::ZERO, time);
        if !pruned.expired.is_empty() {
            self.txs.ready = None;
        }
        self.txs.note_pruned(pruned);
    }
}

/// Whether the bytes alone condemn the transaction.
const fn is_senders_fault(answer: &Result<Hash, (Hash, SubmitError)>) -> bool {
    matches!(answer, Err((_, SubmitError::Tx(error))) if error.is_stateless())
}
