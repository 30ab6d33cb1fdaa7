//! Transactions from clients, peers and gossip: checked, admitted, passed on, and followed to their end.

use super::tree::Tree;
use super::{Answer, Driver, Effect, Fate, FinalBlock, SubmitError};
use crate::mempool::{Inserted, Limits, Mempool, Recent};
use crate::work::{Job, Token, VerifiedBlock};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use wattle_consensus::MonoMs;
use wattle_p2p::wire::{ErrorCode, GOSSIP_TXS_MAX, Gossip, Response};
use wattle_p2p::{MessageId, Offence, PeerId, Penalty, Verdict};
use wattle_primitives::{Address, BoundedVec, Hash, Height, Lane, Nonce, TimeMs, Tx, TxBody, planted};
use wattle_runtime::{Admission, BlockEnv, State, TxError, VerifiedTx, query};

/// Most batches of transactions being checked at once.
const BATCHES_MAX: usize = 256;
/// Most bytes of transactions in one gossip message; leaves room for the framing.
const GOSSIP_BATCH_BYTES: usize = 192 * 1024;
/// Shortest time between two batches of gossip from the entry node: the first transaction of a quiet time goes at
/// once, those of a busy one are collected.
const GOSSIP_INTERVAL_MS: u64 = 3;
/// How long a transaction that entered here waits before it is gossiped again: until then it was lost to nobody, or
/// there was nobody to tell.
const GOSSIP_AGAIN_MS: u64 = 30_000;
/// Most transactions that are gossiped again.
const GOSSIP_AGAIN_MAX: usize = 16_384;
/// How long transactions that nobody can charge are no reason for a block, unless a new one comes.
const QUIET_MS: u64 = 1_000;
/// Waiting transactions that are looked at again in one round of housekeeping.
const RECHECK_TXS: usize = 256;
/// How many times a block's limits are offered to the builder, which leaves out what cannot be charged.
const CANDIDATES_FACTOR: usize = 2;
/// Most transactions whose end is remembered.
const ENDS_MAX: usize = 16_384;

/// Transactions that are in no finalized block.
#[derive(Debug)]
pub(super) struct Txs {
    pool: Mempool<VerifiedTx>,
    /// Batches at the checkers.
    checking: BTreeMap<Token, Source>,
    /// What entered here and is to be gossiped.
    outgoing: Vec<Tx>,
    outgoing_bytes: usize,
    flush_at: Option<MonoMs>,
    flushed: MonoMs,
    /// What entered here and is gossiped again: the ids of `again`.
    entered: BTreeSet<Hash>,
    /// What entered here, with the time at which it is gossiped again if it still waits.
    again: VecDeque<(MonoMs, Hash)>,
    /// Transactions of certified blocks that are not in the database yet.
    included: HashMap<Hash, Height>,
    ends: Ends,
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

/// How transactions ended that will never be in a block; the oldest are forgotten.
#[derive(Debug, Default)]
struct Ends {
    fates: HashMap<Hash, Fate>,
    order: VecDeque<Hash>,
}

impl Ends {
    fn note(&mut self, id: Hash, fate: Fate) {
        if self.fates.insert(id, fate).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > ENDS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.fates.remove(&oldest);
            }
        }
    }
}

