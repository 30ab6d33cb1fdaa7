//! The chain's loop: follows headers, submits what the queues hold, looks at balances.
//!
//! Peers are asked by chance, so that none of them is believed or waited for alone, and a second one is asked for the header
//! that the first one proved. Each meter has its own pace: one that is refused never holds up another.

use super::LightError;
use super::distrust;
use super::round::Round;
use crate::board::{Board, ChainFacts, Credit, Proven, ProvenTariff};
use crate::clock::Clock;
use crate::config::LightConfig;
use crate::follow::{Comparison, Doubt, FollowError, Follower, anchor};
use crate::pace::{Pacer, Step, random, spread, stagger};
use crate::peers::Peers;
use crate::relay::Input;
use crate::submit::{Progress, SharedQueue, SubmitError, Submitter, with_queue};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use wattle_p2p::PeerId;
use wattle_primitives::call::ledger::AccountId;
use wattle_primitives::state_key::{self, BalanceRecord, MeterRecord};
use wattle_primitives::{Address, AssetId, Hash, TimeMs};

/// Longest sleep: how long a new checkpoint or a new peer may wait to be noticed.
const NAP_MAX: Duration = Duration::from_secs(2);

/// Everything that talks to the chain.
pub(crate) struct Chain {
    pub(crate) config: LightConfig,
    pub(crate) dir: PathBuf,
    pub(crate) follower: Follower,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) board: Arc<Board>,
    pub(crate) clock: Arc<Clock>,
    /// Tells of readings that have just become durable.
    pub(crate) fresh: Arc<Notify>,
    /// Where proven balances of this lane's meter go.
    pub(crate) relay: Option<(usize, mpsc::Sender<Input>)>,
    pub(crate) doubt: Option<Doubt>,
    /// Peers that did not answer in time, and when.
    pub(crate) silent: BTreeMap<PeerId, Instant>,
    /// The head that a second peer was found to have since the last look.
    pub(crate) agreed: Option<Hash>,
    pub(crate) next_look: Instant,
    pub(crate) next_credit: Instant,
}

/// One meter's way to the chain.
pub(crate) struct Lane {
    /// Index of the meter.
    pub(crate) meter: usize,
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) queue: SharedQueue,
    pub(crate) submitter: Submitter,
    pub(crate) pacer: Pacer,
    pub(crate) next: Instant,
    pub(crate) acked: Option<u64>,
    /// Nothing waited at the last look: what comes next is begun with at a moment of its own.
    pub(crate) resting: bool,
    /// The disk is full: told once.
    pub(crate) full: bool,
}

/// What a queue holds, looked at without holding it.
struct Glance {
    work: bool,
    acked: u64,
    depth: usize,
    written: u64,
}

impl Lane {
    async fn glance(&self) -> Result<Glance, SubmitError> {
        with_queue(&self.queue, |queue| {
            let work = queue.depth() > 0 || queue.inflight().is_some() || !queue.is_anchored();
            let (acked, depth, written) = (queue.acked(), queue.depth(), queue.written_bytes());
            Ok(Glance { work, acked, depth, written })
        })
        .await
    }
}

impl Chain {
    /// Runs until the disk refuses.
    ///
    /// # Errors
    /// [`LightError::Queue`], [`LightError::Worker`].
    pub(crate) async fn run(&mut self, net: &impl Peers) -> Result<Infallible, LightError> {
        let mut alone = true;
        loop {
            let nap = self.turn(net, &mut alone).await?;
            // Whichever comes first: the next thing to do, or a new reading.
            if tokio::time::timeout(nap, self.fresh.notified()).await.is_ok() {
                let now = Instant::now();
                self.lanes.iter_mut().filter(|lane| lane.resting).for_each(|lane| lane.next = now);
            }
        }
    }

    /// Does everything that is due. Returns how long nothing else is.
    async fn turn(&mut self, net: &impl Peers, alone: &mut bool) -> Result<Duration, LightError> {
        if let Err(error) = anchor::take(&self.dir, &mut self.follower) {
            tracing::error!(error = &error as &dyn std::error::Error, "new checkpoint refused");
        }
        let net = &Round::new(net, &self.silent);
        let ready = net.ready();
        if std::mem::replace(alone, ready.is_empty()) && !*alone {
            self.spread_out().await?;
        }
        let now = Instant::now();
        if now >= self.next_look {
            self.look(net).await?;
            self.next_look = Instant::now() + self.config.follow_interval();
        }
        for index in 0..self.lanes.len() {
            self.submit(net, index).await?;
        }
        if now >= self.next_credit {
            self.look_at_credit(net).await;
            self.next_credit = Instant::now() + self.config.credit_interval();
        }
        self.silent = net.silent();
        self.keep_clock();
        self.show(ready.len()).await
    }

