//! Catching up by height: finalized blocks from peers, certificate first.
//!
//! Blocks are linked to our last one, the certificate at their end is verified, and only then is anything executed or
//! stored. Validators use it when they are many blocks or an epoch behind; nodes that do not vote follow the chain this
//! way all the time.
//!
//! Claims of peers decide whom to ask; only heights that certificates prove make this node count as behind.

use super::partial::{Partial, Span, Useless};
use super::peers::Behind;
use super::{Driver, Effect, FinalBlock, Halt};
use crate::work::{Job, ReplayError, Replayed, Token};
use std::collections::{BTreeMap, BTreeSet};
use wattle_consensus::light::verify_finalized;
use wattle_consensus::{Input, MonoMs};
use wattle_p2p::wire::{LightBlock, Request, Response, SYNC_BLOCKS_MAX, SyncBlock};
use wattle_p2p::{MessageId, Offence, PeerId, Penalty, Verdict};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::{Certificate, Hash, Vote, planted};

/// Pause after an answer that did not help.
const PAUSE_MS: u64 = 200;
/// A member of the set leaves gaps to consensus unless nothing was finalized for so long.
const STALLED_MS: u64 = 2_000;
/// How long a peer has to answer a question for blocks.
const ANSWER_MS: u64 = 3_000;
/// Most questions for certificates under way.
const CERTIFICATE_QUESTIONS_MAX: usize = 16;

/// State of catching up.
#[derive(Debug)]
pub(super) struct Sync {
    phase: Phase,
    paused_until: MonoMs,
    /// Linked blocks above the last finalized one that no certificate covers yet.
    partial: Partial,
    /// Finalization of the last finalized block, for a core that starts within an epoch.
    last: Option<Certificate>,
    /// Finalization of the last block of the epoch before, for stragglers.
    epoch_end: Option<Certificate>,
    /// Questions for certificates.
    certificates: BTreeSet<Token>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Asked { token: Token, peer: PeerId, since: MonoMs },
    Replaying { token: Token, peer: PeerId, certificates: BTreeMap<Hash, Certificate> },
}

impl Sync {
    /// Not catching up; `last` is the finalization of the last committed block.
    #[must_use]
    pub(super) fn new(last: Option<Certificate>) -> Self {
        Self {
            phase: Phase::Idle,
            paused_until: MonoMs(0),
            partial: Partial::default(),
            last,
            epoch_end: None,
            certificates: BTreeSet::new(),
        }
    }

    /// The last finalized block is an epoch's last: its finalization shows stragglers the way.
    pub(super) fn epoch_ended(&mut self) {
        self.epoch_end.clone_from(&self.last);
    }

    /// A block was finalized by this certificate.
    pub(super) fn finalized(&mut self, certificate: Certificate) {
        self.last = Some(certificate);
    }

    /// Finalization of the last finalized block; `None` at genesis.
    #[must_use]
    pub(super) const fn last_certificate(&self) -> Option<&Certificate> {
        self.last.as_ref()
    }

    /// Finalization of the last block of the epoch before this one, if it was seen by this run.
    #[must_use]
    pub(super) const fn epoch_end(&self) -> Option<&Certificate> {
        self.epoch_end.as_ref()
    }

    /// Whether blocks are being fetched or executed.
    #[must_use]
    pub(super) const fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Idle)
    }

    /// Notes a question for certificates.
    pub(super) fn asked_certificates(&mut self, token: Token) {
        if self.certificates.len() >= CERTIFICATE_QUESTIONS_MAX {
            self.certificates.pop_first();
        }
        self.certificates.insert(token);
    }
}

