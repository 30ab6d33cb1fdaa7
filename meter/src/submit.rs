//! Brings queued readings to the chain, exactly once by (meter, seq).
//!
//! One transaction is under way at a time. Before it is sent, its nonce and last reading are made durable; until its
//! fate is proven the same readings go out under the same nonce, so at most one of the attempts can ever take effect.
//! A reading is done with when the meter's record in state, proven against a believed header, has its number or a
//! higher one. What the meter said in between is not lost when readings are refused: they are tried once more, and
//! then later ones go ahead, whose counters include theirs.
//!
//! When the trust period is over nothing can be proven: readings are still sent, but none is done with before a new
//! checkpoint is given.

use crate::clock::Clock;
use crate::follow::{FollowError, Follower};
use crate::peers::Peers;
use crate::queue::{Inflight, Queue, QueueError};
use crate::sign::Signer;
use std::sync::{Arc, Mutex, PoisonError};
use wattle_p2p::PeerId;
use wattle_p2p::wire::{Request, Response};
use wattle_primitives::call::EnergyCall;
use wattle_primitives::call::energy::READINGS_MAX;
use wattle_primitives::reading::SignedReading;
use wattle_primitives::state_key::{self, AccountRecord, MeterRecord};
use wattle_primitives::{Address, Amount, BoundedBytes, BoundedVec, Call, Lane, Nonce, TimeMs, Tx, TxBody};

/// How long a transaction may wait for a block, in ms. Then it is signed again, under the same nonce.
pub const TX_LIFETIME_MS: u64 = 120_000;
/// Peers that a transaction is handed to: one may be faulty.
const ENTRY_PEERS: usize = 2;
/// Lane of the meter's account that readings use.
const LANE: Lane = Lane(0);
/// What is noted of a peer that has too much to do.
const BUSY: &str = "busy";
/// A transaction that no block and no bucket can ever carry.
const TOO_HEAVY: &str = "tx_too_heavy";

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing waits.
    Idle,
    /// Readings are on their way; look again soon.
    Sent {
        /// How many.
        readings: usize,
    },
    /// The chain does not know the meter: its operator must register it.
    NotRegistered,
    /// The trust period is over: readings were sent, but their fate cannot be proven.
    Unproven {
        /// How many.
        readings: usize,
    },
    /// No peer could be asked.
    NoPeer,
}

/// Why a round stopped.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The disk refused: the light node cannot go on.
    #[error("reading queue failed")]
    Queue(#[source] QueueError),
    /// The peer's answer taught nothing.
    #[error("peer {peer} was of no use")]
    Peer {
        /// Which.
        peer: PeerId,
        /// Why.
        #[source]
        source: FollowError,
    },
    /// The transaction was refused by every peer asked.
    #[error("transaction refused: {message}")]
    Refused {
        /// The last peer's reason.
        message: String,
    },
    /// The thread that works on the disk was lost.
    #[error("disk worker ended")]
    Worker,
}

impl SubmitError {
    /// Whether the payer's bandwidth or a peer's room is used up: later the same may be taken.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        let short = ["tx_bandwidth", "mempool_full", "account_full", BUSY];
        matches!(self, Self::Refused { message } if short.contains(&message.as_str()))
    }
}

/// Who pays, and how much at most.
#[derive(Clone, Copy, Debug)]
pub struct Payment {
    /// The meter's own account, or a sponsor of it.
    pub fee_payer: Address,
    /// Most native base units for one transaction.
    pub max_fee: Amount,
}

/// A queue shared between the meter's loop and the chain's.
pub type SharedQueue = Arc<Mutex<Queue>>;

/// Submits the readings of one meter.
pub struct Submitter {
    signer: Arc<Signer>,
    queue: SharedQueue,
    clock: Arc<Clock>,
    payment: Payment,
    /// The transaction under way, as it was last signed.
    current: Option<Tx>,
    /// Last number of a batch that the chain took without accepting all of it.
    refused: Option<u64>,
    /// Numbers up to here were refused twice: later readings go first.
    skip: u64,
    /// Most readings in the next transaction.
    batch_max: usize,
}

/// Runs `work` on the queue in a thread that may wait for the disk.
///
/// # Errors
/// [`SubmitError::Queue`], [`SubmitError::Worker`].
pub async fn with_queue<T: Send + 'static>(
    queue: &SharedQueue,
    work: impl FnOnce(&mut Queue) -> Result<T, QueueError> + Send + 'static,
) -> Result<T, SubmitError> {
    let queue = Arc::clone(queue);
    let work = move || work(&mut queue.lock().unwrap_or_else(PoisonError::into_inner));
    tokio::task::spawn_blocking(work).await.map_err(|_| SubmitError::Worker)?.map_err(SubmitError::Queue)
}

impl Submitter {
    /// A submitter for the signer's meter.
    #[must_use]
    pub const fn new(signer: Arc<Signer>, queue: SharedQueue, clock: Arc<Clock>, payment: Payment) -> Self {
        Self { signer, queue, clock, payment, current: None, refused: None, skip: 0, batch_max: READINGS_MAX }
    }