    /// Remembers over restarts whether the operating system's clock is wrong, as the chain shows it.
    fn keep_clock(&mut self) {
        if let Some(ahead) = self.clock.os_is_ahead() {
            self.clock.distrust(ahead);
        }
        if let Err(error) = distrust::keep(&self.dir, self.clock.is_distrusted()) {
            tracing::debug!(%error, "what the clock is worth is not kept");
        }
    }

    /// After an outage every light node of a village comes back at once: each begins at a moment of its own.
    async fn spread_out(&mut self) -> Result<(), LightError> {
        let longest = self.config.submit_spread();
        for lane in &mut self.lanes {
            let wait = spread(lane.glance().await?.depth, longest, random());
            if !wait.is_zero() {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(meter = %lane.name, wait_ms, "backlog: submission begins at a random moment");
            }
            lane.next = Instant::now() + wait;
        }
        (self.next_look, self.next_credit) = (Instant::now(), Instant::now());
        Ok(())
    }

    /// Follows one peer's headers, and compares with another's.
    async fn look(&mut self, net: &impl Peers) -> Result<(), LightError> {
        let Some(peer) = a_peer(net) else { return Ok(()) };
        if let Err(source) = self.follower.sync(net, peer).await {
            self.note(net, &SubmitError::Peer { peer, source });
        }
        self.agreed = None; // each look compares anew: another peer may be the second one
        // What comes of it shows in the follower's doubt.
        let _ = self.cross_check(net, peer).await;
        Ok(())
    }

    /// Asks another peer than `peer` for the head, unless one was found to have it since the last look.
    ///
    /// # Errors
    /// [`FollowError::Disputed`]. A second peer's lie or silence takes nothing from the first one's proof.
    async fn cross_check(&mut self, net: &impl Peers, peer: PeerId) -> Result<(), FollowError> {
        let head = self.follower.head().hash();
        let Some(second) = another(net, peer).filter(|_| self.agreed != Some(head)) else {
            return Ok(());
        };
        match self.follower.compare(net, second).await {
            Ok(Comparison::Agrees) => {
                self.agreed = Some(head);
                self.board.update(|f| f.chain.agreements = f.chain.agreements.saturating_add(1));
            }
            Ok(Comparison::Unknown) => {}
            Err(error @ FollowError::Disputed { .. }) => return Err(error),
            Err(source) => self.note(net, &SubmitError::Peer { peer: second, source }),
        }
        Ok(())
    }

