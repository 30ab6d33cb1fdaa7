//! Catching up by height: finalized blocks from peers, certificate first.
//!
//! A batch is linked to our last block, its last header's certificate is verified, and only then is anything
//! executed or stored. Validators use it when they are many blocks or an epoch behind; nodes that do not vote follow
//! the chain this way all the time. It turns itself on and off by what peers show.

use super::{Committing, Driver, Effect, Halt, Job};
use crate::driver::effect::Token;
use crate::work::{ReplayError, Replayed};
use std::collections::BTreeMap;
use wattle_consensus::{Input, MonoMs};
use wattle_p2p::wire::{LightBlock, Request, Response, SYNC_BLOCKS_MAX, SyncBlock};
use wattle_p2p::{PeerId, Penalty};
use wattle_primitives::{Block, Certificate, Hash, Height, ValidatorSet, Vote};

/// Pause after an answer that did not help.
const PAUSE_MS: u64 = 200;
/// A member of the set leaves gaps to consensus unless nothing was finalized for so long.
const STALLED_MS: u64 = 2_000;
/// Most questions for certificates under way.
const CERTIFICATE_QUESTIONS_MAX: usize = 16;

/// State of catching up.
#[derive(Debug)]
pub(super) struct Sync {
    phase: Phase,
    paused_until: MonoMs,
    /// Consensus asked to reach this block.
    target: Option<Certificate>,
    /// Finalization of the last finalized block, for a core that starts within an epoch.
    last: Option<Certificate>,
    /// Finalization of the last block of the epoch before, for stragglers.
    epoch_end: Option<Certificate>,
    certificates: BTreeMap<Token, PeerId>,
}

#[derive(Debug)]
enum Phase {
    Idle,
    Asked { token: Token, peer: PeerId },
    Replaying { token: Token, peer: PeerId, certificates: BTreeMap<Hash, Certificate> },
}

/// Why an answer does not help. The peer that sent it pays.
#[derive(Debug, PartialEq, Eq)]
enum Useless {
    /// It has nothing, or nothing certified: it claimed too much.
    Nothing,
    /// It breaks a rule.
    Wrong,
}

impl Sync {
    /// Not catching up; `last` is the finalization of the last committed block.
    #[must_use]
    pub(super) const fn new(last: Option<Certificate>) -> Self {
        Self {
            phase: Phase::Idle,
            paused_until: MonoMs(0),
            target: None,
            last,
            epoch_end: None,
            certificates: BTreeMap::new(),
        }
    }

    /// Consensus wants to reach a block far ahead.
    pub(super) fn want(&mut self, certificate: Certificate) {
        self.target = Some(certificate);
    }

    /// A block was finalized by this certificate.
    pub(super) fn finalized(&mut self, certificate: Certificate) {
        if self.last.as_ref().is_some_and(|last| last.round().epoch < certificate.round().epoch) {
            self.epoch_end = self.last.take();
        }
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
    pub(super) fn asked_certificates(&mut self, token: Token, peer: PeerId) {
        if self.certificates.len() >= CERTIFICATE_QUESTIONS_MAX {
            self.certificates.pop_first();
        }
        self.certificates.insert(token, peer);
    }
}

impl Driver {
    /// Asks for the next blocks when this node is behind and nothing is under way.
    pub(super) fn synchronize(&mut self) {
        let busy = self.sync.is_active() || self.mono < self.sync.paused_until || self.backlog.pressed;
        if busy || self.stopped || !self.is_behind() {
            return;
        }
        let Some(peer) = self.peers.higher_than(self.tree.height()) else { return };
        let token = self.token();
        self.sync.phase = Phase::Asked { token, peer };
        let count = u16::try_from(SYNC_BLOCKS_MAX).unwrap_or(u16::MAX);
        let request = Request::Blocks { from: self.tree.height().next(), count };
        self.emit(Effect::Ask { token, peer, request });
    }

    /// Whether fetching by height is called for.
    pub(super) fn is_behind(&self) -> bool {
        let (tip, best) = (self.tree.height(), self.peers.best_height());
        if best <= tip {
            return false;
        }
        let stalled = self.mono.since(self.finalized_at) > STALLED_MS;
        let epochs_behind = best > self.setup.genesis.params.terminal_height(self.current.epoch);
        let far = best.0.saturating_sub(tip.0) > wattle_consensus::config::SYNC_GAP_MIN;
        self.current.core.is_none() || self.sync.target.is_some() || stalled || epochs_behind || far
    }

