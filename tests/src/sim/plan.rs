//! The plan of a run: the cluster, who of it is not honest, its faults, how long they last.

use super::faults::Faults;
use super::line::Line;
use super::rng::Rng;
use super::topology::Topology;
use wattle_primitives::SecretKey;
use wattle_primitives::call::energy::{ClearingRule, LossRule};

/// Wall time at which a run begins, ms UTC.
pub(super) const WALL_MS: u64 = 1_800_000_000_000;
/// Heights in an epoch of most runs: short, so that a run sees several.
const EPOCH_LENGTH: u64 = 12;
/// Heights in an epoch of the others: long, so that a node can be far behind within one.
const EPOCH_LENGTH_LONG: u64 = 64;
/// Accounts that send transactions. The first operates the microgrid.
pub(super) const WALLETS: usize = 5;
/// The one that is no member of it.
pub(super) const OUTSIDER: usize = WALLETS - 1;
/// Meters that sign readings. The first is the feeder.
pub(super) const METERS: usize = 5;
/// Paces of wall clocks: in most runs many intervals end.
const RATES: [u64; 5] = [1, 4, 16, 16, 16];
/// Runs of a thousand that end in a stall.
const STALL: u64 = 60;
/// How long a stall lasts, shortest and longest, in ms. A view in it takes 4.5 s at most while a quorum hears each
/// other: idle interval and the limit of time-outs. So 33 of them take less than 150 s.
const STALL_MS: (u64, u64) = (160_000, 240_000);
/// Most narrow lines in a run.
const LINES_MAX: u64 = 3;
/// Balance of each wallet at genesis, native base units.
pub(super) const WALLET_BALANCE: u128 = 1_000_000_000;

/// A fault built into the surroundings on purpose, to show that the oracle notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Neither the log nor the sign state is ever synced: a crash forgets votes.
    UnsyncedVotes,
    /// Commits are reported before they are durable: a crash forgets final blocks.
    UnsyncedCommits,
    /// Two running nodes share one validator key, and nobody counts them as byzantine.
    ClonedKey,
}

/// How liars date the blocks that they propose, every one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// As far ahead as the honest validator with the fastest clock lets pass.
    Ahead,
    /// As little after the parent as is valid.
    Back,
}

/// Character of a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It follows the protocol, as far as faults let it.
    Honest,
    /// It says different things to different nodes, proposes bad blocks and gives bad answers.
    Liar,
    /// It forgets what it has signed when it crashes.
    Amnesiac,
    /// Two nodes run with its key.
    Twins,
}

/// A node is off from one time to another, in simulated ms; at the latest it comes back when faults stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The node.
    pub node: usize,
    /// When it loses power; at 0 it starts only at the end.
    pub from_ms: u64,
    /// When it comes back.
    pub to_ms: u64,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// Nodes with a validator key of their own.
    pub validators: usize,
    /// The voting power of each.
    pub powers: Vec<u64>,
    /// Character of each. Those that are not honest have less than a third of the power in every set.
    pub roles: Vec<Role>,
    /// How liars date their blocks; `None`: by their clocks.
    pub bend: Option<Bend>,
    /// The shape of their network.
    pub topology: Topology,
    /// Nodes without a key.
    pub followers: usize,
    /// How many of them, the last ones, lie when asked.
    pub lying_followers: usize,
    /// Light clients.
    pub lights: usize,
    /// How much faster wall clocks go than the monotonic one: intervals of a minute end within a run, while timeouts
    /// are what they are. At 1 none would, and the microgrid has no terms.
    pub rate: u64,
    /// How the microgrid's intervals are cleared.
    pub clearing: ClearingRule,
    /// Who bears its losses.
    pub losses: LossRule,
    /// Faults before the network heals.
    pub faults: Faults,
    /// How long things go wrong, simulated ms.
    pub storm_ms: u64,
    /// In how much simulated time after that all must have recovered, ms.
    pub heal_ms_max: u64,
    /// Heights in an epoch.
    pub epoch_length: u64,
    /// Least time between a block and its parent, ms; without work blocks are as far apart, or half a second.
    pub block_interval_ms: u64,
    /// Shortest and longest pause between submissions of all clients together, ms.
    pub clients_ms: (u64, u64),
    /// Nodes behind narrow lines.
    pub lines: Vec<Line>,
    /// Whether narrow lines are as wide as any once faults stop.
    pub lines_heal: bool,
    /// Nodes that are off for a part of the storm.
    pub outages: Vec<Outage>,
    /// From when on until faults stop nothing can become final, simulated ms: the disks of so many validators are
    /// nearly full that the others are no quorum.
    pub stall_from_ms: Option<u64>,
    /// A fault that the oracle must find.
    pub plant: Option<Plant>,
    /// Whether every event is printed.
    pub verbose: bool,
}

