//! Carrying out what a driver asks for, as the real run loop does.

use super::coverage::Mark;
use super::{Action, Plant, Role, Sim};
use std::sync::Arc;
use wattle_node::driver::{Answer, Effect, Event};
use wattle_node::journal::{Order, Syncs};
use wattle_node::run::serve;
use wattle_node::run::threads::{LogOrder, commit};
use wattle_node::signer::Barred;
use wattle_node::work::{Done, Job, Token};
use wattle_p2p::Penalty;
use wattle_p2p::wire::{Gossip, Request, ValidatorMessage};
use wattle_primitives::evidence::AccusationId;
use wattle_primitives::{Accusation, SignedVote, Vote};
use wattle_runtime::Store;

/// How long an answer from the store takes at most, in ms.
const SERVE_MS_MAX: u64 = 5;

impl Sim {
    pub(super) fn carry_out(&mut self, node: usize, effect: Effect) -> Result<(), String> {
        self.trace.effect(self.now, node, &describe_effect(&effect));
        match effect {
            Effect::Work(Job::Build(mut job)) => {
                self.date(node, &mut job.template)?;
                self.work(node, Job::Build(job));
            }
            Effect::Work(job) => self.work(node, job),
            Effect::Persist(order) => self.order_log(node, LogOrder::Persist(order)),
            Effect::Commit(batch) => {
                let latest = self.fastest_clock().saturating_add(self.skew());
                self.oracle.finalizing(node, &batch, latest)?;
                let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
                running.commits.extend(batch);
                self.arm_commit(node);
            }
            Effect::Send(key, message) => {
                for to in self.nodes_of(&key) {
                    self.send_validator(node, to, &message)?;
                }
            }
            Effect::Broadcast(message) => {
                self.broadcast(node, &message)?;
                self.tempt(node, &message);
            }
            Effect::Gossip(message) => self.publish(node, message),
            Effect::Verdict { peer, id, verdict } => {
                let source = self.node_of(&peer)?;
                self.verdict(node, source, &id, verdict)?;
            }
            Effect::Ask { token, peer, request } => {
                let to = self.node_of(&peer)?;
                self.ask(node, to, token, request);
            }
            Effect::Respond { token, response } => self.respond(node, token, response),
            Effect::Serve { token, request } => self.serve(node, token, &request),
            Effect::ServeHeld { token, block, offset, bytes } => {
                let Some(running) = &self.nodes[node].running else { return Ok(()) };
                let response = serve::held(&running.shared, &block, offset, bytes);
                self.respond(node, token, response);
            }
            Effect::Answer { token, answer } => {
                if let Answer::Submitted(answers) = answer {
                    self.clients.answered((node, self.nodes[node].life, token), &answers)?;
                }
            }
            Effect::Report { peer, penalty, .. } => self.reported(node, &peer, penalty)?,
            Effect::SetValidators(keys) => self.set_validators(node, keys),
            Effect::Announce(announcement) => {
                let height = announcement.block.header().height;
                let Some(running) = &self.nodes[node].running else { return Ok(()) };
                running.shared.announce(&announcement);
                if self.plan.plant != Some(Plant::UnsyncedCommits) {
                    self.oracle.announced(node, &announcement, self.nodes[node].store.as_ref())?;
                } else {
                    self.oracle.announced_unchecked(node, height);
                }
                if self.nodes[node].key.is_some() {
                    self.order_log(node, LogOrder::Release(height));
                }
            }
            Effect::Evidence { found, forgotten } => {
                self.oracle.accused(&found)?;
                self.keep(node, &found, forgotten.as_ref())?;
            }
            Effect::Bar(barred) => {
                match barred {
                    Barred::Free | Barred::Passed(_) => self.oracle.coverage.mark(Mark::NewDiskVotes),
                    Barred::Until(_) => self.oracle.coverage.mark(Mark::NewDiskBarred),
                    Barred::Unasked => {}
                }
                self.order_log(node, LogOrder::Bar(barred));
            }
            Effect::Entered(round) => self.entered(node, round),
            Effect::Quorum(quorum) => {
                let mark = if quorum.is_lost() { Mark::QuorumLost } else { Mark::QuorumFound };
                self.oracle.coverage.mark(mark);
            }
            // A validator with amnesia is at odds with what it has said itself.
            Effect::Halt(halt) if self.plan.role_of(node) == Role::Amnesiac => {
                self.trace.event(self.now, Some(node), &format!("halts: {halt}"));
                self.crash(node);
            }
            Effect::Halt(halt) => return Err(format!("node {node} halts: {halt}")),
        }
        Ok(())
    }

