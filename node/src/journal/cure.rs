//! A corrupt log is put aside, so that its validator can start again without it.
//!
//! Signed votes are in the sign state too, which nothing here writes: the validator starts as one whose log has lost
//! votes, and sits out what it may have voted in (`docs/adr/sign-state-sit-out.md`). What was final and not yet in the
//! database comes from its peers again.

use super::{JournalError, read_log};
use crate::signer::{DataDir, Signer, SignerError};
use crate::wal::{Wal, WalConfig, WalError};
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_host::dir::{Dir, OsDir};
use wattle_primitives::{SecretKey, planted};

/// Name of the log's directory in the data directory.
pub const WAL_DIR: &str = "wal";
/// Name of a corrupt log, with a number after it.
const ASIDE: &str = "wal.corrupt-";

/// Why a log is left where it is.
#[derive(Debug, thiserror::Error)]
pub enum CureError {
    /// There is nothing to cure.
    #[error("the consensus log is whole")]
    Whole,
    /// It is whole, for another version of the program: put aside, it would take with it what only it knows.
    #[error("the consensus log is another version's and may be whole: start the node with that version")]
    Version(#[source] JournalError),
    /// The fault is not damage: another cure is needed.
    #[error("the consensus log cannot be read")]
    Log(#[source] JournalError),
    /// Without the log, only a whole sign state knows what was signed.
    #[error("the sign state cannot be relied on: the log stays where it is")]
    SignState(#[from] SignerError),
    /// One slot of the sign state is damaged: what it held may be known to the log alone.
    #[error("a slot of the sign state is damaged, and the log with it: use a new validator key")]
    Slot,
    /// A file operation failed.
    #[error("cannot put the log aside")]
    File(#[from] FileError),
}

/// Puts the log of a stopped validator aside if it is corrupt. Returns where it is now. The next start begins a new
/// one.
///
/// # Errors
/// [`CureError`]; everything is as before.
pub fn cure(data: &Path, sign: &Path, key: SecretKey, config: WalConfig) -> Result<PathBuf, CureError> {
    let chain = config.chain;
    match Wal::open(OsDir::open(&data.join(WAL_DIR))?, config)
        .map_err(Into::into)
        .and_then(|wal| read_log(&wal))
    {
        Ok(_) => return Err(CureError::Whole),
        Err(JournalError::Wal(WalError::MidLogCorruption { .. })) => {}
        Err(error @ (JournalError::Decode(_) | JournalError::Wal(WalError::Version { .. }))) => {
            if !planted!("cure-of-another-version") {
                return Err(CureError::Version(error));
            }
        }
        Err(error) => return Err(CureError::Log(error)),
    }
    if !sign.exists() {
        return Err(SignerError::Missing.into());
    }
    let signed = Signer::open(OsDir::open(sign)?, chain, key, DataDir::InUse)?;
    if signed.is_damaged() && !planted!("cure-trusts-one-slot") {
        return Err(CureError::Slot);
    }
    let data = OsDir::open(data)?;
    let taken = data.list()?;
    let last = taken.iter().filter_map(|name| name.strip_prefix(ASIDE)?.parse::<u64>().ok()).max();
    let aside = format!("{ASIDE}{}", last.unwrap_or(0).saturating_add(1));
    data.rename(WAL_DIR, &aside)?;
    data.sync()?;
    Ok(data.path().join(aside))
}