impl Plan {
    /// A calm run of so many validators.
    #[must_use]
    pub fn calm(seed: u64, validators: usize) -> Self {
        Self {
            seed,
            validators,
            powers: vec![1; validators],
            roles: vec![Role::Honest; validators],
            bend: None,
            topology: Topology::Mesh,
            followers: 1,
            lying_followers: 0,
            lights: 1,
            rate: 1,
            clearing: ClearingRule::Tariff,
            losses: LossRule::Operator,
            faults: Faults::NONE,
            storm_ms: 10_000,
            heal_ms_max: 240_000,
            epoch_length: EPOCH_LENGTH,
            block_interval_ms: 50,
            clients_ms: (100, 600),
            lines: Vec::new(),
            lines_heal: true,
            outages: Vec::new(),
            stall_from_ms: None,
            plant: None,
            verbose: false,
        }
    }

    /// The plan of a seed. `validators` instead of its own number, if given.
    #[must_use]
    pub fn of_seed(seed: u64, validators: Option<usize>) -> Self {
        let mut rng = Rng::new(seed, "plan");
        let drawn = *rng.pick(&[1, 4, 4, 4, 4, 4, 4, 7, 7, 10]).unwrap_or(&4);
        let validators = validators.unwrap_or(drawn);
        let topology = rng.pick(&[Topology::Mesh, Topology::Mesh, Topology::Ring, Topology::Star]);
        let topology = topology.copied().unwrap_or(Topology::Mesh);
        let equal = rng.coin();
        let power = |rng: &mut Rng| if equal { 1 } else { rng.between(1, 4) };
        let powers = (0..validators).map(|_| power(&mut rng)).collect();
        let followers = rng.index(3);
        let storm_ms = if validators > 4 { rng.between(8_000, 20_000) } else { rng.between(10_000, 40_000) };
        let mut plan = Self {
            powers,
            topology: if validators < 4 { Topology::Mesh } else { topology },
            followers,
            lying_followers: if rng.chance(400) { rng.index(followers + 1) } else { 0 },
            lights: rng.index(3),
            faults: Faults::swarm(&mut rng),
            storm_ms,
            ..Self::calm(seed, validators)
        };
        if rng.chance(650) {
            plan.corrupt(&mut rng);
        }
        plan.settle(&mut Rng::new(seed, "settlement"));
        plan.narrow(&mut Rng::new(seed, "lines"));
        plan.faults.hold(&mut Rng::new(seed, "held answers"));
        plan.stall(&mut Rng::new(seed, "stall"));
        let bends = [None, Some(Bend::Ahead), Some(Bend::Back)];
        plan.bend = Rng::new(seed, "time").pick(&bends).copied().flatten();
        plan
    }

    /// Draws epochs that are long, and up to three narrow lines; behind the first a node is off at first.
    fn narrow(&mut self, rng: &mut Rng) {
        if rng.chance(250) {
            self.epoch_length = EPOCH_LENGTH_LONG;
        }
        if rng.chance(300) {
            let node = rng.index(self.nodes());
            self.lines = vec![Line::draw(rng, node)];
            let to_ms = self.storm_ms * rng.between(2, 7) / 10;
            let from_ms = rng.below(to_ms / 2);
            self.outages = vec![Outage { node, from_ms, to_ms }];
            for _ in 1..rng.between(1, LINES_MAX) {
                let node = rng.index(self.nodes());
                if self.lines.iter().all(|line| line.node != node) {
                    self.lines.push(Line::draw(rng, node));
                }
            }
            self.lines.iter_mut().for_each(|line| line.skew(rng));
        }
    }

