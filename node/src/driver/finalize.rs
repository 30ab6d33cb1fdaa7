//! Final blocks on their way to the database, and from there to subscribers.

use super::{Driver, Effect, FinalBlock, Halt};
use std::collections::VecDeque;
use wattle_consensus::Input;
use wattle_p2p::wire::{Gossip, LightBlock};
use wattle_primitives::{BoundedVec, Certificate, Hash, Height, Round};

/// Finalized blocks not yet in the database above which this node stops building and notarizing.
pub const COMMIT_BACKLOG_MAX: usize = 32;
/// Finalized blocks not yet in the database above which this node takes no part in consensus at all.
pub const COMMIT_BACKLOG_HARD_MAX: usize = 4 * COMMIT_BACKLOG_MAX;
/// Final blocks that are not in the database yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Oldest first.
    pub(super) queue: VecDeque<FinalBlock>,
    /// The database does not keep up.
    pub(super) behind: bool,
    /// Nothing new is built or notarized: the database is behind, or the disk nearly full.
    pub(super) pressed: bool,
}

impl Driver {
    /// Consensus says that these blocks, oldest first, are final; the certificate is the last one's.
    pub(super) fn finalize(&mut self, blocks: &[Hash], certificate: Certificate) {
        let mut certificate = Some(certificate);
        let mut batch = Vec::with_capacity(blocks.len());
        for (place, hash) in blocks.iter().enumerate() {
            let last = place.saturating_add(1) == blocks.len();
            let Some(entry) = self.tree.finalize(hash) else {
                let at = self.tree.height();
                self.halt(Halt::Consensus(format!("final block {hash} is no executed child of height {at}")));
                return;
            };
            let Some(executed) = entry.executed else { return };
            let certificate = if last { certificate.take() } else { None };
            batch.push(FinalBlock { block: entry.block, executed, certificate });
        }
        self.commit(batch);
        self.end_epoch_if_terminal();
    }

    /// Hands final blocks to the database and lets go of what they settle.
    pub(super) fn commit(&mut self, batch: Vec<FinalBlock>) {
        self.finalized_at = self.mono;
        self.clock.finalized(self.tree.header.time_ms, self.mono);
        for item in &batch {
            self.txs.finalized(&item.block, &self.tree.state, self.tree.header.time_ms);
            self.room.finalized(item.block.round(), self.schedule.params().block_bytes_max);
        }
        if let Some(certificate) = batch.iter().rev().find_map(|item| item.certificate.clone()) {
            self.sync.finalized(certificate);
        }
        self.bodies.prune(self.mono, |hash| self.tree.get(hash).is_some());
        let last = Round { epoch: self.tree.header.epoch, view: self.tree.header.view };
        self.bodies.prune_rounds(last);
        self.room.settled(last);
        self.backlog.queue.extend(batch.iter().cloned());
        self.txs.fates.forget_dropped(&self.tree, &self.backlog.queue);
        self.emit(Effect::Commit(batch));
    }

    /// Everything up to `height` is in the database: now it may be told.
    pub(super) fn on_committed(&mut self, height: Height) {
        self.outbox.released();
        while self.backlog.queue.front().is_some_and(|item| item.block.header().height <= height) {
            let Some(item) = self.backlog.queue.pop_front() else { return };
            self.txs.fates.committed(&item.block);
            if let Some(certificate) = &item.certificate
                && self.current.me.is_some()
            {
                self.emit(Effect::Gossip(Gossip::Finalized(Box::new(LightBlock {
                    header: item.block.header().clone(),
                    certificate: certificate.clone(),
                    path: BoundedVec::default(),
                }))));
            }
            self.emit(Effect::Announce(item));
        }
    }

    /// A database that falls behind, or a disk that is nearly full, stops this node from building and notarizing, and
    /// nothing else: what the others finalize is still stored.
    pub(super) fn press_or_release(&mut self) {
        let len = self.backlog.queue.len();
        let max = if self.backlog.behind { COMMIT_BACKLOG_MAX / 2 + 1 } else { COMMIT_BACKLOG_MAX };
        self.backlog.behind = len >= max;
        let on = self.backlog.behind || self.low_space;
        if on != self.backlog.pressed {
            self.backlog.pressed = on;
            self.feed(Input::Backpressure { on });
        }
    }
}
