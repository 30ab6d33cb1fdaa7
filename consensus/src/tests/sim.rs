//! A deterministic network of cores: loss, delay, duplication, reordering, partitions, crashes that lose whatever was
//! not synced, and one validator that lies.

use super::sim_node::{Effect, Msg, Node, state_root};
use crate::*;
use std::collections::BTreeMap;
use wattle_primitives::block::PROTOCOL_VERSION;
use wattle_primitives::*;

pub(super) const CHAIN: Hash = Hash([7; 32]);
pub(super) const EPOCH_LENGTH: u64 = 7;
pub(super) const TIMING: Timing = Timing {
    block_interval_ms: 50,
    idle_interval_ms: 2_000,
    leader_timeout_ms: 400,
    advance_timeout_ms: 600,
    timeout_ms_max: 5_000,
    skip_timeout_ms: 3_000,
    clock_skew_ms_max: 300,
};
pub(super) const WALL_MS: u64 = 1_700_000_000_000;

/// When a run begins, by its own clock.
const BEGIN_MS: u64 = 1_000;

pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    pub(super) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }
}

pub(super) fn key(index: usize) -> PublicKey {
    thread_local! { static KEYS: Vec<PublicKey> =
    (1..=16u8).map(|i| SecretKey::from_seed([i; 32]).public()).collect(); }
    KEYS.with(|keys| keys[index])
}

/// Weights change with the epoch; of seven nodes, one takes turns following only. Node 0 may lie: it never has a third.
pub(super) fn set_of(nodes: usize, epoch: Epoch) -> ValidatorSet {
    let member = |i: usize| {
        let power = if i > 0 && epoch.0 % 2 == 1 { 2 } else { 1 };
        Validator { key: key(i), power: VotingPower(power) }
    };
    let away = (nodes == 7).then_some(1 + (epoch.0 as usize % 6));
    ValidatorSet::new(
        (0..nodes).filter(|i| away.is_none_or(|a| epoch.0 % 3 != 1 || *i != a)).map(member).collect(),
    )
    .unwrap()
}

pub(super) fn sets_hash(nodes: usize, epoch: Epoch) -> Hash {
    set_of(nodes, epoch).hash()
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) drop_permille: u64,
    pub(super) delay_ms_max: u64,
    pub(super) duplicate_permille: u64,
    pub(super) crash_permille: u64,
    pub(super) partition_permille: u64,
    /// Everybody loses power at once.
    pub(super) power_cut_permille: u64,
    pub(super) liar: bool,
}

/// How a leader that lies dates its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bend {
    /// As far ahead as the honest validator with the fastest clock lets pass.
    Ahead,
    /// As little after the parent as is valid.
    Back,
}

enum Event {
    Deliver(usize, usize, Msg),
    Timer(usize, u64),
    Synced(usize, u64),
    Feed(usize, u64, Epoch, Input),
    Restart(usize),
    Chaos,
}

pub(super) struct Sim {
    seed: u64,
    pub(super) now: u64,
    rng: Rng,
    faults: Faults,
    queue: BTreeMap<(u64, u64), Event>,
    seq: u64,
    pub(super) nodes: Vec<Node>,
    /// How wrong each operating system's clock is, ms; `None` says 1970.
    pub(super) clocks: Vec<Option<i64>>,
    /// How the first so many validators date their blocks.
    pub(super) bend: Option<(usize, Bend)>,
    /// Blocks that were ahead of the fastest honest clock when first final.
    pub(super) ahead: u64,
    cut: Vec<bool>,
    timers: Vec<u64>,
    /// Finalized hash by height, over all honest nodes.
    finalized: BTreeMap<u64, Hash>,
    /// Every vote that an honest node ever sent, by (signer, epoch, view, kind).
    sent: BTreeMap<(usize, Round, VoteKind), Vote>,
    pub(super) events: u64,
}

