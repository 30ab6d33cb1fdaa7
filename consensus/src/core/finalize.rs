//! Rule 7: finalizing a block with its ancestors, and moving the floor.

use super::{Core, Phase};
use crate::block::Chain;
use crate::config::{Floor, SYNC_GAP_MIN, VIEWS_BEHIND_MAX};
use crate::fetch::Want;
use crate::{HaltReason, Output, Record};
use wattle_primitives::{Certificate, Hash, Header, Height, View, planted};

impl Core {
    /// Rule 7. Finalizes up to the block of the highest finalization, once all of it is executed here.
    pub(super) fn apply_finalization(&mut self) {
        let Some(certificate) = self.pending.clone() else { return };
        let Some(proposal) = certificate.vote.proposal() else { return };
        let (view, block) = (proposal.round.view, proposal.block);
        if let Some(source) =
            self.blocks.get(&block).and_then(|e| self.rules.check_view(&e.header, view).err())
        {
            return self.halt(HaltReason::Header { block, source });
        }
        match self.blocks.ensure_executed(block, &self.floor, &self.rules, &mut self.out) {
            Chain::Ready => self.finalized(certificate, view, block),
            Chain::Running => {}
            Chain::Missing(hash, child) => self.want_finalized(&certificate, hash, child),
            Chain::Invalid(block, Some(source)) => self.halt(HaltReason::Header { block, source }),
            Chain::Invalid(block, None) => self.halt(HaltReason::Roots { block }),
            Chain::OffFloor => self.halt(HaltReason::Conflict { view, block }),
        }
    }

    /// A few missing blocks are walked by parent hash, many are synced by height.
    fn want_finalized(&mut self, certificate: &Certificate, hash: Hash, child: Option<Height>) {
        let far = child.filter(|height| height.saturating_sub(self.floor.height).0 > SYNC_GAP_MIN);
        if let Some(height) = far {
            self.fetcher.want(Want::Sync(height), self.now, Vec::new);
        } else {
            let ask = certificate.signers().filter(|s| !self.is_me(*s)).collect();
            self.want_block(hash, || ask);
        }
    }

    fn finalized(&mut self, certificate: Certificate, view: View, block: Hash) {
        let blocks = self.blocks.path(block, &self.floor);
        let (height, time_ms) = match self.blocks.get(&block) {
            Some(entry) => (entry.header.height, entry.header.time_ms),
            None => (self.floor.height, self.floor.time_ms), // the floor itself, certified again
        };
        let floor = Floor { height, hash: block, time_ms, view, certificate: Some(certificate.clone()) };
        if !blocks.is_empty() {
            self.out.push(Output::Finalized { blocks, certificate });
        }
        self.raise_floor(floor);
    }

    /// Moves the floor, never back, and forgets what it settles.
    fn raise_floor(&mut self, floor: Floor) {
        debug_assert!(floor.height >= self.floor.height && floor.view >= self.floor.view);
        self.floor = floor;
        if self.pending.as_ref().is_some_and(|c| c.round().view <= self.floor.view) {
            self.pending = None;
        }
        let (height, view) = (self.floor.height, self.floor.view);
        self.blocks.retain(|_, entry| entry.header.height > height);
        self.uncertified.retain(|v| *v > view);
        self.nullified.forget_up_to(view);
        let above = self.views.split_off(&view.next());
        for (view, state) in std::mem::replace(&mut self.views, above) {
            if !planted!("evidence-forgotten-early") {
                self.past.insert(view, state.ballots);
            }
        }
        let oldest = view.saturating_sub(View(VIEWS_BEHIND_MAX));
        self.past.retain(|v, _| *v > oldest);
        self.reported.retain(|(_, v, _)| *v > oldest);
        if height >= self.config.terminal {
            self.phase = Phase::Done;
        }
    }

    /// Input::Synced. The driver has committed up to `header` by itself.
    pub(super) fn on_synced(&mut self, header: &Header, certificate: Certificate) {
        if header.epoch != self.config.epoch || certificate.round().epoch != self.config.epoch {
            return;
        }
        if header.height > self.floor.height && self.phase == Phase::Running {
            let mut floor = Floor::within_epoch(header, certificate.clone());
            floor.view = floor.view.max(self.floor.view);
            self.out.push(Output::Persist(Record::Certificate(certificate.clone())));
            self.raise_floor(floor);
            self.enter(certificate.round().view.next());
        }
        self.on_certificate(certificate);
    }
}