    /// Evidence becomes durable: once, restarts or not.
    fn keep(
        &mut self,
        node: usize,
        found: &Accusation,
        forgotten: Option<&AccusationId>,
    ) -> Result<(), String> {
        let store = &self.nodes[node].store;
        let kept = store.accusations().map_err(|e| format!("evidence cannot be read: {e}"))?;
        if kept.iter().any(|known| known.id() == found.id()) {
            return Err(format!("node {node} finds again what it has kept: {:?}", found.id()));
        }
        let culprit = self.nodes_of(&found.validator);
        let lost_disks_only =
            |node: &usize| self.plan.role_of(*node) == Role::Amnesiac && !self.nodes[*node].rolled_back;
        if culprit.iter().any(lost_disks_only) {
            return Err(format!("DISK: a validator that lost nothing but its disk votes twice: {found:?}"));
        }
        if self.nodes[node].key.is_none() {
            self.oracle.coverage.mark(Mark::EvidenceGossiped);
        }
        store.accuse(found, forgotten).map_err(|e| format!("evidence cannot be kept: {e}"))
    }

    pub(super) fn node_of(&self, peer: &wattle_p2p::PeerId) -> Result<usize, String> {
        self.nodes.iter().position(|n| n.peer == *peer).ok_or_else(|| format!("no peer {peer}"))
    }

    /// Two threads, as in the real node: checks of transactions beside everything else.
    fn work(&mut self, node: usize, job: Job) {
        let (now, life, took) =
            (self.now, self.nodes[node].life, self.rng.below(self.faults.work_ms_max + 1));
        let Some(running) = &mut self.nodes[node].running else { return };
        if let (Job::Build(job), Some(liar)) = (&job, self.liars.get_mut(&node)) {
            let lie = liar.note_build(&running.worker, job, self.faults.lie);
            if let Some((lie, hash)) = lie {
                self.oracle.lied(lie, hash);
            }
        }
        let thread = usize::from(matches!(job, Job::Txs { .. }));
        let at = running.free_at[thread].max(now) + took;
        running.free_at[thread] = at;
        self.at(at, Action::Work { node, life, job: Box::new(job) });
    }

    fn order_log(&mut self, node: usize, order: LogOrder) {
        let Some(running) = &mut self.nodes[node].running else { return };
        running.log.push_back(order);
        self.arm_log(node);
    }

    fn arm_log(&mut self, node: usize) {
        let (life, took) = (self.nodes[node].life, self.rng.below(self.faults.disk_ms_max + 1));
        let Some(running) = &mut self.nodes[node].running else { return };
        if !running.logging && !running.log.is_empty() {
            running.logging = true;
            self.at(self.now + took, Action::Log { node, life });
        }
    }

    fn arm_commit(&mut self, node: usize) {
        let (life, took) = (self.nodes[node].life, self.rng.below(self.faults.commit_ms_max + 1));
        let Some(running) = &mut self.nodes[node].running else { return };
        if !running.committing && !running.commits.is_empty() {
            running.committing = true;
            self.at(self.now + took, Action::Commit { node, life });
        }
    }

    /// One order for the log is carried out.
    pub(super) fn write_log(&mut self, node: usize) -> Result<(), String> {
        let now = self.now;
        if self.plan.plant == Some(Plant::UnsyncedVotes) {
            self.nodes[node].skip_syncs();
        }
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        running.logging = false;
        let Some(order) = running.log.pop_front() else { return Ok(()) };
        let Some(journal) = &mut running.journal else {
            return Err(format!("node {node} has no key and writes a log"));
        };
        let done = match order {
            LogOrder::Persist(order) => journal.persist(order, Syncs::InTurn).map(Some),
            LogOrder::Release(height) => journal.release(height).map(|()| None),
            LogOrder::Bar(barred) => journal.bar(barred).map(|()| None),
        };
        match done {
            Ok(Some(done)) => self.done(node, done)?,
            Ok(None) => {}
            Err(_) if self.nodes[node].armed.is_some() => {
                self.trace.event(now, Some(node), "disk fails while writing");
                let mark = self.nodes[node].armed.unwrap_or(Mark::DiskFault);
                self.oracle.coverage.mark(mark);
                self.crash(node);
                return Ok(());
            }
            Err(error) => {
                return Err(format!("node {node}: {error}: {:?}", std::error::Error::source(&error)));
            }
        }
        self.arm_log(node);
        Ok(())
    }