pub(super) fn genesis(nodes: usize) -> Header {
    Header {
        version: PROTOCOL_VERSION,
        chain: CHAIN,
        epoch: Epoch(0),
        view: View(0),
        height: Height(0),
        parent: Hash::ZERO,
        time_ms: TimeMs(WALL_MS - 10_000),
        proposer: PublicKey([0; 32]),
        txs_root: merkle::list_root(&[]),
        state_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        validators_hash: sets_hash(nodes, Epoch(0)),
        next_validators_hash: sets_hash(nodes, Epoch(0)),
    }
}

impl Sim {
    pub(super) fn new(seed: u64, nodes: usize, faults: Faults) -> Self {
        let mut sim = Self {
            seed,
            now: BEGIN_MS,
            rng: Rng::new(seed),
            faults,
            queue: BTreeMap::new(),
            seq: 0,
            nodes: (0..nodes).map(|i| Node::new(i, nodes, genesis(nodes))).collect(),
            clocks: (0..nodes as i64).map(|i| Some(37 * i)).collect(),
            bend: None,
            ahead: 0,
            cut: vec![false; nodes],
            timers: vec![0; nodes],
            finalized: BTreeMap::new(),
            sent: BTreeMap::new(),
            events: 0,
        };
        for i in 0..nodes {
            sim.push(0, Event::Restart(i));
        }
        sim.push(100, Event::Chaos);
        sim
    }

    fn push(&mut self, after: u64, event: Event) {
        self.seq += 1;
        self.queue.insert((self.now + after, self.seq), event);
    }

    fn is_liar(&self, node: usize) -> bool {
        self.faults.liar && node == 0
    }

    fn honest(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().skip(usize::from(self.faults.liar))
    }

    pub(super) fn height_min(&self) -> u64 {
        self.honest().map(Node::height).min().unwrap()
    }

    pub(super) fn height_max(&self) -> u64 {
        self.honest().map(Node::height).max().unwrap()
    }

    /// Faults stop; who is down comes up. The liar goes on lying.
    pub(super) fn heal(&mut self) {
        self.faults = Faults { delay_ms_max: 40, liar: self.faults.liar, ..Faults::default() };
        self.cut.fill(false);
    }

    pub(super) fn run_until(&mut self, end: u64, stop: impl Fn(&Self) -> bool) {
        while let Some((&(at, seq), _)) = self.queue.first_key_value() {
            if at > end || stop(self) {
                break;
            }
            let event = self.queue.remove(&(at, seq)).unwrap();
            self.now = at;
            self.events += 1;
            self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver(from, to, msg) => self.deliver(from, to, msg),
            Event::Timer(node, at) if self.timers[node] == at => self.step(node, Input::Tick),
            Event::Timer(..) => {}
            Event::Synced(node, life) if self.nodes[node].life == life => self.drain(node),
            Event::Feed(node, life, epoch, input) if self.nodes[node].life == life => {
                if self.nodes[node].core.as_ref().is_some_and(|c| c.config().epoch == epoch) {
                    self.step(node, input);
                }
            }
            Event::Synced(..) | Event::Feed(..) => {}
            Event::Restart(node) => self.restart(node),
            Event::Chaos => self.chaos(),
        }
    }

    fn os(&self, node: usize) -> TimeMs {
        let right = WALL_MS + self.now;
        TimeMs(self.clocks[node].map_or(self.now, |wrong| right.saturating_add_signed(wrong)))
    }

    pub(super) fn reading(&mut self, node: usize) -> TimeMs {
        let (mono, os) = (MonoMs(self.now), self.os(node));
        self.nodes[node].clock.read(mono, os)
    }

    fn bends(&self, node: usize) -> Option<Bend> {
        self.bend.filter(|(liars, _)| node < *liars).map(|(_, bend)| bend)
    }

    /// The fastest honest clock. Where nobody has one it is what time began with, which every restart falls behind.
    pub(super) fn fastest(&self) -> TimeMs {
        let honest = (0..self.nodes.len()).filter(|node| self.bends(*node).is_none());
        let began = genesis(self.nodes.len()).time_ms.0 - TIMING.clock_skew_ms_max + self.now - BEGIN_MS;
        honest.map(|node| self.os(node)).max().unwrap().max(TimeMs(began))
    }