    /// Learns from `peer` what the chain has, settles what was under way and sends what comes next.
    ///
    /// # Errors
    /// [`SubmitError`]; the next round starts anew, with the same readings.
    pub async fn round(
        &mut self,
        follower: &mut Follower,
        peers: &impl Peers,
        peer: PeerId,
    ) -> Result<Progress, SubmitError> {
        let meter = self.signer.meter();
        // The account first: when its proven nonce shows that a transaction took effect, the meter's record, proven
        // at the same height or a later one, shows what it came to.
        let account = follower.prove_record::<AccountRecord>(peers, peer, &state_key::account(&meter)).await;
        let account = match account {
            Err(error) if error.needs_checkpoint() => return self.send_unproven(peers, peer).await,
            other => other.map_err(|source| SubmitError::Peer { peer, source })?,
        };
        let record = follower.prove_record::<MeterRecord>(peers, peer, &state_key::meter(&meter)).await;
        let record = record.map_err(|source| SubmitError::Peer { peer, source })?;
        let (Some(account), Some(record)) = (account, record) else { return Ok(Progress::NotRegistered) };
        let nonce = account.nonce(LANE);
        self.settle(nonce, record.last.map_or(0, |last| last.seq)).await?;
        self.send_next(peers, peer, nonce).await
    }

    /// Acknowledges what is proven to have arrived. `on_chain` is the meter's last accepted number.
    async fn settle(&mut self, nonce: Nonce, on_chain: u64) -> Result<(), SubmitError> {
        let signer = Arc::clone(&self.signer);
        let inflight = with_queue(&self.queue, move |queue| {
            if !queue.is_anchored() {
                anchor(queue, &signer, on_chain)?;
            }
            queue.ack(on_chain)?;
            let inflight = queue.inflight();
            if inflight.is_some_and(|i| nonce > i.nonce) {
                queue.set_inflight(None)?;
            }
            Ok(inflight)
        })
        .await?;
        let Some(inflight) = inflight else {
            self.current = None;
            return Ok(());
        };
        if nonce > inflight.nonce {
            self.current = None;
            self.note_refusal(inflight.up_to);
        }
        Ok(())
    }

    /// The chain took a transaction, and yet the meter's last number is below the last one in it.
    fn note_refusal(&mut self, up_to: u64) {
        if self.refused.is_some_and(|before| before <= up_to) {
            tracing::error!(up_to, "readings refused twice: later ones go first");
            self.skip = self.refused.take().unwrap_or(up_to);
        } else {
            tracing::warn!(up_to, "the chain refused readings: trying once more");
            self.refused = Some(up_to);
        }
    }

    async fn send_next(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        nonce: Nonce,
    ) -> Result<Progress, SubmitError> {
        let now = self.clock.chain_time().unwrap_or_else(|| self.clock.now());
        if let Some(tx) = self.current.clone().filter(|tx| tx.body().nonce == nonce && !expires_soon(tx, now))
        {
            return self.send(peers, peer, tx).await;
        }
        let (skip, max) = (self.skip, self.batch_max);
        let batch = with_queue(&self.queue, move |queue| {
            let batch = match queue.inflight() {
                // The same readings under the same nonce, or else two transactions could be taken for each other.
                Some(inflight) => queue.pending(0, inflight.up_to, max)?,
                None => next_batch(queue, skip, max)?,
            };
            if let Some(last) = batch.last() {
                queue.set_inflight(Some(Inflight { nonce, up_to: last.reading.seq }))?;
            }
            Ok(batch)
        })
        .await?;
        if batch.is_empty() {
            return Ok(Progress::Idle);
        }
        let Some(tx) = self.transaction(batch, nonce, now) else { return Ok(Progress::Idle) };
        self.current = Some(tx.clone());
        self.send(peers, peer, tx).await
    }

    async fn send(&mut self, peers: &impl Peers, peer: PeerId, tx: Tx) -> Result<Progress, SubmitError> {
        let result = self.hand_over(peers, peer, &tx).await;
        if let Err(SubmitError::Refused { message }) = &result {
            // Whoever refused it may remember its id: it is signed anew, under the same nonce.
            self.current = None;
            if message == TOO_HEAVY && self.batch_max > 1 {
                self.batch_max /= 2;
                tracing::warn!(readings = self.batch_max, "a transaction carries fewer readings from now on");
            }
        }
        Ok(Progress::Sent { readings: result? })
    }

