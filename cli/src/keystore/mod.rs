//! Encrypted keys on disk, and the way from a mnemonic to a key.
//!
//! - One JSON file per key, mode 0600 in a directory of mode 0700; anything looser is refused.
//! - The secret is sealed by XChaCha20-Poly1305 under a key that Argon2id makes from the password. Every other field
//!   of the file is bound as associated data, so that an edited address or a weakened parameter does not open.
//! - Mnemonics are BIP-39 (24 words, English); keys are derived by SLIP-0010 for Ed25519, hardened only, at
//!   `m/44'/1463899220'/account'` (see [`derive`]). A mnemonic is never stored: it is shown once.
//!
//! Secrets are wiped when dropped, and no type here that holds one implements `Debug`.
//!
//! # Not here
//! A validator's signing state: it lives beside the data directory and is no key.

pub mod derive;
mod dir;
mod seal;

#[cfg(test)]
mod tests;

pub use derive::{COIN_TYPE, MnemonicError};
pub use dir::{KEY_FILE_BYTES_MAX, Keystore, NAME_BYTES_MAX, check_private, read_bounded};
pub use seal::{KdfParams, KeyFile};

use std::path::PathBuf;
use wattle_primitives::Address;
use zeroize::Zeroizing;

/// A password. Wiped on drop; has no `Debug`.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text as it is: no trimming, no normalization.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it has no characters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0 // compares two entries of the same user, never against a stored secret
    }
}

/// Why a key cannot be stored or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// A name that is no plain file name.
    #[error("key name {name:?} must have 1 to {NAME_BYTES_MAX} letters, digits, '-' or '_'")]
    Name {
        /// What was given.
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
        /// Name.
        name: String,
        /// Directory.
        dir: PathBuf,
    },
    /// Others may read or change it.
    #[error("{} has mode {mode:04o}, which lets others in", path.display())]
    LooseMode {
        /// File or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key file of this program, or larger than one can be.
    #[error("{} is no key file: {detail}", path.display())]
    Format {
        /// File.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Written by another version of this program.
    #[error("key file version {got} is unknown")]
    Version {
        /// Version found.
        got: u32,
    },
    /// Parameters beyond what this program will spend on opening a file.
    #[error("key derivation asks for {memory_kib} KiB x {passes} passes x {lanes} lanes, beyond the limits")]
    KdfBounds {
        /// Memory asked for, KiB.
        memory_kib: u32,
        /// Passes asked for.
        passes: u32,
        /// Lanes asked for.
        lanes: u32,
    },
    /// The seal does not open. Which of the two it is cannot be told.
    #[error("wrong password, or the key file of {address} was altered")]
    WrongPassword {
        /// Address that the file claims.
        address: Address,
    },
    /// Key derivation failed in the library.
    #[error("key derivation failed: {detail}")]
    Kdf {
        /// The library's words.
        detail: String,
    },
    /// The operating system gave no entropy.
    #[error("no entropy from the operating system")]
    Entropy(#[source] getrandom::Error),
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl KeystoreError {
    /// Stable code for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "key_name",
            Self::NotFound { .. } => "key_not_found",
            Self::Exists { .. } => "key_exists",
            Self::LooseMode { .. } => "key_mode",
            Self::Format { .. } => "key_format",
            Self::Version { .. } => "key_version",
            Self::KdfBounds { .. } => "key_kdf_bounds",
            Self::WrongPassword { .. } => "wrong_password",
            Self::Kdf { .. } => "key_kdf",
            Self::Entropy(_) => "no_entropy",
            Self::Io { .. } => "io",
        }
    }
}