    /// Lets a validator say its clock.
    fn say_clock(&mut self, node: usize) {
        let time = match self.bends(node) {
            Some(Bend::Ahead) => TimeMs::MAX,
            Some(Bend::Back) => TimeMs::ZERO,
            None => self.reading(node),
        };
        self.send(node, None, Msg::Clock(time));
    }

    /// A liar's date for a block.
    fn bent(&mut self, bend: Bend, parent: TimeMs) -> TimeMs {
        let honest: Vec<usize> = (0..self.nodes.len()).filter(|node| self.bends(*node).is_none()).collect();
        let fastest = honest.into_iter().map(|node| self.reading(node)).max().unwrap();
        let skew = TimeMs(TIMING.clock_skew_ms_max);
        match bend {
            Bend::Back => parent.next(),
            // In case somebody takes the last block for a clock.
            Bend::Ahead if self.rng.chance(300) => fastest.max(parent).saturating_add(skew),
            Bend::Ahead => fastest.saturating_add(skew).max(parent.next()),
        }
    }

    fn chaos(&mut self) {
        if self.now.is_multiple_of(1_000) {
            for node in
                (0..self.nodes.len()).filter(|node| self.nodes[*node].core.is_some()).collect::<Vec<_>>()
            {
                self.say_clock(node);
            }
        }
        let power_cut = self.rng.chance(self.faults.power_cut_permille);
        for node in 0..self.nodes.len() {
            let crash = power_cut || self.rng.chance(self.faults.crash_permille);
            if self.nodes[node].core.is_some() && crash {
                let rng = &mut self.rng;
                self.nodes[node].crash(rng);
                let down = self.rng.below(3_000);
                self.push(down, Event::Restart(node));
            }
            if self.rng.chance(self.faults.partition_permille) {
                self.cut[node] = !self.cut[node];
            }
            if self.rng.chance(100) {
                let work =
                    [Work::None, Work::Due, Work::Transaction, Work::Transaction][self.rng.below(4) as usize];
                // Without faults gossip reaches everybody; with them, validators may know different work.
                let calm = self.faults.drop_permille + self.faults.crash_permille == 0;
                for knows in 0..self.nodes.len() {
                    if calm || knows == node {
                        self.nodes[knows].work = work;
                        self.step(knows, Input::Work(work));
                    }
                }
            }
            if self.nodes[node].core.as_ref().is_some_and(|c| c.config().me.is_none()) && self.rng.chance(100)
            {
                let peer = self.rng.below(self.nodes.len() as u64) as usize;
                self.ask_chain(node, peer);
            }
        }
        self.push(100, Event::Chaos);
    }

    fn restart(&mut self, node: usize) {
        let head = self.nodes[node].chain.last().unwrap().0.time_ms;
        self.nodes[node].clock = Clock::new(head, TIMING.clock_skew_ms_max, MonoMs(self.now));
        let mut core = self.nodes[node].make_core();
        core.restore(self.nodes[node].wal.iter().cloned());
        self.nodes[node].core = Some(core);
        self.begin(node);
    }

    /// The first inputs of a core.
    fn begin(&mut self, node: usize) {
        self.step(node, Input::Start);
        let (work, on) = (self.nodes[node].work, self.nodes[node].pressed);
        self.step(node, Input::Work(work));
        self.step(node, Input::Backpressure { on });
    }

    /// The disk of a node is nearly full, or has room again.
    pub(super) fn press(&mut self, node: usize, on: bool) {
        self.nodes[node].pressed = on;
        self.step(node, Input::Backpressure { on });
    }

    /// Loses power; comes back after `down_ms`, if at all.
    pub(super) fn cut_power(&mut self, node: usize, down_ms: Option<u64>) {
        self.nodes[node].crash(&mut self.rng);
        if let Some(down_ms) = down_ms {
            self.push(down_ms, Event::Restart(node));
        }
    }

