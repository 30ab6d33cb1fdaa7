//! Brings queued readings to the chain, exactly once by (meter, seq).
//!
//! One transaction is under way at a time. Before it is sent, its nonce and last reading are made durable; until its
//! fate is proven the same readings go out under the same nonce, so at most one of the attempts can ever take effect.
//! Where somebody else brought them, those that follow may go out under two nonces: the chain takes each reading once.
//! A reading is done with when the meter's record in state, proven against a believed header, has its number or a
//! higher one.
//!
//! Refused readings are tried once more; then later ones go ahead, whose counters include theirs. Readings refused
//! twice are parked, since each attempt costs the sponsor: until a new reading comes that the proven record does not
//! speak against, or until a pause is over that doubles each time. For a meter that was replaced or retired nothing
//! more is sent.
//!
//! When the trust period is over nothing can be proven: readings are still sent, but none is done with before a new
//! checkpoint is given.

mod refusal;

pub(crate) use refusal::{Objection, Refusal};

use crate::clock::Clock;
use crate::follow::{self, FollowError, Follower};
use crate::peers::Peers;
use crate::queue::{Inflight, Queue, QueueError};
use crate::sign::Signer;
use std::sync::{Arc, Mutex, PoisonError};
use wattle_host::wall;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{Request, Response};
use wattle_primitives::call::energy::READINGS_MAX;
use wattle_primitives::reading::SignedReading;
use wattle_primitives::state_key::{self, MeterRecord};
use wattle_primitives::{
    Address, Amount, BoundedBytes, BoundedVec, Call, Height, Lane, Nonce, Reason, TimeMs, Tx, TxBody, call,
};

/// How long a transaction may wait for a block, in ms. Then it is signed again, under the same nonce.
pub(crate) const TX_LIFETIME_MS: u64 = 120_000;
/// Peers that a transaction is handed to: one may be faulty.
const ENTRY_PEERS: usize = 2;
/// Lane of the meter's account that readings use.
const LANE: Lane = Lane(0);
/// The refusal of a peer that has too much to do.
const BUSY: &str = "busy";
/// A transaction that no block and no bucket can ever carry.
const TOO_HEAVY: &str = "tx_too_heavy";

/// First pause after readings were refused twice, in ms.
const PARK_MS_MIN: u64 = 900_000;
/// Longest one.
const PARK_MS_MAX: u64 = 86_400_000;
/// After so many refusals in a row new readings wait for the end of the pause too.
const REFUSALS_MAX: u32 = 6;

/// Outcome of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
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
    /// The chain has refused what waits: it is parked, see [`Submitter::refusal`].
    Refused,
    /// No peer could be asked.
    NoPeer,
}