    /// Draws a stall that ends the storm. Wall clocks keep pace with timers then: few intervals end in it.
    fn stall(&mut self, rng: &mut Rng) {
        if rng.chance(STALL) {
            let from_ms = rng.below(self.storm_ms);
            self.stall_from_ms = Some(from_ms);
            self.storm_ms = from_ms + rng.between(STALL_MS.0, STALL_MS.1);
            self.rate = 1;
        }
    }

    /// Whether a node's disk is nearly full in a stall: those of the last validators are, so many that the others are
    /// no quorum of any set.
    pub(super) fn lacks_space(&self, node: usize) -> bool {
        let Some(place) = self.place_of(node) else { return false };
        self.sets().iter().any(|(_, members)| {
            let total: u64 = members.iter().map(|(_, power)| power).sum();
            let up_to_it = members.iter().filter(|(i, _)| *i <= place);
            3 * up_to_it.map(|(_, power)| power).sum::<u64>() > 2 * total
        })
    }

    /// Until when a node is off at a time, if it is.
    pub(super) fn off_until(&self, node: usize, now: u64) -> Option<u64> {
        let storm_ms = self.storm_ms;
        let off = self.outages.iter().filter(|o| o.node == node && (o.from_ms..o.to_ms).contains(&now));
        off.map(|o| o.to_ms.min(storm_ms)).max().filter(|until| *until > now)
    }

    /// Draws the pace of wall clocks and the rules of the microgrid.
    fn settle(&mut self, rng: &mut Rng) {
        use ClearingRule::{MidMarket, PayAsBid, Tariff, Uniform};
        self.rate = *rng.pick(&RATES).unwrap_or(&1);
        self.clearing =
            *rng.pick(&[Tariff, MidMarket, PayAsBid, PayAsBid, Uniform, Uniform]).unwrap_or(&Tariff);
        self.losses = if rng.coin() { LossRule::ProRata } else { LossRule::Operator };
    }

    /// Reading of a clock that is right, ms UTC.
    pub(super) const fn wall_ms(&self, now: u64) -> u64 {
        WALL_MS + now * self.rate
    }

    /// Gives up to three validators another role, as long as less than a third of the power in each set is theirs.
    /// Validator 0 stays honest: somebody must know everybody.
    fn corrupt(&mut self, rng: &mut Rng) {
        for _ in 0..rng.between(1, 3) {
            let at = rng.index(self.validators);
            let role =
                *rng.pick(&[Role::Liar, Role::Liar, Role::Amnesiac, Role::Twins]).unwrap_or(&Role::Liar);
            if at == 0 || self.roles[at] != Role::Honest {
                continue;
            }
            self.roles[at] = role;
            if !self.is_bearable(|_| false) {
                self.roles[at] = Role::Honest;
            }
        }
    }

    /// As many liars as the sets bear, who date their blocks so.
    #[must_use]
    pub fn with_bent_time(mut self, bend: Bend) -> Self {
        self.bend = Some(bend);
        for at in (1..self.validators).rev() {
            self.roles[at] = Role::Liar;
            if !self.is_bearable(|_| false) {
                self.roles[at] = Role::Honest;
            }
        }
        self
    }

    /// Whether validators that are not honest and those that are `bad` besides have less than a third of the power of
    /// every set.
    pub(super) fn is_bearable(&self, bad: impl Fn(usize) -> bool) -> bool {
        self.sets().iter().all(|(_, members)| {
            let total: u64 = members.iter().map(|(_, power)| power).sum();
            let bad = members.iter().filter(|(i, _)| self.roles[*i] != Role::Honest || bad(*i));
            3 * bad.map(|(_, power)| power).sum::<u64>() < total
        })
    }

