//! The log and the sign state of a validator, which become durable together: votes are signed, both are synced, and
//! only then are the signatures handed out.
//!
//! # Not here
//! How each is kept ([`crate::wal`], [`crate::signer`]), what a vote waits for (`driver::outbox`).

mod cure;
mod record;

pub use cure::{CureError, WAL_DIR, cure};
pub use record::WalRecord;

use crate::signer::{Barred, DataDir, PendingVote, Signer, SignerError, Standing, SyncedToken};
use crate::wal::{GROUP_BYTES_MAX, Wal, WalConfig, WalError};
use crate::work::{Done, Token};
use record::vote_bytes;
use wattle_consensus::{GivenUp, Record};
use wattle_host::dir::Dir;
use wattle_primitives::{Block, DecodeError, Hash, Height, Round, SecretKey, ValidatorIndex, Vote, encode};

/// The log and the sign state.
#[derive(Debug)]
pub struct Journal<W: Dir, S: Dir> {
    wal: Wal<W>,
    signer: Signer<S>,
}

/// A journal as it was found, with what its log holds.
#[derive(Debug)]
pub struct Voting<W: Dir, S: Dir> {
    /// The open journal.
    pub journal: Journal<W, S>,
    /// Consensus records of the log, in order.
    pub records: Vec<Record>,
    /// Bodies of the log, in order.
    pub bodies: Vec<Block>,
    /// Whether the log has kept up with the sign state.
    pub standing: Standing,
    /// Rounds that were given up by votes that the log has lost.
    pub given_up: Option<GivenUp>,
    /// The last round that anything was signed in.
    pub latest: Option<Round>,
    /// Rounds in which nothing is signed, since the disk is new.
    pub barred: Barred,
}

/// One group for the log.
#[derive(Debug)]
pub struct Order {
    /// Names the group.
    pub token: Token,
    /// Greatest height that the group is about, as in [`Wal::append`].
    pub height: Height,
    /// Records to write, in order.
    pub records: Vec<WalRecord>,
    /// Votes to sign and to write after them, each with this validator's place in the set of its epoch.
    pub votes: Vec<(Vote, ValidatorIndex)>,
    /// The records are all that is still needed: whatever was written before goes. There are no votes then.
    pub anew: bool,
}

/// How the two syncs of a group are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// At the same time, on two threads: on a real disk.
    Together,
    /// One after the other, sign state first: in simulation.
    InTurn,
}

/// Why a journal cannot be opened, or a group is not durable.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The log failed.
    #[error("consensus log")]
    Wal(#[from] WalError),
    /// The sign state failed.
    #[error("sign state")]
    Signer(#[from] SignerError),
    /// The log is whole and holds something that this build cannot read.
    #[error("the consensus log was written by another version: start the version that wrote it")]
    Decode(#[from] DecodeError),
}

impl<W: Dir, S: Dir> Journal<W, S> {
    /// Opens both and reads the log. `data` says whether anything was ever committed here.
    ///
    /// # Errors
    /// [`JournalError`]; a missing sign state beside data in use is one.
    pub fn open(
        wal: W,
        sign: S,
        chain: Hash,
        key: SecretKey,
        data: DataDir,
        config: WalConfig,
    ) -> Result<Voting<W, S>, JournalError> {
        let wal = Wal::open(wal, config)?;
        let (records, bodies) = read_log(&wal)?;
        let data = if wal.last_group().is_none() { data } else { DataDir::InUse };
        let own =
            records.iter().filter_map(|r| if let Record::Vote(own) = r { Some(own.vote) } else { None });
        let (signer, standing) = Signer::open(sign, chain, key, data)?.reconcile(own)?;
        let given_up = match standing {
            Standing::Level => None,
            Standing::SitOut { .. } => signer.state().given_up(),
        };
        let (latest, barred) = (signer.state().latest(), signer.state().barred());
        let journal = Self { wal, signer };
        Ok(Voting { journal, records, bodies, standing, given_up, latest, barred })
    }

    /// Signs the votes of a group, writes them with its records, syncs log and sign state, then hands the votes out.
    ///
    /// # Errors
    /// [`JournalError`]. No vote of the group may be sent. The process must end, since the sign state may now know
    /// votes that the log does not.
    pub fn persist(&mut self, order: Order, syncs: Syncs) -> Result<Done, JournalError> {
        let Order { token, height, records, votes, anew } = order;
        if anew {
            self.wal.rewrite(height, &groups(&records))?;
            return Ok(Done::Persisted { token, signed: Vec::new(), refused: Vec::new() });
        }
        let (mut pending, mut refused) = (Vec::with_capacity(votes.len()), Vec::new());
        for (vote, index) in votes {
            match self.signer.prepare(vote, index) {
                Ok(vote) => pending.push(vote),
                Err(_) => refused.push(vote),
            }
        }
        let bytes: Vec<Vec<u8>> = records.iter().map(encode).chain(pending.iter().map(vote_bytes)).collect();
        let synced = self.write(height, &bytes, &pending, syncs)?;
        // A token from after a vote was prepared covers it: nothing is ever left behind here.
        let release = |vote: PendingVote| vote.release(&synced).ok_or(SignerError::Failed);
        let signed = pending.into_iter().map(release).collect::<Result<_, _>>()?;
        Ok(Done::Persisted { token, signed, refused })
    }

    /// Signs nothing in these rounds from now on. Durable on return.
    ///
    /// # Errors
    /// [`JournalError`]; the process must end.
    pub fn bar(&mut self, barred: Barred) -> Result<(), JournalError> {
        Ok(self.signer.bar(barred)?)
    }

    fn write(
        &mut self,
        height: Height,
        bytes: &[Vec<u8>],
        votes: &[PendingVote],
        syncs: Syncs,
    ) -> Result<SyncedToken, JournalError> {
        let Self { wal, signer } = self;
        let mut log = || if bytes.is_empty() { Ok(()) } else { wal.append(height, bytes).map(|_| ()) };
        if votes.is_empty() || syncs == Syncs::InTurn {
            let synced = signer.sync()?;
            log()?;
            return Ok(synced);
        }
        std::thread::scope(|scope| {
            let state = scope.spawn(|| signer.sync());
            let logged = log();
            let synced = state.join().unwrap_or(Err(SignerError::Failed));
            logged?;
            Ok(synced?)
        })
    }

    /// Lets go of what the database covers.
    ///
    /// # Errors
    /// [`JournalError`]; the process must end.
    pub fn release(&mut self, height: Height) -> Result<(), JournalError> {
        self.wal.release(height)?;
        Ok(())
    }
}

/// The records, encoded, in as many groups as hold them.
fn groups(records: &[WalRecord]) -> Vec<Vec<Vec<u8>>> {
    let (mut groups, mut bytes) = (vec![Vec::new()], 0usize);
    for record in records.iter().map(encode) {
        bytes = bytes.saturating_add(record.len());
        if bytes > GROUP_BYTES_MAX / 2 {
            bytes = record.len();
            groups.push(Vec::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push(record);
        }
    }
    groups
}

fn read_log<W: Dir>(wal: &Wal<W>) -> Result<(Vec<Record>, Vec<Block>), JournalError> {
    let (mut records, mut bodies) = (Vec::new(), Vec::new());
    for group in wal.replay() {
        for record in group?.decode::<WalRecord>()? {
            match record {
                WalRecord::Consensus(record) => records.push(record),
                body @ WalRecord::Body(_) => bodies.extend(body.block()?),
            }
        }
    }
    Ok((records, bodies))
}

#[cfg(test)]
mod tests;