    /// Before the start: so many views were nullified since genesis, and `node` has their certificates.
    pub(super) fn remember_stall(&mut self, node: usize, views: u64) {
        let nodes = self.nodes.len();
        let round = |view| Round { epoch: Epoch(0), view: View(view) };
        let votes: Vec<_> = (0..nodes).map(|by| self.sign(by, Epoch(0), Vote::Nullify(round(1)))).collect();
        let first = Certificate::assemble(votes[0].vote, &votes, &set_of(nodes, Epoch(0))).unwrap();
        let nullified = |view| Certificate { vote: Vote::Nullify(round(view)), ..first.clone() };
        self.nodes[node].wal.extend((1..=views).map(|view| Record::Certificate(nullified(view))));
    }

    pub(super) fn step(&mut self, node: usize, input: Input) {
        let (mono, reading) = (MonoMs(self.now), self.reading(node));
        let Some(core) = self.nodes[node].core.as_mut() else { return };
        let epoch = core.config().epoch;
        let out = core.step(mono, reading, input);
        let deadline = core.next_deadline();
        assert!(deadline.is_none_or(|d| d > mono), "a deadline lies ahead, seed {}", self.seed);
        if let Some(at) = deadline
            && self.timers[node] != at.0
        {
            self.timers[node] = at.0;
            self.push(at.0 - self.now, Event::Timer(node, at.0));
        }
        self.carry_out(node, epoch, out);
    }

    fn carry_out(&mut self, node: usize, epoch: Epoch, out: Vec<Output>) {
        let (mut records, mut effects) = (Vec::new(), Vec::new());
        let life = self.nodes[node].life;
        for output in out {
            match output {
                Output::Persist(record) => {
                    if let Record::Block(header) = &record {
                        assert!(self.nodes[node].bodies.contains_key(&header.hash()), "persists a held body");
                    }
                    records.push(record);
                }
                Output::Cast { vote, with_block } => {
                    self.cast(node, epoch, vote, with_block, &mut records, &mut effects)
                }
                Output::Build(request) => self.build(node, epoch, request),
                Output::Execute { block, parent } => {
                    let n = &self.nodes[node];
                    let header = n.bodies.get(&block).expect("executes a held block");
                    let valid =
                        header.parent == parent && header.state_root == state_root(&parent, &header.txs_root);
                    let verdict = if valid { Verdict::Valid } else { Verdict::Invalid };
                    let after = self.rng.below(15);
                    self.push(after, Event::Feed(node, life, epoch, Input::Executed { block, verdict }));
                }
                Output::Fetch { block, ask } => self.fetch(node, epoch, block, &ask),
                Output::FetchCertificates { from, to, ask } => {
                    let peer = self.pick(node, epoch, &ask);
                    effects.push(Effect::Send(Some(peer), Msg::WantCertificates(epoch, from, to)));
                }
                Output::Sync { .. } => {
                    let peer = self.pick(node, epoch, &[]);
                    self.ask_chain(node, peer);
                }
                Output::Send { to, certificate } => {
                    effects.push(Effect::Send(self.target(epoch, to), Msg::Certificates(vec![certificate])));
                }
                Output::Resend { to, votes, certificates } => {
                    let to = self.target(epoch, to);
                    effects.push(Effect::Send(to, Msg::Certificates(certificates)));
                    effects.push(Effect::Send(to, Msg::Votes(votes)));
                }
                Output::Finalized { blocks, certificate } => {
                    effects.push(Effect::Commit(blocks, certificate))
                }
                Output::Evidence(evidence) => {
                    let set = set_of(self.nodes.len(), epoch);
                    let culprit = set.get(evidence.culprit()).unwrap().key;
                    assert!(self.faults.liar && culprit == key(0), "honest accused, seed {}", self.seed);
                    self.nodes[node].evidence.push(evidence);
                }
                Output::Entered { .. } => {}
                Output::Halt { reason } => self.nodes[node].halted = Some(reason),
            }
        }
        assert!(
            self.nodes[node].halted.is_none(),
            "halted: {:?}, seed {}",
            self.nodes[node].halted,
            self.seed
        );
        self.enqueue(node, records, effects);
    }