impl Driver {
    /// Asks for the next blocks when this node is behind and nothing is under way.
    pub(super) fn synchronize(&mut self) {
        if let Phase::Asked { peer, since, .. } = self.sync.phase
            && self.mono.since(since) > ANSWER_MS
        {
            self.sync.phase = Phase::Idle;
            self.peers.cut(&peer, self.tree.height());
        }
        // A disk that is nearly full holds back what is new: what the others made final is stored all the same.
        let held = self.backlog.behind || planted!("low-space-stops-sync", self.low_space);
        let busy = self.sync.is_active() || self.mono < self.sync.paused_until || held;
        if busy || self.stopped || !self.fetches() {
            return;
        }
        let tip = self.tree.height();
        let same = self.sync.partial.from().filter(|peer| self.peers.claims_more(peer, tip));
        if same.is_none() {
            self.sync.partial = Partial::default();
        }
        let Some(peer) = same.or_else(|| self.peers.higher_than(tip, &self.current.set)) else { return };
        let from = self.sync.partial.height().unwrap_or(tip).next();
        let token = self.token();
        self.sync.phase = Phase::Asked { token, peer, since: self.mono };
        let count = u16::try_from(SYNC_BLOCKS_MAX).unwrap_or(u16::MAX);
        self.emit(Effect::Ask { token, peer, request: Request::Blocks { from, count } });
    }

    /// How far this node is behind.
    pub(super) fn behind(&self) -> Behind {
        self.peers.behind(self.tree.height())
    }

    /// Whether blocks are fetched by height: somebody has more, and consensus alone does not get there.
    fn fetches(&self) -> bool {
        let behind = self.behind();
        if behind.claimed == 0 {
            return false;
        }
        let params = self.schedule.params();
        let patience = params.idle_interval_ms.saturating_add(params.leader_timeout_ms);
        let stalled = self.mono.since(self.finalized_at) > STALLED_MS.max(patience);
        let left = params.terminal_height(self.current.epoch).saturating_sub(self.tree.height()).0;
        self.current.core.is_none() || stalled || behind.is_far() || behind.claimed > left
    }

    pub(super) fn on_sync_response(&mut self, token: Token, response: Option<Response>) {
        if self.sync.certificates.remove(&token) {
            if let Some(Response::Certificates(certificates)) = response {
                self.on_certificates(certificates.into_inner());
            }
            return;
        }
        let Phase::Asked { token: asked, peer, .. } = self.sync.phase else { return };
        if asked != token {
            return;
        }
        self.sync.phase = Phase::Idle;
        match response {
            Some(Response::Blocks(blocks)) => match self.take_batch(peer, blocks.into_inner()) {
                Ok(()) => self.replay_partial(peer),
                Err(useless) => self.useless(peer, &useless),
            },
            Some(Response::Busy) => self.pause(),
            _ => self.useless(peer, &Useless::Nothing),
        }
    }

    /// Certificates that consensus asked for; those that do not verify are left out.
    fn on_certificates(&mut self, certificates: Vec<Certificate>) {
        for certificate in certificates {
            let ours = certificate.round().epoch == self.current.epoch;
            if ours && certificate.verify(&self.setup.chain, &self.current.set).is_ok() {
                self.feed(Input::Certificate(certificate));
            }
        }
    }

    fn useless(&mut self, peer: PeerId, useless: &Useless) {
        // Even when it merely has no more: blocks kept without a certificate may be its invention, or an epoch's last
        // one whose certificate was held back, after which nothing of this epoch can come.
        self.sync.partial = Partial::default();
        let penalty = match useless {
            Useless::Wrong => Some(Penalty::Fatal),
            Useless::Endless => Some(Penalty::Heavy),
            Useless::Nothing | Useless::Overtaken => None,
        };
        if let Some(penalty) = penalty {
            self.emit(Effect::Report { peer, penalty, offence: Offence::Sync });
        }
        self.peers.cut(&peer, self.tree.height());
        self.pause();
    }

    fn pause(&mut self) {
        self.sync.paused_until = self.mono.after(PAUSE_MS);
    }

    /// Links an answer to what is there, and verifies its certificates.
    fn take_batch(&mut self, peer: PeerId, answer: Vec<SyncBlock>) -> Result<(), Useless> {
        let mut partial = std::mem::take(&mut self.sync.partial);
        let terminal = self.schedule.params().terminal_height(self.current.epoch);
        let span = Span { hash: self.tree.hash, above: self.tree.height(), terminal };
        partial.extend(peer, answer, span, |hash, certificate| self.finalizes(hash, certificate))?;
        self.sync.partial = partial;
        Ok(())
    }

