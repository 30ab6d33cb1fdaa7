//! Brings redemptions to the chain, each once by (device, count), and learns what the chain knows of the device.
//!
//! Each is signed by the redemption key, and goes in a transaction of the meter's account, on a lane of its own, so
//! that neither readings nor redemptions wait for each other. One transaction is under way at a time, under the nonce
//! that is proven to be next: of two with the same nonce one takes effect, and a redemption that the chain has already
//! is refused there. Done with is what the device's record, proven, has: whoever brought it.
//!
//! A transaction that took effect without its redemptions was refused: then they go one by one, and one that is refused
//! alone waits, ever longer. Nothing is sent without a proof.

use super::device::Paygo;
use super::state::Redeemed;
use super::{Proven, SharedPaygo, with_paygo};
use crate::clock::Clock;
use crate::follow::{FollowError, Follower};
use crate::peers::Peers;
use crate::sign::Signer;
use crate::submit::{Payment, Progress, SubmitError, TX_LIFETIME_MS, expires_soon, hand_over};
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_host::wall;
use wattle_p2p::PeerId;
use wattle_primitives::call::paygo::{RedeemToken, Redemption};
use wattle_primitives::{
    Amount, AssetId, BoundedVec, Call, Hash, Lane, Nonce, PublicKey, TimeMs, Tx, TxBody, planted,
};

/// Lane of the meter's account that redemptions use: readings have another.
const LANE: Lane = Lane(1);
/// Most redemptions in a transaction.
const BATCH_MAX: usize = 8;
/// First pause after a redemption was refused alone, in ms.
const PAUSE_MS_MIN: u64 = 900_000;
/// Longest one.
const PAUSE_MS_MAX: u64 = 86_400_000;

/// Who signs and pays for a device's redemptions.
pub(crate) struct Reporter {
    paygo: SharedPaygo,
    device: Hash,
    /// The meter: its account sends.
    sender: Arc<Signer>,
    /// The redemption key.
    redeemer: Arc<Signer>,
    clock: Arc<Clock>,
    payment: Payment,
    sent: Option<Sent>,
    /// Sends one redemption at a time.
    alone: bool,
    /// Redemptions that were refused alone: how often, and until when they wait, by uptime in ms.
    refused: BTreeMap<u32, (u32, u64)>,
}

/// A transaction under way.
struct Sent {
    tx: Tx,
    counts: Vec<u32>,
}

impl Reporter {
    /// A reporter for the device with this id, which sends as the account of `sender`.
    pub(crate) fn new(
        (paygo, device): (SharedPaygo, Hash),
        sender: Arc<Signer>,
        redeemer: Arc<Signer>,
        clock: Arc<Clock>,
        payment: Payment,
    ) -> Self {
        let (sent, alone, refused) = (None, false, BTreeMap::new());
        Self { paygo, device, sender, redeemer, clock, payment, sent, alone, refused }
    }

    /// Whether redemptions wait.
    ///
    /// # Errors
    /// [`SubmitError::Worker`].
    pub(crate) async fn has_work(&self) -> Result<bool, SubmitError> {
        self.with(|paygo| !paygo.waiting().is_empty()).await
    }

    /// Whether the chain refuses redemptions.
    pub(crate) fn is_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// Learns from `peer` what the chain has, and sends what it has not.
    ///
    /// # Errors
    /// [`SubmitError`]; the next round starts anew, with the same redemptions.
    pub(crate) async fn round(
        &mut self,
        follower: &mut Follower,
        peers: &impl Peers,
        peer: PeerId,
    ) -> Result<Progress, SubmitError> {
        let failed = |source| SubmitError::Peer { peer, source };
        let Some((nonce, proven)) = self.prove(follower, peers, peer).await.map_err(failed)? else {
            return Ok(Progress::NotRegistered);
        };
        let key = self.key();
        let learned = self.with(move |paygo| paygo.learn(&proven, &key).map(|()| paygo.waiting())).await?;
        let waiting = learned.map_err(SubmitError::Paygo)?;
        self.settle(nonce, &waiting);
        self.send_next(peers, peer, nonce, &waiting).await
    }

    /// The next nonce of the sender's lane and the device's record, in one state; `None` where the chain does not know
    /// one of them.
    async fn prove(
        &self,
        follower: &mut Follower,
        peers: &impl Peers,
        peer: PeerId,
    ) -> Result<Option<(Nonce, Proven)>, FollowError> {
        let known = self.with(|paygo| paygo.asset()).await.ok().flatten().unwrap_or(AssetId::NATIVE);
        let (sender, mut asset) = (self.sender.meter(), known);
        // The device's record names the asset of its energy: the first time, the question is put again with it.
        for _ in 0..2 {
            let (account, record, balance) =
                follower.prove_device(peers, peer, &sender, &self.device, asset).await?;
            let Some((account, record)) = account.zip(record) else { return Ok(None) };
            if record.asset == asset {
                let balance = balance.unwrap_or_default();
                return Ok(Some((account.nonce(LANE), Proven { record, balance })));
            }
            asset = record.asset;
        }
        Err(FollowError::OtherAnswer) // an asset never changes, and both answers were proven
    }

