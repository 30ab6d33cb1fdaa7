//! Keeps every send behind the records it rests on.
//!
//! Outputs of one step that must be durable form a group. Sends that follow wait for the latest group that is not
//! yet on disk: what is not durable is not said, and nothing overtakes.

use super::Effect;
use crate::journal::{Order, WalRecord};
use crate::work::Token;
use std::collections::BTreeMap;
use wattle_primitives::{Height, ValidatorIndex, Vote, planted};

/// Most bytes of bodies in one group of the log.
const GROUP_BODY_BYTES_MAX: usize = crate::wal::GROUP_BYTES_MAX / 2;

/// Groups on their way to disk, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    records: Vec<WalRecord>,
    votes: Vec<(Vote, ValidatorIndex)>,
    with_block: Vec<Vote>,
    height: Height,
    /// Sends that follow the records above within the same step.
    sends: Vec<Effect>,
    in_flight: BTreeMap<Token, Group>,
    /// Bytes ordered since the log last let go of what is old, about.
    written: u64,
}

/// Effects that wait for a group to be durable.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Of its votes, those that go out together with their block.
    pub(super) with_block: Vec<Vote>,
    /// Sends that waited for it, in order.
    pub(super) sends: Vec<Effect>,
}

impl Outbox {
    /// Adds a record to the step's group. `height` is what it is about.
    pub(super) fn record(&mut self, record: WalRecord, height: Height) {
        self.records.push(record);
        self.height = self.height.max(height);
    }

    /// Adds a vote to be signed with the step's group; `height` as for records.
    pub(super) fn vote(&mut self, vote: Vote, me: ValidatorIndex, height: Height, with_block: bool) {
        self.height = self.height.max(height);
        self.votes.push((vote, me));
        if with_block {
            self.with_block.push(vote);
        }
    }

    /// Queues a send behind everything that must be durable before it; returns it when nothing does.
    #[must_use]
    pub(super) fn send(&mut self, effect: Effect) -> Option<Effect> {
        if !self.records.is_empty() || !self.votes.is_empty() {
            self.sends.push(effect);
            return None;
        }
        match self.in_flight.last_entry() {
            Some(_) if planted!("send-before-durable") => Some(effect),
            Some(mut last) => {
                last.get_mut().sends.push(effect);
                None
            }
            None => Some(effect),
        }
    }

    /// Closes the step's group, if it holds anything. Bodies that together are too large for one group go ahead in
    /// groups of their own; votes and what is sent wait for the last.
    pub(super) fn close(&mut self, mut token: impl FnMut() -> Token) -> Vec<Effect> {
        if self.records.is_empty() && self.votes.is_empty() {
            return Vec::new();
        }
        let height = std::mem::take(&mut self.height);
        let mut groups = Vec::new();
        let (mut records, mut bytes) = (Vec::new(), 0usize);
        for record in std::mem::take(&mut self.records) {
            let size = record.bytes();
            if bytes > 0 && bytes.saturating_add(size) > GROUP_BODY_BYTES_MAX {
                let records = std::mem::take(&mut records);
                groups.push((Group::default(), records, Vec::new()));
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            self.count(size);
            records.push(record);
        }
        let last = Group {
            with_block: std::mem::take(&mut self.with_block),
            sends: std::mem::take(&mut self.sends),
        };
        groups.push((last, records, std::mem::take(&mut self.votes)));
        let mut effects = Vec::with_capacity(groups.len());
        for (group, records, votes) in groups {
            let token = token();
            self.in_flight.insert(token, group);
            self.count(crate::wal::PAGE_BYTES);
            effects.push(Effect::Persist(Order { token, height, records, votes, anew: false }));
        }
        effects
    }

    fn count(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Bytes ordered since the log last let go of what is old, about.
    #[must_use]
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// The log lets go of what is old.
    pub(super) fn released(&mut self) {
        self.written = 0;
    }

    /// The order to write the log anew: `records` are all that is still needed. Returns their bytes as well.
    pub(super) fn rewrite(&mut self, token: Token, height: Height, records: Vec<WalRecord>) -> (Effect, u64) {
        debug_assert!(self.is_idle(), "a vote on its way to disk would be lost");
        self.in_flight.insert(token, Group::default());
        let bytes =
            records.iter().fold(0u64, |sum, r| sum.saturating_add(u64::try_from(r.bytes()).unwrap_or(0)));
        self.released();
        (Effect::Persist(Order { token, height, records, votes: Vec::new(), anew: true }), bytes)
    }

    /// A group is durable: returns what waited for it.
    pub(super) fn durable(&mut self, token: Token) -> Option<Group> {
        self.in_flight.remove(&token)
    }

    /// Whether every group is on disk.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.records.is_empty() && self.votes.is_empty()
    }
}
