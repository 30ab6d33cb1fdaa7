//! Votes and proposals for validators that do not hear their signer themselves.
//!
//! In a full mesh everybody hears everybody and nothing is relayed. Where links are missing (villages in a ring, a
//! star around one mast) each member tells those it is connected with whom it hears
//! ([`ValidatorMessage::Links`]). Whoever takes in something of a validator that a neighbour does not hear passes it
//! on to that neighbour, once. Certificates go on at first sight in any case, and what is lost is sent again while
//! consensus stalls.
//!
//! A vote goes on after its signature was verified here, a block after its body was bound to its header: a relayer
//! that keeps to this never pays for what it relays.
//!
//! # Bounds
//! One vote for each (view, kind, signer) that consensus admits, one proposal for each body that is taken, one list
//! of keys for each neighbour.

use super::{Driver, Effect};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wattle_consensus::MonoMs;
use wattle_p2p::PeerId;
use wattle_p2p::wire::ValidatorMessage;
use wattle_primitives::validator::VALIDATORS_MAX;
use wattle_primitives::{BoundedVec, PublicKey, SignedVote};

/// How often a member that does not hear all others says so again, in ms: what it said may have been lost.
const TELL_INTERVAL_MS: u64 = 5_000;

/// Validators with whom messages are exchanged directly.
#[derive(Debug, Default)]
pub(super) struct Relay {
    links: BTreeMap<PeerId, Link>,
    /// Not all neighbours know our links.
    changed: bool,
    tell_at: MonoMs,
}

#[derive(Debug)]
struct Link {
    key: PublicKey,
    /// Whom it hears; `None` until it says so, and then it gets nothing relayed.
    hears: Option<BTreeSet<PublicKey>>,
}

impl Relay {
    /// The streams to a validator are open, for the first time or again.
    pub(super) fn opened(&mut self, peer: PeerId, key: PublicKey) {
        self.links.entry(peer).or_insert(Link { key, hears: None });
        self.changed = true;
    }

    /// A peer is gone.
    pub(super) fn closed(&mut self, peer: &PeerId) {
        self.changed |= self.links.remove(peer).is_some();
    }

    /// Others are members now, who must be told.
    pub(super) const fn new_epoch(&mut self) {
        self.changed = true;
    }

    /// A validator says whom it hears.
    pub(super) fn told(&mut self, peer: PeerId, key: PublicKey, hears: &[PublicKey]) {
        let hears = Some(hears.iter().copied().collect());
        self.links.insert(peer, Link { key, hears });
    }

    /// Neighbours that do not hear `signer`, but for the one that a message of it came from.
    fn deaf_to(&self, signer: &PublicKey, from: Option<PeerId>) -> BTreeSet<PublicKey> {
        let links = self.links.iter().filter(|(peer, link)| Some(**peer) != from && link.key != *signer);
        links
            .filter(|(_, link)| link.hears.as_ref().is_some_and(|hears| !hears.contains(signer)))
            .map(|(_, link)| link.key)
            .collect()
    }

    /// Whether some neighbour does not hear this validator itself.
    pub(super) fn anybody_deaf_to(&self, key: &PublicKey) -> bool {
        !self.deaf_to(key, None).is_empty()
    }

    /// Whether there is a neighbour.
    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    fn hears(&self, key: &PublicKey) -> bool {
        self.links.values().any(|link| link.key == *key)
    }
}

impl Driver {
    /// Tells neighbours which members this node hears: after every change, and from time to time while it does not
    /// hear all.
    pub(super) fn tell_links(&mut self) {
        if self.current.core.is_none() || !self.relay.has_links() {
            return;
        }
        let set = &self.current.set;
        let others = set.indices().filter(|i| Some(*i) != self.current.me);
        let (heard, missing): (Vec<PublicKey>, Vec<PublicKey>) =
            others.filter_map(|i| set.get(i)).map(|v| v.key).partition(|key| self.relay.hears(key));
        if !self.relay.changed && (missing.is_empty() || self.mono < self.relay.tell_at) {
            return;
        }
        self.relay.changed = false;
        self.relay.tell_at = self.mono.after(TELL_INTERVAL_MS);
        let keys = BoundedVec::<PublicKey, VALIDATORS_MAX>::new(heard).unwrap_or_default();
        self.emit(Effect::Broadcast(Arc::new(ValidatorMessage::Links(keys))));
    }

    /// Passes on what `vote`'s signer has said.
    pub(super) fn relay(
        &mut self,
        vote: &SignedVote,
        from: Option<PeerId>,
        message: impl FnOnce() -> ValidatorMessage,
    ) {
        let Some(signer) = self.current.set.get(vote.signer).map(|v| v.key) else { return };
        if vote.vote.round().epoch != self.current.epoch || Some(vote.signer) == self.current.me {
            return;
        }
        let deaf = self.relay.deaf_to(&signer, from);
        if deaf.is_empty() {
            return;
        }
        let message = Arc::new(message());
        for key in deaf {
            self.emit(Effect::Send(key, Arc::clone(&message)));
        }
    }
}