    pub(super) fn on_sync_response(&mut self, token: Token, response: Option<Response>) {
        if self.sync.certificates.remove(&token).is_some() {
            if let Some(Response::Certificates(certificates)) = response {
                self.on_certificates(certificates.into_inner());
            }
            return;
        }
        let Phase::Asked { token: asked, peer } = self.sync.phase else { return };
        if asked != token {
            return;
        }
        self.sync.phase = Phase::Idle;
        match response {
            Some(Response::Blocks(blocks)) => match self.check_batch(blocks.into_inner()) {
                Ok((blocks, certificates)) => self.replay_batch(peer, blocks, certificates),
                Err(useless) => self.useless(peer, &useless),
            },
            _ => self.pause(),
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
        self.peers.behind(&peer, self.tree.height());
        let penalty = match useless {
            Useless::Nothing => Penalty::Light,
            Useless::Wrong => Penalty::Fatal,
        };
        self.emit(Effect::Report { peer, penalty });
        self.pause();
    }

    fn pause(&mut self) {
        self.sync.paused_until = self.mono.after(PAUSE_MS);
    }

    /// Links a batch to our last block and verifies the certificate at its end. What follows the last certificate, or
    /// belongs to a later epoch, is left out.
    fn check_batch(
        &self,
        batch: Vec<SyncBlock>,
    ) -> Result<(Vec<Block>, BTreeMap<Hash, Certificate>), Useless> {
        let terminal = self.setup.genesis.params.terminal_height(self.current.epoch);
        let (mut parent, mut height) = (self.tree.hash, self.tree.height());
        let mut blocks = Vec::with_capacity(batch.len());
        let mut certificates = BTreeMap::new();
        let mut certified = 0;
        for SyncBlock { block, certificate } in
            batch.into_iter().take_while(|b| b.block.header.height <= terminal)
        {
            if block.header.parent != parent || block.header.height != height.next() {
                // Our last block may have moved on since we asked: then the batch is merely late.
                return Err(if blocks.is_empty() && block.header.height <= height {
                    Useless::Nothing
                } else {
                    Useless::Wrong
                });
            }
            (parent, height) = (block.hash(), block.header.height);
            blocks.push(block);
            if let Some(certificate) = certificate {
                certificates.insert(parent, certificate);
                certified = blocks.len();
            }
        }
        blocks.truncate(certified);
        let Some(last) = blocks.last().map(Block::hash) else { return Err(Useless::Nothing) };
        for (hash, certificate) in &certificates {
            self.check_finalization(hash, certificate)?;
        }
        if !certificates.contains_key(&last) {
            return Err(Useless::Wrong);
        }
        Ok((blocks, certificates))
    }

    fn check_finalization(&self, hash: &Hash, certificate: &Certificate) -> Result<(), Useless> {
        let Vote::Finalize(proposal) = certificate.vote else { return Err(Useless::Wrong) };
        let fits = proposal.block == *hash && proposal.round.epoch == self.current.epoch;
        if fits && certificate.verify(&self.setup.chain, &self.current.set).is_ok() {
            Ok(())
        } else {
            Err(Useless::Wrong)
        }
    }

    fn replay_batch(&mut self, peer: PeerId, blocks: Vec<Block>, certificates: BTreeMap<Hash, Certificate>) {
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
            Err(ReplayError::Diverged { hash, height, detail }) => {
                self.halt(Halt::Diverged { hash, height, detail })
            }
        }
    }

    /// Finalizes what consensus has not finalized meanwhile.
    fn take_replayed(&mut self, replayed: Vec<Replayed>, mut certificates: BTreeMap<Hash, Certificate>) {
        let mut batch: Vec<Committing> = Vec::with_capacity(replayed.len());
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
            batch.push(Committing { block: entry.block, executed, certificate: certificates.remove(&hash) });
        }
        let Some((header, certificate)) =
            batch.last().and_then(|b| Some((b.block.header().clone(), b.certificate.clone()?)))
        else {
            return;
        };
        self.commit(batch);
        self.reached(header.height);
        self.feed(Input::Synced { header, certificate });
        self.end_epoch_if_terminal();
    }

    fn reached(&mut self, height: Height) {
        if self.peers.best_height() <= height {
            self.sync.target = None;
        }
    }

    /// Whether a finalized header that somebody gossips is proven; the set is that of its epoch.
    pub(super) fn verify_light(&self, light: &LightBlock) -> bool {
        let epoch = light.header.epoch;
        let Some(set) = self.setup.genesis.validators(epoch) else { return false };
        proves(light, &self.setup.chain, set)
    }
}

/// Whether a certificate, through the path, finalizes a header.
fn proves(light: &LightBlock, chain: &Hash, set: &ValidatorSet) -> bool {
    let mut hash = light.header.hash();
    for header in &light.path {
        if header.parent != hash || header.epoch != light.header.epoch {
            return false;
        }
        hash = header.hash();
    }
    let Vote::Finalize(proposal) = light.certificate.vote else { return false };
    proposal.block == hash
        && proposal.round.epoch == light.header.epoch
        && light.certificate.verify(chain, set).is_ok()
}