    async fn submit(&mut self, net: &impl Peers, index: usize) -> Result<(), LightError> {
        let usual = self.config.follow_interval();
        let (interval_ms, longest) = (self.config.reading_interval_ms, self.config.submit_spread());
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| Instant::now() >= lane.next) else {
            return Ok(());
        };
        if !lane.glance().await?.work {
            lane.resting = true;
            return Ok(());
        }
        if std::mem::take(&mut lane.resting) {
            // The end of an interval, where all of a village have a reading: each comes at a moment of its own.
            lane.next = Instant::now() + stagger(interval_ms, longest, random());
            if Instant::now() < lane.next {
                return Ok(());
            }
        }
        let result = match a_peer(net) {
            Some(peer) => lane.submitter.round(&mut self.follower, net, peer).await,
            None => Ok(Progress::NoPeer),
        };
        match &result {
            // What waits is safe where it is, and goes on when there is room.
            Err(SubmitError::Queue(error)) if error.is_full() => {
                if !std::mem::replace(&mut lane.full, true) {
                    tracing::error!(meter = %lane.name, error = error as &dyn std::error::Error, "the disk is full");
                }
            }
            Err(SubmitError::Queue(_) | SubmitError::Worker) => {
                return result.map(|_| ()).map_err(Into::into);
            }
            _ => lane.full = false,
        }
        let acked = lane.glance().await?.acked;
        // Moving on means new readings settled; sending the same again does not count.
        let moved = lane.acked.replace(acked).is_some_and(|old| acked > old);
        let step = Step::of(&result, moved);
        let pause = lane.pacer.next(step, usual, random());
        lane.next = Instant::now() + pause;
        lane.resting = step == Step::Idle;
        let (meter, refusal) = (lane.meter, lane.submitter.refusal());
        let proven = lane.submitter.record().map(Proven::of);
        self.board.update_meter(meter, |facts| {
            facts.submission = describe(&result, step);
            (facts.refusal, facts.proven) = (refusal, proven.or(facts.proven));
        });
        if let Err(error) = &result {
            self.note(net, error);
        }
        Ok(())
    }

    /// Proves what the owner of each meter can spend, and what energy costs.
    async fn look_at_credit(&mut self, net: &impl Peers) {
        let asset = self.config.credit.asset;
        let mut tariffs = BTreeMap::new();
        for index in 0..self.lanes.len() {
            let Some((meter, address)) = self.lanes.get(index).map(|lane| (lane.meter, lane.address)) else {
                return;
            };
            let (mut credit, mut tariff) = (None, None);
            if let Some(peer) = a_peer(net) {
                match self.prove_credit(net, peer, address, asset).await {
                    Ok(Some((proven, microgrid))) => {
                        credit = Some(proven);
                        tariff = self.tariff(net, peer, microgrid, &mut tariffs).await;
                    }
                    Ok(None) => {}
                    Err(source) => self.note(net, &SubmitError::Peer { peer, source }),
                }
            }
            let counts = credit.filter(|_| self.is_current());
            let tariff = tariff.filter(|_| self.is_current());
            let doubted = self.follower.doubt().is_some();
            self.board.update_meter(meter, |facts| {
                facts.credit = credit.or(facts.credit);
                facts.tariff = tariff.or(facts.tariff).filter(|_| !doubted);
            });
            if let Some((_, relay)) = self.relay.as_ref().filter(|(lane, _)| *lane == index) {
                // When the relay has no room for it, the next look will do.
                let _ = relay.try_send(Input::Balance(counts.map(|credit| credit.available)));
            }
        }
    }

    /// Whether what was just proven is new enough to act on.
    fn is_current(&self) -> bool {
        let fresh = self.follower.head_age_ms().is_some_and(|age| age <= self.config.credit.age_ms_max);
        fresh && self.follower.doubt().is_none()
    }

    /// The prices of a microgrid, asked for once in a round. They are shown for as long as a balance would count.
    async fn tariff(
        &mut self,
        net: &impl Peers,
        peer: PeerId,
        microgrid: Hash,
        known: &mut BTreeMap<Hash, Option<ProvenTariff>>,
    ) -> Option<ProvenTariff> {
        if let Some(tariff) = known.get(&microgrid) {
            return *tariff;
        }
        let tariff = match self.follower.prove_tariff(net, peer, microgrid).await {
            Ok(tariff) => tariff?,
            Err(source) => {
                self.note(net, &SubmitError::Peer { peer, source });
                return None; // the next meter asks another peer
            }
        };
        let age_ms = self.follower.head_age_ms().unwrap_or(u64::MAX);
        let left_ms = self.config.credit.age_ms_max.saturating_sub(age_ms);
        let until_ms = self.clock.uptime_ms().saturating_add(left_ms);
        let tariff = Some(ProvenTariff { tariff, until_ms });
        known.insert(microgrid, tariff);
        tariff
    }

    /// What the meter's owner can spend, and the meter's microgrid. `None` when the chain does not know the meter.
    async fn prove_credit(
        &mut self,
        net: &impl Peers,
        peer: PeerId,
        meter: Address,
        asset: AssetId,
    ) -> Result<Option<(Credit, Hash)>, FollowError> {
        let record = self.follower.prove_record::<MeterRecord>(net, peer, &state_key::meter(&meter)).await?;
        let Some(MeterRecord { owner, microgrid, .. }) = record else { return Ok(None) };
        let key = state_key::balance(&AccountId::Wallet { owner }, asset);
        let balance = self.follower.prove_record::<BalanceRecord>(net, peer, &key).await?.unwrap_or_default();
        let head = self.follower.head();
        let (height, time_ms) = (head.height, head.time_ms);
        self.cross_check(net, peer).await?;
        Ok(Some((Credit { owner, asset, available: balance.available(), height, time_ms }, microgrid)))
    }

    /// Puts the chain on the board. Returns how long nothing is due.
    async fn show(&mut self, peers: usize) -> Result<Duration, LightError> {
        let now = Instant::now();
        let mut due = self.next_look.min(self.next_credit);
        let mut written = self.follower.written_bytes();
        for lane in &self.lanes {
            let seen = lane.glance().await?;
            written = written.saturating_add(seen.written);
            if seen.work {
                due = due.min(lane.next);
            }
        }
        self.publish(peers);
        self.board.note_wear(self.clock.uptime_ms(), written, self.config.write_budget_bytes_per_hour);
        Ok(due.saturating_duration_since(now).min(NAP_MAX))
    }

    /// Puts on the board what is believed, and says so when that changes.
    pub(crate) fn publish(&mut self, peers: usize) {
        let doubt = self.follower.doubt();
        if doubt.is_some() != self.doubt.is_some() {
            announce(doubt);
        }
        self.doubt = doubt;
        let chain = self.facts(peers);
        self.board.update(|facts| {
            let (lies, agreements) = (facts.chain.lies, facts.chain.agreements);
            facts.chain = ChainFacts { lies, agreements, ..chain };
        });
    }

    fn facts(&self, peers: usize) -> ChainFacts {
        let head = self.follower.head();
        let (reason, advice) = match self.doubt {
            None if self.follower.is_verified() => (None, None),
            None => {
                (Some("nothing_verified"), Some("no peer has proven a header since the start".to_owned()))
            }
            Some(Doubt::Expired { until }) => (Some("trust_expired"), Some(expired(until))),
            Some(Doubt::Disputed(dispute)) => {
                let text = format!(
                    "two proven headers exclude each other at height {}: ask the operator which is right, then \
                     `wattle-light anchor`",
                    dispute.height
                );
                (Some("peers_disagree"), Some(text))
            }
        };
        ChainFacts {
            chain_id: self.follower.chain_id().to_owned(),
            genesis_hash: self.follower.chain(),
            height: head.height,
            hash: head.hash(),
            epoch: head.epoch,
            time_ms: head.time_ms,
            age_ms: self.follower.head_age_ms(),
            trusted_until_ms: self.follower.trusted_until(),
            believing: reason.is_none(),
            reason,
            advice,
            peers,
            lies: 0,
            agreements: 0,
        }
    }

    fn note(&self, net: &impl Peers, error: &SubmitError) {
        match error {
            SubmitError::Peer { peer, source } if source.is_lie() => {
                tracing::error!(%peer, error = source as &dyn std::error::Error, "peer lied");
                self.board.update(|f| f.chain.lies = f.chain.lies.saturating_add(1));
                net.blame(*peer);
            }
            SubmitError::Queue(_) => {} // told once, when it begins
            // Announced once, when it begins.
            SubmitError::Peer { source, .. } if source.needs_checkpoint() => {}
            SubmitError::Peer { peer, source: source @ FollowError::Light(_) } => {
                tracing::error!(%peer, error = source as &dyn std::error::Error, "chain cannot be followed");
            }
            SubmitError::Peer { peer, source } => {
                tracing::debug!(%peer, error = source as &dyn std::error::Error, "peer of no use now");
            }
            other => tracing::warn!(error = other as &dyn std::error::Error, "readings not taken"),
        }
    }
}

