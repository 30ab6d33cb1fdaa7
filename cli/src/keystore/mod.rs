//! Encrypted keys on disk, and the way from a mnemonic to a key.
//!
//! - One JSON file per key, mode 0600 in a directory of mode 0700; anything looser is refused.
//! - The secret is sealed under a password: [`wattle_host::seal`].
//! - Mnemonics are BIP-39 (24 words, English); keys are derived by SLIP-0010 for Ed25519, hardened only, at
//!   `m/44'/1463899220'/account'` (see [`derive`]). A mnemonic is never stored: it is shown once.
//!
//! Secrets are wiped when dropped, and no type here that holds one implements `Debug`.
//!
//! # Not here
//! A validator's signing state: it lives beside the data directory and is no key.

pub mod derive;
mod dir;

#[cfg(test)]
mod tests;

pub use derive::{COIN_TYPE, MnemonicError};
pub use dir::{KEY_FILE_BYTES_MAX, Keystore, NAME_BYTES_MAX};

use std::path::PathBuf;
use wattle_host::FileError;
use wattle_host::seal::SealError;

/// Why a key cannot be stored or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A name that is no plain file name.
    #[error("key name {name:?} must have 1 to {NAME_BYTES_MAX} letters, digits, '-' or '_'")]
    Name {
        /// The name given.
        name: String,
    },
    /// Nothing of that name or address.
    #[error("no key {name:?} in {}", dir.display())]
    NotFound {
        /// Name or address asked for.
        name: String,
        /// Directory searched.
        dir: PathBuf,
    },
    /// A key of that name exists; keys are never overwritten.
    #[error("a key named {name:?} exists already in {}", dir.display())]
    Exists {
        /// The name.
        name: String,
        /// The keystore's directory.
        dir: PathBuf,
    },
    /// Its text is no key, or does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A file or the directory cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeystoreError {
    /// Stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "key_name",
            Self::NotFound { .. } => "key_not_found",
            Self::Exists { .. } => "key_exists",
            Self::Seal(SealError::Format { .. }) => "key_format",
            Self::Seal(SealError::Version { .. }) => "key_version",
            Self::Seal(SealError::KdfBounds { .. }) => "key_kdf_bounds",
            Self::Seal(SealError::WrongPassword { .. }) => "wrong_password",
            Self::Seal(SealError::Kdf { .. }) => "key_kdf",
            Self::Seal(SealError::Entropy(_)) => "no_entropy",
            Self::File(error) => file_code(error),
        }
    }
}

/// Stable code of a file that cannot be used.
pub(crate) const fn file_code(error: &FileError) -> &'static str {
    match error {
        FileError::Io { .. } | FileError::NotSynced { .. } => "io",
        FileError::LooseMode { .. } => "key_mode",
        FileError::TooLong { .. } => "input",
    }
}
