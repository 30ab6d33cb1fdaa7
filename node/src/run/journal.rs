//! The log and the sign state of a validator, which become durable together.

use crate::driver::{Done, Token};
use crate::file::Dir;
use crate::signer::{DataDir, PersistError, Persisted, Signer, SignerError, Standing, Syncs, persist};
use crate::wal::record::WalRecord;
use crate::wal::{Wal, WalConfig, WalError};
use wattle_consensus::Record;
use wattle_primitives::{Block, DecodeError, Hash, Height, SecretKey, ValidatorIndex, Vote};

/// Why the log or the sign state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The consensus log is damaged, or its disk fails.
    #[error("consensus log")]
    Wal(#[from] WalError),
    /// The sign state is damaged or missing, or its disk fails.
    #[error("sign state")]
    Signer(#[from] SignerError),
    /// The log holds a record that this build cannot read.
    #[error("the consensus log was written by another version")]
    Decode(#[from] DecodeError),
}

/// One group for the log.
#[derive(Debug)]
pub struct Order {
    /// Names it.
    pub token: Token,
    /// Highest height it is about.
    pub height: Height,
    /// Records.
    pub records: Vec<WalRecord>,
    /// Votes to sign.
    pub votes: Vec<(Vote, ValidatorIndex)>,
}

/// The log and the sign state of a validator: they become durable together.
#[derive(Debug)]
pub struct Journal<W: Dir, S: Dir> {
    wal: Wal<W>,
    signer: Signer<S>,
}

impl<W: Dir, S: Dir> Journal<W, S> {
    /// Opens both, and returns what the log knows. `fresh` says that nothing was ever committed here.
    ///
    /// # Errors
    /// [`JournalError`]; a missing sign state beside data in use is one.
    pub fn open(
        wal: W,
        sign: S,
        chain: Hash,
        key: SecretKey,
        fresh: bool,
        config: WalConfig,
    ) -> Result<(Self, Vec<Record>, Vec<Block>, Standing), JournalError> {
        let wal = Wal::open(wal, config)?;
        let (records, bodies) = read_log(&wal)?;
        let data = if fresh && wal.last_group().is_none() { DataDir::Empty } else { DataDir::InUse };
        let votes: Vec<Vote> = records
            .iter()
            .filter_map(|r| if let Record::Vote(signed) = r { Some(signed.vote) } else { None })
            .collect();
        let (signer, standing) = Signer::open(sign, chain, key, data)?.reconcile(votes)?;
        Ok((Self { wal, signer }, records, bodies, standing))
    }

    /// Makes one group durable.
    ///
    /// # Errors
    /// [`PersistError`]; the process must end.
    pub fn persist(&mut self, order: Order, syncs: Syncs) -> Result<Done, PersistError> {
        let Order { token, height, records, votes } = order;
        let Persisted { signed, refused } =
            persist(&mut self.wal, &mut self.signer, height, &records, &votes, syncs)?;
        Ok(Done::Persisted { token, signed, refused })
    }

    /// Lets go of what the database covers.
    ///
    /// # Errors
    /// [`PersistError`]; the process must end.
    pub fn release(&mut self, height: Height) -> Result<(), PersistError> {
        self.wal.release(height)?;
        Ok(())
    }
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
