//! The secret that a device and its issuer share: key and starting code.

use crate::chain::{Chain, Standard};
use core::hash::Hasher as _;
use siphasher::sip::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a key.
pub const KEY_BYTES: usize = 16;
/// Bytes of a seal: a SipHash.
const SEAL_BYTES: usize = 8;
/// Greatest starting code.
pub const STARTING_CODE_MAX: u32 = 999_999_999;

/// The key and the starting code of a device: whoever has both can make its tokens.
///
/// Makers often give a whole batch one key. The starting code is then all that is secret of a device, so both are
/// treated alike: overwritten when dropped, never shown, never serialized. Printing one does not compile:
///
/// ```compile_fail
/// let secret = openpaygo::Secret::from_hex("a29ab82edc5fbbc41ec9530f6dac86b1", None).unwrap();
/// println!("{secret:?}");
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    key: [u8; KEY_BYTES],
    starting_code: u32,
}

/// Why something is no secret. Repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The key is not 32 hex digits.
    #[error("a key is 32 hex digits")]
    Key,
    /// The starting code has more than nine digits.
    #[error("a starting code has at most nine digits")]
    StartingCode,
}

impl Secret {
    /// A key with a starting code; with that of the standard, derived from the key, when none is given. Zero is a
    /// starting code as any other.
    ///
    /// # Errors
    /// [`SecretError::StartingCode`] when it exceeds [`STARTING_CODE_MAX`].
    pub fn new(key: [u8; KEY_BYTES], starting_code: Option<u32>) -> Result<Self, SecretError> {
        let mut secret = Self { key, starting_code: 0 };
        secret.starting_code = match starting_code {
            Some(code) if code > STARTING_CODE_MAX => return Err(SecretError::StartingCode),
            Some(code) => code,
            None => Standard::fold(secret.hash(&secret.key)),
        };
        Ok(secret)
    }

    /// The same from 32 hex digits of either case.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn from_hex(key: &str, starting_code: Option<u32>) -> Result<Self, SecretError> {
        let mut bytes = zeroize::Zeroizing::new([0; KEY_BYTES]);
        let digits = key.as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(SecretError::Key);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |byte, digit| {
                let digit = char::from(*digit).to_digit(16).ok_or(SecretError::Key)?;
                u8::try_from(digit).map(|digit| byte << 4 | digit).map_err(|_| SecretError::Key)
            })?;
        }
        Self::new(*bytes, starting_code)
    }

    /// The same from a text, as a file holds it: the key and, after a space or on a line of its own, the starting code.
    ///
    /// # Errors
    /// [`SecretError`]; [`SecretError::Key`] also when there is more.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let mut words = text.split_whitespace();
        let key = words.next().unwrap_or_default();
        let code =
            words.next().map(|code| code.parse().map_err(|_| SecretError::StartingCode)).transpose()?;
        if words.next().is_some() { Err(SecretError::Key) } else { Self::from_hex(key, code) }
    }

    /// SipHash-2-4 under the key.
    #[must_use]
    pub fn hash(&self, message: &[u8]) -> u64 {
        self.hasher().hash(message)
    }

    /// The hasher that a chain is walked with. It holds the key in the clear: only for the walk.
    pub(crate) fn hasher(&self) -> SipHasher24 {
        SipHasher24::new_with_key(&self.key)
    }

    pub(crate) const fn starting_code(&self) -> u32 {
        self.starting_code
    }

    /// Seal of bytes that a device keeps, under this key. `label` tells their kind.
    pub(crate) fn seal(&self, label: &[u8], content: &[u8]) -> [u8; SEAL_BYTES] {
        let mut hasher = self.hasher();
        hasher.write(label);
        hasher.write(content);
        hasher.finish().to_le_bytes()
    }

    /// The content before the seal at the end; `None` when that is not of this key and label.
    pub(crate) fn unseal<'a>(&self, label: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (content, seal) = bytes.split_last_chunk()?;
        (self.seal(label, content) == *seal).then_some(content)
    }

    /// A second one with the same content, for a device beside its issuer.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self { key: self.key, starting_code: self.starting_code }
    }
}
