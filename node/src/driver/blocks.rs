//! Bodies on their way in: proposed, fetched, or found in the log; checked, executed, handed to consensus.

use super::{Driver, Effect};
use crate::work::{BodyError, ExecuteError, Job, Token, VerifiedBlock};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wattle_consensus::config::VIEWS_AHEAD_MAX;
use wattle_consensus::{Input, Verdict};
use wattle_p2p::wire::{Request, Response, ValidatorMessage};
use wattle_p2p::{Offence, PeerId, Penalty};
use wattle_primitives::{Block, Hash, Header, Round, SignedVote, ValidatorIndex, View, planted};
use wattle_runtime::Executed;

/// Most bodies being checked at once.
const CHECKING_MAX: usize = 64;
/// Most votes kept for a body that is being checked.
const VOTES_MAX: usize = 4;
/// Most bodies taken for one round: an equivocating leader's two show the fault; more would only fill memory.
const BODIES_PER_ROUND_MAX: u8 = 2;

/// Bodies that are not in the tree yet.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    checking: BTreeMap<Hash, Checking>,
    /// Bodies of the log, until the start.
    recovered: Vec<Block>,
    /// Hashes of bodies that are in the log already.
    logged: BTreeSet<Hash>,
    /// Bodies taken for each round in which they were proposed.
    taken: BTreeMap<Round, u8>,
    /// Questions for bodies.
    fetches: BTreeMap<Token, (Hash, PeerId)>,
    /// Executions that wait for the block or its parent.
    waiting: BTreeMap<Hash, Hash>,
    /// Why the last invalid block was invalid, for the operator.
    pub(super) last_fault: Option<String>,
}

#[derive(Debug, Default)]
struct Checking {
    /// Leaders' votes that came with it.
    votes: Vec<SignedVote>,
    /// Whether consensus asked for it.
    wanted: bool,
    /// Who sent it; nobody when it comes from the log.
    from: Option<PeerId>,
}

impl Bodies {
    /// Takes a body of the log.
    pub(super) fn recovered(&mut self, block: Block) {
        self.logged.insert(block.hash());
        self.recovered.push(block);
    }

    /// Forgets everything that can no longer become part of the chain.
    pub(super) fn prune(&mut self, keep: impl Fn(&Hash) -> bool) {
        let checking = &self.checking;
        self.waiting.retain(|block, _| keep(block) || checking.contains_key(block));
        self.logged.retain(|block| keep(block) || checking.contains_key(block));
    }

    /// Forgets the rounds up to one that is final.
    pub(super) fn prune_rounds(&mut self, last: Round) {
        self.taken.retain(|round, _| *round > last);
    }
}

impl Driver {
    /// Checks the bodies of the log again, so that consensus finds them.
    pub(super) fn recover_bodies(&mut self) {
        for block in std::mem::take(&mut self.bodies.recovered) {
            if block.header.height > self.tree.height() {
                self.bodies.checking.insert(block.hash(), Checking::default());
                self.emit(Effect::Work(Job::Body(Box::new(block))));
            }
        }
    }

