//! Faults of a run. Each seed draws its own mix, so that rare combinations are reached too.

use super::rng::Rng;

/// How often and how badly things fail. Chances are per thousand, and in each step of [`CHAOS_MS`] unless said
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A message is lost, each.
    pub loss: u64,
    /// A message comes twice, each.
    pub duplicate: u64,
    /// Longest way of a message in ms.
    pub delay_ms_max: u64,
    /// A node crashes, each.
    pub crash: u64,
    /// All nodes lose power at once.
    pub power_cut: u64,
    /// The network falls apart.
    pub partition: u64,
    /// A connection breaks, and is made again.
    pub cable: u64,
    /// A node's disk is nearly full for a while, each.
    pub low_space: u64,
    /// One direction of a link falls silent for a while.
    pub one_way: u64,
    /// One direction of a link holds everything back for a while.
    pub clog: u64,
    /// A node's wall clock jumps back, each.
    pub clock_back: u64,
    /// A node's wall clock jumps an hour ahead, each.
    pub clock_ahead: u64,
    /// A node's clock says 1970 after a start, each start.
    pub clock_1970: u64,
    /// How wrong wall clocks are otherwise, in ms.
    pub skew_ms_max: u64,
    /// A liar lies about a block that it proposes, each block.
    pub lie: u64,
    /// A peer that lies lies in an answer, each answer.
    pub answer_lie: u64,
    /// A node holds an answer to another node back for seconds, each answer.
    pub answer_held: u64,
    /// A validator with amnesia crashes; more often right after a proposal of its own.
    pub amnesia: u64,
    /// A light client starts again, each.
    pub light_crash: u64,
    /// Longest time a group takes to become durable, in ms.
    pub disk_ms_max: u64,
    /// Longest time a commit takes to become durable, in ms.
    pub commit_ms_max: u64,
    /// Longest time that long work takes, in ms.
    pub work_ms_max: u64,
    /// Longest time that a crashed node stays down, in ms.
    pub down_ms_max: u64,
}

/// How often it is decided what goes wrong next, in ms.
pub(super) const CHAOS_MS: u64 = 250;

impl Faults {
    /// Nothing goes wrong, on a network and disks as they are.
    pub const NONE: Self = Self {
        loss: 0,
        duplicate: 0,
        delay_ms_max: 20,
        crash: 0,
        power_cut: 0,
        partition: 0,
        cable: 0,
        low_space: 0,
        one_way: 0,
        clog: 0,
        clock_back: 0,
        clock_ahead: 0,
        clock_1970: 0,
        skew_ms_max: 50,
        lie: 0,
        answer_lie: 0,
        answer_held: 0,
        amnesia: 0,
        light_crash: 0,
        disk_ms_max: 5,
        commit_ms_max: 10,
        work_ms_max: 3,
        down_ms_max: 1_000,
    };

    /// A seed's own mix: each kind of fault is in it or not, and then rare or frequent.
    pub(super) fn swarm(rng: &mut Rng) -> Self {
        let mut draw = |high: u64| if rng.coin() { rng.between(1, high) } else { 0 };
        Self {
            loss: draw(300),
            duplicate: draw(500),
            delay_ms_max: 5 + draw(495),
            crash: draw(40),
            power_cut: draw(15),
            partition: draw(40),
            cable: draw(60),
            low_space: draw(30),
            one_way: draw(80),
            clog: draw(80),
            clock_back: draw(20),
            clock_ahead: draw(8),
            clock_1970: draw(400),
            skew_ms_max: draw(400),
            lie: 200 + draw(800),
            answer_lie: 150 + draw(500),
            answer_held: 0, // see `hold`
            amnesia: 30 + draw(200),
            light_crash: draw(30),
            disk_ms_max: 1 + draw(200),
            commit_ms_max: 2 + draw(400) * draw(20),
            work_ms_max: 1 + draw(100),
            down_ms_max: 200 + draw(12_000),
        }
    }

    /// Draws how often answers are held back, from a stream of its own.
    pub(super) fn hold(&mut self, rng: &mut Rng) {
        self.answer_held = if rng.coin() { rng.between(1, 700) } else { 0 };
    }

    /// The faults that remain when the network heals: who lies goes on lying.
    pub(super) const fn healed(self) -> Self {
        Self { lie: self.lie, answer_lie: self.answer_lie, ..Self::NONE }
    }
}
