//! Links between nodes: connections that come and go, and messages that are lost, late, doubled, out of order.

use super::coverage::Mark;
use super::line::{Line, Load, Pipe};
use super::node::Running;
use super::rng::Rng;
use super::{Action, Sim};
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_node::driver::Event;
use wattle_node::work::Token;
use wattle_p2p::MessageId;
use wattle_p2p::Verdict;
use wattle_p2p::wire::{Gossip, Request, Response, ValidatorMessage};
use wattle_primitives::{Hash, Height, PublicKey, domain, encode};

/// How long a node's question waits for its answer, in ms: as on the real network.
const REQUEST_TIMEOUT_MS: u64 = wattle_p2p::REQUEST_TIMEOUT.as_secs() * 1_000;
/// How often a node asks each peer how far it is, in ms: as on the real network.
const STATUS_MS: u64 = 5_000;
/// How long until both ends have noticed that a connection is gone, in ms.
const NOTICE_MS_MAX: u64 = 300;
/// Longest time until a connection that can be made is made, in ms.
const REDIAL_MS_MAX: u64 = 500;

/// How long answers are held back, shortest and longest, in ms: longer than patience with a link that has shown to be
/// quick, and up to longer than patience at first.
const HELD_MS: (u64, u64) = (3_000, 20_000);
/// By how much a liar's height is greater than its chain's.
const HEIGHT_LIE: u64 = 1_000;
/// How long gossip is remembered, in ms: as on the real network.
const GOSSIP_MEMORY_MS: u64 = 120_000;

/// A message under way.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    Validator(Arc<ValidatorMessage>),
    Gossip(Hash, Arc<Gossip>),
    Request(Token, Arc<Request>),
    Response(Token, Arc<Response>),
}

impl Payload {
    /// Its load on a line.
    fn load(&self) -> Load {
        let (bytes, asked_for) = match self {
            Self::Validator(message) => (encode(message.as_ref()).len(), false),
            Self::Gossip(_, message) => (encode(message.as_ref()).len(), false),
            Self::Request(_, request) => (encode(request.as_ref()).len(), true),
            Self::Response(_, response) => (encode(response.as_ref()).len(), true),
        };
        let block = match self {
            Self::Validator(message) if matches!(**message, ValidatorMessage::Proposal { .. }) => {
                Some(Hash::of_encoded(domain::TX_LEAF, message.as_ref()))
            }
            _ => None,
        };
        Load { bytes, asked_for, block }
    }
}

/// A direction of a node's line.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// From the node.
    Up,
    /// To it.
    Down,
}

/// A connection between two nodes, or its absence.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    up: bool,
    dialing: bool,
    /// Counts connections: what was sent over an earlier one is lost.
    number: u64,
    /// Before this both ends may not have noticed the end of the last one.
    settled_at: u64,
}

/// All links, and into which parts the network has fallen.
#[derive(Debug, Default)]
pub(super) struct Network {
    links: BTreeMap<(usize, usize), Link>,
    /// Part of each node; nodes of different parts do not reach each other.
    pub(super) parts: Vec<u64>,
    /// Directions, from and to, in which nothing arrives before a time.
    deaf: BTreeMap<(usize, usize), u64>,
    /// Directions in which everything waits until a time.
    clogs: BTreeMap<(usize, usize), u64>,
    /// Narrow lines of nodes: from them and to them.
    lines: BTreeMap<usize, [Pipe; 2]>,
}

impl Network {
    pub(super) fn new(nodes: usize, links: Vec<(usize, usize)>, lines: &[Line]) -> Self {
        let links = links.into_iter().map(|pair| (pair, Link::default())).collect();
        let lines = lines.iter().map(|line| (line.node, line.pipes())).collect();
        Self { links, parts: vec![0; nodes], lines, ..Self::default() }
    }

    /// Narrow lines are as wide as any from now on.
    pub(super) fn widen(&mut self) {
        self.lines.clear();
    }

    /// When a message that is put into the line of `end` at `at`, for its link to `far` or from it, is through: at once
    /// if the line is wide. `None`: it is dropped.
    fn pass(&mut self, way: Way, end: usize, far: usize, at: u64, payload: &Payload) -> Option<u64> {
        let Some([up, down]) = self.lines.get_mut(&end) else { return Some(at) };
        let pipe = match way {
            Way::Up => up,
            Way::Down => down,
        };
        pipe.put(at, far, payload.load())
    }

    /// A direction of some link.
    pub(super) fn any_direction(&self, rng: &mut Rng) -> Option<(usize, usize)> {
        let pairs: Vec<(usize, usize)> = self.links.keys().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        rng.pick(&pairs).copied()
    }

    /// Nothing arrives in this direction until then; the other one is as it was.
    pub(super) fn silence(&mut self, direction: (usize, usize), until: u64) {
        self.deaf.insert(direction, until);
    }

