//! Between the consensus core and everything it asks for.

use super::{COMMIT_BACKLOG_HARD_MAX, Driver, Effect, Halt};
use crate::journal::WalRecord;
use crate::work::{BuildJob, BuiltBlock, Job, Token};
use std::collections::VecDeque;
use std::sync::Arc;
use wattle_consensus::config::VIEWS_BEHIND_MAX;
use wattle_consensus::{BuildRequest, Core, Input, Output, Record, To};
use wattle_p2p::wire::{Request, ValidatorMessage};
use wattle_p2p::{Offence, PeerId, Penalty};
use wattle_primitives::{
    Epoch, Hash, PublicKey, Round, SignedVote, ValidatorIndex, ValidatorSet, View, Vote, planted,
};
use wattle_runtime::VerifiedTx;

impl Driver {
    /// Lets the core take an input, and carries out what it answers until it is content.
    pub(super) fn feed(&mut self, input: Input) {
        let before = self.entered;
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let (mono, reading) = (self.mono, self.reading);
            let Some(core) = self.current.core.as_mut() else { return };
            for output in core.step(mono, reading, input) {
                self.apply(output, &mut inputs);
            }
            self.close_group();
        }
        // Only now: the core has forgotten blocks that it tells to be final a little later than that it entered a view.
        if self.entered != before {
            self.forget_idle_bodies();
        }
    }

    fn apply(&mut self, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::Persist(record) => self.persist(record),
            Output::Cast { vote, with_block } => {
                if let Some(me) = self.current.me {
                    self.outbox.vote(vote, me, self.tree.height_max().next(), with_block);
                }
            }
            Output::Build(request) => self.build(request, inputs),
            Output::Execute { block, parent } => self.execute(block, parent),
            Output::Fetch { block, ask } => self.fetch(block, &ask, inputs),
            Output::FetchCertificates { from, to, ask } => self.fetch_certificates(from, to, &ask),
            Output::Sync { height, certificate } => self.on_sync_ordered(height, &certificate),
            Output::Send { to, certificate } => self.send(to, ValidatorMessage::Certificate(certificate)),
            Output::Resend { to, votes, certificates } => {
                for certificate in certificates {
                    self.send(to, ValidatorMessage::Certificate(certificate));
                }
                for vote in votes {
                    self.resend_vote(to, vote);
                }
            }
            Output::Finalized { blocks, certificate } => self.finalize(&blocks, certificate),
            Output::Evidence(evidence) => self.found_evidence(evidence),
            Output::Entered { view } => self.entered(view),
            Output::Halt { reason } => {
                let detail = self.bodies.last_fault.take().map_or_else(String::new, |f| format!(" ({f})"));
                self.halt(Halt::Consensus(format!("{reason}{detail}")));
            }
        }
    }

    pub(super) fn halt(&mut self, halt: Halt) {
        self.stopped = true;
        self.emit(Effect::Halt(halt));
    }

    fn entered(&mut self, view: View) {
        self.entered_at = self.mono;
        self.entered = Round { epoch: self.current.epoch, view };
        self.emit(Effect::Entered(self.entered));
        if planted!("final-body-forgotten") {
            self.forget_idle_bodies();
        }
    }

    /// Forgets bodies of views far behind that consensus has forgotten: in a stall each view may bring one.
    fn forget_idle_bodies(&mut self) {
        let round = self.entered;
        let Some(core) = self.current.core.as_ref().filter(|_| round.epoch == self.current.epoch) else {
            return;
        };
        let oldest = Round { view: round.view.saturating_sub(View(VIEWS_BEHIND_MAX)), ..round };
        let len = self.tree.len();
        self.tree.retain(|hash, entry| {
            entry.block.round() >= oldest || core.knows_block(hash) || planted!("stall-keeps-bodies")
        });
        if self.tree.len() < len {
            self.bodies.prune(self.mono, |hash| self.tree.get(hash).is_some());
            self.bodies.prune_rounds(oldest);
            self.txs.fates.forget_dropped(&self.tree, &self.backlog.queue);
        }
    }

    /// Writes the log anew when much was written and nothing committed: only what consensus still needs is kept.
    pub(super) fn tidy_log(&mut self) {
        let ready = self.is_idle() && self.replay.is_empty() && self.bodies.is_idle();
        let large = self.outbox.written() > self.setup.log_bytes.max(self.rewritten);
        if !ready || !large || planted!("log-never-rewritten") {
            return;
        }
        let Some(core) = self.current.core.as_ref() else { return };
        let kept = core.records().into_iter().filter_map(|record| match record {
            Record::Block(header) => self.tree.get(&header.hash()).map(|e| WalRecord::body(&e.block.block)),
            Record::Vote(_) | Record::Certificate(_) | Record::Certified { .. } => {
                Some(WalRecord::Consensus(record))
            }
        });
        let (records, height) = (kept.collect(), self.tree.height_max().next());
        let token = self.token();
        let (effect, bytes) = self.outbox.rewrite(token, height, records);
        self.rewritten = bytes;
        self.emit(effect);
    }

    /// Queues a record; a block's body goes along, once.
    fn persist(&mut self, record: Record) {
        // A record is about a height at most one above all that is held: kept too long rather than too short.
        let height = self.tree.height_max().next();
        match record {
            Record::Block(header) => {
                let Some(entry) = self.tree.get_mut(&header.hash()) else { return };
                if !std::mem::replace(&mut entry.logged, true) {
                    let body = WalRecord::body(&entry.block.block);
                    self.outbox.record(body, header.height);
                }
            }
            Record::Certified { block, .. } => {
                self.certified(&block);
                self.outbox.record(WalRecord::Consensus(record), height);
            }
            Record::Certificate(_) | Record::Vote(_) => {
                if let Record::Certificate(c) = &record
                    && let Vote::Nullify(round) = c.vote
                {
                    self.room.given_up(round);
                    self.nullifications = self.nullifications.saturating_add(1);
                }
                self.outbox.record(WalRecord::Consensus(record), height);
            }
        }
    }

    fn close_group(&mut self) {
        let tokens = &mut self.tokens;
        let token = || {
            *tokens = tokens.saturating_add(1);
            Token(*tokens)
        };
        let groups = self.outbox.close(token);
        self.effects.extend(groups);
    }

    /// A group is durable: its votes go out and come back to the core, then what waited for it.
    pub(super) fn on_persisted(&mut self, token: Token, signed: Vec<SignedVote>, refused: Vec<Vote>) {
        let Some(group) = self.outbox.durable(token) else { return };
        for vote in &signed {
            let message = if group.with_block.contains(&vote.vote) {
                self.proposal_of(*vote)
            } else {
                Some(ValidatorMessage::Vote(*vote))
            };
            if let Some(message) = message {
                self.emit(Effect::Broadcast(Arc::new(message)));
            }
        }
        for effect in group.sends {
            self.emit(effect);
        }
        for vote in signed {
            self.feed(Input::OwnVote(vote));
        }
        for vote in refused {
            self.feed(Input::VoteRefused { vote });
        }
    }

    /// A leader's vote with its block, if the block is still held.
    fn proposal_of(&self, vote: SignedVote) -> Option<ValidatorMessage> {
        let proposal = vote.vote.proposal()?;
        let entry = self.tree.get(&proposal.block)?;
        Some(ValidatorMessage::Proposal { vote, block: Box::new(entry.block.block.clone()) })
    }

    /// A leader's notarize is sent again with its block: who lost one lost the other too.
    fn resend_vote(&mut self, to: To, vote: SignedVote) {
        let leads =
            self.current.core.as_ref().is_some_and(|c| c.leader(vote.vote.round().view) == vote.signer);
        let proposal = match vote.vote {
            Vote::Notarize(_) if leads && Some(vote.signer) == self.current.me => self.proposal_of(vote),
            _ => None,
        };
        self.send(to, proposal.unwrap_or(ValidatorMessage::Vote(vote)));
    }

    fn send(&mut self, to: To, message: ValidatorMessage) {
        let message = Arc::new(message);
        let effect = match to {
            To::All => Effect::Broadcast(message),
            To::One(index) => match self.current.set.get(index) {
                Some(validator) => Effect::Send(validator.key, message),
                None => return,
            },
        };
        if let Some(effect) = self.outbox.send(effect) {
            self.emit(effect);
        }
    }

    fn build(&mut self, request: BuildRequest, inputs: &mut VecDeque<Input>) {
        let BuildRequest { round, template, empty, .. } = request;
        let Some(state) = self.tree.state_after(&template.parent).cloned() else {
            inputs.push_back(Input::Built { round, header: None });
            return;
        };
        let candidates = if empty { Vec::new() } else { self.candidates(&state) };
        self.room.building(round, bytes_of(&candidates));
        let bytes_max = self.room.bytes_max();
        let job = BuildJob { round, template, state, candidates, bytes_max };
        self.emit(Effect::Work(Job::Build(Box::new(job))));
    }

    pub(super) fn on_built(&mut self, round: Round, built: BuiltBlock) {
        let header = built.block.header().clone();
        let hash = built.block.hash;
        self.drop_refused(&built.skipped, built.block.txs.is_empty());
        self.room.built(round, bytes_of(&built.block.txs));
        self.tree.insert(built.block);
        if let Some(entry) = self.tree.get_mut(&hash) {
            entry.executed = Some(built.executed);
        }
        self.feed(Input::Built { round, header: Some(header) });
    }

    /// A message of a validator; `from` is whoever relayed it.
    pub(super) fn on_validator(&mut self, from: PublicKey, peer: PeerId, message: ValidatorMessage) {
        self.heard_from(from);
        let epoch = match &message {
            ValidatorMessage::Proposal { vote, .. } | ValidatorMessage::Vote(vote) => vote.vote.round().epoch,
            ValidatorMessage::Certificate(certificate) => certificate.round().epoch,
            ValidatorMessage::Links(hears) => return self.relay.told(peer, from, hears),
            ValidatorMessage::Heard(told) => return self.on_heard(told),
            ValidatorMessage::Clock(time) => {
                return self.clock.told(from, *time, self.mono, &self.current.set);
            }
        };
        if epoch > self.current.epoch {
            return self.on_later_epoch(peer, epoch, &message);
        }
        if epoch < self.current.epoch {
            return self.help_straggler(&from);
        }
        // With the database so far behind, finality may wait: nothing more is taken in than can be written down.
        if self.current.core.is_none() || self.backlog.queue.len() >= COMMIT_BACKLOG_HARD_MAX {
            return;
        }
        let core = self.current.core.as_ref();
        let known = |vote: &SignedVote| core.is_some_and(|core| core.holds(vote));
        if !verifies(&message, &self.setup.chain, &self.current.set, known) {
            self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Vote });
            return;
        }
        match message {
            ValidatorMessage::Proposal { vote, block } => self.on_proposal(peer, vote, *block),
            ValidatorMessage::Vote(vote) => self.take_vote(peer, vote),
            ValidatorMessage::Certificate(certificate) => {
                self.heard_finalized(&certificate);
                self.feed(Input::Certificate(certificate));
            }
            ValidatorMessage::Links(_) | ValidatorMessage::Heard(_) | ValidatorMessage::Clock(_) => {}
        }
    }

    /// Hands consensus a vote, and passes it on if it counts and is new.
    pub(super) fn take_vote(&mut self, from: PeerId, vote: SignedVote) {
        self.count_vote(from, vote, Input::Vote(vote));
    }

    /// The same with whatever the vote came in.
    pub(super) fn count_vote(&mut self, from: PeerId, vote: SignedVote, input: Input) {
        let counts = |core: &Core| vote.vote.round().view > core.floor().view && core.holds(&vote);
        let held = self.current.core.as_ref().is_some_and(counts);
        self.feed(input);
        if !held && self.current.core.as_ref().is_some_and(counts) {
            self.relay(&vote, Some(from), || ValidatorMessage::Vote(vote));
        }
    }

    /// Somebody votes in an epoch that has not begun here: if the vote is good, this node is behind.
    fn on_later_epoch(&mut self, peer: PeerId, epoch: Epoch, message: &ValidatorMessage) {
        let set = self.schedule.validators(epoch);
        if !verifies(message, &self.setup.chain, set, |_| false) {
            return self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Vote });
        }
        let floor = self.schedule.params().floor_height(epoch);
        self.peers.ahead(&peer, floor);
        if let ValidatorMessage::Certificate(certificate) = message {
            self.show(floor, certificate);
        }
    }

    pub(super) fn on_validator_connected(&mut self, key: PublicKey, peer: PeerId) {
        self.relay.opened(peer, key);
        self.heard_anew(key);
        self.tell_clock_to(key);
        if let Some(peer) = self.current.set.index_of(&key) {
            self.feed(Input::Reconnected { peer });
        }
    }

    fn fetch_certificates(&mut self, from: View, to: View, ask: &[ValidatorIndex]) {
        let above_view = from.prev().unwrap_or(View::ZERO);
        let max = u16::try_from(to.0.saturating_sub(above_view.0)).unwrap_or(u16::MAX);
        let request = Request::Certificates { epoch: self.current.epoch, above_view, max };
        let Some(peer) = self.peer_for(ask, &[]) else { return };
        let token = self.token();
        self.sync.asked_certificates(token);
        self.emit(Effect::Ask { token, peer, request });
    }

    /// A connected peer: one of those named, in turn, or any that serves blocks. None of `but`.
    pub(super) fn peer_for(&mut self, ask: &[ValidatorIndex], but: &[PeerId]) -> Option<PeerId> {
        let keys: Vec<PublicKey> =
            ask.iter().filter_map(|i| self.current.set.get(*i)).map(|v| v.key).collect();
        self.peers.choose(&keys, &self.current.set, but)
    }

    fn certified(&mut self, block: &Hash) {
        if let Some(entry) = self.tree.get_mut(block)
            && !std::mem::replace(&mut entry.certified, true)
        {
            let block = entry.block.clone();
            self.txs.fates.certified(&block);
        }
    }
}

fn bytes_of(txs: &[VerifiedTx]) -> usize {
    txs.iter().fold(0usize, |sum, tx| sum.saturating_add(tx.encoded_len()))
}

/// Whether the vote or certificate of a message is signed by members of `set`. Votes that are `known` were verified
/// when they were counted: certificates are flooded, and most come when all their votes have.
fn verifies(
    message: &ValidatorMessage,
    chain: &Hash,
    set: &ValidatorSet,
    known: impl Fn(&SignedVote) -> bool,
) -> bool {
    match message {
        ValidatorMessage::Links(_) | ValidatorMessage::Heard(_) | ValidatorMessage::Clock(_) => true,
        ValidatorMessage::Proposal { vote, .. } | ValidatorMessage::Vote(vote) => {
            known(vote) || vote.verify(chain, set).is_ok()
        }
        ValidatorMessage::Certificate(certificate) => certificate.verify_beside(chain, set, known).is_ok(),
    }
}
