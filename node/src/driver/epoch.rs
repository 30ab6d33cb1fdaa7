//! One core per epoch: what starts it, what ends it, and what those get who are still in an older one.

use super::{Driver, Effect};
use std::sync::Arc;
use wattle_consensus::{Config, Core, Floor, Input};
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{Epoch, Header, PublicKey, ValidatorIndex, ValidatorSet};
use wattle_runtime::Schedule;

/// The epoch in which the node is, with its core when it is a member.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) epoch: Epoch,
    pub(super) set: ValidatorSet,
    pub(super) me: Option<ValidatorIndex>,
    pub(super) core: Option<Core>,
}

impl Current {
    /// The epoch after `header`, before its core starts.
    pub(super) fn waiting(schedule: &Schedule, key: Option<PublicKey>, header: &Header) -> Self {
        let epoch = schedule.epoch_after(header.height);
        let set = schedule.validators(epoch).clone();
        let me = key.and_then(|key| set.index_of(&key));
        Self { epoch, set, me, core: None }
    }
}

impl Driver {
    /// Starts the epoch that follows the last finalized block. Members get a core; others follow by synchronizing.
    pub(super) fn start_epoch(&mut self) {
        if let Some(schedule) = Schedule::of(&self.tree.state) {
            self.schedule = Arc::new(schedule);
        }
        self.current = Current::waiting(&self.schedule, self.setup.key, &self.tree.header);
        let epoch = self.current.epoch;
        if self.tree.height() == self.schedule.params().floor_height(epoch) {
            self.sync.epoch_ended();
        }
        self.bar_in_epoch();
        self.recover_bodies();
        let known = self.known_validators();
        self.listen_to(&known);
        self.emit(Effect::SetValidators(known));
        self.relay.new_epoch();
        if self.current.me.is_some() {
            let mut core = Core::new(self.core_config());
            core.restore(self.replay.iter().cloned());
            core.gave_up(self.given_up);
            self.current.core = Some(core);
            self.replay.retain(|record| record.epoch() > epoch);
            self.feed(Input::Start);
            self.feed(Input::Work(self.work));
            self.feed(Input::Backpressure { on: self.backlog.pressed });
        }
    }

    fn core_config(&self) -> Config {
        let params = self.schedule.params();
        let epoch = self.current.epoch;
        let header = &self.tree.header;
        let within = header.height > params.floor_height(epoch);
        let floor = match self.sync.last_certificate().filter(|_| within) {
            Some(certificate) => Floor::within_epoch(header, certificate.clone()),
            None => Floor::of_epoch(header),
        };
        Config {
            chain: self.setup.chain,
            epoch,
            validators: self.current.set.clone(),
            next_validators_hash_at_terminal: self.schedule.validators(epoch.next()).hash(),
            me: self.current.me,
            floor,
            terminal: params.terminal_height(epoch),
            timing: params.into(),
        }
    }

    /// Members of this epoch, the one before (stragglers) and the next (they warm up), without doubles.
    fn known_validators(&self) -> Vec<PublicKey> {
        let epoch = self.current.epoch;
        let epochs = [epoch.prev().unwrap_or(epoch), epoch, epoch.next()];
        let mut keys: Vec<PublicKey> =
            epochs.iter().flat_map(|e| self.schedule.validators(*e).members()).map(|v| v.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The last block of an epoch is final: the next epoch begins.
    pub(super) fn end_epoch_if_terminal(&mut self) {
        if self.schedule.epoch_after(self.tree.height()) > self.current.epoch {
            self.start_epoch();
        }
    }

    /// Somebody is still in an older epoch: the end of that epoch shows it the way.
    pub(super) fn help_straggler(&mut self, key: &PublicKey) {
        let terminal = self.sync.epoch_end().cloned();
        if let Some(certificate) = terminal
            && self.peers.may_help(key, self.mono)
        {
            let message = Arc::new(ValidatorMessage::Certificate(certificate));
            self.emit(Effect::Send(*key, message));
        }
    }
}