    /// Settles redemptions that were sent: done with, or refused.
    fn settle(&mut self, nonce: Nonce, waiting: &[Redeemed]) {
        let waits = |count: &u32| waiting.iter().any(|redeemed| redeemed.token.count == *count);
        self.refused.retain(|count, _| waits(count));
        let Some(sent) = self.sent.take_if(|sent| nonce > sent.tx.body().nonce) else { return };
        let left: Vec<u32> = sent.counts.iter().copied().filter(waits).collect();
        match left.as_slice() {
            [] => self.alone &= !self.refused.is_empty(),
            [count] if sent.counts.len() == 1 => {
                let (times, until_ms) = self.refused.entry(*count).or_default();
                *times = times.saturating_add(1);
                let doubled = 1u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX);
                let pause_ms = PAUSE_MS_MIN.saturating_mul(doubled).min(PAUSE_MS_MAX);
                *until_ms = self.clock.uptime_ms().saturating_add(pause_ms);
                tracing::error!(device = %self.device, count, times = *times, pause_ms, "the chain refuses a redemption");
            }
            [..] => self.alone = true,
        }
    }

    async fn send_next(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        nonce: Nonce,
        waiting: &[Redeemed],
    ) -> Result<Progress, SubmitError> {
        let now = self.chain_now();
        let again = self.sent.as_ref().filter(|sent| {
            sent.tx.body().nonce == nonce && !expires_soon(&sent.tx, now) && sent.is_still_wanted(waiting)
        });
        if let Some(sent) = again {
            hand_over(peers, peer, &sent.tx).await?;
            return Ok(Progress::Sent { readings: 0 });
        }
        let uptime_ms = self.clock.uptime_ms();
        let rests = |redeemed: &&Redeemed| {
            let until_ms = self.refused.get(&redeemed.token.count).map(|(_, until_ms)| *until_ms);
            until_ms.is_none_or(|until_ms| uptime_ms >= until_ms)
        };
        let max = if self.alone { 1 } else { BATCH_MAX };
        let batch: Vec<Redeemed> = waiting.iter().filter(rests).take(max).copied().collect();
        if batch.is_empty() {
            return Ok(if waiting.is_empty() { Progress::Idle } else { Progress::Refused });
        }
        let Some(sent) = self.transaction(&batch, nonce, now).await? else { return Ok(Progress::Idle) };
        let handed_over = hand_over(peers, peer, &sent.tx).await;
        if matches!(&handed_over, Err(SubmitError::Refused { .. })) {
            // Whoever refused it may remember its id: it is signed anew, with one redemption, in case it was too heavy.
            self.alone = true;
        } else {
            self.sent = Some(sent);
        }
        handed_over.map(|()| Progress::Sent { readings: 0 })
    }

    async fn transaction(
        &self,
        batch: &[Redeemed],
        nonce: Nonce,
        now: TimeMs,
    ) -> Result<Option<Sent>, SubmitError> {
        let counts: Vec<u32> = batch.iter().map(|redeemed| redeemed.token.count).collect();
        let asked = counts.clone();
        let nonces = self
            .with(move |paygo| asked.iter().map(|count| paygo.nonce(*count)).collect::<Vec<Hash>>())
            .await?;
        let calls = batch.iter().zip(nonces).map(|(redeemed, nonce)| {
            // By a clock that runs ahead of the chain's it would be refused; one that was not known says nothing.
            let time_ms = redeemed.time_ms.unwrap_or(now).min(now);
            let redemption = Redemption { device: self.device, token: redeemed.token, nonce, time_ms };
            let proof = Some(self.redeemer.redemption(&redemption));
            Call::from(RedeemToken { redemption, proof })
        });
        let Ok(calls) = BoundedVec::new(calls.collect()) else { return Ok(None) };
        let tx = self.sender.transaction(TxBody {
            chain: self.sender.chain(),
            sender: self.sender.meter(),
            grant: None,
            lane: LANE,
            nonce,
            expires_ms: now.saturating_add(TimeMs(wall::stretched(TX_LIFETIME_MS))),
            fee_payer: self.payment.fee_payer,
            max_fee: self.payment.max_fee,
            tip: Amount::ZERO,
            calls,
        });
        Ok(tx.map(|tx| Sent { tx, counts }))
    }

    /// The chain's time, as good as it is known.
    fn chain_now(&self) -> TimeMs {
        self.clock.chain_time().unwrap_or_else(|| self.clock.now())
    }

    fn key(&self) -> PublicKey {
        self.redeemer.public()
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Paygo) -> T + Send + 'static,
    ) -> Result<T, SubmitError> {
        with_paygo(&self.paygo, work).await.ok_or(SubmitError::Worker)
    }
}

impl Sent {
    /// Whether none of its redemptions came through otherwise: then the chain would refuse them all.
    fn is_still_wanted(&self, waiting: &[Redeemed]) -> bool {
        let waits = |count: &u32| waiting.iter().any(|redeemed| redeemed.token.count == *count);
        self.counts.iter().all(waits) || planted!("light-redemption-sent-again")
    }
}

impl Paygo {
    fn waiting(&self) -> Vec<Redeemed> {
        self.state.waiting.clone()
    }

    /// The asset in which the device's energy is held, as far as that is known.
    fn asset(&self) -> Option<AssetId> {
        self.state.chain.map(|chain| chain.asset)
    }
}
