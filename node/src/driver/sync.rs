//! Catching up by height: finalized blocks from peers, certificate first.
//!
//! Blocks are linked to our last one, the certificate at their end is verified, and only then is anything executed or
//! stored. Validators use it when they are many blocks or an epoch behind; nodes that do not vote follow the chain this
//! way all the time.
//!
//! One question at a time, to each peer in turn, for as many bytes as its link carries (`pace`). One that takes too
//! long is given up and another peer asked; its answer still counts when it comes, and until then its peer is spared.
//!
//! Claims of peers decide whom to ask; only heights that certificates prove make this node count as behind.

use super::pace::{Pace, Progress};
use super::partial::{Partial, Span, Useless};
use super::parts::Parts;
use super::peers::Behind;
use super::{Driver, Effect, FinalBlock, Halt};
use crate::work::{Job, ReplayError, Replayed, Token};
use std::collections::{BTreeMap, BTreeSet};
use wattle_consensus::light::verify_finalized;
use wattle_consensus::{Input, MonoMs};
use wattle_p2p::wire::{BlockPart, LightBlock, Request, Response, SYNC_BLOCKS_MAX, SyncBlock};
use wattle_p2p::{MessageId, Offence, PeerId, Penalty, Verdict};
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::{Certificate, Hash, Height, PublicKey, Vote, encode, planted};

/// Pause after an answer that did not help.
const PAUSE_MS: u64 = 200;
/// A member of the set leaves gaps to consensus unless nothing was finalized for so long.
const STALLED_MS: u64 = 2_000;
/// Most questions for certificates under way.
const CERTIFICATE_QUESTIONS_MAX: usize = 16;
/// Most questions for blocks that are remembered without an answer.
const QUESTIONS_MAX: usize = 64;
/// How many times its patience after a question a peer may be asked again that has not answered: it may be lost.
const OWED_FACTOR: u64 = 2;

/// State of catching up.
#[derive(Debug)]
pub(super) struct Sync {
    /// Questions for blocks that have no answer yet.
    questions: BTreeMap<Token, Question>,
    /// The one that is waited for. The others were given up.
    waiting: Option<Token>,
    replaying: Option<Replaying>,
    paused_until: MonoMs,
    /// Linked blocks above the last finalized one that no certificate covers yet.
    partial: Partial,
    /// The next block, by its height, when it is so large that it comes in parts.
    parts: Option<(Height, Parts)>,
    /// Finalization of the last finalized block, for a core that starts within an epoch.
    last: Option<Certificate>,
    /// Finalization of the last block of the epoch before, for stragglers.
    epoch_end: Option<Certificate>,
    /// The newest finalization of this epoch that was shown, of a block that this node may lack.
    shown: Option<Certificate>,
    /// Questions for certificates.
    certificates: BTreeSet<Token>,
    pub(super) counts: SyncCounts,
}

/// Counts of what catching up has met since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncCounts {
    /// Answers for blocks that came after the question was given up, and were of use.
    pub late_answers: u64,
    /// Times that consensus found itself so far behind that it asked for blocks by height.
    pub ordered: u64,
}

/// A question for blocks.
#[derive(Clone, Copy, Debug)]
struct Question {
    peer: PeerId,
    from: Height,
    /// Bytes of the block at that height that have come before.
    offset: u32,
    bytes: u32,
    since: MonoMs,
    patience_ms: u64,
}

/// Fetched blocks that are being executed.
#[derive(Debug)]
struct Replaying {
    token: Token,
    peer: PeerId,
    certificates: BTreeMap<Hash, Certificate>,
}

