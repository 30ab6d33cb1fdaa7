//! Takes a new checkpoint: the operator's way out when the trust period is over or peers disagree.
//!
//! `wattle-light anchor` checks the checkpoint against what the data directory holds and lays it there; the light node
//! looks for it, checks it once more against what it believes at that moment, and takes it over without a restart.

use super::dispute::Dispute;
use super::store::{self, HeadFile};
use super::{Follower, HeadStore};
use crate::clock::Known;
use std::path::Path;
use wattle_chain_spec::{Checkpoint, CheckpointError};
use wattle_host::FileError;
use wattle_primitives::{Hash, Header, Height, TimeMs};

/// Name of the file that a new checkpoint waits in.
const FILE: &str = "anchor.json";
/// The same for one that the operator vouches for against this computer's clock.
const VOUCHED: &str = "anchor-vouched.json";

/// Reasons why a checkpoint is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It cannot be read, or its parts do not belong together.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// It is another chain's.
    #[error("the checkpoint is of chain {got}, this light node follows {expected}")]
    Chain { expected: Hash, got: Hash },
    /// More is trusted already.
    #[error("the checkpoint's height {got} is below the trusted {trusted}")]
    Older { trusted: Height, got: Height },
    /// It excludes what is trusted, at the same height. One of them is a forgery.
    #[error("height {height} is trusted with hash {trusted}, the checkpoint has {got}")]
    Conflict { height: Height, trusted: Hash, got: Hash },
    /// Its own trust period is over: it would not be believed.
    #[error(
        "the checkpoint's trust period ended at {until} ms, now is {now} ms: ask for a newer one, \
        or say `--clock-is-wrong` if this computer's clock is"
    )]
    Stale { until: TimeMs, now: TimeMs },
    /// A file of the data directory.
    #[error("checkpoint file")]
    File(#[from] FileError),
}

/// Checks that `checkpoint` may replace `head`.
///
/// While a dispute lasts nothing above its height is believed: a checkpoint decides between the two from there on.
///
/// # Errors
/// [`AnchorError`] but [`AnchorError::File`].
pub(crate) fn check(
    checkpoint: &Checkpoint,
    chain: Hash,
    head: &Header,
    dispute: Option<&Dispute>,
    now: TimeMs,
) -> Result<(), AnchorError> {
    checkpoint.check().map_err(AnchorError::Checkpoint)?;
    if checkpoint.genesis_hash != chain {
        return Err(AnchorError::Chain { expected: chain, got: checkpoint.genesis_hash });
    }
    let got = checkpoint.header.height;
    let trusted = dispute.map_or(head.height, |dispute| dispute.height.min(head.height));
    if got < trusted {
        return Err(AnchorError::Older { trusted, got });
    }
    if dispute.is_none() && got == head.height && checkpoint.header != *head {
        let (trusted, got) = (head.hash(), checkpoint.header.hash());
        return Err(AnchorError::Conflict { height: head.height, trusted, got });
    }
    let until = checkpoint.header.time_ms.saturating_add(checkpoint.trust_period_ms);
    if now > until {
        return Err(AnchorError::Stale { until, now });
    }
    Ok(())
}

/// The head that a data directory trusts, the saved one or `configured`, whichever is higher; and an open dispute.
#[must_use]
pub(crate) fn trusted(dir: &Path, configured: Checkpoint) -> (Checkpoint, Option<Dispute>) {
    let file = HeadFile::new(dir);
    let start = store::newer(file.load(), configured);
    (start, file.load_dispute())
}

/// Lays a checked checkpoint into `dir` for the light node to take. Durable on return. `vouched` says that the operator
/// vouches for its age: this computer's clock is wrong.
///
/// # Errors
/// [`AnchorError::File`].
pub(crate) fn offer(dir: &Path, checkpoint: &Checkpoint, vouched: bool) -> Result<(), AnchorError> {
    let path = dir.join(if vouched { VOUCHED } else { FILE });
    // Whoever gives the order may be another user than the one that the light node runs as.
    Ok(crate::files::replace(&path, &checkpoint.to_json(), 0o644)?)
}

/// Whether a checkpoint waits in `dir`, or is being taken.
#[must_use]
pub(crate) fn is_offered(dir: &Path) -> bool {
    [FILE, VOUCHED].iter().any(|name| crate::files::is_laid(&dir.join(name)))
}

/// Takes the checkpoints that wait in `dir`, if there are some. Returns whether the follower has a new head.
///
/// # Errors
/// [`AnchorError`] when one is refused: then the follower is as it was, and the checkpoint waits no longer.
pub(crate) fn take(dir: &Path, follower: &mut Follower) -> Result<bool, AnchorError> {
    let plain = take_one(&dir.join(FILE), follower, false);
    let vouched = take_one(&dir.join(VOUCHED), follower, true);
    Ok(plain? | vouched?)
}

fn take_one(path: &Path, follower: &mut Follower, vouched: bool) -> Result<bool, AnchorError> {
    let Some(aside) = crate::files::claim(path)? else { return Ok(false) };
    let taken = match store::read(&aside) {
        Some(checkpoint) => follower.reanchor(checkpoint, vouched).map(|()| true),
        None => {
            tracing::error!("the checkpoint that was laid into the data directory is damaged");
            Ok(false)
        }
    };
    wattle_host::file::remove(&aside)?;
    taken
}

impl Follower {
    /// Trusts `checkpoint` from now on, without proof. Durable on return; ends a dispute. One that is `vouched` for is
    /// as new as it says, whatever the system's clock says: from then on that counts for nothing until a header shows
    /// that it is right after all.
    ///
    /// # Errors
    /// [`AnchorError`]; what was believed before stays believed.
    pub(crate) fn reanchor(&mut self, checkpoint: Checkpoint, vouched: bool) -> Result<(), AnchorError> {
        let overrides = vouched && !self.clock.is_known();
        let now = if overrides { checkpoint.header.time_ms } else { self.clock.now() };
        check(&checkpoint, self.trusted.chain, self.head(), self.dispute.as_ref(), now)?;
        // The head first: a dispute that outlives a power cut asks for the checkpoint once more.
        self.file.save(&checkpoint).and_then(|()| self.file.save_dispute(None))?;
        let known = if overrides { Known::Vouched } else { Known::Saved };
        self.clock.anchor(checkpoint.header.time_ms, known);
        if overrides {
            self.clock.distrust(true);
        }
        tracing::info!(
            height = checkpoint.header.height.0, hash = %checkpoint.header.hash(), vouched,
            "new checkpoint trusted"
        );
        self.dispute = None;
        self.validators_before = None;
        self.teller = None;
        self.saved = Some((self.clock.uptime_ms(), checkpoint.header.clone()));
        self.rules.period_ms = checkpoint.trust_period_ms.0;
        self.validators = checkpoint.validators;
        self.trusted.head = checkpoint.header;
        Ok(())
    }
}
