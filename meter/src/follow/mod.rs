//! Follows the chain's finalized headers and believes nothing without proof.
//!
//! A header is believed when a quorum of the set that is in charge finalized it or a descendant; a set, when the
//! last header of the epoch before names it; a record of state, when a proof leads to it from a believed header.
//! Several peers are asked, one after the other: a lie costs the liar its connection, and is never believed however
//! many tell it. A second peer is asked for the header that the first one proved; when both prove different ones,
//! nothing is believed any more: a [`Dispute`].
//!
//! # Limits
//! Without a synchronized clock the trust period is measured by the newest verified header carried on by the
//! monotonic clock, so a node that slept longer than that without a clock cannot know it.

pub(crate) mod anchor;
mod dispute;
mod error;
mod prove;
mod store;
mod tariff;

pub(crate) use anchor::AnchorError;
pub(crate) use dispute::{Comparison, Dispute};
pub use error::FollowError;
pub use store::HeadStore;
pub(crate) use tariff::Tariff;

use crate::clock::{Clock, Known};
use crate::peers::Peers;
use std::path::Path;
use std::sync::Arc;
use store::HeadFile;
use wattle_chain_spec::{Checkpoint, CheckpointError};
use wattle_consensus::light::{LightBlock, LightError, TrustRules, TrustedState};
use wattle_p2p::PeerId;
use wattle_p2p::wire::{self, EpochProof, Request, Response};
use wattle_primitives::{
    BoundedVec, Certificate, Epoch, Hash, Header, Height, TimeMs, ValidatorSet, planted,
};

/// Epochs followed before the caller gets a turn.
pub(crate) const EPOCHS_PER_ROUND_MAX: u32 = 64;
/// How far a header may be ahead of a synchronized clock, in ms.
const CLOCK_SKEW_MS_MAX: u64 = 600_000;
/// How often the trusted head is saved at least, if it moves, in ms: a compromise with the wear of an SD card.
const SAVE_EVERY_MS: u64 = 600_000;
/// After a disk has refused it, in ms.
const SAVE_AGAIN_MS: u64 = 60_000;

/// Believes headers, and through them records of state.
pub struct Follower {
    chain_id: String,
    trusted: TrustedState,
    /// The set whose hash is the head's `next_validators_hash`.
    validators: ValidatorSet,
    /// The set that signed the head, where the head changed it.
    validators_before: Option<ValidatorSet>,
    rules: TrustRules,
    clock: Arc<Clock>,
    file: Box<dyn HeadStore>,
    /// The last header saved, and when by the monotonic clock.
    saved: Option<(u64, Header)>,
    /// When by the monotonic clock the head last rose; `None` since the start.
    advanced_ms: Option<u64>,
    dispute: Option<Dispute>,
    /// Whether a certificate of the head was checked since the start.
    verified: bool,
    /// The peer that proved the head; `None` for one from before the start.
    teller: Option<PeerId>,
    /// Times since the start that another peer had the same head.
    agreements: u64,
    /// The head could not be saved: when that was tried last.
    unsaved_ms: Option<u64>,
    /// Bytes of pages written since the start.
    written: u64,
}

/// Reasons why nothing is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The trust period is over.
    Expired {
        /// When it ended.
        until: TimeMs,
    },
    /// Two proven headers exclude each other.
    Disputed(Dispute),
}

impl Follower {
    /// Starts from the operator's checkpoint, or from the head saved in `dir` when that is of the same chain and
    /// higher.
    ///
    /// # Errors
    /// [`CheckpointError`] when the checkpoint's parts do not belong together.
    pub(crate) fn open(
        checkpoint: Checkpoint,
        dir: &Path,
        clock: Arc<Clock>,
    ) -> Result<Self, CheckpointError> {
        Self::open_in(checkpoint, Box::new(HeadFile::new(dir)), clock)
    }