/// A peer to ask: any, so that no rhythm of questions keeps one kind of them with one peer.
fn a_peer(net: &impl Peers) -> Option<PeerId> {
    choose(net.ready().into_iter())
}

/// Another one, not always the same.
fn another(net: &impl Peers, peer: PeerId) -> Option<PeerId> {
    choose(net.ready().into_iter().filter(|other| *other != peer))
}

/// One of them by chance.
fn choose(peers: impl Iterator<Item = PeerId> + Clone) -> Option<PeerId> {
    let count = u64::try_from(peers.clone().count()).ok()?;
    let at = random().checked_rem(count)?;
    peers.clone().nth(usize::try_from(at).ok()?)
}

fn expired(until: TimeMs) -> String {
    format!(
        "the trust period ended at {until} ms: get a checkpoint from the operator, then `wattle-light anchor`"
    )
}

fn announce(doubt: Option<Doubt>) {
    match doubt {
        None => tracing::info!("balances and prices are believed again"),
        Some(Doubt::Expired { until }) => tracing::error!(
            until_ms = until.0,
            "the trust period is over: balances and prices are not believed until `wattle-light anchor`"
        ),
        Some(Doubt::Disputed(dispute)) => tracing::error!(
            height = dispute.height.0,
            "peers disagree: balances and prices are not believed until `wattle-light anchor`"
        ),
    }
}

/// A round in a word, for the status page.
const fn describe(result: &Result<Progress, SubmitError>, step: Step) -> &'static str {
    match (result, step) {
        (Ok(Progress::Idle), _) => "idle",
        (Ok(Progress::Sent { .. }), _) => "sent",
        (Ok(Progress::NotRegistered), _) => "not_registered",
        (Ok(Progress::Unproven { .. }), _) => "sent_unproven",
        (Ok(Progress::Refused), _) => "refused_by_chain",
        (Ok(Progress::NoPeer), _) => "no_peer",
        (Err(_), Step::Refused) => "waits_for_bandwidth",
        (Err(SubmitError::Refused { .. }), _) => "refused",
        (Err(_), _) => "peer_failed",
    }
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