    /// All commits that have piled up become durable at once.
    pub(super) fn write_store(&mut self, node: usize) -> Result<(), String> {
        let lazy = self.plan.plant == Some(Plant::UnsyncedCommits);
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        running.committing = false;
        let batch = std::mem::take(&mut running.commits);
        let height = if lazy {
            batch.last().map(|item| item.block.header().height)
        } else {
            commit(self.nodes[node].store.as_ref(), &batch).map_err(|e| format!("node {node}: {e}"))?
        };
        if let Some(height) = height {
            self.done(node, Done::Committed { height })?;
        }
        self.arm_commit(node);
        Ok(())
    }

    fn serve(&mut self, node: usize, token: Token, request: &Request) {
        let took = self.rng.below(SERVE_MS_MAX);
        let Some(running) = &mut self.nodes[node].running else { return };
        // Read when asked: a moment later the answer could only hold more.
        let response = serve::answer(&running.shared, request);
        running.free_at[1] = running.free_at[1].max(self.now + took);
        self.respond(node, token, response);
    }

    /// Somebody is to pay: never an honest node, but for bad luck.
    fn reported(&mut self, node: usize, peer: &wattle_p2p::PeerId, penalty: Penalty) -> Result<(), String> {
        let culprit = self.node_of(peer)?;
        if self.plan.lies(culprit) {
            self.oracle.coverage.mark(Mark::LiarReported);
        } else if penalty != Penalty::Light && !self.plan.lies(node) {
            return Err(format!("node {node} holds {penalty:?} against the honest node {culprit}"));
        }
        Ok(())
    }

    /// Every disk agrees with what became final; money is neither made nor lost.
    pub(super) fn inspect(&mut self) -> Result<(), String> {
        let (issued, settled) = (self.clients.issued(), self.oracle.txs.len());
        if u64::try_from(settled).ok() != Some(issued) {
            return Err(format!("{issued} transactions were issued, {settled} are final"));
        }
        for node in 0..self.nodes.len() {
            let store = Arc::clone(&self.nodes[node].store);
            let tip = store.tip().map_err(|e| e.to_string())?;
            if let Some(tip) = tip {
                self.oracle.stored(node, store.as_ref(), tip.header.height)?;
            }
            if let Some((tip, state)) =
                wattle_runtime::store::load(store.as_ref()).map_err(|e| e.to_string())?
            {
                let height = tip.header.height;
                self.oracle.final_state(height, &state).map_err(|e| format!("node {node}: {e}"))?;
            }
        }
        Ok(())
    }
}

fn vote(signed: &SignedVote) -> String {
    let block = signed
        .vote
        .proposal()
        .map_or_else(String::new, |p| format!(" {} on {}", p.block.short(), p.parent_view));
    let kind = match signed.vote {
        Vote::Notarize(_) => "notarize",
        Vote::Nullify(_) => "nullify",
        Vote::Finalize(_) => "finalize",
    };
    format!("{kind} {}{block} of {}", signed.vote.round(), signed.signer)
}

fn validator(message: &ValidatorMessage) -> String {
    match message {
        ValidatorMessage::Proposal { vote: signed, block } => {
            format!("proposal of height {}, {}", block.header.height, vote(signed))
        }
        ValidatorMessage::Vote(signed) => vote(signed),
        ValidatorMessage::Certificate(certificate) => {
            format!("certificate {:?} {}", certificate.vote.kind(), certificate.round())
        }
        ValidatorMessage::Links(keys) => format!("links to {}", keys.len()),
        ValidatorMessage::Heard(heard) => format!("signs of life {:?}", &*heard.numbers),
        ValidatorMessage::Clock(time) => format!("clock at {time}"),
    }
}

fn gossip(message: &Gossip) -> String {
    match message {
        Gossip::Txs(txs) => format!("{} transactions", txs.len()),
        Gossip::Finalized(light) => format!("final header {}", light.header.height),
        Gossip::Evidence(evidence) => format!("evidence against {}", evidence.culprit()),
    }
}

fn done(done: &Done) -> String {
    match done {
        Done::Body { hash, result } => format!("body {} {}", hash.short(), result.is_ok()),
        Done::Txs { token, results } => format!("checked {} {}", token.0, results.len()),
        Done::Executed { hash, result } => format!("executed {} {}", hash.short(), result.is_ok()),
        Done::Built { round, result } => format!("built {round} {}", result.block.hash.short()),
        Done::Replayed { token, result } => {
            format!("replayed {} {}", token.0, result.as_ref().map_or(0, Vec::len))
        }
        Done::Persisted { token, signed, refused } => {
            let votes: Vec<String> = signed.iter().map(vote).collect();
            format!("persisted {} [{}] refused {refused:?}", token.0, votes.join(", "))
        }
        Done::Committed { height } => format!("committed {height}"),
    }
}

