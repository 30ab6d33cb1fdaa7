//! Signatures: two letters for the method, then SipHash-2-4 under the device's key in hex without leading zeros.

use crate::secret::Secret;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Authentication method: the fields that a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// `sa`: the serial number. Always the same: for telemetry of no worth.
    Simple,
    /// `ta`: serial number and timestamp.
    Timestamp,
    /// `ca`: serial number and request count.
    Counter,
    /// `da`: all of these and the data, in one hash.
    Data,
    /// `ra`: the same, hash by hash, so that a device need not hold it all.
    RecursiveData,
}

/// Why a body is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It is not signed.
    #[error("not signed")]
    Missing,
    /// The signature begins with no known method, or does not go on with hex.
    #[error("no signature that is known")]
    Format,
    /// The method signs a field that is not there.
    #[error("{0} is signed by this method and missing")]
    Field(&'static str),
    /// The signature is of something else, or under another key.
    #[error("the signature does not fit")]
    Wrong,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 5] =
        [Self::Simple, Self::Timestamp, Self::Counter, Self::Data, Self::RecursiveData];

    /// Its two letters.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::Simple => "sa",
            Self::Timestamp => "ta",
            Self::Counter => "ca",
            Self::Data => "da",
            Self::RecursiveData => "ra",
        }
    }

    /// Whether data is signed. What is not is telemetry: nobody may be billed by it.
    #[must_use]
    pub const fn signs_data(self) -> bool {
        matches!(self, Self::Data | Self::RecursiveData)
    }
}

/// The signed fields of a request, each as text; empty ones are left out.
pub(super) struct Signed<'a> {
    pub(super) serial: &'a str,
    pub(super) timestamp: Cow<'a, str>,
    pub(super) count: Cow<'a, str>,
    /// The data of `ra`, which signs it also when it is empty.
    pub(super) data: Cow<'a, str>,
    /// Data and history of `da`.
    pub(super) data_if_any: Cow<'a, str>,
    pub(super) history_if_any: Cow<'a, str>,
    /// The rows of the history, for `ra`.
    pub(super) rows: Vec<Cow<'a, str>>,
}

impl Signed<'_> {
    /// The hash that stands behind the letters of a method.
    pub(super) fn hash(&self, method: AuthMethod, secret: &Secret) -> u64 {
        let Self { serial, timestamp, count, data, data_if_any, history_if_any, rows } = self;
        match method {
            AuthMethod::Simple => secret.hash(serial.as_bytes()),
            AuthMethod::Timestamp => hash_of(secret, &[serial, timestamp]),
            AuthMethod::Counter => hash_of(secret, &[serial, count]),
            AuthMethod::Data => hash_of(secret, &[serial, timestamp, count, data_if_any, history_if_any]),
            AuthMethod::RecursiveData => {
                let link =
                    |before: u64, part: &Cow<'_, str>| secret.hash(format!("{before:x}{part}").as_bytes());
                let head = [timestamp, count].into_iter().filter(|part| !part.is_empty());
                head.chain([data]).chain(rows).fold(secret.hash(serial.as_bytes()), link)
            }
        }
    }
}

/// The hash of parts one behind the other.
pub(super) fn hash_of(secret: &Secret, parts: &[&str]) -> u64 {
    secret.hash(parts.concat().as_bytes())
}

/// A signature as it is written.
pub(super) fn write(method: AuthMethod, hash: u64) -> String {
    format!("{}{hash:x}", method.letters())
}

/// A signature as it was written.
pub(super) fn read(text: &str) -> Result<(AuthMethod, u64), AuthError> {
    let method = AuthMethod::ALL.into_iter().find(|method| text.starts_with(method.letters()));
    let method = method.ok_or(AuthError::Format)?;
    let digits = text.get(method.letters().len()..).unwrap_or_default();
    let hash = u64::from_str_radix(digits, 16).map_err(|_| AuthError::Format)?;
    if write(method, hash) == text { Ok((method, hash)) } else { Err(AuthError::Format) }
}
