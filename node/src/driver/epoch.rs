//! One core per epoch: what starts it, what ends it, and what those get who are still in an older one.

use super::{Driver, Effect, Setup};
use std::sync::Arc;
use wattle_consensus::{Config, Core, Floor, Input};
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::{Epoch, Hash, Header, PublicKey, ValidatorIndex, ValidatorSet};

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
    pub(super) fn waiting(setup: &Setup, header: &Header) -> Self {
        let epoch = setup.genesis.params.epoch_of(header.height.next());
        let set = validators(setup, epoch);
        let me = setup.key.and_then(|key| set.index_of(&key));
        Self { epoch, set, me, core: None }
    }
}

/// The set that decides in an epoch. A checked genesis has one for every epoch.
fn validators(setup: &Setup, epoch: Epoch) -> ValidatorSet {
    let sets = &setup.genesis.validator_sets;
    let set = setup.genesis.validators(epoch).or_else(|| sets.first().map(|s| &s.validators));
    match set {
        Some(set) => set.clone(),
        None => unreachable!("a genesis without validators does not pass its check"),
    }
}

impl Driver {
    /// Starts the epoch that follows the last finalized block. Members get a core; others follow by synchronizing.
    pub(super) fn start_epoch(&mut self) {
        self.current = Current::waiting(&self.setup, &self.tree.header);
        let epoch = self.current.epoch;
        if self.tree.height() == self.setup.genesis.params.floor_height(epoch) {
            self.sync.epoch_ended();
        }
        self.recover_bodies();
        self.emit(Effect::SetValidators(self.known_validators()));
        self.relay.new_epoch();
        if self.current.me.is_some() {
            let mut core = Core::new(self.core_config());
            core.restore(self.replay.iter().cloned());
            self.current.core = Some(core);
            self.replay.retain(|record| record.epoch() > epoch);
            self.feed(Input::Start);
            self.feed(Input::Work { available: self.working });
            self.feed(Input::Backpressure { on: self.backlog.pressed });
        }
    }

    fn core_config(&self) -> Config {
        let params = &self.setup.genesis.params;
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
            next_validators_hash_at_terminal: self.validators_hash(epoch.next()),
            me: self.current.me,
            floor,
            terminal: params.terminal_height(epoch),
            timing: params.into(),
        }
    }

    fn validators_hash(&self, epoch: Epoch) -> Hash {
        validators(&self.setup, epoch).hash()
    }

    /// Members of this epoch, the one before (stragglers) and the next (they warm up), without doubles.
    fn known_validators(&self) -> Vec<PublicKey> {
        let epoch = self.current.epoch;
        let epochs = [epoch.prev().unwrap_or(epoch), epoch, epoch.next()];
        let mut keys: Vec<PublicKey> = epochs
            .iter()
            .flat_map(|e| validators(&self.setup, *e).members().to_vec())
            .map(|v| v.key)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The last block of an epoch is final: the next epoch begins.
    pub(super) fn end_epoch_if_terminal(&mut self) {
        if self.setup.genesis.params.epoch_of(self.tree.height().next()) > self.current.epoch {
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