impl Txs {
    /// An empty pool.
    #[must_use]
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            pool: Mempool::new(limits),
            checking: BTreeMap::new(),
            outgoing: Vec::new(),
            outgoing_bytes: 0,
            flush_at: None,
            flushed: MonoMs(0),
            entered: BTreeSet::new(),
            again: VecDeque::new(),
            included: HashMap::new(),
            ends: Ends::default(),
            quiet_until: MonoMs(0),
            ready: Some(false),
        }
    }

    /// When the collected transactions are due to be gossiped.
    #[must_use]
    pub(super) const fn flush_at(&self) -> Option<MonoMs> {
        self.flush_at
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
        if let Some(height) = self.included.get(id) {
            return Fate::Included { height: *height };
        }
        if self.pool.contains(id) {
            return Fate::Pending;
        }
        self.ends.fates.get(id).cloned().unwrap_or(Fate::Unknown)
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
            self.ends.note(*id, Fate::Rejected(error.code()));
        }
    }

    /// A block was certified: its transactions count as included.
    pub(super) fn included(&mut self, block: &VerifiedBlock) {
        self.included.extend(block.txs.iter().map(|tx| (tx.id(), block.header().height)));
    }

    /// A block was finalized; `state` is the one after the last of its batch.
    pub(super) fn finalized(&mut self, block: &VerifiedBlock, state: &State, time: TimeMs) {
        self.ready = None;
        self.included(block);
        for tx in &block.txs {
            self.ends.fates.remove(&tx.id()); // whatever this node thought of it
        }
        let ids = block.txs.iter().map(|tx| (tx.id(), (tx.tx().body().sender, tx.tx().body().lane)));
        let pruned = self.pool.on_finalized(ids, |(sender, lane)| query::nonce(state, sender, *lane), time);
        self.note_pruned(pruned);
    }

    fn note_pruned(&mut self, pruned: crate::mempool::Pruned) {
        for id in pruned.expired {
            self.ends.note(id, Fate::Expired);
        }
        for id in pruned.superseded {
            self.ends.note(id, Fate::Rejected("nonce_used"));
        }
    }

    /// A block is in the database: readers find its transactions there.
    pub(super) fn committed(&mut self, block: &VerifiedBlock) {
        for tx in &block.txs {
            self.included.remove(&tx.id());
        }
    }

    /// Transactions of certified blocks that will never be final are no longer included.
    pub(super) fn forget_dropped(&mut self, tree: &Tree, backlog: &VecDeque<FinalBlock>) {
        let finalized = tree.height();
        let oldest = backlog.front().map_or(finalized, |c| c.block.header().height);
        if self.included.values().all(|h| *h <= finalized && *h >= oldest) {
            return;
        }
        let mut included = HashMap::new();
        for item in backlog {
            included.extend(item.block.txs.iter().map(|tx| (tx.id(), item.block.header().height)));
        }
        for (_, entry) in tree.iter().filter(|(_, e)| e.certified) {
            included.extend(entry.block.txs.iter().map(|tx| (tx.id(), entry.block.header().height)));
        }
        self.included.retain(|id, height| *height == finalized || included.contains_key(id));
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

    /// Something gossiped.
    pub(super) fn on_gossip(&mut self, peer: PeerId, id: MessageId, message: Gossip) {
        match message {
            Gossip::Txs(txs) if self.txs.checking.len() >= BATCHES_MAX || txs.is_empty() => {
                self.emit(Effect::Verdict { peer, id, verdict: Verdict::Ignore });
            }
            Gossip::Txs(txs) => self.check_batch_of(Source::Gossip { peer, id }, txs.into_inner()),
            Gossip::Finalized(light) => {
                let height = light.header.height;
                let verdict = if height <= self.tree.height() {
                    Verdict::Ignore // old: nothing to verify it against is worth the work
                } else if self.verify_light(&light) {
                    self.peers.ahead(&peer, height);
                    self.sync.prove(height);
                    if light.certificate.round().epoch == self.current.epoch {
                        self.feed(wattle_consensus::Input::Certificate(light.certificate));
                    }
                    Verdict::Accept
                } else {
                    Verdict::Reject
                };
                self.emit(Effect::Verdict { peer, id, verdict });
            }
        }
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

    /// What a leader could not charge on an unfinalized parent goes only if it cannot be charged on what is final
    /// either: the parent may yet be dropped.
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
            self.txs.ends.note(id, Fate::Rejected(code));
        }
    }

    /// Takes a verified transaction into the pool. True when it is new; one that is already known, pending or
    /// final, is no error, so that a client may send again whatever happened to the first answer.
    fn admit(&mut self, tx: VerifiedTx, from_here: bool) -> Result<bool, SubmitError> {
        let id = tx.id();
        let pooled = self.txs.pool.contains(&id);
        let room = self.txs.again.len() < GOSSIP_AGAIN_MAX;
        if pooled && from_here && room && !self.txs.entered.contains(&id) {
            // It came from others, who may have lost it: from now on it is passed on from here.
            self.collect(tx.tx().clone(), tx.encoded_len());
        }
        let known = pooled || self.txs.included.contains_key(&id);
        if known || self.txs.pool.recent(&id, self.wall) == Some(Recent::Finalized) {
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
            self.txs.ends.note(id, Fate::Rejected("evicted"));
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

    /// What the next block would know, as far as it can be known.
    fn next_env(&self) -> BlockEnv {
        BlockEnv {
            params: self.setup.genesis.params.clone(),
            chain: self.setup.chain,
            height: self.tree.height().next(),
            time_ms: self.wall.max(self.tree.header.time_ms.next()),
            parent: self.tree.hash,
            proposer: self.tree.header.proposer,
        }
    }

    fn collect(&mut self, tx: Tx, bytes: usize) {
        if self.txs.outgoing.len() >= GOSSIP_TXS_MAX
            || self.txs.outgoing_bytes.saturating_add(bytes) > GOSSIP_BATCH_BYTES
        {
            self.send_collected();
        }
        if self.txs.again.len() < GOSSIP_AGAIN_MAX {
            self.txs.again.push_back((self.mono.after(GOSSIP_AGAIN_MS), tx.id()));
            self.txs.entered.insert(tx.id());
        }
        self.txs.outgoing.push(tx);
        self.txs.outgoing_bytes = self.txs.outgoing_bytes.saturating_add(bytes);
        self.txs.flush_at.get_or_insert(self.txs.flushed.after(GOSSIP_INTERVAL_MS));
    }

    /// Gossips again what entered here and still waits: a full node that was alone when a client came proposes no
    /// block itself, and nobody else would ever learn of the transaction.
    pub(super) fn gossip_again(&mut self) {
        while self.txs.again.front().is_some_and(|(due, _)| *due <= self.mono) {
            let Some((_, id)) = self.txs.again.pop_front() else { return };
            self.txs.entered.remove(&id);
            if let Some((tx, bytes)) = self.txs.pool.get(&id).map(|tx| (tx.tx().clone(), tx.encoded_len())) {
                self.collect(tx, bytes);
            }
        }
    }

    /// Gossips what was collected, once it is due.
    pub(super) fn flush_gossip(&mut self) {
        if self.txs.flush_at.is_some_and(|at| self.mono >= at) {
            self.send_collected();
        }
    }

    fn send_collected(&mut self) {
        self.txs.flush_at = None;
        self.txs.flushed = self.mono;
        self.txs.outgoing_bytes = 0;
        if let Ok(txs) = BoundedVec::new(std::mem::take(&mut self.txs.outgoing))
            && !txs.is_empty()
        {
            self.emit(Effect::Gossip(Gossip::Txs(txs)));
        }
    }

    /// Ready transactions for a block on `state`, best first: about as many as fit.
    pub(super) fn candidates(&self, state: &State) -> Vec<VerifiedTx> {
        let params = &self.setup.genesis.params;
        let bytes_max = usize::try_from(params.block_bytes_max).unwrap_or(usize::MAX);
        let bytes_max = bytes_max.saturating_mul(CANDIDATES_FACTOR);
        let weight_max = params.block_weight_max.0.saturating_mul(CANDIDATES_FACTOR as u64);
        let (mut bytes, mut weight) = (0usize, 0u64);
        let next = |(sender, lane): &(Address, Lane)| query::nonce(state, sender, *lane);
        self.txs
            .pool
            .ready(next, self.wall)
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
        let ready = self.txs.pool.ready(next, self.wall).next().is_some();
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

impl SubmitError {
    /// The stable code that clients match on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Tx(error) => error.code(),
            Self::Pool(error) => error.code(),
            Self::Busy => "busy",
            Self::LowSpace => "low_space",
            Self::Stopping => "stopping",
        }
    }
}
