//! Records of state, each believed only with a proof under the newest believed header.

use super::{FollowError, Follower, ask};
use crate::peers::Peers;
use wattle_consensus::light::LightError;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{ProofAnswer, Request, Response};
use wattle_primitives::state_key::Key;
use wattle_primitives::{BoundedBytes, BoundedVec, Decode, Height, planted};

impl Follower {
    /// Asks `peer` what state says of `key`, and believes the answer only with a proof under a believed header that is
    /// not older than the newest one known. Returns the value and the header's height.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn prove(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        key: &[u8],
    ) -> Result<(Option<Vec<u8>>, Height), FollowError> {
        let [value] = self.prove_all(peers, peer, [key]).await?;
        Ok((value, self.head().height))
    }

    /// As [`Follower::prove`], for several keys in the same state with one question; without any it only follows. The
    /// peer says which block it has at the height of the head: where that is another one, it has to prove it.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn prove_all<const N: usize>(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        keys: [&[u8]; N],
    ) -> Result<[Option<Vec<u8>>; N], FollowError> {
        let asked: Result<Vec<_>, _> = keys.iter().map(|key| BoundedBytes::new(key.to_vec())).collect();
        let Ok(asked) = asked.and_then(BoundedVec::new) else {
            return Err(FollowError::OtherAnswer); // keys have at most 33 bytes, and are few
        };
        let known = self.head().height;
        let answer = match ask(peers, peer, Request::Proof { keys: asked, known }).await? {
            Response::Proof(answer) => answer,
            _ => return Err(FollowError::OtherAnswer),
        };
        // Values that nobody asked for are paid for too.
        if answer.values.len() != N && !planted!("light-padding-taken") {
            return Err(FollowError::OtherAnswer);
        }
        let got = answer.light.header.height;
        if got < known {
            return Err(FollowError::Behind { known, got });
        }
        self.second(peers, peer, answer.known).await?;
        self.reach(peers, peer, &answer.light).await?;
        self.taught_by(peer, known);
        self.believe(&keys, &answer)
    }

    /// Follows up to the newest header of `peer`, and takes in which block it has at the height of the head.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn follow(&mut self, peers: &impl Peers, peer: PeerId) -> Result<(), FollowError> {
        let [] = self.prove_all(peers, peer, []).await?;
        Ok(())
    }

    /// As [`Follower::prove`], decoded.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn prove_record<T: Decode>(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        key: Key<T>,
    ) -> Result<Option<T>, FollowError> {
        let [value] = self.prove_all(peers, peer, [&*key]).await?;
        read(value)
    }

    /// As [`Follower::prove_record`], for two records of the same state.
    ///
    /// # Errors
    /// [`FollowError`].
    pub(crate) async fn prove_records<A: Decode, B: Decode>(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        (first, second): (Key<A>, Key<B>),
    ) -> Result<(Option<A>, Option<B>), FollowError> {
        let [first, second] = self.prove_all(peers, peer, [&*first, &*second]).await?;
        Ok((read(first)?, read(second)?))
    }

    /// Checks state proofs against the newest believed header, which must be the proofs' own.
    ///
    /// # Errors
    /// [`FollowError::Light`] for another header, [`FollowError::Proof`].
    fn believe<const N: usize>(
        &self,
        keys: &[&[u8]; N],
        answer: &ProofAnswer,
    ) -> Result<[Option<Vec<u8>>; N], FollowError> {
        let head = self.head();
        if answer.light.header != *head && !planted!("light-proof-of-old-state") {
            return Err(FollowError::Light(LightError::Fork { height: answer.light.header.height }));
        }
        if !self.is_fresh() {
            let now = self.clock.now();
            return Err(FollowError::Light(LightError::Expired { head: head.time_ms, now }));
        }
        let mut values = Vec::with_capacity(N);
        for (key, proven) in keys.iter().zip(answer.values.iter()) {
            let value = proven.value.as_deref();
            proven.proof.verify(&head.state_root, key, value).map_err(FollowError::Proof)?;
            values.push(value.map(<[u8]>::to_vec));
        }
        values.try_into().map_err(|_| FollowError::OtherAnswer) // fewer than were asked for
    }
}

/// Decodes a proven value.
fn read<T: Decode>(value: Option<Vec<u8>>) -> Result<Option<T>, FollowError> {
    value.map(|bytes| wattle_primitives::decode(&bytes).map_err(FollowError::Record)).transpose()
}
