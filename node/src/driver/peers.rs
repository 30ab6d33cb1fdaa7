//! Peers as the driver needs them: who serves blocks, who is which validator, how high each claims to be, what its link
//! carries, and whether this node is behind.
//!
//! A claim decides whom to ask. It rises by what the peer says and by certificates that it signed, and is cut only
//! when the peer shows that it has not the blocks: whoever answers late or not at all is asked later again. Only
//! heights that certificates prove make this node say that it is catching up.

use super::pace::Pace;
use std::collections::BTreeMap;
use wattle_consensus::MonoMs;
use wattle_consensus::config::SYNC_GAP_MIN;
use wattle_p2p::PeerId;
use wattle_primitives::{Height, PublicKey, ValidatorSet, planted};

/// Least time between two unasked-for helps to one validator.
const HELP_INTERVAL_MS: u64 = 1_000;
/// Heights behind a proven one from which on this node says that it is catching up.
const LAG_MAX: u64 = 3;

/// Ready peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<PeerId, Peer>,
    /// Greatest height that a certificate has proven.
    proven: Height,
    helped: BTreeMap<PublicKey, MonoMs>,
    /// Counts questions, by two.
    turn: u64,
}

#[derive(Debug)]
struct Peer {
    validator: Option<PublicKey>,
    /// The height that it claims.
    height: Height,
    serves: bool,
    pace: Pace,
    /// The last question that it was chosen for.
    asked: u64,
}

/// How far this node is behind, in heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    /// By the claims of peers that serve blocks.
    pub(super) claimed: u64,
    /// By certificates.
    pub(super) proven: u64,
}

impl Behind {
    /// Whether this node says that it is catching up.
    pub(super) const fn is_syncing(self) -> bool {
        self.proven > LAG_MAX
    }

    /// Whether so many blocks are missing that consensus does not walk them one by one.
    pub(super) const fn is_far(self) -> bool {
        self.claimed > SYNC_GAP_MIN || self.proven > SYNC_GAP_MIN
    }
}

impl Peer {
    /// A validator of the set has something to lose; a stranger may make a key and claim any height.
    fn is_member(&self, set: &ValidatorSet) -> bool {
        self.validator.is_some_and(|key| set.index_of(&key).is_some())
    }

    /// Who has failed least of late goes first; of these who was asked longest ago.
    fn order(&self) -> (u8, u64) {
        (
            if planted!("slow-answers-are-quick") { self.pace.given_up() } else { self.pace.failures() },
            self.asked,
        )
    }
}

impl Peers {
    /// A peer completed the handshake. Of those that were here it is asked before none but the last one: a new name for
    /// who failed gains nothing.
    pub(super) fn ready(&mut self, peer: PeerId, validator: Option<PublicKey>, height: Height, serves: bool) {
        self.peers.insert(
            peer,
            Peer { validator, height, serves, pace: Pace::default(), asked: self.turn.saturating_sub(1) },
        );
    }