impl Sync {
    /// Not catching up; `last` is the finalization of the last committed block.
    #[must_use]
    pub(super) fn new(last: Option<Certificate>) -> Self {
        Self {
            questions: BTreeMap::new(),
            waiting: None,
            replaying: None,
            paused_until: MonoMs(0),
            partial: Partial::default(),
            parts: None,
            last,
            epoch_end: None,
            shown: None,
            certificates: BTreeSet::new(),
            counts: SyncCounts::default(),
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

    /// A peer is gone, and what it owes with it.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.questions.retain(|_, question| question.peer != *peer);
        self.waiting = self.waiting.filter(|token| self.questions.contains_key(token));
        if self.partial.from() == Some(*peer) {
            self.partial = Partial::default();
        }
    }

    /// Who began a run, or a block in parts, and how it goes on.
    fn begun(&self) -> Option<(PeerId, Progress)> {
        let parts = self.parts.as_ref().map(|(_, parts)| (parts.peer(), parts.progress()));
        let Some(peer) = self.partial.from() else { return parts };
        let run = self.partial.progress();
        let more = parts.filter(|(from, _)| *from == peer).map_or(0, |(_, parts)| parts.bytes);
        Some((peer, Progress { bytes: run.bytes.saturating_add(more), ..run }))
    }

    /// Whether an answer of this peer may still be under way.
    fn owes(&self, peer: &PeerId, now: MonoMs) -> bool {
        let under_way =
            |q: &Question| now.since(q.since) <= q.patience_ms.saturating_mul(OWED_FACTOR) && q.peer == *peer;
        self.questions.values().any(under_way)
    }

    /// Whom a question for blocks was put to.
    #[must_use]
    pub(super) fn asked_of(&self, token: Token) -> Option<PeerId> {
        self.questions.get(&token).map(|question| question.peer)
    }

    /// Remembers a question, and waits for it.
    fn asked(&mut self, token: Token, question: Question) {
        if self.questions.len() >= QUESTIONS_MAX {
            self.questions.pop_first();
        }
        self.questions.insert(token, question);
        self.waiting = Some(token);
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
        let waits_for = self.give_up_in_time();
        // A disk that is nearly full holds back what is new: what the others made final is stored all the same.
        let held = self.backlog.behind || planted!("low-space-stops-sync", self.low_space);
        let idle = self.sync.replaying.is_none() && self.mono >= self.sync.paused_until && !held;
        if !idle || self.stopped || !self.fetches() {
            return;
        }
        let tip = self.tree.height();
        let next = self.sync.partial.height().unwrap_or(tip).next();
        self.sync.parts.take_if(|(height, _)| *height != next && *height != tip.next());
        let (now, sync) = (self.mono, &self.sync);
        let free = |peer: &PeerId| !sync.owes(peer, now);
        // Whoever began a run, or a block in parts, goes on with it as long as it keeps up; a stranger, as long as no
        // validator can: no certificate has shown yet that there is any such block.
        let begun = sync.begun();
        let slow = begun.filter(|(_, run)| !run.keeps_up(now));
        let stranger = begun.filter(|(peer, _)| {
            let asked = waits_for.is_none_or(|waited| waited == *peer);
            let member = self.peers.is_member(peer, &self.current.set);
            asked && slow.is_none() && !member && !planted!("stranger-goes-on")
        });
        let member = stranger.and_then(|(stranger, _)| {
            self.peers.member_higher_than(tip, &self.current.set, |id, _| *id != stranger && free(id))
        });
        // Who left the last questions open keeps nobody waiting that did not.
        let patient = waits_for.map_or(u8::MAX, |peer| self.peers.pace(&peer).given_up());
        let instead = slow.and_then(|(slow, run)| {
            // Those that failed no more often: on a narrow line all are slow, and one has to go on.
            let failed = self.peers.pace(&slow).given_up();
            let able = |pace: &Pace| {
                (pace.given_up() <= failed || run.is_old(now))
                    && (pace.given_up() < patient || waits_for == Some(slow))
            };
            self.peers.higher_than(tip, &self.current.set, |id, pace| *id != slow && free(id) && able(pace))
        });
        let same = begun.map(|(peer, _)| peer).filter(|peer| waits_for.is_none() && free(peer));
        let instead = instead.or(member);
        let same = same.filter(|peer| instead.is_none() && self.peers.claims_more(peer, tip));
        let run = same.and_then(|peer| sync.partial.height().filter(|_| sync.partial.from() == Some(peer)));
        let from = run.unwrap_or(tip).next();
        let other = || {
            self.peers.higher_than(tip, &self.current.set, |id, pace| free(id) && pace.given_up() < patient)
        };
        let Some(peer) = instead.or(same).or_else(other) else { return };
        if let (Some(_), Some((slow, _))) = (instead, slow) {
            let bytes = self.peers.pace(&slow).bytes();
            self.give_up(&slow, bytes);
        }
        let pace = self.peers.pace(&peer);
        let (bytes, patience_ms) = (pace.bytes(), pace.patience_ms());
        let token = self.token();
        let parts =
            self.sync.parts.as_ref().filter(|(height, parts)| *height == from && parts.peer() == peer);
        let count = u16::try_from(SYNC_BLOCKS_MAX).unwrap_or(u16::MAX);
        let (offset, request) = match parts.map(|(_, parts)| (parts.offset(), parts.hash())) {
            Some((offset, hash)) => (offset, Request::BlockByHash { hash, offset, bytes }),
            None => (0, Request::Blocks { from, count, bytes }),
        };
        self.sync.asked(token, Question { peer, from, offset, bytes, since: now, patience_ms });
        self.emit(Effect::Ask { token, peer, request });
    }

    /// Waits for a question no longer when its time is over. Returns whose answer is still waited for.
    fn give_up_in_time(&mut self) -> Option<PeerId> {
        let Question { peer, bytes, since, patience_ms, .. } =
            *self.sync.questions.get(&self.sync.waiting?)?;
        if self.mono.since(since) <= patience_ms {
            return Some(peer);
        }
        self.give_up(&peer, bytes);
        None
    }

    /// The peer is not at fault, and neither is its claim: the link may be narrow. Others are asked first.
    fn give_up(&mut self, peer: &PeerId, bytes: u32) {
        self.sync.waiting = None;
        if let Some(pace) = self.peers.pace_mut(peer) {
            pace.give_up(bytes);
        }
        if planted!("late-claim-cut") {
            self.peers.cut(peer, self.tree.height());
        }
    }

    /// Counts of what catching up has met since the start.
    #[must_use]
    pub const fn sync_counts(&self) -> SyncCounts {
        self.sync.counts
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
        let Some(question) = self.sync.questions.remove(&token) else { return };
        let waited = self.sync.waiting == Some(token);
        if waited {
            self.sync.waiting = None;
        }
        match response {
            Some(_) if !waited && planted!("late-answer-dropped") => {}
            Some(Response::Blocks(blocks)) => {
                let bytes =
                    blocks.iter().map(|block| encode(block).len()).fold(0usize, usize::saturating_add);
                self.measure(&question, bytes);
                self.on_blocks(&question, blocks.into_inner(), waited);
            }
            Some(Response::Part(part)) => {
                self.measure(&question, part.bytes.len());
                self.on_part(&question, &part, waited);
            }
            Some(Response::Busy) => {
                if let Some(pace) = self.peers.pace_mut(&question.peer) {
                    pace.busy(question.bytes);
                }
                self.pause();
            }
            Some(_) => self.useless(question.peer, &Useless::Nothing),
            None => {
                if waited {
                    self.give_up(&question.peer, question.bytes);
                }
                self.pause();
            }
        }
    }

    fn measure(&mut self, question: &Question, bytes: usize) {
        let took_ms = self.mono.since(question.since);
        if let Some(pace) = self.peers.pace_mut(&question.peer) {
            pace.answered(question.bytes, u64::try_from(bytes).unwrap_or(u64::MAX), took_ms);
        }
    }

    /// A part of a large block has come, `waited` for or late.
    fn on_part(&mut self, question: &Question, part: &BlockPart, waited: bool) {
        let Question { peer, from, offset, .. } = *question;
        let goes_on = |(height, parts): &mut (Height, Parts)| *height == from && parts.peer() == peer;
        let (_, mut parts) = match self.sync.parts.take_if(goes_on) {
            Some(begun) => begun,
            // A late one takes the place of another peer's only if nothing else is waited for.
            None if offset == 0 && (waited || self.sync.parts.is_none()) => {
                if waited && self.sync.partial.from() != Some(peer) {
                    self.sync.partial = Partial::default(); // these parts begin below it
                }
                (from, Parts::new(peer, part.hash, question.since))
            }
            None => return,
        };
        match parts.push(offset, question.bytes, part) {
            Ok(None) => self.sync.parts = Some((from, parts)),
            Ok(Some(block)) => self.on_blocks(question, vec![block], waited),
            Err(useless) => self.useless(peer, &useless),
        }
    }

    /// Blocks have come, `waited` for or late.
    fn on_blocks(&mut self, question: &Question, blocks: Vec<SyncBlock>, waited: bool) {
        if self.sync.replaying.is_some() {
            return; // others were quicker with the same blocks
        }
        match self.take_batch(question, blocks, waited) {
            Ok(()) => self.replay_partial(question.peer),
            Err(useless) => self.useless(question.peer, &useless),
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
        if self.sync.partial.from() == Some(peer) {
            self.sync.partial = Partial::default();
        }
        self.sync.parts.take_if(|(_, parts)| parts.peer() == peer);
        let penalty = match useless {
            Useless::Wrong => Some(Penalty::Fatal),
            Useless::Endless => Some(Penalty::Heavy),
            Useless::Nothing => None,
            Useless::Overtaken => return, // others were quicker
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
    fn take_batch(
        &mut self,
        question: &Question,
        answer: Vec<SyncBlock>,
        waited: bool,
    ) -> Result<(), Useless> {
        let (peer, from) = (question.peer, question.from);
        let terminal = self.schedule.params().terminal_height(self.current.epoch);
        let span = Span { hash: self.tree.hash, above: self.tree.height(), terminal };
        let goes_on = self.sync.partial.from() == Some(peer)
            && self.sync.partial.height().is_some_and(|height| height.next() == from);
        if answer.first().is_some_and(|first| first.block.header.height != from) {
            return Err(Useless::Wrong);
        }
        if !goes_on && from > span.above.next() {
            return Err(Useless::Overtaken); // it goes on from what was dropped meanwhile
        }
        let mut partial =
            if goes_on { std::mem::take(&mut self.sync.partial) } else { Partial::new(question.since) };
        let shown = self.sync.shown.as_ref();
        partial.extend(peer, answer, span, shown, |hash, certificate| self.finalizes(hash, certificate))?;
        // A late answer takes the place of another peer's run only with a certificate.
        if waited || goes_on || partial.is_covered() || self.sync.partial.from().is_none() {
            self.sync.partial = partial;
            let late = &mut self.sync.counts.late_answers;
            *late = late.saturating_add(u64::from(!waited));
        }
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
        self.sync.replaying = Some(Replaying { token, peer, certificates });
        self.emit(Effect::Work(Job::Replay { token, parent: self.tree.state.clone(), blocks }));
    }

    /// Fetched blocks were executed.
    pub(super) fn on_replayed(&mut self, token: Token, result: Result<Vec<Replayed>, ReplayError>) {
        let Some(Replaying { peer, certificates, .. }) =
            self.sync.replaying.take_if(|replaying| replaying.token == token)
        else {
            return;
        };
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
            self.contradict(height, &light.header.hash());
            self.show(height, &light.certificate);
            if light.certificate.round().epoch == self.current.epoch {
                self.feed(Input::Certificate(light.certificate));
            }
            Verdict::Accept
        } else {
            Verdict::Reject
        };
        self.emit(Effect::Verdict { peer, id, verdict });
    }

    /// This block is final at this height: whoever sent another one for it made it up, with all that follows it.
    fn contradict(&mut self, height: Height, hash: &Hash) {
        let begun = self.sync.parts.as_ref().filter(|(at, parts)| *at == height && parts.hash() != *hash);
        let by_parts = begun.map(|(_, parts)| parts.peer());
        let by_blocks = self.sync.partial.from().filter(|_| self.sync.partial.differs(height, hash));
        for liar in by_parts.into_iter().chain(by_blocks) {
            self.useless(liar, &Useless::Wrong);
        }
    }

    /// A certificate that verified shows that the chain is final up to a height, and who has it.
    pub(super) fn show(&mut self, height: Height, certificate: &Certificate) {
        self.peers.prove(height);
        self.heard_finalized(certificate);
        let epoch = certificate.round().epoch;
        let set = self.schedule.validators(epoch);
        let signers = certificate.signers().filter_map(|index| set.get(index));
        let keys: Vec<PublicKey> = signers.map(|validator| validator.key).collect();
        self.peers.signed(&keys, height);
        // The sets of later epochs may still change: there it is shown again.
        if epoch == self.current.epoch && matches!(certificate.vote, Vote::Finalize(_)) {
            self.sync.shown = Some(certificate.clone());
        }
    }

    /// Consensus finds that so many blocks are missing that they are fetched by height.
    pub(super) fn on_sync_ordered(&mut self, height: Height, certificate: &Certificate) {
        self.sync.counts.ordered = self.sync.counts.ordered.saturating_add(1);
        self.show(height, certificate);
    }

    /// Whether a header is proven to be final; the set is that of its epoch.
    fn is_final(&self, light: &LightBlock) -> bool {
        let set = self.schedule.validators(light.header.epoch);
        verify_finalized(&self.setup.chain, set, &light.header, &light.path, &light.certificate).is_ok()
    }
}
