//! Bodies on their way in: proposed, fetched, or found in the log; checked, executed, handed to consensus.

use super::pace::Progress;
use super::partial::Useless;
use super::parts::Parts;
use super::{Driver, Effect};
use crate::work::{BodyError, ExecuteError, Job, Token, VerifiedBlock};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use wattle_consensus::config::{VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX};
use wattle_consensus::{Input, MonoMs, Verdict};
use wattle_p2p::wire::{BlockPart, Request, Response, SyncBlock, ValidatorMessage};
use wattle_p2p::{Offence, PeerId, Penalty};
use wattle_primitives::{Block, Hash, Header, Round, SignedVote, ValidatorIndex, View, encode, planted};
use wattle_runtime::Executed;

/// Most bodies being checked at once.
const CHECKING_MAX: usize = 64;
/// Most questions for bodies that are remembered without an answer.
const FETCHES_MAX: usize = 256;
/// Most bodies that come in parts at once: what liars can make this node hold.
const PARTS_MAX: usize = 8;
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
    fetches: BTreeMap<Token, Fetch>,
    /// Bodies that come in parts, oldest first.
    parts: VecDeque<Parts>,
    /// Executions that wait for the block or its parent.
    waiting: BTreeMap<Hash, Hash>,
    /// Why the last invalid block was invalid, for the operator.
    pub(super) last_fault: Option<String>,
}