    /// Sends what waits under the nonce that `peer` claims, from the number on that it claims. Nothing is remembered
    /// of it, and nothing is done with: a lie costs a transaction that has no effect.
    async fn send_unproven(&self, peers: &impl Peers, peer: PeerId) -> Result<Progress, SubmitError> {
        let failed = |source| SubmitError::Peer { peer, source };
        let answer = peers.ask(peer, Request::Account(self.signer.meter())).await;
        let nonce = match answer.map_err(|e| failed(FollowError::Request(e)))? {
            Response::Account(account) => {
                account.nonces.iter().find(|(lane, _)| *lane == LANE).map_or(Nonce::ZERO, |(_, nonce)| *nonce)
            }
            _ => return Err(failed(FollowError::OtherAnswer)),
        };
        let claimed = self.claimed_seq(peers, peer).await;
        let max = self.batch_max;
        let batch = with_queue(&self.queue, move |queue| {
            // Without a proof a new directory cannot know which numbers are free.
            if queue.is_anchored() { queue.pending(claimed, u64::MAX, max) } else { Ok(Vec::new()) }
        })
        .await?;
        let Some(tx) = self.transaction(batch, nonce, self.clock.now()) else {
            return Ok(Progress::Unproven { readings: 0 });
        };
        let readings = self.hand_over(peers, peer, &tx).await?;
        Ok(Progress::Unproven { readings })
    }

    /// The last number that `peer` says the chain has of the meter; 0 when it does not say.
    async fn claimed_seq(&self, peers: &impl Peers, peer: PeerId) -> u64 {
        let Ok(key) = BoundedBytes::new(state_key::meter(&self.signer.meter())) else { return 0 };
        let Ok(Response::Proof(answer)) = peers.ask(peer, Request::Proof { key }).await else { return 0 };
        let record = answer.value.as_deref().and_then(|v| wattle_primitives::decode::<MeterRecord>(v).ok());
        record.and_then(|record| record.last).map_or(0, |last| last.seq)
    }

    /// `None` without readings.
    fn transaction(&self, batch: Vec<SignedReading>, nonce: Nonce, now: TimeMs) -> Option<Tx> {
        if batch.is_empty() {
            return None;
        }
        let readings = BoundedVec::new(batch).ok()?;
        let calls = BoundedVec::new(vec![Call::Energy(EnergyCall::SubmitReadings { readings })]).ok()?;
        self.signer.transaction(TxBody {
            chain: self.signer.chain(),
            sender: self.signer.meter(),
            lane: LANE,
            nonce,
            expires_ms: now.saturating_add(TimeMs(TX_LIFETIME_MS)),
            fee_payer: self.payment.fee_payer,
            max_fee: self.payment.max_fee,
            tip: Amount::ZERO,
            calls,
        })
    }

    /// Hands `tx` to `peer` and to another one. Returns the number of readings in it.
    async fn hand_over(&self, peers: &impl Peers, peer: PeerId, tx: &Tx) -> Result<usize, SubmitError> {
        let others = peers.ready().into_iter().filter(|other| *other != peer);
        let (mut taken, mut message) = (false, String::new());
        for entry in std::iter::once(peer).chain(others).take(ENTRY_PEERS) {
            match peers.ask(entry, Request::SubmitTx(Box::new(tx.clone()))).await {
                Ok(Response::Submitted { .. }) => taken = true,
                Ok(Response::Error { message: reason, .. }) => message = reason.to_string(),
                Ok(_) => BUSY.clone_into(&mut message),
                Err(error) => message = error.to_string(),
            }
        }
        let readings = readings_in(tx);
        if taken {
            tracing::debug!(id = %tx.id(), readings, nonce = tx.body().nonce.0, "readings sent");
            return Ok(readings);
        }
        Err(SubmitError::Refused { message })
    }
}

/// Gives pending readings numbers that no earlier life of the meter has used, if it must.
fn anchor(queue: &mut Queue, signer: &Signer, on_chain: u64) -> Result<(), QueueError> {
    let old_last = queue.last_seq();
    if queue.anchor(on_chain)? {
        tracing::warn!(on_chain, "the chain knows higher numbers of this meter: signing what waits again");
        let mut above = 0;
        loop {
            let old = queue.pending(above, old_last, READINGS_MAX)?;
            let Some(last) = old.last() else { break };
            above = last.reading.seq;
            for reading in &old {
                let seq = queue.next_seq()?;
                queue.append(&signer.renumber(reading, seq))?;
            }
        }
        queue.sync()?;
        queue.ack(old_last)?;
    }
    queue.set_anchored()
}

/// What goes next: the oldest that wait, but those refused twice only when nothing later waits.
fn next_batch(queue: &Queue, skip: u64, max: usize) -> Result<Vec<SignedReading>, QueueError> {
    let later = queue.pending(skip, u64::MAX, max)?;
    if later.is_empty() { queue.pending(0, u64::MAX, max) } else { Ok(later) }
}

fn expires_soon(tx: &Tx, now: TimeMs) -> bool {
    tx.body().expires_ms <= now.saturating_add(TimeMs(TX_LIFETIME_MS / 8))
}

fn readings_in(tx: &Tx) -> usize {
    let count = |call: &Call| match call {
        Call::Energy(EnergyCall::SubmitReadings { readings }) => readings.len(),
        _ => 0,
    };
    tx.body().calls.iter().map(count).sum()
}

#[cfg(test)]
#[path = "submit_tests.rs"]
mod tests;