    /// A leader's proposal whose vote verified.
    pub(super) fn on_proposal(&mut self, peer: PeerId, vote: SignedVote, block: Block) {
        let Some(proposal) = vote.vote.proposal() else { return };
        let hash = block.hash();
        if proposal.block != hash {
            self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Block });
            return;
        }
        if self.tree.get(&hash).is_some() {
            // Passed on without the block: whoever needs it has it, or asks for it.
            self.count_vote(peer, vote, Input::Proposal { vote, header: block.header });
            return;
        }
        let known = self.bodies.checking.contains_key(&hash);
        let wanted = known || (self.may_propose(&vote, &block.header) && self.take_round(proposal.round));
        let checking = if wanted { self.check(block, Some(peer)) } else { None };
        match checking {
            Some(checking) if checking.votes.len() < VOTES_MAX => checking.votes.push(vote),
            // The vote counts whatever becomes of the body; consensus asks for it if it matters.
            _ => self.take_vote(peer, vote),
        }
    }

    /// Whether a header may come from the leader of the vote's round at all: what consensus would refuse anyway must
    /// not take up memory.
    fn may_propose(&self, vote: &SignedVote, header: &Header) -> bool {
        let Some(core) = self.current.core.as_ref() else { return false };
        let (status, view) = (core.status(), vote.vote.round().view);
        let terminal = self.schedule.params().terminal_height(self.current.epoch);
        let first = header.view == view || (header.view < view && header.height == terminal);
        let ahead = View(status.view.0.saturating_add(VIEWS_AHEAD_MAX));
        core.leader(view) == vote.signer
            && view > status.finalized_view
            && view <= ahead
            && first
            && header.epoch == self.current.epoch
            && header.height <= terminal
    }

    fn take_round(&mut self, round: Round) -> bool {
        let taken = self.bodies.taken.entry(round).or_default();
        let room = *taken < BODIES_PER_ROUND_MAX && self.tree.has_room();
        *taken = taken.saturating_add(u8::from(room));
        room
    }

    /// Has a body checked, once; `None` when too many are being checked, or it is too old to matter.
    fn check(&mut self, block: Block, from: Option<PeerId>) -> Option<&mut Checking> {
        let hash = block.hash();
        if !self.bodies.checking.contains_key(&hash) {
            if self.bodies.checking.len() >= CHECKING_MAX || block.header.height <= self.tree.height() {
                return None;
            }
            self.bodies.checking.insert(hash, Checking { from, ..Checking::default() });
            self.emit(Effect::Work(Job::Body(Box::new(block))));
        }
        self.bodies.checking.get_mut(&hash)
    }

    /// A body was checked.
    pub(super) fn on_body(&mut self, hash: Hash, result: Result<Arc<VerifiedBlock>, BodyError>) {
        let Some(Checking { votes, wanted, from }) = self.bodies.checking.remove(&hash) else { return };
        let block = match result {
            Ok(block) => block,
            Err(BodyError::Unbound { .. }) => {
                // The header may still be good: only the sender is at fault, and consensus asks again.
                if let Some(peer) = from {
                    self.emit(Effect::Report { peer, penalty: Penalty::Fatal, offence: Offence::Block });
                }
                for vote in votes {
                    self.feed(Input::Vote(vote));
                }
                return;
            }
        };
        let header = block.header().clone();
        if let Some(vote) = votes.first() {
            // A faulty body may not be held whole; with its vote alone nobody votes for it either.
            self.relay(vote, from, || match block.fault {
                None => ValidatorMessage::Proposal { vote: *vote, block: Box::new(block.block.clone()) },
                Some(_) => ValidatorMessage::Vote(*vote),
            });
        }
        self.tree.insert(block);
        if self.bodies.logged.contains(&hash)
            && let Some(entry) = self.tree.get_mut(&hash)
        {
            entry.logged = true;
        }
        self.run_waiting();
        if wanted {
            self.feed(Input::Header { header: header.clone() });
        }
        for vote in votes {
            self.feed(Input::Proposal { vote, header: header.clone() });
        }
    }

    /// Consensus wants a block's body.
    pub(super) fn fetch(&mut self, hash: Hash, ask: &[ValidatorIndex], inputs: &mut VecDeque<Input>) {
        if let Some(entry) = self.tree.get(&hash) {
            inputs.push_back(Input::Header { header: entry.block.header().clone() });
            return;
        }
        if let Some(checking) = self.bodies.checking.get_mut(&hash) {
            checking.wanted = true;
            return;
        }
        let Some(peer) = self.peer_for(ask) else { return };
        let token = self.token();
        self.bodies.fetches.insert(token, (hash, peer));
        self.emit(Effect::Ask { token, peer, request: Request::BlockByHash(hash) });
    }

    /// The answer to a question of ours.
    pub(super) fn on_response(&mut self, token: Token, response: Option<Response>) {
        if let Some((hash, peer)) = self.bodies.fetches.remove(&token) {
            self.on_fetched(hash, peer, response);
        } else if self.heard.asked(token) {
            self.on_heard_response(response);
        } else {
            self.on_sync_response(token, response);
        }
    }

    fn on_fetched(&mut self, hash: Hash, peer: PeerId, response: Option<Response>) {
        // Nobody there, or it has no such block: consensus asks again, and then somebody else.
        let Some(Response::Block(Some(answer))) = response else { return };
        if answer.block.hash() != hash {
            self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Block });
            return;
        }
        if let Some(entry) = self.tree.get(&hash) {
            let header = entry.block.header().clone();
            self.feed(Input::Header { header });
        } else if let Some(checking) = self.check(answer.block, Some(peer)) {
            checking.wanted = true;
        }
    }

    /// Executes a held block on its parent's state, now or as soon as both are there.
    pub(super) fn execute(&mut self, hash: Hash, parent: Hash) {
        let wrong = planted!("overlay-of-wrong-parent", parent != self.tree.hash);
        let state = self.tree.state_after(if wrong { &self.tree.hash } else { &parent }).cloned();
        let Some((entry, state)) = self.tree.get_mut(&hash).zip(state) else {
            self.bodies.waiting.insert(hash, parent);
            return;
        };
        self.bodies.waiting.remove(&hash);
        if entry.executed.is_some() {
            self.executed_later(hash);
        } else if !std::mem::replace(&mut entry.executing, true) {
            let block = entry.block.clone();
            self.emit(Effect::Work(Job::Execute { block, parent: state }));
        }
    }

    /// The block was executed before: the verdict is known.
    fn executed_later(&mut self, block: Hash) {
        self.feed(Input::Executed { block, verdict: Verdict::Valid });
    }

    fn run_waiting(&mut self) {
        let waiting: Vec<(Hash, Hash)> = self.bodies.waiting.iter().map(|(b, p)| (*b, *p)).collect();
        for (block, parent) in waiting {
            if self.tree.get(&block).is_some() && self.tree.state_after(&parent).is_some() {
                self.execute(block, parent);
            }
        }
    }

    /// A block was executed.
    pub(super) fn on_executed(&mut self, hash: Hash, result: Result<Arc<Executed>, ExecuteError>) {
        let Some(entry) = self.tree.get_mut(&hash) else { return };
        entry.executing = false;
        let verdict = match result {
            Ok(executed) => {
                entry.executed = Some(executed);
                Verdict::Valid
            }
            Err(fault) => {
                self.bodies.last_fault = Some(fault.to_string());
                Verdict::Invalid
            }
        };
        self.feed(Input::Executed { block: hash, verdict });
        self.run_waiting();
    }
}
