//! From a mnemonic to an Ed25519 key.
//!
//! ```text
//! seed   = BIP-39(words, passphrase)                         64 bytes
//! master = HMAC-SHA512("ed25519 seed", seed)                 key ‖ chain code
//! child  = HMAC-SHA512(chain code, 0 ‖ key ‖ index as u32 be)   index >= 2^31: Ed25519 has hardened children only
//! ```
//! Accounts stand at `m/44'/1463899220'/account'`. The coin type is "WATT" in ASCII (0x57415454); a wallet in another
//! language needs nothing else to find the same keys.
//!
//! Source: BIP-39, SLIP-0010, BIP-44.

use bip39::{Language, Mnemonic};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use wattle_primitives::SecretKey;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Coin type in derivation paths: "WATT" in ASCII.
pub const COIN_TYPE: u32 = 0x5741_5454;
/// Largest index before hardening.
pub const INDEX_MAX: u32 = 0x7fff_ffff;
/// Words of a new mnemonic: 256 bits of entropy.
pub const WORDS: usize = 24;
const ENTROPY_BYTES: usize = 32;
const HARDENED: u32 = 0x8000_0000;

/// Why words or a path give no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// An unknown word, a wrong number of words or a wrong checksum. Says which, never the words.
    #[error("not a BIP-39 mnemonic: {detail}")]
    Words {
        /// The fault, without the words themselves.
        detail: String,
    },
    /// An index of 2^31 or more: it has no hardened form.
    #[error("index {index} exceeds {INDEX_MAX}")]
    Index {
        /// The index.
        index: u32,
    },
    /// The operating system gave no entropy.
    #[error("no entropy from the operating system")]
    Entropy,
}

/// A node of the derivation tree. Wiped on drop; has no `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Node {
    key: [u8; 32],
    chain_code: [u8; 32],
}

impl Node {
    /// The tree's root.
    #[must_use]
    pub fn master(seed: &[u8]) -> Self {
        Self::of(b"ed25519 seed", &[seed])
    }

    /// The hardened child `index'`.
    ///
    /// # Errors
    /// [`MnemonicError::Index`] above [`INDEX_MAX`].
    pub fn child(&self, index: u32) -> Result<Self, MnemonicError> {
        if index > INDEX_MAX {
            return Err(MnemonicError::Index { index });
        }
        Ok(Self::of(&self.chain_code, &[&[0], &self.key, &(index | HARDENED).to_be_bytes()]))
    }

    /// The descendant along `path`, each step hardened.
    ///
    /// # Errors
    /// [`MnemonicError::Index`].
    pub fn descend(self, path: &[u32]) -> Result<Self, MnemonicError> {
        path.iter().try_fold(self, |node, index| node.child(*index))
    }

    /// The secret key of this node.
    #[must_use]
    pub fn secret(&self) -> SecretKey {
        SecretKey::from_seed(self.key)
    }

    /// The chain code: public vectors state it.
    #[cfg(test)]
    pub(super) fn chain_code(&self) -> &[u8; 32] {
        &self.chain_code
    }

    fn of(key: &[u8], parts: &[&[u8]]) -> Self {
        let mut mac = keyed(key);
        for part in parts {
            mac.update(part);
        }
        let mut digest = mac.finalize().into_bytes();
        let mut node = Self { key: [0; 32], chain_code: [0; 32] };
        let (left, right) = digest.split_at(32);
        node.key.copy_from_slice(left);
        node.chain_code.copy_from_slice(right);
        digest.as_mut_slice().zeroize();
        node
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha512> {
    match Hmac::<Sha512>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// A new mnemonic of [`WORDS`] words.
///
/// # Errors
/// [`MnemonicError::Entropy`].
pub fn generate() -> Result<Mnemonic, MnemonicError> {
    let mut entropy = Zeroizing::new([0u8; ENTROPY_BYTES]);
    getrandom::fill(entropy.as_mut()).map_err(|_| MnemonicError::Entropy)?;
    Mnemonic::from_entropy_in(Language::English, entropy.as_ref()).map_err(|_| MnemonicError::Entropy)
}

/// The mnemonic that `text` spells: 12, 15, 18, 21 or 24 English words in any case and spacing.
///
/// # Errors
/// [`MnemonicError::Words`].
pub fn parse(text: &str) -> Result<Mnemonic, MnemonicError> {
    let text = Zeroizing::new(text.to_lowercase());
    Mnemonic::parse_in(Language::English, text.as_str())
        .map_err(|e| MnemonicError::Words { detail: explain(&e) })
}

/// The library's error without anything of the secret in it.
fn explain(error: &bip39::Error) -> String {
    match error {
        bip39::Error::BadWordCount(got) => format!("{got} words, expected 12, 15, 18, 21 or 24"),
        bip39::Error::UnknownWord(at) => format!("word {} is not in the list", at.saturating_add(1)),
        bip39::Error::InvalidChecksum => "the checksum is wrong: a word is mistyped or misplaced".into(),
        _ => "malformed".into(),
    }
}

/// The key of `account`, and its path as text.
///
/// # Errors
/// [`MnemonicError::Index`] above [`INDEX_MAX`].
pub fn account(
    mnemonic: &Mnemonic,
    passphrase: &str,
    account: u32,
) -> Result<(SecretKey, String), MnemonicError> {
    let seed = Zeroizing::new(mnemonic.to_seed(passphrase));
    let node = Node::master(seed.as_ref()).descend(&[44, COIN_TYPE, account])?;
    Ok((node.secret(), format!("m/44'/{COIN_TYPE}'/{account}'")))
}