    /// As [`Follower::open`], with the saved head elsewhere than in a file.
    ///
    /// # Errors
    /// [`CheckpointError`] when the checkpoint's parts do not belong together.
    pub fn open_in(
        checkpoint: Checkpoint,
        file: Box<dyn HeadStore>,
        clock: Arc<Clock>,
    ) -> Result<Self, CheckpointError> {
        checkpoint.check()?;
        let configured_ms = checkpoint.trust_period_ms.0;
        let start = store::newer(file.load(), checkpoint);
        // A head that was reached from the configured checkpoint is believed for as long as that says.
        let period_ms = start.trust_period_ms.0.min(configured_ms);
        let dispute = file.load_dispute();
        clock.anchor(start.header.time_ms, Known::Saved);
        Ok(Self {
            chain_id: start.chain_id,
            trusted: TrustedState::anchor(start.genesis_hash, start.header),
            validators: start.validators,
            rules: TrustRules { period_ms, clock_skew_ms_max: CLOCK_SKEW_MS_MAX },
            validators_before: None,
            clock,
            file,
            saved: None,
            advanced_ms: None,
            dispute,
            verified: false,
            teller: None,
            agreements: 0,
            unsaved_ms: None,
            written: 0,
        })
    }

    /// The genesis hash.
    #[must_use]
    pub(crate) const fn chain(&self) -> Hash {
        self.trusted.chain
    }

    /// The newest header believed.
    #[must_use]
    pub const fn head(&self) -> &Header {
        &self.trusted.head
    }

    /// Whether the trust period is still running.
    #[must_use]
    pub(crate) fn is_fresh(&self) -> bool {
        self.trusted.is_fresh(self.clock.now(), &self.rules)
    }

    /// When the trust period ends, if the head does not rise before.
    #[must_use]
    pub(crate) const fn trusted_until(&self) -> TimeMs {
        TimeMs(self.trusted.head.time_ms.0.saturating_add(self.rules.period_ms))
    }