/// A question for a body.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    hash: Hash,
    peer: PeerId,
    offset: u32,
    bytes: u32,
    since: MonoMs,
    /// Until then the answer may be under way.
    until: MonoMs,
    /// It was not there by then.
    given_up: bool,
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

    /// A peer is gone, and what it owes with it.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.fetches.retain(|_, fetch| fetch.peer != *peer);
    }

    /// Forgets everything that can no longer become part of the chain.
    pub(super) fn prune(&mut self, now: MonoMs, keep: impl Fn(&Hash) -> bool) {
        let asked = |parts: &Parts| self.fetches.values().any(|fetch| fetch.hash == parts.hash());
        self.parts.retain(|parts| !parts.progress().is_old(now) || asked(parts));
        let checking = &self.checking;
        self.waiting.retain(|block, _| keep(block) || checking.contains_key(block));
        self.logged.retain(|block| keep(block) || checking.contains_key(block));
    }

    /// Keeps what has come of a body, in place of one that does not keep up, or of the oldest, when there are many.
    fn hold(&mut self, parts: Parts, now: MonoMs) {
        if self.parts.len() >= PARTS_MAX {
            let slow = self.parts.iter().position(|held| !held.progress().keeps_up(now));
            self.parts.remove(slow.unwrap_or(0));
        }
        self.parts.push_back(parts);
    }

    /// A body is known. Whoever has sent parts of another by the same name made them up.
    fn known(&mut self, block: &VerifiedBlock) -> Vec<PeerId> {
        let (ended, others): (VecDeque<Parts>, _) =
            std::mem::take(&mut self.parts).into_iter().partition(|parts| parts.hash() == block.hash);
        self.parts = others;
        if ended.is_empty() || block.fault.is_some() {
            return Vec::new(); // a faulty body may not be held whole
        }
        let encoded = encode(&block.block);
        ended.iter().filter(|parts| !parts.is_of(&encoded)).map(Parts::peer).collect()
    }

    /// Whether none is being checked.
    pub(super) fn is_idle(&self) -> bool {
        self.checking.is_empty()
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
            && view.saturating_add(View(VIEWS_BEHIND_MAX)) >= status.view
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
        for peer in self.bodies.known(&block) {
            self.emit(Effect::Report { peer, penalty: Penalty::Fatal, offence: Offence::Block });
        }
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
        self.give_up_fetches();
        // Consensus asks again and again; a narrow link carries each answer once, as long as it comes. A block that is
        // notarized is asked for of one more: its leader may have given its name to nothing.
        let owed = |f: &&Fetch| f.hash == hash && f.until > self.mono && !planted!("body-asked-again");
        let owing: Vec<PeerId> = self.bodies.fetches.values().filter(owed).map(|f| f.peer).collect();
        let runs = self.bodies.parts.iter().filter(|parts| parts.hash() == hash);
        let slow = runs.clone().filter(|parts| !parts.progress().keeps_up(self.mono));
        let slow: Vec<PeerId> = slow.map(Parts::peer).collect();
        let oldest = runs.clone().map(Parts::progress).min_by_key(|run| run.since);
        let more = usize::from(ask.len() > 1);
        let most = |run: Progress| run.peers_max(self.mono).saturating_add(more).min(PARTS_MAX);
        let shielded = planted!("quick-run-shields", owing.iter().any(|peer| !slow.contains(peer)));
        if shielded || oldest.is_some_and(|run| owing.len() >= most(run)) {
            return; // it comes in parts
        }
        let tried: Vec<PeerId> = owing.iter().chain(&slow).copied().collect();
        let peer = self.peer_for(ask, &tried).or_else(|| self.peer_for(ask, &owing));
        if let Some(peer) = peer {
            self.ask_for_body(hash, peer);
        }
    }

    /// Links on which answers are late are asked for less.
    fn give_up_fetches(&mut self) {
        let late = |f: &&mut Fetch| !f.given_up && f.until <= self.mono && !planted!("late-body-unnoticed");
        for fetch in self.bodies.fetches.values_mut().filter(late) {
            fetch.given_up = true;
            if let Some(pace) = self.peers.pace_mut(&fetch.peer) {
                pace.give_up(fetch.bytes);
            }
        }
    }

    /// Asks a peer for a body, or for what of it has not come yet.
    fn ask_for_body(&mut self, hash: Hash, peer: PeerId) {
        let token = self.token();
        if self.bodies.fetches.len() >= FETCHES_MAX {
            self.bodies.fetches.pop_first();
        }
        let come = self.bodies.parts.iter().find(|parts| parts.hash() == hash && parts.peer() == peer);
        let offset = come.map_or(0, Parts::offset);
        let pace = self.peers.pace(&peer);
        let (bytes, since, until) = (pace.bytes(), self.mono, self.mono.after(pace.patience_ms()));
        self.bodies.fetches.insert(token, Fetch { hash, peer, offset, bytes, since, until, given_up: false });
        self.emit(Effect::Ask { token, peer, request: Request::BlockByHash { hash, offset, bytes } });
    }

    /// The answer to a question of ours.
    pub(super) fn on_response(&mut self, token: Token, response: Option<Response>) {
        let fetch = self.bodies.fetches.remove(&token);
        let numbers = self.heard.asked(token);
        let asked = fetch.map(|fetch| fetch.peer).or(numbers).or_else(|| self.sync.asked_of(token));
        if let Some(peer) = asked.filter(|_| response.is_some()) {
            self.heard_from_peer(&peer);
        }
        if let Some(fetch) = fetch {
            self.on_fetched(&fetch, response);
        } else if numbers.is_some() {
            self.on_heard_response(token, response);
        } else {
            self.on_sync_response(token, response);
        }
    }

    fn on_fetched(&mut self, fetch: &Fetch, response: Option<Response>) {
        let (hash, peer) = (fetch.hash, fetch.peer);
        let whole = match response {
            Some(Response::Block(Some(answer))) if answer.block.hash() == hash => {
                self.measure_body(fetch, encode(answer.as_ref()).len());
                Ok(Some(*answer))
            }
            Some(Response::Block(Some(_))) => Err(Useless::Wrong),
            Some(Response::Part(part)) => self.take_part(fetch, &part),
            None if !fetch.given_up => {
                if let Some(pace) = self.peers.pace_mut(&peer) {
                    pace.give_up(fetch.bytes);
                }
                return;
            }
            Some(Response::Busy) => {
                if let Some(pace) = self.peers.pace_mut(&peer) {
                    pace.busy(fetch.bytes);
                }
                return;
            }
            // Nobody there, or it has no such block: consensus asks again, and then somebody else.
            _ => return,
        };
        match whole {
            Ok(Some(answer)) => self.take_body(hash, peer, answer.block),
            Ok(None) => {}
            Err(_) => self.emit(Effect::Report { peer, penalty: Penalty::Heavy, offence: Offence::Block }),
        }
    }

    fn measure_body(&mut self, fetch: &Fetch, bytes: usize) {
        let took_ms = self.mono.since(fetch.since);
        if let Some(pace) = self.peers.pace_mut(&fetch.peer) {
            pace.answered(fetch.bytes, u64::try_from(bytes).unwrap_or(u64::MAX), took_ms);
        }
    }

    fn take_body(&mut self, hash: Hash, peer: PeerId, block: Block) {
        if let Some(entry) = self.tree.get(&hash) {
            let header = entry.block.header().clone();
            self.feed(Input::Header { header });
        } else if let Some(checking) = self.check(block, Some(peer)) {
            checking.wanted = true;
        }
    }

    /// A part of a large body. The next is asked for at once, as long as the body is not here, and it comes quickly
    /// enough or from nobody else.
    fn take_part(&mut self, fetch: &Fetch, part: &BlockPart) -> Result<Option<SyncBlock>, Useless> {
        let Fetch { hash, peer, offset, bytes, since, .. } = *fetch;
        self.measure_body(fetch, part.bytes.len());
        if self.tree.get(&hash).is_some() || self.bodies.checking.contains_key(&hash) {
            return Ok(None);
        }
        let held = self.bodies.parts.iter().position(|parts| parts.hash() == hash && parts.peer() == peer);
        let mut parts =
            held.and_then(|at| self.bodies.parts.remove(at)).unwrap_or_else(|| Parts::new(peer, hash, since));
        let before = parts.offset();
        let whole = parts.push(offset, bytes, part)?;
        if whole.is_none() {
            let others = |f: &Fetch| f.hash == hash && f.until > self.mono;
            let wanted = parts.progress().keeps_up(self.mono) || !self.bodies.fetches.values().any(others);
            let goes_on = parts.offset() > before && wanted;
            self.bodies.hold(parts, self.mono);
            if goes_on {
                self.ask_for_body(hash, peer);
            }
        }
        Ok(whole)
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
