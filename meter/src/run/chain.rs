//! The chain's loop: follows headers, submits what the queues hold, looks at balances.
//!
//! Peers are asked by chance, so that none of them is believed or waited for alone, and a second one is asked for the
//! header that the first one proved. Each meter has its own pace: one that is refused never holds up another.

use super::LightError;
use super::distrust;
use super::lane::Lane;
use super::round::Round;
use crate::board::{Board, Visits};
use crate::clock::Clock;
use crate::config::LightConfig;
use crate::follow::{Comparison, Doubt, FollowError, Follower, anchor};
use crate::pace::{Step, random, spread, stagger};
use crate::peers::Peers;
use crate::relay::Input;
use crate::submit::{Progress, SubmitError};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use wattle_p2p::PeerId;
use wattle_primitives::Hash;

/// Longest sleep: how long a new checkpoint or a new peer may wait to be noticed.
pub(super) const NAP_MAX: Duration = Duration::from_secs(2);

/// The loop that talks to the chain.
pub(crate) struct Chain {
    pub(crate) config: LightConfig,
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
    /// Visits so far, where the chain is visited on demand.
    pub(crate) visits: Option<Visits>,
}

impl Chain {
    /// The loop over these lanes; everything is due at once.
    pub(crate) fn new(
        config: LightConfig,
        follower: Follower,
        lanes: Vec<Lane>,
        board: Arc<Board>,
        clock: Arc<Clock>,
    ) -> Self {
        let now = Instant::now();
        Self {
            config,
            follower,
            lanes,
            board,
            clock,
            fresh: Arc::new(Notify::new()),
            relay: None,
            doubt: None,
            silent: BTreeMap::new(),
            agreed: None,
            next_look: now,
            next_credit: now,
            visits: None,
        }
    }

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
        self.take_checkpoint();
        let net = &Round::new(net, &self.silent);
        let ready = net.ready();
        if std::mem::replace(alone, ready.is_empty()) && !*alone {
            self.spread_out().await?;
        }
        let now = Instant::now();
        if now >= self.next_look {
            self.look(net).await?;
            self.next_look = Instant::now() + Duration::from_millis(self.config.follow_interval_ms);
        }
        for index in 0..self.lanes.len() {
            self.submit(net, index).await?;
        }
        if now >= self.next_credit {
            self.look_at_credit(net).await;
            self.next_credit = Instant::now() + Duration::from_millis(self.config.credit_interval_ms());
        }
        self.silent = net.silent();
        self.keep_clock();
        self.show(ready.len()).await
    }

    /// Takes a checkpoint that the operator has given. Returns whether there is a new head.
    pub(super) fn take_checkpoint(&mut self) -> bool {
        anchor::take(&self.config.data_dir, &mut self.follower).unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "new checkpoint refused");
            false
        })
    }

    /// Remembers over restarts whether the operating system's clock is wrong, as the chain shows it.
    pub(super) fn keep_clock(&mut self) {
        if let Some(ahead) = self.clock.os_is_ahead() {
            self.clock.distrust(ahead);
        }
        if let Err(error) = distrust::keep(&self.config.data_dir, self.clock.is_distrusted()) {
            tracing::debug!(error = wattle_host::causes(&error), "what the clock is worth is not kept");
        }
    }

    /// After an outage every light node of a village comes back at once: each begins at a moment of its own.
    async fn spread_out(&mut self) -> Result<(), LightError> {
        let longest = Duration::from_millis(self.config.submit_spread_ms);
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
        // The outcome shows in the follower's doubt.
        let _ = self.cross_check(net, peer).await;
        Ok(())
    }

    /// Asks another peer than `peer` for the head, unless one was found to have it since the last look.
    ///
    /// # Errors
    /// [`FollowError::Disputed`]. A second peer's lie or silence takes nothing from the first one's proof.
    pub(super) async fn cross_check(&mut self, net: &impl Peers, peer: PeerId) -> Result<(), FollowError> {
        let head = self.follower.head().hash();
        let Some(second) = another(net, peer).filter(|_| self.agreed != Some(head)) else {
            return Ok(());
        };
        match self.follower.compare(net, second).await {
            Ok(Comparison::Agrees) => self.agreed = Some(head),
            Ok(Comparison::Unknown) => {}
            Err(error @ FollowError::Disputed { .. }) => return Err(error),
            Err(source) => self.note(net, &SubmitError::Peer { peer: second, source }),
        }
        Ok(())
    }

    /// A round of one meter, if it is due and has something. Returns what came of it.
    pub(super) async fn submit(
        &mut self,
        net: &impl Peers,
        index: usize,
    ) -> Result<Option<Step>, LightError> {
        let usual = Duration::from_millis(self.config.follow_interval_ms);
        let (interval_ms, longest) =
            (self.config.reading_interval_ms, Duration::from_millis(self.config.submit_spread_ms));
        let Some(lane) = self.lanes.get_mut(index).filter(|lane| Instant::now() >= lane.next) else {
            return Ok(None);
        };
        if !lane.glance().await?.work {
            lane.resting = true;
            return Ok(None);
        }
        if std::mem::take(&mut lane.resting) {
            // The end of an interval, where all of a village have a reading: each comes at a moment of its own.
            lane.next = Instant::now() + stagger(interval_ms, longest, random());
            if Instant::now() < lane.next {
                return Ok(None);
            }
        }
        let result = match a_peer(net) {
            Some(peer) => lane.submitter.round(&mut self.follower, net, peer).await,
            None => Ok(Progress::NoPeer),
        };
        match &result {
            // Readings are safe where they are, and go on when there is room.
            Err(SubmitError::Queue(error)) if error.is_full() => {
                if !std::mem::replace(&mut lane.full, true) {
                    tracing::error!(meter = %lane.name, error = error as &dyn std::error::Error, "the disk is full");
                }
            }
            Err(SubmitError::Queue(_) | SubmitError::Worker) => {
                return result.map(|_| None).map_err(Into::into);
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
        let proven = lane.submitter.record().cloned();
        self.board.update_meter(meter, |facts| {
            facts.submission = describe(&result, step);
            facts.refusal = refusal;
            facts.proven = proven.or(facts.proven.take());
        });
        if let Err(error) = &result {
            self.note(net, error);
        }
        Ok(Some(step))
    }

    /// Puts the chain on the board. Returns how long nothing is due.
    pub(super) async fn show(&mut self, peers: usize) -> Result<Duration, LightError> {
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

    pub(super) fn note(&self, net: &impl Peers, error: &SubmitError) {
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
pub(super) fn a_peer(net: &impl Peers) -> Option<PeerId> {
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
pub(super) mod tests;