    /// Effects wait for every group before them.
    fn enqueue(&mut self, node: usize, records: Vec<Record>, effects: Vec<Effect>) {
        let n = &mut self.nodes[node];
        if records.is_empty() {
            match n.groups.back_mut() {
                Some((.., waiting)) => waiting.extend(effects),
                None => self.perform(node, effects),
            }
            return;
        }
        let delay = self.rng.below(12);
        let done = n.groups.back().map_or(0, |g| g.0).max(self.now + delay);
        n.groups.push_back((done, records, n.sign.clone(), effects));
        let (life, after) = (n.life, done - self.now);
        self.push(after, Event::Synced(node, life));
    }

    fn drain(&mut self, node: usize) {
        while self.nodes[node].groups.front().is_some_and(|g| g.0 <= self.now) {
            let (_, records, sign, effects) = self.nodes[node].groups.pop_front().unwrap();
            self.nodes[node].wal.extend(records);
            self.nodes[node].sign_durable = sign;
            self.perform(node, effects);
        }
        let n = &self.nodes[node];
        if n.groups.is_empty() && n.wal.len() > 2 * n.needed + 32 {
            self.rewrite_log(node);
        }
    }

    /// Keeps of the log only what the core still needs: nobody may notice.
    fn rewrite_log(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let Some(core) = &n.core else { return };
        let epoch = core.config().epoch;
        // A vote that is on its way back to the core is not among its records yet.
        let unheard = |record: &Record| matches!(record, Record::Vote(vote) if !core.holds(vote));
        n.wal.retain(|record| record.epoch() > epoch || unheard(record));
        n.wal.extend(core.records());
        n.needed = n.wal.len();
    }

