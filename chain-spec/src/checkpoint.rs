//! A light node's anchor: a header that somebody trustworthy vouches for, and the validators that follow it.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use wattle_primitives::{Epoch, Genesis, Hash, Header, Height, TimeMs, ValidatorSet};

/// Longest checkpoint file in bytes: the largest validator set, in JSON, several times over.
pub const CHECKPOINT_BYTES_MAX: usize = 256 * 1024;

/// A header and the validator set that follows it, which a light node believes without proof. Written as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checkpoint {
    /// Name of the chain, for people.
    pub chain_id: String,
    /// The chain's identity: hash of the header at height 0.
    pub genesis_hash: Hash,
    /// A finalized header.
    pub header: Header,
    /// Epoch that decides on the height after `header`.
    pub epoch: Epoch,
    /// The set of that epoch.
    pub validators: ValidatorSet,
    /// How long after the newest verified header's time anything is believed, in ms.
    pub trust_period_ms: TimeMs,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The file is longer than any checkpoint.
    #[error("{} has {got} bytes, more than {CHECKPOINT_BYTES_MAX}", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// Bytes found.
        got: u64,
    },
    /// Not JSON of this shape.
    #[error("checkpoint, line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        message: String,
    },
    /// The header is of another chain.
    #[error("header belongs to chain {got}, not to {expected}")]
    Chain {
        /// The checkpoint's genesis hash.
        expected: Hash,
        /// The value that the header says or hashes to.
        got: Hash,
    },
    /// The set is not the one that the header announces.
    #[error("validators hash to {got}, the header announces {expected}")]
    Validators {
        /// Hash in the header.
        expected: Hash,
        /// Hash of the set.
        got: Hash,
    },
    /// The epoch does not follow from the header.
    #[error("epoch {got} does not follow a header of epoch {header}")]
    Epoch {
        /// Epoch of the header.
        header: Epoch,
        /// Epoch of the checkpoint.
        got: Epoch,
    },
    /// The genesis has no set for epoch 0.
    #[error("genesis has no validators")]
    NoValidators,
}

impl Checkpoint {
    /// The checkpoint of a chain's start. `header` is the header of height 0 made from `genesis`.
    ///
    /// # Errors
    /// As [`Checkpoint::check`], and [`CheckpointError::NoValidators`].
    pub fn of_genesis(
        genesis: &Genesis,
        header: Header,
        trust_period_ms: TimeMs,
    ) -> Result<Self, CheckpointError> {
        let validators = genesis.validators(Epoch::ZERO).cloned().ok_or(CheckpointError::NoValidators)?;
        let checkpoint = Self {
            chain_id: genesis.chain_id.clone(),
            genesis_hash: header.hash(),
            header,
            epoch: Epoch::ZERO,
            validators,
            trust_period_ms,
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Checks that the parts belong together. Whether the header was ever finalized is what the operator vouches for.
    ///
    /// # Errors
    /// [`CheckpointError::Chain`], [`CheckpointError::Validators`], [`CheckpointError::Epoch`].
    pub fn check(&self) -> Result<(), CheckpointError> {
        let genesis = self.header.height == Height::ZERO;
        let chain = if genesis { self.header.hash() } else { self.header.chain };
        if chain != self.genesis_hash {
            return Err(CheckpointError::Chain { expected: self.genesis_hash, got: chain });
        }
        let (expected, got) = (self.header.next_validators_hash, self.validators.hash());
        if expected != got {
            return Err(CheckpointError::Validators { expected, got });
        }
        let header = self.header.epoch;
        let follows = self.epoch == header || (!genesis && self.epoch == header.next());
        if !follows {
            return Err(CheckpointError::Epoch { header, got: self.epoch });
        }
        Ok(())
    }

    /// Reads and checks the checkpoint in `path`.
    ///
    /// # Errors
    /// Every [`CheckpointError`] of reading.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let read = |source| CheckpointError::Read { path: path.to_owned(), source };
        let got = std::fs::metadata(path).map_err(read)?.len();
        if got > CHECKPOINT_BYTES_MAX as u64 {
            return Err(CheckpointError::TooLong { path: path.to_owned(), got });
        }
        Self::from_json(&std::fs::read_to_string(path).map_err(read)?)
    }

    /// Reads and checks a checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::Syntax`] and those of [`Checkpoint::check`].
    pub fn from_json(text: &str) -> Result<Self, CheckpointError> {
        let checkpoint: Self = serde_json::from_str(text).map_err(|error| CheckpointError::Syntax {
            line: error.line(),
            column: error.column(),
            message: error.to_string(),
        })?;
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The checkpoint as indented JSON with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing to a string fails only for maps whose keys are not text: there are none.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