    /// The reason why nothing is believed; `None` while proofs count.
    #[must_use]
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        match self.dispute {
            Some(dispute) => Some(Doubt::Disputed(dispute)),
            None if self.is_fresh() => None,
            None => Some(Doubt::Expired { until: self.trusted_until() }),
        }
    }

    /// Name of the chain, for people.
    #[must_use]
    pub(crate) fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// How old the head is, in ms: by a clock that is vouched for, else since it last rose. `None` without such a clock
    /// while no header was verified since the start: the head may be of any age.
    #[must_use]
    pub(crate) fn head_age_ms(&self) -> Option<u64> {
        if self.clock.os_is_synchronized() {
            return Some(self.clock.now().0.saturating_sub(self.head().time_ms.0));
        }
        self.advanced_ms.map(|at| self.clock.uptime_ms().saturating_sub(at))
    }

    /// Times since the start that another peer than the one that proved it had the head.
    #[must_use]
    pub(crate) const fn agreements(&self) -> u64 {
        self.agreements
    }

    /// Notes who proved the head, if it rose above `before`.
    fn taught_by(&mut self, peer: PeerId, before: Height) {
        if self.head().height > before {
            self.teller = Some(peer);
        }
    }

    /// Bytes of pages written since the start.
    #[must_use]
    pub(crate) const fn written_bytes(&self) -> u64 {
        self.written
    }

    /// Asks `peer` for its newest finalized header and follows up to it, through changes of the set.
    ///
    /// # Errors
    /// [`FollowError`]; what was believed before stays believed.
    pub async fn sync(&mut self, peers: &impl Peers, peer: PeerId) -> Result<Height, FollowError> {
        let light = match ask(peers, peer, Request::LightBlock { height: None }).await? {
            Response::LightBlock(light) => light,
            _ => return Err(FollowError::OtherAnswer),
        };
        let known = self.head().height;
        self.reach(peers, peer, &light).await?;
        self.taught_by(peer, known);
        Ok(self.head().height)
    }

    /// Believes `light` if it is proven, fetching the ends of epochs in between.
    async fn reach(
        &mut self,
        peers: &impl Peers,
        peer: PeerId,
        light: &wire::LightBlock,
    ) -> Result<(), FollowError> {
        if let Some(dispute) = self.dispute {
            return Err(FollowError::Disputed { height: dispute.height });
        }
        if light.header == *self.head() {
            self.verify_again(light);
            return Ok(());
        }
        if light.header.height == self.head().height && light.header.height > Height::ZERO {
            return Err(self.contradicted(light));
        }
        // Where the set changes, the last header of the epoch must come first, and with it the set that it names. It
        // may be `light.header` itself.
        let changes = light.header.next_validators_hash != light.header.validators_hash;
        let mut next = self.trusted.epoch();
        let mut rounds = 0;
        while light.header.height > self.head().height {
            let known = light.header.validators_hash == self.trusted.next_validators_hash();
            if known && !changes {
                break;
            }
            if rounds >= EPOCHS_PER_ROUND_MAX {
                return Err(FollowError::Epochs { max: EPOCHS_PER_ROUND_MAX });
            }
            rounds = rounds.saturating_add(1);
            let epoch = if known { light.header.epoch } else { next };
            let proof = match ask(peers, peer, Request::EpochProof { epoch }).await? {
                Response::EpochProof(proof) => proof,
                _ => return Err(FollowError::OtherAnswer),
            };
            // The head may be the last of its epoch already. No other end that is asked for is as low: who shows one
            // would go on so round after round, and nothing of it be verified.
            if proof.header.height > self.head().height {
                self.accept_epoch(epoch, &proof)?;
            } else if (known || rounds > 1 || proof.header != *self.head())
                && !planted!("light-known-ends-go-on")
            {
                return Err(FollowError::OtherAnswer);
            }
            next = epoch.next();
        }
        if light.header == *self.head() {
            return Ok(());
        }
        if light.header.height <= self.head().height {
            return Err(FollowError::Behind { known: self.head().height, got: light.header.height });
        }
        match self.advance(&light.header, &light.path, &light.certificate) {
            Err(FollowError::Light(LightError::Fork { .. })) => Err(self.contradicted(light)),
            other => other.map(|()| self.save_or_tell(false)),
        }
    }

    /// A peer has the head that was saved before the start. Whoever has the file can say so: only its certificate shows
    /// that the peer knows more.
    fn verify_again(&mut self, light: &wire::LightBlock) {
        let head = self.head();
        if self.verified || head.height == Height::ZERO || !self.is_fresh() {
            return;
        }
        let sets = std::iter::once(&self.validators).chain(&self.validators_before);
        let Some(set) = sets.into_iter().find(|set| set.hash() == head.validators_hash) else { return };
        let chain = &self.trusted.chain;
        self.verified =
            dispute::verify_finalized(chain, set, &light.header, &light.path, &light.certificate).is_ok();
    }

    /// Whether a header was verified since the start, be it the saved one once more.
    #[must_use]
    pub(crate) const fn is_verified(&self) -> bool {
        self.verified
    }

    /// Believes the last header of `epoch`, and the next set that it names.
    ///
    /// # Errors
    /// [`FollowError::Light`], [`FollowError::NextSet`].
    fn accept_epoch(&mut self, epoch: Epoch, proof: &EpochProof) -> Result<(), FollowError> {
        if proof.header.epoch != epoch {
            return Err(FollowError::OtherAnswer);
        }
        let (expected, got) = (proof.header.next_validators_hash, proof.next_validators.hash());
        if expected != got {
            return Err(FollowError::NextSet { expected, got });
        }
        self.advance(&proof.header, &[], &proof.certificate)?;
        self.validators_before = Some(std::mem::replace(&mut self.validators, proof.next_validators.clone()));
        self.save_or_tell(true);
        Ok(())
    }

    fn advance(
        &mut self,
        header: &Header,
        path: &[Header],
        certificate: &Certificate,
    ) -> Result<(), FollowError> {
        let too_long = |_| FollowError::Light(LightError::Path { height: header.height });
        let block = LightBlock {
            header: header.clone(),
            path: BoundedVec::new(path.to_vec()).map_err(too_long)?,
            certificate: certificate.clone(),
            validators: self.validators.clone(),
        };
        // A clock that nobody vouches for may lag by weeks: a quorum's word counts for more.
        let synchronized = self.clock.os_is_synchronized();
        let clock_skew_ms_max = if synchronized { CLOCK_SKEW_MS_MAX } else { u64::MAX };
        let rules = TrustRules { clock_skew_ms_max, ..self.rules };
        self.trusted.advance(&block, self.clock.now(), &rules).map_err(FollowError::Light)?;
        self.clock.anchor(header.time_ms, Known::Live);
        self.advanced_ms = Some(self.clock.uptime_ms());
        self.verified = true;
        if header.next_validators_hash == header.validators_hash {
            self.validators_before = None; // a set of an epoch before signs nothing at this height
        }
        tracing::debug!(height = header.height.0, epoch = header.epoch.0, "header verified");
        Ok(())
    }

    /// As [`Follower::save`]. A disk that refuses makes nothing less proven: it is told once, and tried again now and
    /// then.
    fn save_or_tell(&mut self, now: bool) {
        let uptime_ms = self.clock.uptime_ms();
        if self.unsaved_ms.is_some_and(|at| uptime_ms.saturating_sub(at) < SAVE_AGAIN_MS) {
            return;
        }
        match self.save(now || self.unsaved_ms.is_some()) {
            Ok(()) => self.unsaved_ms = None,
            Err(error) => {
                if self.unsaved_ms.replace(uptime_ms).is_none() {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the trusted head is not saved: after a restart it is followed anew"
                    );
                }
            }
        }
    }

    /// Saves the head if it moved: at once when `now`, else when the last time was long ago.
    ///
    /// # Errors
    /// [`FollowError::Save`].
    pub(crate) fn save(&mut self, now: bool) -> Result<(), FollowError> {
        let head = self.head();
        let due = match &self.saved {
            Some((_, header)) if header == head => false,
            Some((at, _)) => now || self.clock.uptime_ms().saturating_sub(*at) >= SAVE_EVERY_MS,
            None => true,
        };
        if !due {
            return Ok(());
        }
        let changes = head.next_validators_hash != head.validators_hash;
        let checkpoint = Checkpoint {
            chain_id: self.chain_id.clone(),
            genesis_hash: self.trusted.chain,
            header: head.clone(),
            epoch: if changes { head.epoch.next() } else { head.epoch },
            validators: self.validators.clone(),
            trust_period_ms: TimeMs(self.rules.period_ms),
        };
        self.file.save(&checkpoint).map_err(FollowError::Save)?;
        self.written = self.written.saturating_add(crate::files::written_bytes(&checkpoint.to_json()));
        self.saved = Some((self.clock.uptime_ms(), checkpoint.header));
        Ok(())
    }
}

/// The head saved in a data directory, for a status display.
#[must_use]
pub(crate) fn saved_head(dir: &Path) -> Option<Checkpoint> {
    HeadFile::new(dir).load()
}

/// The dispute kept in a data directory.
#[must_use]
pub(crate) fn saved_dispute(dir: &Path) -> Option<Dispute> {
    HeadFile::new(dir).load_dispute()
}

/// Asks one peer. Whoever is busy or declines is at no fault.
///
/// # Errors
/// [`FollowError`].
pub(crate) async fn ask(peers: &impl Peers, peer: PeerId, request: Request) -> Result<Response, FollowError> {
    match peers.ask(peer, request).await.map_err(FollowError::Request)? {
        Response::Busy => Err(FollowError::Busy),
        Response::Error { code, message } => {
            Err(FollowError::Declined { code, message: message.to_string() })
        }
        answer => Ok(answer),
    }
}

#[cfg(test)]
pub(crate) use tariff::tests as tariff_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trust_tests;
