//! The end of the storm: what must come right then, and how soon.

use super::coverage::Mark;
use super::{Action, Faults, Role, Sim};
use std::collections::BTreeSet;
use wattle_consensus::Rotation;
use wattle_consensus::config::VIEWS_BEHIND_MAX;
use wattle_node::driver::Event;
use wattle_primitives::{Height, Round};

/// Views with an honest leader, entered since every link was up again, within which a block must become final.
const VIEWS_MAX: usize = 8;

/// After this time a question of the storm that has no answer is known to have none, in ms: many times the way there
/// and back once faults have stopped.
const LOST_MS: u64 = 1_000;

/// The time since every node and link was up again.
#[derive(Debug)]
pub(super) struct Recovery {
    /// The highest final block then.
    height: Height,
    /// The highest view that anybody honest had entered.
    top: Round,
    /// Views entered since, until a block became final.
    views: BTreeSet<Round>,
    settled: bool,
}

impl Sim {
    /// Faults stop, clocks are set, who is down comes up. Who lies goes on lying.
    pub(super) fn heal(&mut self) -> Result<(), String> {
        self.trace.event(self.now, None, "heals");
        self.stormy = false;
        self.oracle.stormy = false;
        self.faults = self.faults.healed();
        self.network.heal();
        if self.plan.lines_heal {
            self.network.widen();
            self.hurry();
        }
        for node in 0..self.nodes.len() {
            self.draw_clock(node);
            self.step(node, Event::LowSpace(false))?;
        }
        self.rewire();
        self.note_whole();
        Ok(())
    }

    /// What is still under way when faults stop comes as soon as what is sent then, and lower layers notice what was
    /// lost. So nobody waits for the storm any longer: not for answers that were held back for up to 20 s, nor for
    /// what a narrow line would have carried in minutes.
    fn hurry(&mut self) {
        let (soon, lost) = (self.now + Faults::NONE.delay_ms_max, self.now + LOST_MS);
        for ((at, sequence), action) in std::mem::take(&mut self.queue) {
            let at = match action {
                Action::Held { .. } | Action::Arrive { .. } | Action::Deliver { .. } => at.min(soon),
                Action::Unanswered { .. } => at.min(lost),
                _ => at,
            };
            self.queue.insert((at, sequence), action);
        }
    }

    /// Everybody honest has gone on, holds all that was issued, has nothing left to do, and hears a quorum.
    pub(super) fn has_recovered(&self, target: Height) -> bool {
        let honest = (0..self.nodes.len()).filter(|i| self.plan.role_of(*i) == Role::Honest);
        self.clients.pending() == 0
            && self.lights.iter().all(|light| light.height() >= target)
            && self.oracle.height() >= target
            && honest.into_iter().all(|i| {
                let running = self.nodes[i].running.as_ref();
                running.is_some_and(|r| {
                    let status = r.driver.status();
                    r.shared.view().header.height >= target
                        && status.mempool_txs == 0
                        && !status.quorum.is_lost()
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
                        "{i}: height {} (durable {}) round {}/{} voting {} mempool {} unfinalized {} best peer {} syncing {} missing {:?}",
                        s.height, running.shared.view().header.height, s.epoch, s.view, s.voting, s.mempool_txs, s.unfinalized,
                        s.best_peer_height, s.syncing, s.quorum.missing
                    )
                }
                None => format!("{i}: down"),
            })
            .collect();
        format!(
            "NO RECOVERY to height {target}; {} transactions pending (first {:?}), light clients at {:?}\n  {}",
            self.clients.pending(),
            self.clients.oldest(),
            self.lights.iter().map(|light| light.height().0).collect::<Vec<_>>(),
            nodes.join("\n  ")
        )
    }

    /// Notes the moment from which on nothing is in the way of progress.
    pub(super) fn note_whole(&mut self) {
        let whole = !self.stormy
            && self.recovery.is_none()
            && self.nodes.iter().all(|node| node.running.is_some())
            && self.network.is_whole();
        if whole {
            self.trace.event(self.now, None, "is whole");
            let (height, top) = (self.oracle.height(), self.top);
            self.recovery = Some(Recovery { height, top, views: BTreeSet::new(), settled: false });
        }
    }

    /// A node has entered a view.
    pub(super) fn entered(&mut self, node: usize, round: Round) {
        if self.plan.role_of(node) != Role::Honest {
            return;
        }
        self.top = self.top.max(round);
        if self.oracle.views_above_final(round) > VIEWS_BEHIND_MAX {
            self.oracle.coverage.mark(Mark::FarViews);
        }
        if let Some(recovery) = self.recovery.as_mut().filter(|r| !r.settled && round > r.top) {
            recovery.views.insert(round);
        }
    }

    /// Progress must come within a few views, whoever leads the others.
    pub(super) fn check_recovery(&mut self) -> Result<(), String> {
        let height = self.oracle.height();
        let Some(recovery) = self.recovery.as_mut().filter(|r| !r.settled) else { return Ok(()) };
        recovery.settled = height > recovery.height;
        let views = self.recovery_views();
        if views > VIEWS_MAX {
            return Err(format!("no block became final in {views} views of honest leaders after healing"));
        }
        Ok(())
    }

    /// Views with an honest leader that it took until a block was final.
    pub(super) fn recovery_views(&self) -> usize {
        let honest = |round: &&Round| {
            let Some(set) = self.genesis.validators(round.epoch) else { return false };
            let leader = Rotation::new(round.epoch, set).leader(round.view);
            set.get(leader).is_some_and(|v| !self.oracle.is_byzantine(&v.key))
        };
        self.recovery.as_ref().map_or(0, |r| r.views.iter().filter(honest).count())
    }
}