    /// A peer is gone.
    pub(super) fn gone(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// A peer shows that it is at least this high. Claims never go down: who lowers his own gains nothing.
    pub(super) fn ahead(&mut self, peer: &PeerId, height: Height) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.height = known.height.max(height);
        }
    }

    /// Whoever signed a certificate that names a block of this height has that block.
    pub(super) fn signed(&mut self, keys: &[PublicKey], height: Height) {
        for known in self.peers.values_mut().filter(|p| p.validator.is_some_and(|key| keys.contains(&key))) {
            if !planted!("signers-not-ahead") {
                known.height = known.height.max(height);
            }
        }
    }

    /// A peer has shown that it has not what it claims: its claim is cut to this height.
    pub(super) fn cut(&mut self, peer: &PeerId, height: Height) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.height = known.height.min(height);
        }
    }

    /// A certificate shows that the chain has reached this height.
    pub(super) fn prove(&mut self, height: Height) {
        self.proven = self.proven.max(height);
    }

    /// Greatest height that a certificate has proven.
    pub(super) const fn proven(&self) -> Height {
        self.proven
    }

    /// How far a node at this height is behind.
    #[must_use]
    pub(super) fn behind(&self, height: Height) -> Behind {
        let claimed = self.peers.values().filter(|p| p.serves).map(|p| p.height).max().unwrap_or_default();
        let above = |other: Height| other.saturating_sub(height).0;
        Behind { claimed: above(claimed), proven: above(self.proven) }
    }

    /// Whether this peer serves, and claims more than `height`.
    #[must_use]
    pub(super) fn claims_more(&self, peer: &PeerId, height: Height) -> bool {
        self.peers.get(peer).is_some_and(|p| p.serves && p.height > height)
    }

    /// A serving peer that claims more than `height` and is `free`, in turn.
    pub(super) fn higher_than(
        &mut self,
        height: Height,
        set: &ValidatorSet,
        free: impl Fn(&PeerId, &Pace) -> bool,
    ) -> Option<PeerId> {
        self.member_higher_than(height, set, &free)
            .or_else(|| self.first(|id, p| p.serves && p.height > height && free(id, &p.pace), Peer::order))
    }

    /// The same, a validator of the set.
    pub(super) fn member_higher_than(
        &mut self,
        height: Height,
        set: &ValidatorSet,
        free: impl Fn(&PeerId, &Pace) -> bool,
    ) -> Option<PeerId> {
        let able = |id: &PeerId, p: &Peer| p.serves && p.height > height && free(id, &p.pace);
        self.first(|id, p| able(id, p) && p.is_member(set), Peer::order)
    }

    /// Whether a peer has proven the key of a validator of the set.
    #[must_use]
    pub(super) fn is_member(&self, peer: &PeerId, set: &ValidatorSet) -> bool {
        self.peers.get(peer).is_some_and(|p| p.is_member(set))
    }

    /// One of these validators' peers, in turn; if none is connected, one of the set's, or any that serves. None of
    /// `but`. Who failed is asked like the others: it may be the only one that has what is missing.
    pub(super) fn choose(
        &mut self,
        keys: &[PublicKey],
        set: &ValidatorSet,
        but: &[PeerId],
    ) -> Option<PeerId> {
        let named = |p: &Peer| p.validator.is_some_and(|key| keys.contains(&key));
        let order = |p: &Peer| (if planted!("failed-never-asked") { p.pace.given_up() } else { 0 }, p.asked);
        self.first(|id, p| named(p) && !but.contains(id), order)
            .or_else(|| self.first(|id, p| p.serves && p.is_member(set) && !but.contains(id), order))
            .or_else(|| self.first(|id, p| p.serves && !but.contains(id), order))
    }

    /// One of these validators' peers, another at each turn; if none is connected, any that serves.
    #[must_use]
    pub(super) fn in_turn(&self, keys: &[PublicKey], turn: usize) -> Option<PeerId> {
        let those = |fits: &dyn Fn(&Peer) -> bool| -> Vec<PeerId> {
            self.peers.iter().filter(|(_, p)| fits(p)).map(|(id, _)| *id).collect()
        };
        let mut able = those(&|p| p.validator.is_some_and(|key| keys.contains(&key)));
        if able.is_empty() {
            able = those(&|p| p.serves);
        }
        able.get(turn.checked_rem(able.len())?).copied()
    }

    /// The pace of the link to a peer, as it has shown.
    #[must_use]
    pub(super) fn pace(&self, peer: &PeerId) -> Pace {
        self.peers.get(peer).map(|p| p.pace).unwrap_or_default()
    }

    /// The same, to change it.
    pub(super) fn pace_mut(&mut self, peer: &PeerId) -> Option<&mut Pace> {
        self.peers.get_mut(peer).map(|p| &mut p.pace)
    }

    /// The key that a peer has proven.
    #[must_use]
    pub(super) fn validator(&self, peer: &PeerId) -> Option<PublicKey> {
        self.peers.get(peer)?.validator
    }

    /// A ready peer that has proven this key.
    #[must_use]
    pub(super) fn of(&self, key: &PublicKey) -> Option<PeerId> {
        self.peers.iter().find(|(_, peer)| peer.validator == Some(*key)).map(|(id, _)| *id)
    }

    /// Number of ready peers.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether a validator may be helped again; notes that it was.
    pub(super) fn may_help(&mut self, key: &PublicKey, now: MonoMs) -> bool {
        let due = self.helped.get(key).is_none_or(|last| now.since(*last) >= HELP_INTERVAL_MS);
        if due {
            self.helped.insert(*key, now);
        }
        due
    }

    /// The first of those that fit; notes that it is asked.
    fn first(
        &mut self,
        fits: impl Fn(&PeerId, &Peer) -> bool,
        order: impl Fn(&Peer) -> (u8, u64),
    ) -> Option<PeerId> {
        let fitting = self.peers.iter_mut().filter(|(id, p)| fits(id, p));
        let (id, peer) = fitting.min_by_key(|(_, p)| order(p))?;
        self.turn = self.turn.saturating_add(2); // room for those that come meanwhile
        peer.asked = self.turn;
        Some(*id)
    }
}