/// Reasons why a round stopped.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The disk refused: the light node cannot go on.
    #[error("reading queue failed")]
    Queue(#[source] QueueError),
    /// The peer's answer taught nothing.
    #[error("peer {peer} was of no use")]
    Peer {
        peer: PeerId,
        #[source]
        source: FollowError,
    },
    /// The transaction was refused by every peer asked.
    #[error("transaction refused: {message}")]
    Refused { message: String },
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
pub(crate) struct Payment {
    /// The meter's own account, or a sponsor of it.
    pub fee_payer: Address,
    /// Most native base units for one transaction.
    pub max_fee: Amount,
}

/// A queue shared between the meter's loop and the chain's.
pub(crate) type SharedQueue = Arc<Mutex<Queue>>;

/// Submits the readings of one meter.
pub(crate) struct Submitter {
    signer: Arc<Signer>,
    queue: SharedQueue,
    clock: Arc<Clock>,
    payment: Payment,
    /// The transaction under way, as it was last signed.
    current: Option<Tx>,
    /// Readings whose transaction the chain took, and which it did not accept.
    refusal: Option<Refusal>,
    /// Readings sent last without a proof of their nonce.
    unproven: Option<Inflight>,
    /// The meter's record as it was last proven.
    record: Option<MeterRecord>,
    /// Most readings in the next transaction.
    batch_max: usize,
}

/// Runs `work` on the queue in a thread that may wait for the disk.
///
/// # Errors
/// [`SubmitError::Queue`], [`SubmitError::Worker`].
pub(crate) async fn with_queue<T: Send + 'static>(
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
    pub(crate) const fn new(
        signer: Arc<Signer>,
        queue: SharedQueue,
        clock: Arc<Clock>,
        payment: Payment,
    ) -> Self {
        Self {
            signer,
            queue,
            clock,
            payment,
            current: None,
            refusal: None,
            unproven: None,
            record: None,
            batch_max: READINGS_MAX,
        }
    }

    /// Readings that the chain refuses at present.
    #[must_use]
    pub(crate) const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The meter's record as it was last proven.
    #[must_use]
    pub(crate) const fn record(&self) -> Option<&MeterRecord> {
        self.record.as_ref()
    }

    /// Learns from `peer` what the chain has, settles what was under way and sends what comes next.
    ///
    /// # Errors
    /// [`SubmitError`]; the next round starts anew, with the same readings.
    pub(crate) async fn round(
        &mut self,
        follower: &mut Follower,
        peers: &impl Peers,
        peer: PeerId,
    ) -> Result<Progress, SubmitError> {
        let decided = self.decided().await?;
        let proven = match self.prove(follower, peers, peer, decided).await {
            Err(error) if error.needs_checkpoint() => return self.send_unproven(peers, peer).await,
            other => other.map_err(|source| SubmitError::Peer { peer, source })?,
        };
        let Some((nonce, record)) = proven else { return Ok(Progress::NotRegistered) };
        self.settle(nonce, &record).await?;
        let closed = record.closed().or_else(|| record.suspended_ms.map(|_| Reason::MeterSuspended));
        self.record = Some(record);
        if closed.is_none() && self.refusal.is_some_and(|refusal| refusal.reason == Objection::SUSPENDED) {
            self.refusal = None; // somebody has read it
        }
        if let Some(reason) = closed {
            self.closed(reason);
            return Ok(Progress::Refused);
        }
        self.send_next(peers, peer, nonce).await
    }

    /// The transaction sent last, once its time is over: it has taken effect, or never will. None where others went
    /// after it without a proof: the next nonce is not known by it.
    async fn decided(&self) -> Result<Option<Inflight>, SubmitError> {
        let now = self.chain_now();
        if self.unproven.is_some() || self.current.as_ref().is_some_and(|tx| !expires_soon(tx, now)) {
            return Ok(None);
        }
        with_queue(&self.queue, |queue| Ok(queue.inflight())).await
    }

    /// Asks for the next nonce of the meter's account and its record; `None` where the chain does not know it. If the
    /// record has the last reading of `decided`, its transaction took effect, and the nonce follows from that. Should
    /// somebody else have brought the readings, the next transaction never counts, and the account is asked for then.
    async fn prove(
        &self,
        follower: &mut Follower,
        peers: &impl Peers,
        peer: PeerId,
        decided: Option<Inflight>,
    ) -> Result<Option<(Nonce, MeterRecord)>, FollowError> {
        let meter = self.signer.meter();
        if let Some(decided) = decided {
            let record = follower.prove_record(peers, peer, state_key::meter(&meter)).await?;
            let Some(record) = record else { return Ok(None) };
            if record.last.is_some_and(|last| last.seq >= decided.up_to) {
                return Ok(Some((decided.nonce.next(), record)));
            }
        }
        // In one state: when the account's nonce shows that a transaction took effect, the meter's record shows what it
        // came to.
        let keys = (state_key::account(&meter), state_key::meter(&meter));
        let (account, record) = follower.prove_records(peers, peer, keys).await?;
        Ok(account.map(|account| account.nonce(LANE)).zip(record))
    }

    /// Nothing is sent for this meter: the chain would take the fee and no reading.
    fn closed(&mut self, reason: Reason) {
        let reason = Objection::Closed(reason);
        if self.refusal.is_none_or(|refusal| refusal.reason != reason) {
            let (meter, reason) = (self.signer.meter(), reason.name());
            tracing::error!(%meter, reason, "the meter is closed or suspended on the chain: nothing is sent");
        }
        let up_to = self.refusal.map_or(0, |refusal| refusal.up_to);
        self.refusal = Some(Refusal { up_to, reason, times: 0, until_ms: u64::MAX });
    }

    /// Acknowledges what is proven to have arrived.
    async fn settle(&mut self, nonce: Nonce, record: &MeterRecord) -> Result<(), SubmitError> {
        let signer = Arc::clone(&self.signer);
        self.unproven = None;
        // The meter's last accepted number.
        let on_chain = record.last.map_or(0, |last| last.seq);
        let (moved, inflight, newest) = with_queue(&self.queue, move |queue| {
            if !queue.is_anchored() {
                anchor(queue, &signer, on_chain)?;
            }
            let before = queue.acked();
            queue.ack(on_chain)?;
            let inflight = queue.inflight().filter(|inflight| nonce > inflight.nonce);
            let newest = match inflight {
                Some(inflight) => queue.pending(inflight.up_to.saturating_sub(1), inflight.up_to, 1)?.pop(),
                None => None,
            };
            if inflight.is_some() {
                queue.set_inflight(None)?;
            }
            Ok((queue.acked() > before, inflight, newest))
        })
        .await?;
        if moved {
            self.refusal = None;
        }
        if self.current.as_ref().is_some_and(|tx| nonce > tx.body().nonce) {
            self.current = None;
        }
        if let Some(inflight) = inflight {
            self.current = None;
            let now = self.chain_now();
            let reason = newest.map(|signed| Objection::of(record, &signed.reading, now));
            self.note_refusal(inflight.up_to, reason.unwrap_or(Objection::Unknown));
        }
        Ok(())
    }

    /// The chain took a transaction, and yet the meter's last number is below the last one in it.
    fn note_refusal(&mut self, up_to: u64, reason: Objection) {
        let times = self.refusal.map_or(0, |refusal| refusal.times).saturating_add(1);
        let (meter, reason_name) = (self.signer.meter(), reason.name());
        let mut until_ms = self.clock.uptime_ms();
        if times == 1 {
            tracing::warn!(%meter, up_to, reason = reason_name, "the chain refused readings: trying once more");
        } else {
            let doubled = 1u64.checked_shl(times.saturating_sub(2)).unwrap_or(u64::MAX);
            let pause_ms = PARK_MS_MIN.saturating_mul(doubled).min(PARK_MS_MAX);
            until_ms = until_ms.saturating_add(pause_ms);
            tracing::error!(%meter, up_to, reason = reason_name, times, pause_ms, "readings refused: parked");
        }
        self.refusal = Some(Refusal { up_to, reason, times, until_ms });
    }

    /// The chain's time, as good as it is known.
    fn chain_now(&self) -> TimeMs {
        self.clock.chain_time().unwrap_or_else(|| self.clock.now())
    }

    /// The readings to send next: the oldest that wait. Those refused twice stay parked until their pause is over, or
    /// until a later reading waits that may be taken.
    async fn next_batch(&mut self) -> Result<Option<Vec<SignedReading>>, SubmitError> {
        let max = self.batch_max;
        let Some(refusal) = self.refusal.filter(Refusal::is_lasting) else {
            return with_queue(&self.queue, move |queue| queue.pending(0, u64::MAX, max)).await.map(Some);
        };
        let over = self.clock.uptime_ms() >= refusal.until_ms;
        let later = with_queue(&self.queue, move |queue| queue.pending(refusal.up_to, u64::MAX, max)).await?;
        let (now, record) = (self.chain_now(), self.record.as_ref());
        let may_be_taken = |signed: &SignedReading| {
            record.is_none_or(|record| !Objection::of(record, &signed.reading, now).is_final())
        };
        if later.iter().any(may_be_taken) && (over || refusal.times < REFUSALS_MAX) {
            return Ok(Some(later));
        }
        if !over {
            return Ok(None);
        }
        let all = with_queue(&self.queue, move |queue| queue.pending(0, u64::MAX, max)).await?;
        Ok(Some(all).filter(|all| all.iter().any(may_be_taken)))
    }

    async fn send_next(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        nonce: Nonce,
    ) -> Result<Progress, SubmitError> {
        let now = self.chain_now();
        if let Some(tx) = self.current.clone().filter(|tx| tx.body().nonce == nonce && !expires_soon(tx, now))
        {
            return self.send(peers, peer, tx).await;
        }
        let max = self.batch_max;
        let same = with_queue(&self.queue, move |queue| match queue.inflight() {
            // The same readings under the same nonce, or else two transactions could be taken for each other.
            Some(inflight) => queue.pending(0, inflight.up_to, max).map(Some),
            None => Ok(None),
        })
        .await?;
        let batch = match same {
            Some(batch) => batch,
            None => match self.next_batch().await? {
                Some(batch) => batch,
                None => return Ok(Progress::Refused),
            },
        };
        let Some(up_to) = batch.last().map(|last| last.reading.seq) else { return Ok(Progress::Idle) };
        with_queue(&self.queue, move |queue| queue.set_inflight(Some(Inflight { nonce, up_to }))).await?;
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

    /// Sends what waits under the nonce that `peer` claims, from the number on that it claims. Nothing is done
    /// with: a lie costs a transaction that has no effect, or a pause.
    async fn send_unproven(&mut self, peers: &impl Peers, peer: PeerId) -> Result<Progress, SubmitError> {
        let failed = |source| SubmitError::Peer { peer, source };
        let answer = follow::ask(peers, peer, Request::Account(self.signer.meter())).await;
        let nonce = match answer.map_err(failed)? {
            Response::Account(account) => {
                account.nonces.iter().find(|(lane, _)| *lane == LANE).map_or(Nonce::ZERO, |(_, nonce)| *nonce)
            }
            _ => return Err(failed(FollowError::OtherAnswer)),
        };
        let claimed = self.claimed_seq(peers, peer).await;
        // A peer's word that the chain took the fee and not the readings ends no reading, but it parks them all the
        // same.
        if let Some(sent) = self.unproven.take_if(|sent| nonce > sent.nonce) {
            if claimed < sent.up_to {
                self.note_refusal(sent.up_to, Objection::Unknown);
            } else {
                self.refusal = None;
            }
        }
        let refusal = self.refusal.filter(Refusal::is_lasting);
        let over = refusal.is_none_or(|refusal| self.clock.uptime_ms() >= refusal.until_ms);
        let above = match refusal {
            Some(refusal) if !over && refusal.times >= REFUSALS_MAX => return Ok(Progress::Refused),
            Some(refusal) if !over => claimed.max(refusal.up_to),
            _ => claimed,
        };
        let max = self.batch_max;
        let batch = with_queue(&self.queue, move |queue| {
            // Without a proof a new directory cannot know which numbers are free.
            if queue.is_anchored() { queue.pending(above, u64::MAX, max) } else { Ok(Vec::new()) }
        })
        .await?;
        let up_to = batch.last().map(|last| last.reading.seq);
        let (Some(tx), Some(up_to)) = (self.transaction(batch, nonce, self.clock.now()), up_to) else {
            return Ok(if over { Progress::Unproven { readings: 0 } } else { Progress::Refused });
        };
        let readings = self.hand_over(peers, peer, &tx).await?;
        self.unproven = Some(Inflight { nonce, up_to });
        Ok(Progress::Unproven { readings })
    }

    /// The last number that `peer` says the chain has of the meter; 0 when it does not say.
    async fn claimed_seq(&self, peers: &impl Peers, peer: PeerId) -> u64 {
        let key = BoundedBytes::new(state_key::meter(&self.signer.meter()).to_vec());
        let Ok(keys) = key.and_then(|key| BoundedVec::new(vec![key])) else { return 0 };
        let question = Request::Proof { keys, known: Height::ZERO };
        let Ok(Response::Proof(answer)) = peers.ask(peer, question).await else { return 0 };
        let value = answer.values.first().and_then(|proven| proven.value.as_deref());
        let record = value.and_then(|value| wattle_primitives::decode::<MeterRecord>(value).ok());
        record.and_then(|record| record.last).map_or(0, |last| last.seq)
    }

    /// `None` without readings.
    fn transaction(&self, batch: Vec<SignedReading>, nonce: Nonce, now: TimeMs) -> Option<Tx> {
        if batch.is_empty() {
            return None;
        }
        let readings = BoundedVec::new(batch).ok()?;
        let calls = BoundedVec::new(vec![Call::from(call::energy::SubmitReadings { readings })]).ok()?;
        self.signer.transaction(TxBody {
            chain: self.signer.chain(),
            sender: self.signer.meter(),
            grant: None,
            lane: LANE,
            nonce,
            expires_ms: now.saturating_add(TimeMs(wall::stretched(TX_LIFETIME_MS))),
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

fn expires_soon(tx: &Tx, now: TimeMs) -> bool {
    tx.body().expires_ms <= now.saturating_add(TimeMs(wall::stretched(TX_LIFETIME_MS / 8)))
}

fn readings_in(tx: &Tx) -> usize {
    let count = |call: &Call| match call {
        Call::Energy(call::EnergyCall::SubmitReadings(call::energy::SubmitReadings { readings })) => {
            readings.len()
        }
        _ => 0,
    };
    tx.body().calls.iter().map(count).sum()
}

#[cfg(test)]
mod tests;
