//! Crashes, partitions and clocks.

use super::coverage::Mark;
use super::faults::CHAOS_MS;
use super::{Action, Role, Sim};
use wattle_node::driver::Event;
use wattle_node::run::threads::commit;
use wattle_p2p::wire::ValidatorMessage;

/// How often it is looked whether a stopping node is done, in ms.
const STOP_POLL_MS: u64 = 20;
/// How often a validator with amnesia keeps a copy of its disks, per thousand steps.
const BACKUP: u64 = 300;
/// How often it comes back with nothing instead, per thousand times.
const WIPE: u64 = 300;
/// How long one direction of a link stays silent or clogged at most, in ms.
const ONE_WAY_MS_MAX: u64 = 5_000;
/// How much more often it forgets after a proposal of its own.
const TEMPTING: u64 = 5;
/// How long a disk stays nearly full at most, in ms.
const LOW_SPACE_MS_MAX: u64 = 4_000;
/// How far clocks jump, in ms.
const JUMP_MS: i64 = 3_600_000;

impl Sim {
    /// Starts a node from its disk.
    pub(super) fn boot(&mut self, node: usize) -> Result<(), String> {
        if self.nodes[node].running.is_some() {
            return Ok(());
        }
        if let Some(until) = self.plan.off_until(node, self.now) {
            self.at(until, Action::Boot { node });
            return Ok(());
        }
        let entropy = self.rng.bytes();
        // Power may fail again in the middle of recovery.
        if self.stormy && self.rng.chance(self.faults.crash) {
            self.nodes[node].arm_disk_fault(&mut self.rng);
        }
        if self.stormy && self.nodes[node].life > 0 && self.rng.chance(self.faults.clock_1970) {
            self.oracle.coverage.mark(Mark::Clock1970);
            self.nodes[node].clock_ms = None;
        }
        let height = match self.nodes[node].open(&self.genesis, self.now, entropy) {
            Ok(height) => height,
            Err(_) if self.nodes[node].armed.is_some() => {
                let mark = self.nodes[node].armed.unwrap_or(Mark::DiskFault);
                self.oracle.coverage.mark(mark);
                self.crash(node);
                return Ok(());
            }
            // A log older than the database may be refused: then all goes.
            Err(_) if self.plan.role_of(node) == Role::Amnesiac && self.nodes[node].roll_back() => {
                self.wipe(node)?;
                return self.boot(node);
            }
            Err(error) => {
                return Err(format!(
                    "node {node} does not start: {error}: {:?}",
                    std::error::Error::source(&error)
                ));
            }
        };
        let store = std::sync::Arc::clone(&self.nodes[node].store);
        self.trace.event(self.now, Some(node), &format!("boots at height {height}"));
        self.oracle.booted(node, height, store.as_ref())?;
        self.step(node, Event::Start)?;
        self.keep_space_low(node)?;
        self.rewire();
        Ok(())
    }

    /// A node loses power; it comes back after a while. A commit under way has happened or has not.
    pub(super) fn crash(&mut self, node: usize) {
        self.crash_for(node, self.faults.down_ms_max);
    }