    /// All waits in this direction until then.
    pub(super) fn clog(&mut self, direction: (usize, usize), until: u64) {
        self.clogs.insert(direction, until);
    }

    /// Every link works as it should.
    pub(super) fn heal(&mut self) {
        self.parts.fill(0);
        self.deaf.clear();
        self.clogs.clear();
    }

    /// Whether every link between running nodes is up.
    pub(super) fn is_whole(&self) -> bool {
        self.links.values().all(|link| link.up)
    }

    fn link(&self, a: usize, b: usize) -> Link {
        self.links.get(&(a.min(b), a.max(b))).copied().unwrap_or_default()
    }

    fn link_mut(&mut self, a: usize, b: usize) -> &mut Link {
        self.links.entry((a.min(b), a.max(b))).or_default() // only for pairs that have a link
    }

    pub(super) fn is_up(&self, a: usize, b: usize) -> bool {
        a != b && self.link(a, b).up
    }
}

impl Sim {
    /// Makes and breaks connections after a node or a cable has come or gone.
    pub(super) fn rewire(&mut self) {
        let pairs: Vec<(usize, usize)> = self.network.links.keys().copied().collect();
        for (a, b) in pairs {
            let reachable = self.nodes[a].running.is_some()
                && self.nodes[b].running.is_some()
                && self.network.parts[a] == self.network.parts[b];
            let link = self.network.link(a, b);
            if link.up && !reachable {
                self.disconnect(a, b);
            }
            let link = self.network.link(a, b);
            if !link.up && !link.dialing && reachable {
                let at = link.settled_at.max(self.now) + self.rng.between(5, REDIAL_MS_MAX);
                self.network.link_mut(a, b).dialing = true;
                self.at(at, Action::Connect { a, b });
            }
        }
    }

    pub(super) fn disconnect(&mut self, a: usize, b: usize) {
        let notice = self.now + NOTICE_MS_MAX;
        let link = self.network.link_mut(a, b);
        (link.up, link.number, link.settled_at) = (false, link.number + 1, notice + 1);
        for (at, other) in [(a, b), (b, a)] {
            let peer = self.nodes[other].peer;
            let when = self.now + self.rng.below(NOTICE_MS_MAX);
            self.event_at(when, at, Event::PeerGone { peer });
        }
    }

    pub(super) fn connect(&mut self, a: usize, b: usize) -> Result<(), String> {
        self.network.link_mut(a, b).dialing = false;
        let alive = self.nodes[a].running.is_some() && self.nodes[b].running.is_some();
        if !alive || self.network.parts[a] != self.network.parts[b] {
            return Ok(()); // it is tried again when something changes
        }
        self.network.link_mut(a, b).up = true;
        self.note_whole();
        for (at, other) in [(a, b), (b, a)] {
            let Some(height) = self.told_height(other) else { continue };
            let (peer, validator) = (self.nodes[other].peer, self.nodes[other].key);
            self.step(at, Event::PeerReady { peer, validator, height, serves: true })?;
        }
        let number = self.network.link(a, b).number;
        self.at(self.now + STATUS_MS, Action::Heights { a, b, number });
        self.open_streams(a, b)
    }

    /// The height that a node says it has.
    fn told_height(&mut self, node: usize) -> Option<Height> {
        let height = self.nodes[node].running.as_ref()?.shared.view().header.height;
        if self.plan.lies(node) && self.rng.coin() {
            self.oracle.coverage.mark(Mark::HeightLie);
            return Some(Height(height.0 + HEIGHT_LIE));
        }
        Some(height)
    }

    /// The network task of each end has asked the other how far it is.
    pub(super) fn tell_heights(&mut self, a: usize, b: usize, number: u64) -> Result<(), String> {
        if !self.network.is_up(a, b) || self.network.link(a, b).number != number {
            return Ok(());
        }
        self.at(self.now + STATUS_MS, Action::Heights { a, b, number });
        for (at, other) in [(a, b), (b, a)] {
            if let Some(height) = self.told_height(other) {
                let peer = self.nodes[other].peer;
                self.step(at, Event::PeerHeight { peer, height })?;
            }
        }
        Ok(())
    }

    /// Both ends let each other in: the streams between two validators are open.
    fn streams_open(&self, a: usize, b: usize) -> bool {
        let allows = |x: usize, y: usize| match (&self.nodes[x].running, self.nodes[y].key) {
            (Some(running), Some(key)) => running.allowed.contains(&key),
            _ => false,
        };
        self.network.is_up(a, b) && allows(a, b) && allows(b, a)
    }

