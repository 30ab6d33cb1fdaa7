//! What goes wrong in a run. Each seed draws its own mix, so that rare combinations are reached too.

use super::rng::Rng;

/// How often and how badly things fail. Chances are per thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A message is lost.
    pub loss: u64,
    /// A message comes twice.
    pub duplicate: u64,
    /// Longest way of a message in ms.
    pub delay_ms_max: u64,
    /// A node crashes, in each step of [`CHAOS_MS`].
    pub crash: u64,
    /// All nodes lose power at once, in each step.
    pub power_cut: u64,
    /// The network falls apart, in each step.
    pub partition: u64,
    /// A node's wall clock jumps, in each step.
    pub clock_jump: u64,
    /// How wrong wall clocks are otherwise, in ms.
    pub skew_ms_max: u64,
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
        clock_jump: 0,
        skew_ms_max: 50,
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
            duplicate: draw(200),
            delay_ms_max: 5 + draw(495),
            crash: draw(40),
            power_cut: draw(15),
            partition: draw(40),
            clock_jump: draw(20),
            skew_ms_max: draw(400),
            disk_ms_max: 1 + draw(200),
            commit_ms_max: 2 + draw(400) * draw(20),
            work_ms_max: 1 + draw(100),
            down_ms_max: 200 + draw(20_000),
        }
    }
}
