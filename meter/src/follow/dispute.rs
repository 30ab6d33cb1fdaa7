//! Disputes: two proven answers that exclude each other.
//!
//! A certificate is signed by more than two thirds of a set, so two of them for different headers of one height exist
//! only when a third of the validators signed both: nothing that this chain proves can be told from a forgery any
//! more. The follower then keeps its head, believes nothing, and says so until an operator gives it a checkpoint.

use super::{FollowError, Follower, ask};
use crate::peers::Peers;
use serde::{Deserialize, Serialize};
use wattle_consensus::light::LightError;
pub(super) use wattle_consensus::light::verify_finalized;
use wattle_p2p::PeerId;
use wattle_p2p::wire::{self, ErrorCode, Request, Response};
use wattle_primitives::{Hash, Height, planted};

/// Two headers that exclude each other, each proven to be final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dispute {
    /// Height from which on nothing is believed.
    pub height: Height,
    /// Hash of the header believed first.
    pub ours: Hash,
    /// Hash of the other one.
    pub theirs: Hash,
}

/// A second peer's word about the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It has the same head.
    Agrees,
    /// It says nothing: it is behind, has pruned that height, or there is nothing to compare yet.
    Unknown,
}

impl Follower {
    /// Asks `peer` for the header at the head's height.
    ///
    /// # Errors
    /// [`FollowError::Disputed`] when it proves another one: from then on nothing is believed. A lie, when it sends
    /// another one that it cannot prove.
    pub(crate) async fn compare(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
    ) -> Result<Comparison, FollowError> {
        let height = self.head().height;
        if height == Height::ZERO {
            return Ok(Comparison::Unknown); // the genesis has no certificate
        }
        let light = match ask(peers, peer, Request::LightBlock { height: Some(height) }).await {
            Ok(Response::LightBlock(light)) if light.header.height == height => light,
            Ok(_) => return Err(FollowError::OtherAnswer),
            Err(FollowError::Declined {
                code: ErrorCode::NotFound | ErrorCode::Pruned | ErrorCode::Syncing,
                ..
            }) => return Ok(Comparison::Unknown),
            Err(error) => return Err(error),
        };
        if light.header == *self.head() {
            self.agreements = self.agreements.saturating_add(1);
            return Ok(Comparison::Agrees);
        }
        Err(self.contradicted(&light))
    }

    /// Takes in which block `peer` says that it has at the head's height: with another one it has to show the header.
    ///
    /// # Errors
    /// As [`Follower::compare`].
    pub(super) async fn second(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        said: Option<Hash>,
    ) -> Result<(), FollowError> {
        let Some(theirs) = said.filter(|_| self.dispute.is_none()) else { return Ok(()) };
        if theirs == self.head().hash() || planted!("light-other-block-ignored") {
            if self.teller.is_some_and(|teller| teller != peer) {
                self.agreements = self.agreements.saturating_add(1);
            }
            return Ok(());
        }
        if self.head().height == Height::ZERO {
            return Err(FollowError::OtherAnswer); // every peer of this chain has the genesis
        }
        match self.compare(peers, peer).await? {
            Comparison::Agrees => Err(FollowError::OtherAnswer), // it has ours after all
            Comparison::Unknown => {
                let message = "another block, and nothing that proves it".to_owned();
                Err(FollowError::Declined { code: ErrorCode::NotFound, message })
            }
        }
    }

    /// `light` excludes the head. When it is proven, the chain has forked; else its sender lied.
    pub(super) fn contradicted(&mut self, light: &wire::LightBlock) -> FollowError {
        let (header, head) = (&light.header, self.head());
        if !self.is_fresh() {
            // Validators of long ago may sign anything.
            return FollowError::Light(LightError::Expired { head: head.time_ms, now: self.clock.now() });
        }
        let sets = std::iter::once(&self.validators).chain(&self.validators_before);
        let Some(set) = sets.into_iter().find(|set| set.hash() == header.validators_hash) else {
            return FollowError::Light(LightError::Fork { height: header.height });
        };
        let proven = verify_finalized(&self.trusted.chain, set, header, &light.path, &light.certificate);
        if let Err(source) = proven {
            return FollowError::Light(source);
        }
        let dispute =
            Dispute { height: header.height.min(head.height), ours: head.hash(), theirs: header.hash() };
        tracing::error!(
            height = dispute.height.0, ours = %dispute.ours, theirs = %dispute.theirs,
            "two proven headers exclude each other: believing nothing until a new checkpoint is given"
        );
        if let Err(error) = self.file.save_dispute(Some(&dispute)) {
            tracing::warn!(error = wattle_host::causes(&error), "the dispute is not saved");
        }
        self.dispute = Some(dispute);
        FollowError::Disputed { height: dispute.height }
    }
}
