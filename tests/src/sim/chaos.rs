//! Crashes, partitions and clocks; and the end of all that.

use super::faults::{CHAOS_MS, Faults};
use super::{Action, Sim};
use wattle_node::driver::Event;
use wattle_node::run::threads::commit;
use wattle_primitives::Height;

/// How often it is looked whether a stopping node is done, in ms.
const STOP_POLL_MS: u64 = 20;

impl Sim {
    /// Starts a node from its disk.
    pub(super) fn boot(&mut self, node: usize) -> Result<(), String> {
        if self.nodes[node].running.is_some() {
            return Ok(());
        }
        let entropy = self.rng.bytes();
        // Power may fail again in the middle of recovery.
        if self.stormy && self.rng.chance(self.faults.crash) {
            self.nodes[node].arm_disk_fault(&mut self.rng);
        }
        let height = match self.nodes[node].open(&self.genesis, self.now, entropy) {
            Ok(height) => height,
            Err(_) if self.nodes[node].armed => {
                self.crash(node);
                return Ok(());
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
        self.rewire();
        Ok(())
    }

    /// A node loses power; it comes back after a while. A commit under way has happened or has not.
    pub(super) fn crash(&mut self, node: usize) {
        self.crashes += 1;
        if let Some(running) = &mut self.nodes[node].running {
            let batch = std::mem::take(&mut running.commits);
            if running.committing && self.plan.plant.is_none() && self.rng.coin() {
                let _ = commit(self.nodes[node].store.as_ref(), &batch);
            }
        }
        self.nodes[node].crash(&mut self.rng, self.plan.plant.is_some());
        self.rewire();
        let at = self.now + self.rng.between(20, self.faults.down_ms_max.max(20));
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
            if self.rng.chance(self.faults.clock_jump) {
                self.nodes[node].clock_ms = if self.rng.coin() { None } else { Some(-3_600_000) };
            }
        }
        self.split_or_join();
        Ok(())
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
            let parts = self.rng.between(2, 3);
            for node in 0..self.nodes.len() {
                self.network.parts[node] = self.rng.below(parts);
            }
        } else if self.rng.chance(self.faults.partition) {
            // One cable only, and at once again.
            let (a, b) = (self.rng.index(self.nodes.len()), self.rng.index(self.nodes.len()));
            if self.network.is_up(a, b) {
                self.disconnect(a, b);
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
    }

    /// Faults stop, clocks are set, who is down comes up. The liar goes on lying.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.trace.event(self.now, None, "heals");
        self.stormy = false;
        self.faults = Faults::NONE;
        self.network.parts.fill(0);
        for node in 0..self.nodes.len() {
            self.draw_clock(node);
        }
        self.rewire();
        Ok(())
    }

    /// Everybody honest has gone on, holds all that was issued, and has nothing left to do.
    pub(super) fn has_recovered(&self, target: Height) -> bool {
        let honest = (0..self.nodes.len()).filter(|i| !self.is_byzantine(*i));
        self.clients.pending() == 0
            && self.oracle.height() >= target
            && honest.into_iter().all(|i| {
                let running = self.nodes[i].running.as_ref();
                running.is_some_and(|r| {
                    let status = r.driver.status();
                    r.shared.view().header.height >= target && status.mempool_txs == 0
                })
            })
    }

    /// Why not.
    pub(super) fn stalled(&self, target: Height) -> String {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .enumerate()
            .map(|(i, node)| match &node.running {
                Some(running) => {
                    let s = running.driver.status();
                    format!(
                        "{i}: height {} (durable {}) round {}/{} voting {} mempool {} unfinalized {} best peer {} syncing {}",
                        s.height, running.shared.view().header.height, s.epoch, s.view, s.voting, s.mempool_txs, s.unfinalized,
                        s.best_peer_height, s.syncing
                    )
                }
                None => format!("{i}: down"),
            })
            .collect();
        format!(
            "NO RECOVERY to height {target}; {} transactions pending (first {:?})\n  {}",
            self.clients.pending(),
            self.clients.oldest(),
            nodes.join("\n  ")
        )
    }
}
