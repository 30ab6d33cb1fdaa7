//! Secret keys under a password: a JSON file for each.
//!
//! The secret is sealed by XChaCha20-Poly1305 under a key that Argon2id makes from the password. Every other field of
//! the file is bound as associated data, so that an edited address or a weakened parameter does not open.
//!
//! Secrets are wiped when dropped, and no type here that holds one implements `Debug`.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wattle_primitives::hash::parse_hex;
use wattle_primitives::{Address, PublicKey, SecretKey};
use zeroize::Zeroizing;

/// Version of the file format that this build writes and reads.
const VERSION: u32 = 1;
const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20-poly1305";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const SEALED_BYTES: usize = 32 + 16; // seed and tag

/// Most memory that opening a file may take, KiB: 1 GiB.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Most passes over the memory.
const PASSES_MAX: u32 = 64;
/// Most lanes.
const LANES_MAX: u32 = 16;
/// Most memory times passes, KiB: bounds the time, about ten seconds on a slow machine.
const WORK_KIB_MAX: u64 = 4 << 20;

/// A password. Wiped on drop; has no `Debug`.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text as it is: no trimming, no normalization.
    #[must_use]
    pub fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Self(text.into())
    }

    fn as_bytes(&self) -> &[u8] {
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

/// Why a key cannot be sealed, or its seal not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Not a key file of this program, or larger than one can be.
    #[error("{} is no key file: {detail}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its fault.
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
        /// In the library's words.
        detail: String,
    },
    /// The operating system gave no entropy.
    #[error("no entropy from the operating system")]
    Entropy(#[source] getrandom::Error),
}

/// The cost of each guess of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KdfParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Number of lanes.
    pub lanes: u32,
}

impl KdfParams {
    /// For keys that matter: RFC 9106's second recommendation, which a Raspberry Pi still opens in seconds.
    pub const STRONG: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// For throw-away keys of a development chain and for tests. Protects nothing.
    pub const INSECURE_FAST: Self = Self { memory_kib: 64, passes: 1, lanes: 1 };

    fn check(self) -> Result<(), SealError> {
        let Self { memory_kib, passes, lanes } = self;
        let work = u64::from(memory_kib).saturating_mul(u64::from(passes));
        let inside = memory_kib <= MEMORY_KIB_MAX
            && (1..=PASSES_MAX).contains(&passes)
            && (1..=LANES_MAX).contains(&lanes)
            && memory_kib >= lanes.saturating_mul(8)
            && work <= WORK_KIB_MAX;
        if inside { Ok(()) } else { Err(SealError::KdfBounds { memory_kib, passes, lanes }) }
    }

    /// The sealing key. The parameters have been checked: memory is bounded.
    fn stretch(self, password: &Password, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let kdf = |e: argon2::Error| SealError::Kdf { detail: e.to_string() };
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(kdf)?;
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, key.as_mut())
            .map_err(kdf)?;
        Ok(key)
    }
}

/// A key file. Everything in it may be shown, except that the sealed secret invites guessing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyFile {
    /// Format version.
    pub version: u32,
    /// Address of the account whose first key this is.
    pub address: Address,
    /// The public key.
    pub public_key: PublicKey,
    /// Derivation path when the key came from a mnemonic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How the sealing key is made.
    pub kdf: String,
    /// The cost of a guess.
    pub kdf_params: KdfParams,
    /// Salt, hex.
    pub salt: String,
    /// How the secret is sealed.
    pub cipher: String,
    /// Nonce, hex.
    pub nonce: String,
    /// The sealed seed with its tag, hex.
    pub ciphertext: String,
}

impl KeyFile {
    /// Seals `secret` under `password`.
    ///
    /// # Errors
    /// [`SealError`] when there is no entropy or memory, or the parameters are out of bounds.
    pub fn seal(
        secret: &SecretKey,
        path: Option<String>,
        password: &Password,
        kdf_params: KdfParams,
    ) -> Result<Self, SealError> {
        kdf_params.check()?;
        let (mut salt, mut nonce) = ([0u8; SALT_BYTES], [0u8; NONCE_BYTES]);
        getrandom::fill(&mut salt).map_err(SealError::Entropy)?;
        getrandom::fill(&mut nonce).map_err(SealError::Entropy)?;
        let public_key = secret.public();
        let mut file = Self {
            version: VERSION,
            address: Address::of_key(&public_key),
            public_key,
            path,
            kdf: KDF.into(),
            kdf_params,
            salt: hex::encode(salt),
            cipher: CIPHER.into(),
            nonce: hex::encode(nonce),
            ciphertext: String::new(),
        };
        let key = kdf_params.stretch(password, &salt)?;
        let sealed = cipher(&key)
            .encrypt(&nonce.into(), Payload { msg: secret.seed(), aad: &file.associated() })
            .map_err(|_| SealError::Kdf { detail: "sealing failed".into() })?;
        file.ciphertext = hex::encode(sealed);
        Ok(file)
    }

    /// Reads a file's text and checks everything that can be checked without the password.
    ///
    /// # Errors
    /// [`SealError`] for another format or version and for parameters beyond the limits.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, SealError> {
        let format = |detail: String| SealError::Format { path: path.to_path_buf(), detail };
        let file: Self = serde_json::from_slice(text).map_err(|e| format(e.to_string()))?;
        if file.version != VERSION {
            return Err(SealError::Version { got: file.version });
        }
        if file.kdf != KDF || file.cipher != CIPHER {
            return Err(format(format!("unknown algorithms {:?} and {:?}", file.kdf, file.cipher)));
        }
        if file.address != Address::of_key(&file.public_key) {
            return Err(format("address and public key do not belong together".into()));
        }
        file.kdf_params.check()?;
        file.fields().map_err(|e| format(e.to_string()))?;
        Ok(file)
    }

    /// Opens the seal.
    ///
    /// # Errors
    /// [`SealError::WrongPassword`] when the password or anything in the file is not what it was.
    pub fn open(&self, password: &Password) -> Result<SecretKey, SealError> {
        self.kdf_params.check()?;
        let wrong = || SealError::WrongPassword { address: self.address };
        let (salt, nonce, sealed) = self.fields().map_err(|_| wrong())?;
        let key = self.kdf_params.stretch(password, &salt)?;
        let payload = Payload { msg: &sealed, aad: &self.associated() };
        let opened = Zeroizing::new(cipher(&key).decrypt(&nonce.into(), payload).map_err(|_| wrong())?);
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(opened.as_slice().try_into().map_err(|_| wrong())?);
        let secret = SecretKey::from_seed(*seed);
        if secret.public() == self.public_key { Ok(secret) } else { Err(wrong()) }
    }

    fn fields(&self) -> Result<Fields, wattle_primitives::hash::HexError> {
        Ok((parse_hex(&self.salt)?, parse_hex(&self.nonce)?, parse_hex(&self.ciphertext)?))
    }

    /// Everything but salt, nonce and ciphertext, which the key and the tag bind themselves.
    fn associated(&self) -> Vec<u8> {
        let KdfParams { memory_kib, passes, lanes } = self.kdf_params;
        let path = self.path.as_deref().unwrap_or("");
        format!(
            "wattle:keystore:v{}|{}|{memory_kib}|{passes}|{lanes}|{}|{}|{path}",
            self.version, self.kdf, self.cipher, self.public_key
        )
        .into_bytes()
    }
}

type Fields = ([u8; SALT_BYTES], [u8; NONCE_BYTES], [u8; SEALED_BYTES]);

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