    fn open_streams(&mut self, a: usize, b: usize) -> Result<(), String> {
        for (at, other) in [(a, b), (b, a)] {
            if let (true, Some(key)) = (self.streams_open(a, b), self.nodes[other].key) {
                let peer = self.nodes[other].peer;
                self.step(at, Event::ValidatorConnected { key, peer })?;
            }
        }
        Ok(())
    }

    /// A node exchanges messages with other validators from now on.
    pub(super) fn set_validators(&mut self, node: usize, keys: Vec<PublicKey>) {
        let before: Vec<bool> = (0..self.nodes.len()).map(|other| self.streams_open(node, other)).collect();
        if let Some(running) = &mut self.nodes[node].running {
            running.allowed = keys.into_iter().collect();
        }
        for (other, was_open) in before.into_iter().enumerate() {
            if !was_open && self.streams_open(node, other) {
                for (at, far) in [(node, other), (other, node)] {
                    if let Some(key) = self.nodes[far].key {
                        let peer = self.nodes[far].peer;
                        self.event_at(self.now + 1, at, Event::ValidatorConnected { key, peer });
                    }
                }
            }
        }
    }

    /// To one validator, if the streams to it are open. The liar tells everybody something else.
    pub(super) fn send_validator(
        &mut self,
        from: usize,
        to: usize,
        message: &Arc<ValidatorMessage>,
    ) -> Result<(), String> {
        if from == to || !self.streams_open(from, to) {
            return Ok(());
        }
        if let Some(liar) = self.liars.get_mut(&from) {
            for lie in liar.messages(to, message) {
                self.oracle.sent(from, self.nodes[from].key, &lie)?;
                self.transmit(from, to, Payload::Validator(lie));
            }
            return Ok(());
        }
        self.oracle.sent(from, self.nodes[from].key, message)?;
        self.transmit(from, to, Payload::Validator(Arc::clone(message)));
        Ok(())
    }

    pub(super) fn nodes_of(&self, key: &PublicKey) -> Vec<usize> {
        (0..self.nodes.len()).filter(|i| self.nodes[*i].key == Some(*key)).collect()
    }

    /// Everybody whose key a node knows.
    pub(super) fn broadcast(&mut self, from: usize, message: &Arc<ValidatorMessage>) -> Result<(), String> {
        for to in 0..self.nodes.len() {
            self.send_validator(from, to, message)?;
        }
        Ok(())
    }

    /// Puts something on a link. What becomes of it is up to the faults.
    fn transmit(&mut self, from: usize, to: usize, payload: Payload) {
        let faults = self.faults;
        // Questions, answers and gossip are sent again by lower layers: they are lost with their connection, or rarely.
        let loss = if matches!(payload, Payload::Validator(_)) { faults.loss } else { faults.loss / 8 };
        if !self.network.is_up(from, to) {
            return;
        }
        let deaf = self.network.deaf.get(&(from, to)).is_some_and(|until| self.now < *until);
        if deaf || self.rng.chance(loss) {
            self.oracle.coverage.mark(if deaf { Mark::OneWay } else { Mark::Loss });
            return;
        }
        let clogged_until = self.network.clogs.get(&(from, to)).copied().unwrap_or(0);
        if clogged_until > self.now {
            self.oracle.coverage.mark(Mark::Clog);
        }
        let mut copies = 1;
        if self.rng.chance(faults.duplicate) {
            self.oracle.coverage.mark(Mark::Duplicate);
            copies = 2;
        }
        let number = self.network.link(from, to).number;
        let sent = self.now.max(clogged_until);
        for _ in 0..copies {
            let Some(out) = self.network.pass(Way::Up, from, to, sent, &payload) else {
                continue; // too much waits on a narrow line
            };
            if out > sent && self.network.lines.contains_key(&to) {
                // Into the other line in the order in which messages come there, whatever waits for the first.
                self.at(out, Action::Arrive { from, to, number, payload: payload.clone() });
            } else {
                self.arrive(out, from, to, number, payload.clone());
            }
        }
    }

    /// What has left its sender's line is put into its receiver's at `at`.
    pub(super) fn arrive(&mut self, at: u64, from: usize, to: usize, number: u64, payload: Payload) {
        let Some(passed) = self.network.pass(Way::Down, to, from, at, &payload) else { return };
        let at = passed + self.rng.between(1, self.faults.delay_ms_max.max(1));
        self.at(at, Action::Deliver { from, to, number, payload });
    }