    fn perform(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, msg) => self.send(node, to, msg),
                Effect::Feed(life, epoch, input) => self.push(0, Event::Feed(node, life, epoch, input)),
                Effect::Commit(blocks, certificate) => self.commit(node, &blocks, &certificate),
            }
        }
    }

    fn commit(&mut self, node: usize, blocks: &[Hash], certificate: &Certificate) {
        for block in blocks {
            let header = self.nodes[node].bodies.get(block).expect("finalizes a held block").clone();
            if header.height.0 > self.nodes[node].height() {
                self.commit_one(node, header, certificate.clone());
            }
        }
        self.next_epoch(node);
    }

    fn commit_one(&mut self, node: usize, header: Header, certificate: Certificate) {
        let (height, hash, header_ms) = (header.height.0, header.hash(), header.time_ms);
        let liar = self.is_liar(node);
        let fastest = self.fastest();
        let latest = fastest.saturating_add(TimeMs(TIMING.clock_skew_ms_max));
        assert!(
            header.time_ms <= latest,
            "height {height} is dated {} ms ahead of every clock and the skew, seed {}",
            header.time_ms.0 - latest.0,
            self.seed
        );
        self.nodes[node].commit(header, certificate);
        self.ahead += u64::from(header_ms > fastest && !self.finalized.contains_key(&height));
        if !liar {
            let first = *self.finalized.entry(height).or_insert(hash);
            assert_eq!(first, hash, "fork at height {height}, node {node}, seed {}", self.seed);
        }
    }

    fn next_epoch(&mut self, node: usize) {
        let n = &mut self.nodes[node];
        let epoch = Epoch(n.height() / EPOCH_LENGTH);
        if n.core.as_ref().is_some_and(|c| c.config().epoch < epoch) {
            n.old = n.core.take();
            let mut core = n.make_core();
            core.restore(n.wal.iter().cloned());
            n.core = Some(core);
            self.timers[node] = 0;
            self.begin(node);
        }
    }

    fn sign(&self, node: usize, epoch: Epoch, vote: Vote) -> SignedVote {
        let signer = set_of(self.nodes.len(), epoch).index_of(&key(node)).unwrap();
        SignedVote { vote, signer, signature: Signature([node as u8; 64]) }
    }

    fn cast(
        &mut self,
        node: usize,
        epoch: Epoch,
        vote: Vote,
        with_block: bool,
        records: &mut Vec<Record>,
        effects: &mut Vec<Effect>,
    ) {
        let life = self.nodes[node].life;
        if !self.is_liar(node) && !self.nodes[node].sign.allow(vote) {
            return self.push(0, Event::Feed(node, life, epoch, Input::VoteRefused { vote }));
        }
        let signed = self.sign(node, epoch, vote);
        records.push(Record::Vote(signed));
        if self.is_liar(node) && self.rng.chance(600) {
            self.lie(node, epoch, signed, with_block, effects);
        } else if with_block {
            let header = self.nodes[node].bodies[&vote.proposal().unwrap().block].clone();
            effects.push(Effect::Send(None, Msg::Proposal(signed, header)));
        } else {
            effects.push(Effect::Send(None, Msg::Votes(vec![signed])));
        }
        effects.push(Effect::Feed(life, epoch, Input::OwnVote(signed)));
    }

    /// Tells different nodes different things.
    fn lie(
        &mut self,
        node: usize,
        epoch: Epoch,
        signed: SignedVote,
        with_block: bool,
        effects: &mut Vec<Effect>,
    ) {
        for to in 0..self.nodes.len() {
            if with_block {
                let Vote::Notarize(mut proposal) = signed.vote else { continue };
                let mut header = self.nodes[node].bodies[&proposal.block].clone();
                if self.rng.chance(500) {
                    header.txs_root = Hash([self.rng.below(2) as u8; 32]);
                    header.state_root = match self.rng.below(4) {
                        0 => Hash::ZERO,
                        _ => state_root(&header.parent, &header.txs_root),
                    };
                    if self.rng.chance(200) {
                        header.time_ms = TimeMs(header.time_ms.0 + 3_000);
                    }
                    if self.rng.chance(400) {
                        self.graft(node, &mut header, &mut proposal);
                    }
                    proposal.block = header.hash();
                    self.nodes[node].bodies.insert(proposal.block, header.clone());
                }
                let vote = self.sign(node, epoch, Vote::Notarize(proposal));
                effects.push(Effect::Send(Some(to), Msg::Proposal(vote, header)));
                continue;
            }
            let round = signed.vote.round();
            let vote = match (self.rng.below(4), signed.vote.proposal()) {
                (0, _) => Vote::Nullify(round),
                (1, Some(p)) => Vote::Finalize(p),
                (2, Some(p)) => Vote::Notarize(Proposal { block: Hash([3; 32]), ..p }),
                _ => signed.vote,
            };
            let vote = self.sign(node, epoch, vote);
            effects.push(Effect::Send(Some(to), Msg::Votes(vec![vote])));
        }
    }

    /// A well-formed block on an older parent, which is legal only if every view since was nullified.
    fn graft(&mut self, node: usize, header: &mut Header, proposal: &mut Proposal) {
        let older = |h: &&Header| {
            h.epoch == header.epoch && h.view < header.view && !h.height.0.is_multiple_of(EPOCH_LENGTH)
        };
        let older: Vec<Header> = self.nodes[node].bodies.values().filter(older).cloned().collect();
        if older.is_empty() {
            return;
        }
        let parent = &older[self.rng.below(older.len() as u64) as usize];
        header.parent = parent.hash();
        header.height = parent.height.next();
        header.next_validators_hash = if header.height.0.is_multiple_of(EPOCH_LENGTH) {
            sets_hash(self.nodes.len(), header.epoch.next())
        } else {
            header.validators_hash
        };
        header.state_root = state_root(&header.parent, &header.txs_root);
        proposal.parent_view = parent.view;
    }

    fn build(&mut self, node: usize, epoch: Epoch, request: BuildRequest) {
        let mut header = request.template;
        let n = &self.nodes[node];
        let parent = n.bodies.get(&header.parent).unwrap_or(&n.chain[0].0).time_ms;
        match self.bends(node) {
            Some(bend) => header.time_ms = self.bent(bend, parent),
            None => assert!(header.time_ms >= self.reading(node), "an honest leader dates by its clock"),
        }
        if self.nodes[node].work == Work::Transaction && !request.empty {
            header.txs_root = Hash::of(domain::TX_LEAF, &[&self.rng.next().to_le_bytes()]);
        } else {
            header.txs_root = merkle::list_root(&[]);
        }
        header.state_root = state_root(&header.parent, &header.txs_root);
        let (life, round) = (self.nodes[node].life, request.round);
        let fails = self.faults.crash_permille > 0 && self.rng.chance(20);
        if !fails {
            self.nodes[node].bodies.insert(header.hash(), header.clone());
        }
        let after = self.rng.below(20);
        let header = (!fails).then_some(header);
        self.push(after, Event::Feed(node, life, epoch, Input::Built { round, header }));
    }

    fn fetch(&mut self, node: usize, epoch: Epoch, block: Hash, ask: &[ValidatorIndex]) {
        let life = self.nodes[node].life;
        if let Some(header) = self.nodes[node].bodies.get(&block).cloned() {
            return self.push(0, Event::Feed(node, life, epoch, Input::Header { header }));
        }
        let peer = self.pick(node, epoch, ask);
        self.send(node, Some(peer), Msg::WantBlock(block));
    }

    fn target(&self, epoch: Epoch, to: To) -> Option<usize> {
        match to {
            To::All => None,
            To::One(index) => Some(self.node_of(epoch, index)),
        }
    }

    fn node_of(&self, epoch: Epoch, index: ValidatorIndex) -> usize {
        let key_of = set_of(self.nodes.len(), epoch).get(index).unwrap().key;
        (0..self.nodes.len()).find(|i| key(*i) == key_of).unwrap()
    }

    fn pick(&mut self, node: usize, epoch: Epoch, ask: &[ValidatorIndex]) -> usize {
        let others: Vec<usize> = (0..self.nodes.len()).filter(|i| *i != node).collect();
        let asked: Vec<usize> = ask.iter().map(|i| self.node_of(epoch, *i)).filter(|i| *i != node).collect();
        let from = if asked.is_empty() || self.rng.chance(300) { others } else { asked };
        if from.is_empty() { node } else { from[self.rng.below(from.len() as u64) as usize] }
    }

    fn ask_chain(&mut self, node: usize, peer: usize) {
        if self.now - self.nodes[node].synced_at >= 300 {
            self.nodes[node].synced_at = self.now;
            let height = Height(self.nodes[node].height());
            self.send(node, Some(peer), Msg::WantChain(height));
        }
    }

    fn send(&mut self, from: usize, to: Option<usize>, msg: Msg) {
        self.check_sent(from, &msg);
        let targets = match to {
            Some(to) => vec![to],
            None => (0..self.nodes.len()).collect(),
        };
        for to in targets.into_iter().filter(|to| *to != from) {
            if self.cut[from] != self.cut[to] || self.rng.chance(self.faults.drop_permille) {
                continue;
            }
            let copies = 1 + u64::from(self.rng.chance(self.faults.duplicate_permille));
            for _ in 0..copies {
                let delay = 1 + self.rng.below(self.faults.delay_ms_max);
                self.push(delay, Event::Deliver(from, to, msg.clone()));
            }
        }
    }

    /// No honest node ever signs two things in one (view, kind), nor nullify with finalize, whatever it forgot.
    fn check_sent(&mut self, from: usize, msg: &Msg) {
        let votes: Vec<SignedVote> = match msg {
            Msg::Proposal(vote, _) => vec![*vote],
            Msg::Votes(votes) => votes.clone(),
            _ => return,
        };
        for signed in votes {
            let round = signed.vote.round();
            let signer = self.node_of(round.epoch, signed.signer);
            if self.is_liar(signer) || signer != from {
                continue;
            }
            let held = *self.sent.entry((signer, round, signed.vote.kind())).or_insert(signed.vote);
            assert_eq!(held, signed.vote, "double vote, seed {}", self.seed);
            let other = |kind| self.sent.contains_key(&(signer, round, kind));
            assert!(
                !(other(VoteKind::Nullify) && other(VoteKind::Finalize)),
                "nullify+finalize, seed {}",
                self.seed
            );
        }
    }

    fn deliver(&mut self, from: usize, to: usize, msg: Msg) {
        if self.nodes[to].core.is_none() {
            return;
        }
        match msg {
            Msg::Proposal(vote, header) => {
                self.nodes[to].bodies.insert(header.hash(), header.clone());
                let epoch = vote.vote.round().epoch;
                self.route(from, to, epoch, Input::Proposal { vote, header });
            }
            Msg::Votes(votes) => {
                for vote in votes {
                    self.route(from, to, vote.vote.round().epoch, Input::Vote(vote));
                }
            }
            Msg::Certificates(certificates) => {
                for certificate in certificates {
                    self.route(from, to, certificate.round().epoch, Input::Certificate(certificate));
                }
            }
            Msg::Block(header) => {
                self.nodes[to].bodies.insert(header.hash(), header.clone());
                self.route(from, to, header.epoch, Input::Header { header });
            }
            Msg::Clock(time) => {
                let n = &mut self.nodes[to];
                let set = set_of(n.nodes, n.core.as_ref().unwrap().config().epoch);
                n.clock.told(key(from), time, MonoMs(self.now), &set);
            }
            Msg::WantBlock(hash) => {
                if let Some(header) = self.nodes[to].bodies.get(&hash).cloned() {
                    self.send(to, Some(from), Msg::Block(header));
                }
            }
            Msg::WantCertificates(epoch, first, last) => {
                let n = &self.nodes[to];
                let core = n.core.iter().chain(&n.old).find(|c| c.config().epoch == epoch);
                let found = core.map(|c| c.certificates(first, last)).unwrap_or_default();
                self.enqueue(to, Vec::new(), vec![Effect::Send(Some(from), Msg::Certificates(found))]);
            }
            Msg::WantChain(height) => {
                let have = self.nodes[to].chain.iter().skip(height.0 as usize + 1).take(40);
                let chain = have.map(|(h, c)| (h.clone(), c.clone().unwrap())).collect();
                self.send(to, Some(from), Msg::Chain(chain));
            }
            Msg::Chain(chain) => self.sync(to, chain),
        }
    }

    fn route(&mut self, from: usize, to: usize, epoch: Epoch, input: Input) {
        let current = self.nodes[to].core.as_ref().unwrap().config().epoch;
        if epoch == current {
            return self.step(to, input);
        }
        if epoch > current {
            return self.ask_chain(to, from);
        }
        let (mono, reading) = (MonoMs(self.now), self.reading(to));
        if let Some(old) = self.nodes[to].old.as_mut().filter(|c| c.config().epoch == epoch) {
            let out = old.step(mono, reading, input);
            self.carry_out(to, epoch, out);
        }
    }

    fn sync(&mut self, node: usize, chain: Vec<(Header, Certificate)>) {
        for (header, certificate) in chain {
            if header.height.0 != self.nodes[node].height() + 1 {
                continue;
            }
            let epoch = header.epoch;
            self.commit_one(node, header.clone(), certificate.clone());
            if self.nodes[node].core.as_ref().is_some_and(|c| c.config().epoch == epoch) {
                self.step(node, Input::Synced { header, certificate });
            }
            self.next_epoch(node);
        }
    }
}
