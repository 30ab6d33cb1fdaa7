//! Ids that were dealt with a short time ago. Bounded, oldest out first.

use std::collections::{HashMap, VecDeque};
use wattle_primitives::{Hash, TimeMs};

/// A set of ids, each with the block time until which it counts.
#[derive(Debug)]
pub(super) struct RecentIds {
    until: HashMap<Hash, TimeMs>,
    order: VecDeque<Hash>,
    max: usize,
}

impl RecentIds {
    pub(super) fn new(max: usize) -> Self {
        Self { until: HashMap::new(), order: VecDeque::new(), max }
    }

    pub(super) fn note(&mut self, id: Hash, until: TimeMs) {
        if self.until.insert(id, until).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > self.max {
            if let Some(oldest) = self.order.pop_front() {
                self.until.remove(&oldest);
            }
        }
    }

    pub(super) fn holds(&self, id: &Hash, now: TimeMs) -> bool {
        self.until.get(id).is_some_and(|until| now < *until)
    }
}