    fn finalizes(&self, hash: &Hash, certificate: &Certificate) -> bool {
        let Vote::Finalize(proposal) = certificate.vote else { return false };
        let fits = proposal.block == *hash && proposal.round.epoch == self.current.epoch;
        let genuine = || certificate.verify(&self.setup.chain, &self.current.set).is_ok();
        fits && (genuine() || planted!("sync-certificate-unverified"))
    }

    /// Executes what the last certificate covers; the rest waits for its own.
    fn replay_partial(&mut self, peer: PeerId) {
        let Some((blocks, certificates)) = self.sync.partial.take_covered() else {
            return; // the next answer begins where this one ended
        };
        if let Some(block) = blocks.iter().find(|b| b.header.version != PROTOCOL_VERSION) {
            let (height, version) = (block.header.height, block.header.version);
            return self.halt(Halt::Version { height, version });
        }
        let token = self.token();
        self.sync.phase = Phase::Replaying { token, peer, certificates };
        self.emit(Effect::Work(Job::Replay { token, parent: self.tree.state.clone(), blocks }));
    }

    /// Fetched blocks were executed.
    pub(super) fn on_replayed(&mut self, token: Token, result: Result<Vec<Replayed>, ReplayError>) {
        let Phase::Replaying { token: current, peer, certificates } =
            std::mem::replace(&mut self.sync.phase, Phase::Idle)
        else {
            return;
        };
        if current != token {
            return;
        }
        match result {
            Ok(replayed) => self.take_replayed(replayed, certificates),
            Err(ReplayError::Body { .. }) => self.useless(peer, &Useless::Wrong),
            Err(ReplayError::Diverged(divergence)) => self.halt(Halt::Diverged(divergence)),
        }
    }

    /// Finalizes what consensus has not finalized meanwhile.
    fn take_replayed(&mut self, replayed: Vec<Replayed>, mut certificates: BTreeMap<Hash, Certificate>) {
        let mut batch: Vec<FinalBlock> = Vec::with_capacity(replayed.len());
        for Replayed { block, executed } in replayed {
            if block.header().height <= self.tree.height() {
                continue;
            }
            let hash = block.hash;
            self.tree.insert(block);
            if let Some(entry) = self.tree.get_mut(&hash) {
                entry.executed = Some(executed);
            }
            let Some(entry) = self.tree.finalize(&hash) else { break };
            let Some(executed) = entry.executed else { break };
            batch.push(FinalBlock { block: entry.block, executed, certificate: certificates.remove(&hash) });
        }
        let Some((header, certificate)) =
            batch.last().and_then(|b| Some((b.block.header().clone(), b.certificate.clone()?)))
        else {
            return;
        };
        self.commit(batch);
        self.peers.prove(header.height);
        self.feed(Input::Synced { header, certificate });
        self.end_epoch_if_terminal();
    }

    /// A finalized header is gossiped: it shows how far the chain is, and its certificate may help consensus on.
    pub(super) fn on_gossiped_header(&mut self, peer: PeerId, id: MessageId, light: LightBlock) {
        let height = light.header.height;
        let verdict = if height <= self.tree.height() {
            Verdict::Ignore // old: nothing to verify it against is worth the work
        } else if self.is_final(&light) {
            self.peers.ahead(&peer, height);
            self.peers.prove(height);
            if light.certificate.round().epoch == self.current.epoch {
                self.feed(Input::Certificate(light.certificate));
            }
            Verdict::Accept
        } else {
            Verdict::Reject
        };
        self.emit(Effect::Verdict { peer, id, verdict });
    }

    /// Whether a header is proven to be final; the set is that of its epoch.
    fn is_final(&self, light: &LightBlock) -> bool {
        let set = self.schedule.validators(light.header.epoch);
        verify_finalized(&self.setup.chain, set, &light.header, &light.path, &light.certificate).is_ok()
    }
}
