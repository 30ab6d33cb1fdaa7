//! Taking a new checkpoint: what an operator does when the trust period is over or when peers disagree.
//!
//! `wattle-light anchor` checks the checkpoint against what the data directory holds and lays it there; the light node
//! looks for it, checks it once more against what it believes at that moment, and takes it over without a restart.

use super::dispute::Dispute;
use super::store::{self, HeadFile};
use super::{Follower, HeadStore};
use std::io;
use std::path::{Path, PathBuf};
use wattle_chain_spec::{Checkpoint, CheckpointError};
use wattle_primitives::{Hash, Header, Height, TimeMs};

/// Name of the file that a new checkpoint waits in.
const FILE: &str = "anchor.json";

/// Why a checkpoint is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It cannot be read, or its parts do not belong together.
    #[error("checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// It is another chain's.
    #[error("the checkpoint is of chain {got}, this light node follows {expected}")]
    Chain {
        /// Genesis hash of the chain that is followed.
        expected: Hash,
        /// The checkpoint's.
        got: Hash,
    },
    /// More is trusted already.
    #[error("the checkpoint's height {got} is below the trusted {trusted}")]
    Older {
        /// Height trusted.
        trusted: Height,
        /// The checkpoint's.
        got: Height,
    },
    /// It excludes what is trusted, at the same height. One of them is a forgery.
    #[error("height {height} is trusted with hash {trusted}, the checkpoint has {got}")]
    Conflict {
        /// Height of both.
        height: Height,
        /// Hash trusted.
        trusted: Hash,
        /// The checkpoint's.
        got: Hash,
    },
    /// Its own trust period is over: it would not be believed.
    #[error("the checkpoint's trust period ended at {until} ms, now is {now} ms: ask for a newer one")]
    Stale {
        /// End of its trust period.
        until: TimeMs,
        /// Time of the check.
        now: TimeMs,
    },
    /// The disk refused.
    #[error("cannot keep the checkpoint in {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Checks that `checkpoint` may replace `head`.
///
/// While a dispute lasts nothing above its height is believed: a checkpoint decides between the two from there on.
///
/// # Errors
/// [`AnchorError`] but [`AnchorError::Io`].
pub fn check(
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

/// What a data directory trusts: the saved head or `configured`, whichever is higher, and the dispute if there is one.
#[must_use]
pub fn trusted(dir: &Path, configured: Checkpoint) -> (Checkpoint, Option<Dispute>) {
    let file = HeadFile::new(dir);
    let start = store::newer(file.load(), configured);
    (start, file.load_dispute())
}

/// Lays a checked checkpoint into `dir` for the light node to take. Durable on return.
///
/// # Errors
/// [`AnchorError::Io`].
pub fn offer(dir: &Path, checkpoint: &Checkpoint) -> Result<(), AnchorError> {
    let path = dir.join(FILE);
    // Whoever gives the order may be another user than the one that the light node runs as.
    store::write(&path, &checkpoint.to_json(), 0o644).map_err(|source| AnchorError::Io { path, source })
}

/// Whether a checkpoint waits in `dir`.
#[must_use]
pub fn is_offered(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

/// Removes what [`offer`] laid into `dir`.
///
/// # Errors
/// [`AnchorError::Io`]; none when there is nothing.
pub fn withdraw(dir: &Path) -> Result<(), AnchorError> {
    let path = dir.join(FILE);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(AnchorError::Io { path, source }),
        _ => Ok(()),
    }
}

/// Takes the checkpoint that waits in `dir`, if there is one. Returns whether the follower has a new head.
///
/// # Errors
/// [`AnchorError`] when it is refused: then the follower is as it was, and the checkpoint waits no longer.
pub fn take(dir: &Path, follower: &mut Follower) -> Result<bool, AnchorError> {
    if !is_offered(dir) {
        return Ok(false);
    }
    let taken = match store::read(&dir.join(FILE)) {
        Some(checkpoint) => follower.reanchor(checkpoint).map(|()| true),
        None => {
            tracing::error!("the checkpoint that was laid into the data directory is damaged");
            Ok(false)
        }
    };
    withdraw(dir)?;
    taken
}

impl Follower {
    /// Trusts `checkpoint` from now on, without proof. Durable on return; ends a dispute.
    ///
    /// # Errors
    /// [`AnchorError`]; what was believed before stays believed.
    pub fn reanchor(&mut self, checkpoint: Checkpoint) -> Result<(), AnchorError> {
        let now = self.clock.now();
        check(&checkpoint, self.trusted.chain, self.head(), self.dispute.as_ref(), now)?;
        let path = self.file.path().to_owned();
        let io = |source| AnchorError::Io { path, source };
        // The head first: a dispute that outlives a power cut asks for the checkpoint once more.
        self.file.save(&checkpoint).and_then(|()| self.file.save_dispute(None)).map_err(io)?;
        self.clock.anchor(checkpoint.header.time_ms, false);
        tracing::info!(
            height = checkpoint.header.height.0, hash = %checkpoint.header.hash(), "new checkpoint trusted"
        );
        self.dispute = None;
        self.validators_before = None;
        self.saved = Some((self.clock.uptime_ms(), checkpoint.header.clone()));
        self.rules.period_ms = checkpoint.trust_period_ms.0;
        self.validators = checkpoint.validators;
        self.trusted.head = checkpoint.header;
        Ok(())
    }
}