    pub(super) fn deliver(
        &mut self,
        from: usize,
        to: usize,
        number: u64,
        payload: Payload,
    ) -> Result<(), String> {
        if !self.network.is_up(from, to) || self.network.link(from, to).number != number {
            return Ok(());
        }
        let (peer, from_life) = (self.nodes[from].peer, self.nodes[from].life);
        let streams = self.streams_open(from, to);
        let (from_key, now) = (self.nodes[from].key, self.now);
        let Some(running) = &mut self.nodes[to].running else { return Ok(()) };
        let event = match payload {
            Payload::Validator(message) => match from_key.filter(|_| streams) {
                Some(key) => {
                    self.oracle.received(to, &message);
                    Event::Validator { from: key, peer, message: (*message).clone() }
                }
                None => return Ok(()),
            },
            Payload::Gossip(id, message) => {
                if remembers(running, &id, now) {
                    return Ok(());
                }
                running.gossip.insert(id, (now, Some(Arc::clone(&message))));
                Event::Gossip { peer, id: MessageId(id.0.to_vec()), message: (*message).clone() }
            }
            Payload::Request(asked, request) => {
                let token = running.new_token();
                running.questions.insert(token, (from, from_life, asked));
                Event::Request { token, peer, request: (*request).clone() }
            }
            Payload::Response(token, response) => {
                if !running.asked.remove(&token) {
                    return Ok(());
                }
                Event::Response { token, response: Some((*response).clone()) }
            }
        };
        self.step(to, event)
    }

    /// Content that was handed out a short time ago is not handed out again; with nobody there it is not noted.
    pub(super) fn publish(&mut self, from: usize, message: Gossip) {
        let id = Hash::of_encoded(domain::TX_LEAF, &message);
        let (now, alone) = (self.now, !(0..self.nodes.len()).any(|to| self.network.is_up(from, to)));
        let Some(running) = &mut self.nodes[from].running else { return };
        if !alone && !remembers(running, &id, now) {
            running.gossip.insert(id, (now, None));
            self.spread(from, None, id, &Arc::new(message));
        }
    }

    fn spread(&mut self, from: usize, source: Option<usize>, id: Hash, message: &Arc<Gossip>) {
        for to in 0..self.nodes.len() {
            if Some(to) != source && self.network.is_up(from, to) {
                self.transmit(from, to, Payload::Gossip(id, Arc::clone(message)));
            }
        }
    }

    /// Only what its receiver accepts goes on.
    pub(super) fn verdict(
        &mut self,
        node: usize,
        source: usize,
        id: &MessageId,
        verdict: Verdict,
    ) -> Result<(), String> {
        let Ok(id) = <[u8; 32]>::try_from(id.0.as_slice()).map(Hash) else { return Ok(()) };
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        let Some(message) = running.gossip.get_mut(&id).and_then(|(_, message)| message.take()) else {
            return Err("a verdict on gossip that waits for none".to_owned());
        };
        match verdict {
            Verdict::Accept => self.spread(node, Some(source), id, &message),
            Verdict::Ignore => {}
            Verdict::Reject => return Err(format!("node {node} rejects honest gossip of node {source}")),
        }
        Ok(())
    }

    pub(super) fn ask(&mut self, from: usize, to: usize, token: Token, request: Request) {
        let life = self.nodes[from].life;
        let Some(running) = &mut self.nodes[from].running else { return };
        running.asked.insert(token);
        let timeout = if self.network.is_up(from, to) { REQUEST_TIMEOUT_MS } else { 1 };
        self.at(self.now + timeout, Action::Unanswered { node: from, life, token });
        self.transmit(from, to, Payload::Request(token, Arc::new(request)));
    }

    pub(super) fn respond(&mut self, node: usize, token: Token, mut response: Response) {
        if let Some(liar) = self.answers.get_mut(&node) {
            let (changed, lie) = liar.change(response, self.faults.answer_lie);
            response = changed;
            if let Some(mark) = lie {
                self.oracle.coverage.mark(mark);
            }
        }
        let Some(running) = &mut self.nodes[node].running else { return };
        let Some((to, life, asked)) = running.questions.remove(&token) else { return };
        if self.nodes[to].life != life {
            return;
        }
        let answer = Payload::Response(asked, Arc::new(response));
        let may_hold = self.faults.answer_held > 0 && self.network.is_up(node, to);
        if !may_hold || !self.rng.chance(self.faults.answer_held) {
            return self.transmit(node, to, answer);
        }
        self.oracle.coverage.mark(Mark::AnswerHeld);
        let (at, number) =
            (self.now + self.rng.between(HELD_MS.0, HELD_MS.1), self.network.link(node, to).number);
        self.at(at, Action::Held { from: node, to, number, payload: answer });
    }

    /// An answer that was held back goes out, unless the connection on which it was asked for is gone.
    pub(super) fn let_go(&mut self, from: usize, to: usize, number: u64, payload: Payload) {
        if self.network.link(from, to).number == number {
            self.transmit(from, to, payload);
        }
    }
}

fn remembers(running: &Running, id: &Hash, now: u64) -> bool {
    running.gossip.get(id).is_some_and(|(at, waits)| waits.is_some() || now - at < GOSSIP_MEMORY_MS)
}