pub(super) fn describe_event(event: &Event) -> String {
    match event {
        Event::Start => "start".to_owned(),
        Event::Tick => "tick".to_owned(),
        Event::Validator { from, message, .. } => format!("from {from:?}: {}", validator(message)),
        Event::ValidatorConnected { key, .. } => format!("streams to {key:?} open"),
        Event::PeerReady { peer, height, .. } => format!("peer {peer} at {height}"),
        Event::PeerHeight { peer, height } => format!("peer {peer} says {height}"),
        Event::PeerGone { peer } => format!("peer {peer} gone"),
        Event::Gossip { message, .. } => format!("gossip {}", gossip(message)),
        Event::Request { token, request, .. } => format!("request {} {request:?}", token.0),
        Event::Response { token, response } => {
            format!("response {} {}", token.0, response.as_ref().map_or("none", response_name))
        }
        Event::LowSpace(low) => format!("low on space: {low}"),
        Event::Submit { token, txs } => format!("submit {} {}", token.0, txs.len()),
        Event::Ask { token, .. } => format!("ask {}", token.0),
        Event::Done(what) => done(what),
        Event::Stop => "stop".to_owned(),
    }
}

const fn response_name(response: &wattle_p2p::wire::Response) -> &'static str {
    use wattle_p2p::wire::Response;
    match response {
        Response::Error { .. } => "error",
        Response::Busy => "busy",
        Response::Status(_) => "status",
        Response::Blocks(_) => "blocks",
        Response::Block(Some(_)) => "block",
        Response::Block(None) => "no block",
        Response::Certificates(_) => "certificates",
        Response::Heard(_) => "signs of life",
        Response::Reached(_) => "view reached",
        _ => "other",
    }
}

fn describe_effect(effect: &Effect) -> String {
    match effect {
        Effect::Work(Job::Body(block)) => format!("check body {}", block.hash().short()),
        Effect::Work(Job::Txs { token, txs }) => format!("check {} {}", token.0, txs.len()),
        Effect::Work(Job::Execute { block, .. }) => format!("execute {}", block.hash.short()),
        Effect::Work(Job::Build(job)) => format!("build {} of {}", job.round, job.candidates.len()),
        Effect::Work(Job::Replay { token, blocks, .. }) => format!("replay {} {}", token.0, blocks.len()),
        Effect::Persist(Order { token, height, records, votes, anew }) => {
            let votes: Vec<_> =
                votes.iter().map(|(vote, _)| (vote.kind(), vote.round().to_string())).collect();
            let anew = if *anew { ", all that is needed" } else { "" };
            format!("persist {} for {height}: {} records, {votes:?}{anew}", token.0, records.len())
        }
        Effect::Commit(batch) => {
            format!("commit {:?}", batch.iter().map(|c| c.block.header().height.0).collect::<Vec<_>>())
        }
        Effect::Send(to, message) => format!("to {to:?}: {}", validator(message)),
        Effect::Broadcast(message) => format!("to all: {}", validator(message)),
        Effect::Gossip(message) => format!("gossip {}", gossip(message)),
        Effect::Verdict { verdict, .. } => format!("verdict {verdict:?}"),
        Effect::Ask { token, peer, request } => match request {
            Request::SubmitTx(_) => format!("ask {} of {peer}", token.0),
            _ => format!("ask {} of {peer}: {request:?}", token.0),
        },
        Effect::Respond { token, response } => format!("respond {} {}", token.0, response_name(response)),
        Effect::Serve { token, request } => format!("serve {} {request:?}", token.0),
        Effect::ServeHeld { token, block, offset, .. } => {
            format!("serve {} {} from {offset}", token.0, block.hash.short())
        }
        Effect::Answer { token, answer } => match answer {
            Answer::Submitted(answers) => {
                format!(
                    "answer {} {:?}",
                    token.0,
                    answers
                        .iter()
                        .map(|a| a.as_ref().map_err(|e| e.1.code()).map(|_| ()))
                        .collect::<Vec<_>>()
                )
            }
            _ => format!("answer {}", token.0),
        },
        Effect::Report { peer, penalty, .. } => format!("report {peer} {penalty:?}"),
        Effect::SetValidators(keys) => format!("{} validators", keys.len()),
        Effect::Announce(a) => format!("announce {} {}", a.block.header().height, a.block.hash.short()),
        Effect::Evidence { found, .. } => format!("evidence against {}", found.evidence.culprit()),
        Effect::Bar(barred) => format!("sits out: {barred:?}"),
        Effect::Entered(round) => format!("enter {round}"),
        Effect::Quorum(quorum) => format!("quorum lost: {}, missing {:?}", quorum.is_lost(), quorum.missing),
        Effect::Halt(halt) => format!("HALT {halt}"),
    }
}
