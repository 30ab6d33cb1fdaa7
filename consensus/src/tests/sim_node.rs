//! One simulated node: a core with its log, sign state, bodies and committed chain.

use super::sim::{EPOCH_LENGTH, Rng, set_of, sets_hash};
use crate::*;
use std::collections::{BTreeMap, VecDeque};
use wattle_primitives::*;

/// Messages between nodes.
#[derive(Clone, Debug)]
pub(super) enum Msg {
    Proposal(SignedVote, Header),
    Votes(Vec<SignedVote>),
    Certificates(Vec<Certificate>),
    WantBlock(Hash),
    Block(Header),
    WantCertificates(Epoch, View, View),
    Clock(TimeMs),
    WantChain(Height),
    Chain(Vec<(Header, Certificate)>),
}

/// Messages that leave a node once everything before them is durable.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Send(Option<usize>, Msg),
    Feed(u64, Epoch, Input),
    Commit(Vec<Hash>, Certificate),
}

/// Last vote of each kind; survives a crash alone.
#[derive(Clone, Debug, Default)]
pub(super) struct SignState(BTreeMap<VoteKind, Vote>);

impl SignState {
    fn view(&self, kind: VoteKind, epoch: Epoch) -> View {
        self.0.get(&kind).filter(|v| v.round().epoch == epoch).map_or(View(0), |v| v.round().view)
    }

    pub(super) fn allow(&mut self, vote: Vote) -> bool {
        let (kind, round) = (vote.kind(), vote.round());
        if let Some(held) = self.0.get(&kind) {
            if *held == vote {
                return true;
            }
            if held.round() >= round {
                return false;
            }
        }
        let other = if kind == VoteKind::Nullify { VoteKind::Finalize } else { VoteKind::Nullify };
        if self.view(other, round.epoch) >= round.view {
            return false;
        }
        self.0.insert(kind, vote);
        true
    }
}

pub(super) struct Node {
    pub(super) index: usize,
    pub(super) nodes: usize,
    pub(super) core: Option<Core>,
    pub(super) old: Option<Core>,
    pub(super) clock: Clock,
    pub(super) life: u64,
    pub(super) wal: Vec<Record>,
    /// Records that were left when the log was last written anew.
    pub(super) needed: usize,
    pub(super) groups: VecDeque<(u64, Vec<Record>, SignState, Vec<Effect>)>,
    pub(super) sign: SignState,
    pub(super) sign_durable: SignState,
    pub(super) bodies: BTreeMap<Hash, Header>,
    pub(super) chain: Vec<(Header, Option<Certificate>)>,
    pub(super) work: Work,
    /// Its disk is nearly full.
    pub(super) pressed: bool,
    pub(super) synced_at: u64,
    pub(super) evidence: Vec<Evidence>,
    pub(super) halted: Option<HaltReason>,
}

pub(super) fn state_root(parent: &Hash, txs: &Hash) -> Hash {
    Hash::of(domain::STATE_LEAF, &[parent.as_bytes(), txs.as_bytes()])
}

impl Node {
    pub(super) fn new(index: usize, nodes: usize, genesis: Header) -> Self {
        Self {
            index,
            nodes,
            core: None,
            old: None,
            clock: Clock::new(genesis.time_ms, super::sim::TIMING.clock_skew_ms_max, MonoMs(0)),
            life: 0,
            wal: Vec::new(),
            needed: 0,
            groups: VecDeque::new(),
            sign: SignState::default(),
            sign_durable: SignState::default(),
            bodies: BTreeMap::new(),
            chain: vec![(genesis, None)],
            work: Work::None,
            pressed: false,
            synced_at: 0,
            evidence: Vec::new(),
            halted: None,
        }
    }

    pub(super) fn height(&self) -> u64 {
        self.chain.last().unwrap().0.height.0
    }

    pub(super) fn make_core(&self) -> Core {
        let (head, certificate) = self.chain.last().unwrap();
        let epoch = Epoch(head.height.0 / EPOCH_LENGTH);
        let floor = if head.height.0 % EPOCH_LENGTH == 0 {
            Floor::of_epoch(head)
        } else {
            Floor::within_epoch(head, certificate.clone().unwrap())
        };
        let validators = set_of(self.nodes, epoch);
        let key = super::sim::key(self.index);
        Core::new(Config {
            chain: super::sim::CHAIN,
            epoch,
            next_validators_hash_at_terminal: sets_hash(self.nodes, epoch.next()),
            me: validators.index_of(&key),
            validators,
            floor,
            terminal: Height((epoch.0 + 1) * EPOCH_LENGTH),
            timing: super::sim::TIMING,
        })
    }

    pub(super) fn crash(&mut self, rng: &mut Rng) {
        self.core = None;
        self.old = None;
        self.life += 1;
        // Some of the unsynced groups may have reached the disk, in order; the sign state on its own.
        let survive = rng.below(self.groups.len() as u64 + 1) as usize;
        for (_, records, sign, _) in self.groups.drain(..).take(survive) {
            self.wal.extend(records);
            self.sign_durable = sign;
        }
        if rng.chance(500) {
            self.sign_durable = self.sign.clone();
        }
        self.sign = self.sign_durable.clone();
        self.bodies = self.chain.iter().map(|(h, _)| (h.hash(), h.clone())).collect();
        for record in &self.wal {
            if let Record::Block(header) = record {
                self.bodies.insert(header.hash(), header.clone());
            }
        }
    }

    pub(super) fn commit(&mut self, header: Header, certificate: Certificate) {
        assert_eq!(header.height.0, self.height() + 1, "node {} commits in order", self.index);
        assert_eq!(header.parent, self.chain.last().unwrap().0.hash());
        self.bodies.insert(header.hash(), header.clone());
        self.chain.push((header, Some(certificate)));
    }
}
