//! Clocks, and liars who date blocks: each as far ahead as passes, or each as little after its parent.

use super::Sim;
use super::coverage::Mark;
use super::plan::{Bend, Role};
use wattle_consensus::MonoMs;
use wattle_node::driver::Event;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{Header, TimeMs};

impl Sim {
    /// The clock of a node's operating system.
    pub(super) fn wall(&self, node: usize) -> TimeMs {
        match self.nodes[node].clock_ms {
            Some(offset) => TimeMs(self.plan.wall_ms(self.now).saturating_add_signed(offset)),
            None => TimeMs(self.now * self.plan.rate),
        }
    }

    /// The fastest clock of validators that are honest, but for those whose clock has jumped. Nobody without a clock is
    /// ahead of it: a carried time falls behind with every restart.
    pub(super) fn fastest_clock(&self) -> TimeMs {
        TimeMs(self.plan.wall_ms(self.now).saturating_add_signed(self.fastest_ms))
    }

    pub(super) fn skew(&self) -> TimeMs {
        TimeMs(self.genesis.params.clock_skew_ms_max)
    }

    /// A node is about to build a block on this template. An honest one dates it by its clock, if that is right; a
    /// liar as it likes.
    pub(super) fn date(&mut self, node: usize, template: &mut Header) -> Result<(), String> {
        let role = self.plan.role_of(node);
        let right = !self.plan.place_of(node).is_some_and(|place| self.wrong.contains(&place));
        if role == Role::Honest && right && template.time_ms < self.wall(node) {
            return Err(format!("TIME: node {node} dates its block {}, behind its clock", template.time_ms));
        }
        let Some(bend) = self.plan.bend.filter(|_| role == Role::Liar) else { return Ok(()) };
        let Some(parent) = self.oracle.time_of(&template.parent) else { return Ok(()) };
        template.time_ms = match bend {
            Bend::Ahead => {
                self.oracle.coverage.mark(Mark::TimeAhead);
                let fastest = self.fastest_reading();
                // In case somebody takes the last block for a clock.
                let from = if self.rng.chance(300) { fastest.max(parent) } else { fastest };
                from.saturating_add(self.skew()).max(parent.next())
            }
            Bend::Back => {
                self.oracle.coverage.mark(Mark::TimeBack);
                parent.next()
            }
        };
        Ok(())
    }

    /// The clock that the honest validator with the fastest one goes by.
    fn fastest_reading(&mut self) -> TimeMs {
        let mut fastest = TimeMs::ZERO;
        for node in 0..self.plan.validators {
            let (now, wall) = (self.now, self.wall(node));
            let honest = self.plan.role_of(node) == Role::Honest && !self.wrong.contains(&node);
            if let Some(running) = self.nodes[node].running.as_mut().filter(|_| honest) {
                fastest = fastest.max(running.driver.read_clock(MonoMs(now - running.origin), wall));
            }
        }
        fastest
    }
}

/// Whether a validator says in it what its clock reads.
pub(super) const fn is_told_a_clock(event: &Event) -> bool {
    matches!(event, Event::Validator { message: ValidatorMessage::Clock(_), .. })
}