    /// A node is off for a part of the run: it crashes now, and boots when its outage ends.
    pub(super) fn switch_off(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            self.trace.event(self.now, Some(node), "is off");
            self.crash(node);
        }
    }

    fn crash_for(&mut self, node: usize, down_ms_max: u64) {
        self.oracle.coverage.mark(Mark::Crash);
        if let Some(running) = &mut self.nodes[node].running {
            let batch = std::mem::take(&mut running.commits);
            if running.committing && self.plan.plant.is_none() && self.rng.coin() {
                let _ = commit(self.nodes[node].store.as_ref(), &batch);
            }
        }
        self.nodes[node].crash(&mut self.rng, self.plan.plant.is_some());
        self.rewire();
        let at = self.now + self.rng.between(20, down_ms_max.max(20));
        self.at(at, Action::Boot { node });
    }

    /// Decides what goes wrong next.
    pub(super) fn chaos(&mut self) -> Result<(), String> {
        if !self.stormy {
            return Ok(());
        }
        self.at(self.now + CHAOS_MS, Action::Chaos);
        if self.rng.chance(self.faults.power_cut) {
            self.trace.event(self.now, None, "power cut");
            self.oracle.coverage.mark(Mark::PowerCut);
            (0..self.nodes.len()).for_each(|node| self.crash_if_up(node));
        }
        for node in 0..self.nodes.len() {
            if self.rng.chance(self.faults.crash) {
                match self.rng.below(5) {
                    0 | 1 => self.crash_if_up(node),
                    2 => self.stop(node)?,
                    _ => self.nodes[node].arm_disk_fault(&mut self.rng),
                }
            }
            if self.rng.chance(self.faults.clock_back) && self.may_jump(node) {
                self.oracle.coverage.mark(Mark::ClockBack);
                self.nodes[node].clock_ms = if self.rng.coin() { None } else { Some(-JUMP_MS) };
            }
            if self.rng.chance(self.faults.clock_ahead) && self.may_jump(node) {
                self.oracle.coverage.mark(Mark::ClockAhead);
                self.nodes[node].clock_ms = Some(JUMP_MS);
            }
            self.keep_space_low(node)?;
            let may_run_low = self.nodes[node].running.is_some() && !self.is_stalled(node);
            if may_run_low && self.rng.chance(self.faults.low_space) {
                self.oracle.coverage.mark(Mark::LowSpace);
                let until = self.now + self.rng.between(100, LOW_SPACE_MS_MAX);
                self.step(node, Event::LowSpace(true))?;
                self.event_at(until, node, Event::LowSpace(false));
            }
            if self.plan.role_of(node) == Role::Amnesiac {
                self.suffer_amnesia(node)?;
            }
        }
        for client in 0..self.lights.len() {
            if self.rng.chance(self.faults.light_crash) {
                self.restart_light(client)?;
            }
        }
        self.split_or_join();
        self.disturb_links();
        Ok(())
    }

    /// In a stall a node is told of its disk again and again, whatever else becomes of it.
    fn keep_space_low(&mut self, node: usize) -> Result<(), String> {
        if self.is_stalled(node) { self.step(node, Event::LowSpace(true)) } else { Ok(()) }
    }

    /// Whether this is a stall, and the node one of those without space.
    fn is_stalled(&self, node: usize) -> bool {
        let stalls = self.plan.stall_from_ms.is_some_and(|from_ms| self.stormy && self.now >= from_ms);
        stalls && self.plan.lacks_space(node)
    }

    /// A clock that jumps while its node runs is believed, wherever it lands: its validator is as good as faulty. With
    /// those that are not honest such have less than a third of the power, as the protocol assumes.
    fn may_jump(&mut self, node: usize) -> bool {
        let Some(place) = self.plan.place_of(node) else { return true };
        let may = self.plan.is_bearable(|i| i == place || self.wrong.contains(&i));
        if may {
            self.wrong.insert(place);
        }
        may
    }

    /// A copy of its disks is kept, or put back after a crash, or the disks are lost.
    fn suffer_amnesia(&mut self, node: usize) -> Result<(), String> {
        if self.rng.chance(BACKUP) {
            self.nodes[node].back_up();
        }
        if self.nodes[node].running.is_none() || !self.rng.chance(self.faults.amnesia) {
            return Ok(());
        }
        self.forget(node, self.faults.down_ms_max)
    }

    /// A validator that leads has proposed: what it forgets now it may contradict at once.
    pub(super) fn tempt(&mut self, node: usize, message: &ValidatorMessage) {
        let ValidatorMessage::Proposal { .. } = message else { return };
        if self.plan.role_of(node) == Role::Amnesiac && self.rng.chance(TEMPTING * self.faults.amnesia) {
            let (at, life) = (self.now + self.rng.between(1, 100), self.nodes[node].life);
            self.at(at, Action::Forget { node, life });
        }
    }

    pub(super) fn forget(&mut self, node: usize, down_ms_max: u64) -> Result<(), String> {
        self.trace.event(self.now, Some(node), "forgets");
        self.crash_for(node, down_ms_max);
        if self.rng.chance(WIPE) || !self.nodes[node].roll_back() {
            return self.wipe(node);
        }
        self.oracle.coverage.mark(Mark::Rollback);
        Ok(())
    }

    fn wipe(&mut self, node: usize) -> Result<(), String> {
        self.oracle.coverage.mark(Mark::Wipe);
        self.oracle.forgets(node);
        self.nodes[node].wipe()
    }

    /// A link is cut and made again, or works in one direction only.
    fn disturb_links(&mut self) {
        if self.rng.chance(self.faults.cable)
            && let Some((a, b)) = self.network.any_direction(&mut self.rng)
            && self.network.is_up(a, b)
        {
            self.oracle.coverage.mark(Mark::CableCut);
            self.disconnect(a, b);
            self.rewire();
        }
        if self.rng.chance(self.faults.one_way)
            && let Some(direction) = self.network.any_direction(&mut self.rng)
        {
            let until = self.now + self.rng.below(ONE_WAY_MS_MAX);
            self.trace.event(self.now, None, &format!("{direction:?} is silent until {until}"));
            self.network.silence(direction, until);
        }
        if self.rng.chance(self.faults.clog)
            && let Some(direction) = self.network.any_direction(&mut self.rng)
        {
            let until = self.now + self.rng.below(ONE_WAY_MS_MAX);
            self.trace.event(self.now, None, &format!("{direction:?} is clogged until {until}"));
            self.network.clog(direction, until);
        }
    }

    /// A node is asked to stop, and ends as soon as all it has begun is durable.
    fn stop(&mut self, node: usize) -> Result<(), String> {
        if self.nodes[node].running.is_some() {
            self.step(node, Event::Stop)?;
            let life = self.nodes[node].life;
            self.at(self.now + STOP_POLL_MS, Action::Stopping { node, life });
        }
        Ok(())
    }

    pub(super) fn stopping(&mut self, node: usize) {
        let life = self.nodes[node].life;
        if self.nodes[node].running.as_ref().is_some_and(|r| r.driver.is_idle()) {
            self.trace.event(self.now, Some(node), "has stopped");
            self.oracle.coverage.mark(Mark::Stop);
            self.crash(node);
        } else {
            self.at(self.now + STOP_POLL_MS, Action::Stopping { node, life });
        }
    }

    fn crash_if_up(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            self.trace.event(self.now, Some(node), "crashes");
            self.crash(node);
        }
    }

    /// The network falls into two or three parts, or comes together again.
    fn split_or_join(&mut self) {
        let split = self.network.parts.iter().any(|part| *part > 0);
        if split && self.rng.chance(150) {
            self.network.parts.fill(0);
        } else if !split && self.rng.chance(self.faults.partition) {
            self.oracle.coverage.mark(Mark::Partition);
            let parts = self.rng.between(2, 3);
            for node in 0..self.nodes.len() {
                self.network.parts[node] = self.rng.below(parts);
            }
        } else {
            return;
        }
        self.trace.event(self.now, None, &format!("network is {:?}", self.network.parts));
        self.rewire();
    }

    /// A clock as wrong as clocks are here.
    pub(super) fn draw_clock(&mut self, node: usize) {
        let max = self.faults.skew_ms_max;
        let offset =
            i64::try_from(self.rng.below(2 * max + 1)).unwrap_or(0) - i64::try_from(max).unwrap_or(0);
        self.nodes[node].clock_ms = Some(offset);
        if self.plan.place_of(node).is_some() && self.plan.role_of(node) == Role::Honest {
            self.fastest_ms = self.fastest_ms.max(offset);
        }
    }
}