    /// The sets, each from an epoch on: members with their powers. With four validators or fewer the powers change,
    /// with more the members do.
    pub(super) fn sets(&self) -> Vec<(u64, Vec<(usize, u64)>)> {
        let n = self.validators;
        let all: Vec<(usize, u64)> = self.powers.iter().copied().enumerate().collect();
        if n > 4 {
            let without = |gone: usize| all.iter().copied().filter(|(i, _)| *i != gone).collect();
            vec![(0, without(n - 1)), (1, without(n - 2)), (3, all.clone())]
        } else {
            let mut turned = all.clone();
            for (i, member) in turned.iter_mut().enumerate() {
                member.1 = self.powers[(i + 1) % n];
            }
            if let Some(last) = turned.last_mut() {
                last.1 += u64::from(self.roles[n - 1] == Role::Honest);
            }
            vec![(0, all), (2, turned)]
        }
    }

    /// Validators with two nodes.
    fn twins(&self) -> impl Iterator<Item = usize> {
        self.roles.iter().enumerate().filter(|(_, role)| **role == Role::Twins).map(|(i, _)| i)
    }

    /// Nodes in all: validators, followers, second nodes of twins.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.validators + self.followers + self.twins().count()
    }

    /// The validator whose place in the network a node has.
    pub(super) fn place_of(&self, node: usize) -> Option<usize> {
        if node < self.validators {
            return Some(node);
        }
        node.checked_sub(self.validators + self.followers).and_then(|k| self.twins().nth(k))
    }

    /// The validator whose key a node has.
    pub(super) fn key_of(&self, node: usize) -> Option<usize> {
        match (self.plant, self.place_of(node)) {
            (Some(Plant::ClonedKey), Some(place)) if place + 1 == self.validators => Some(1),
            (_, place) => place,
        }
    }

    /// All links between nodes, lower index first.
    pub(super) fn links(&self) -> Vec<(usize, usize)> {
        let places: Vec<_> = (0..self.nodes()).map(|node| self.place_of(node)).collect();
        self.topology.links(self.validators, &places)
    }

    /// Character of a node; followers are honest as far as consensus goes.
    pub(super) fn role_of(&self, node: usize) -> Role {
        self.place_of(node).map_or(Role::Honest, |place| self.roles[place])
    }

    /// Whether a node gives bad answers.
    pub(super) fn lies(&self, node: usize) -> bool {
        let followers = self.validators..self.validators + self.followers;
        let lying = followers.end - self.lying_followers..followers.end;
        self.role_of(node) == Role::Liar || lying.contains(&node)
    }

    /// The swarm in one line, for the trace and for whoever replays it.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            validators,
            topology,
            powers,
            bend,
            followers,
            lying_followers,
            lights,
            rate,
            clearing,
            losses,
            storm_ms,
            epoch_length,
            lines,
            outages,
            stall_from_ms,
            faults,
            ..
        } = self;
        let roles: Vec<String> = self
            .roles
            .iter()
            .enumerate()
            .filter(|(_, role)| **role != Role::Honest)
            .map(|(i, role)| format!("{i} {role:?}"))
            .collect();
        format!(
            "{validators} validators in a {topology:?}, powers {powers:?}, not honest [{}], liars bend time {bend:?}, {followers} followers ({lying_followers} lie), {lights} light clients, clocks at {rate}, {clearing:?}, losses {losses:?}, epochs of {epoch_length}, {lines:?}, {outages:?}, storm {storm_ms} ms, stall from {stall_from_ms:?}, {faults:?}",
            roles.join(", ")
        )
    }
}

fn key(role: u8, index: usize) -> SecretKey {
    let mut seed = [role; 32];
    seed[..8].copy_from_slice(&u64::try_from(index).unwrap_or(u64::MAX).to_le_bytes());
    SecretKey::from_seed(seed)
}

/// The key of validator `index`.
#[must_use]
pub(super) fn validator_key(index: usize) -> SecretKey {
    key(1, index)
}

/// The key of wallet `index`.
#[must_use]
pub(super) fn wallet_key(index: usize) -> SecretKey {
    key(2, index)
}

/// The key of meter `index`.
#[must_use]
pub(super) fn meter_key(index: usize) -> SecretKey {
    key(3, index)
}

/// The wallet that owns meter `index`: one member has two.
#[must_use]
pub(super) const fn meter_owner(index: usize) -> usize {
    if index < OUTSIDER { index } else { 1 }
}

/// Seed of the network identity of node `index`.
#[must_use]
pub(super) fn node_seed(index: usize) -> [u8; 32] {
    *key(4, index).seed()
}
