//! One group: votes signed, log and sign state durable, and only then the signatures handed out.

use super::{PendingVote, Signer, SignerError};
use crate::file::Dir;
use crate::wal::record::{WalRecord, vote_bytes};
use crate::wal::{Wal, WalError};
use wattle_primitives::{Height, SignedVote, ValidatorIndex, Vote, encode};

/// How the two syncs of a group are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// At the same time, on two threads: on a real disk.
    Together,
    /// One after the other, sign state first: in simulation.
    InTurn,
}

/// What came of the votes of a durable group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persisted {
    /// Signed and durable, ready to be sent, in the order asked for.
    pub signed: Vec<SignedVote>,
    /// Refused by the sign state; not in the log.
    pub refused: Vec<Vote>,
}

/// Why a group is not durable.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// The log.
    #[error("cannot write the consensus log")]
    Wal {
        /// Why.
        #[from]
        source: WalError,
    },
    /// The sign state.
    #[error("cannot write the sign state")]
    Signer {
        /// Why.
        #[from]
        source: SignerError,
    },
}

/// Signs `votes`, writes them with `records` as one group, syncs log and sign state, then hands the votes out.
///
/// `height` is as in [`Wal::append`]. Each vote comes with this validator's position in the set of its epoch.
///
/// # Errors
/// [`PersistError`]. No vote of the group may be sent. The process must end, since the sign state may now know votes
/// that the log does not.
pub fn persist<W: Dir, S: Dir>(
    wal: &mut Wal<W>,
    signer: &mut Signer<S>,
    height: Height,
    records: &[WalRecord],
    votes: &[(Vote, ValidatorIndex)],
    syncs: Syncs,
) -> Result<Persisted, PersistError> {
    let mut persisted = Persisted::default();
    let mut pending: Vec<PendingVote> = Vec::with_capacity(votes.len());
    for (vote, index) in votes {
        match signer.prepare(*vote, *index) {
            Ok(vote) => pending.push(vote),
            Err(_) => persisted.refused.push(*vote),
        }
    }
    let bytes: Vec<Vec<u8>> = records.iter().map(encode).chain(pending.iter().map(vote_bytes)).collect();
    let mut log = || if bytes.is_empty() { Ok(()) } else { wal.append(height, &bytes).map(|_| ()) };
    let token = if pending.is_empty() || syncs == Syncs::InTurn {
        let token = signer.sync()?;
        log()?;
        token
    } else {
        std::thread::scope(|scope| {
            let state = scope.spawn(|| signer.sync());
            let logged = log();
            let token = state.join().unwrap_or(Err(SignerError::Failed));
            logged?;
            Ok::<_, PersistError>(token?)
        })?
    };
    for vote in pending {
        // A token from after the vote was prepared covers it: nothing is ever left behind here.
        persisted.signed.push(vote.release(&token).ok_or(SignerError::Failed)?);
    }
    Ok(persisted)
}
