//! The meter's key: its file, and what is signed with it.

use crate::clock::Clock;
use crate::sensor::Energy;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use wattle_primitives::reading::{Reading, SignedReading};
use wattle_primitives::{Address, Auth, Hash, PublicKey, SecretKey, Tx, TxBody};
use zeroize::{Zeroize, Zeroizing};

/// Longest key file in bytes: 64 hex digits and some white space.
const KEY_FILE_BYTES_MAX: u64 = 128;

/// Where systemd says which directory it has laid a service's credentials into.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot {action} key file {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others may read the key.
    #[error("{} has mode {mode:03o}: others may read the key; `chmod 600 {}`", path.display(), path.display())]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 64 hex digits.
    #[error("{} does not hold 64 hex digits", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system has no entropy.
    #[error("no entropy for a new key")]
    Entropy(#[source] getrandom::Error),
}

/// Reads a meter's key: the seed as 64 hex digits, in a file that nobody else may read.
///
/// # Errors
/// [`KeyError`].
pub fn load_key(path: &Path) -> Result<SecretKey, KeyError> {
    let io = |source| KeyError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.mode() & 0o777;
    if mode & others(path, std::env::var_os(CREDENTIALS).as_deref()) != 0 {
        return Err(KeyError::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(KEY_FILE_BYTES_MAX as usize));
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    let mut seed = [0; 32];
    let parsed = hex::decode_to_slice(text.trim(), &mut seed);
    let key =
        parsed.map(|()| SecretKey::from_seed(seed)).map_err(|_| KeyError::Content { path: path.to_owned() });
    seed.zeroize();
    key
}

/// The permission bits that let others read the key at `path`.
///
/// A service manager hands keys over in a directory that is the service's alone, as files whose group bits are the
/// mask of an access list: reading by that "group" is the service's own.
fn others(path: &Path, credentials: Option<&OsStr>) -> u32 {
    let handed_over = credentials.is_some_and(|dir| !dir.is_empty() && path.starts_with(dir));
    if handed_over { 0o037 } else { 0o077 }
}

/// Writes a new key to a file that must not exist, and returns its public half. Durable on return.
///
/// # Errors
/// [`KeyError::Io`] also when the file exists: a key is never overwritten. [`KeyError::Entropy`].
pub fn generate_key(path: &Path) -> Result<PublicKey, KeyError> {
    let key = SecretKey::generate().map_err(KeyError::Entropy)?;
    write_key(path, &key)?;
    Ok(key.public())
}

/// Writes `key` to a file that must not exist. Durable on return.
///
/// # Errors
/// [`KeyError::Io`].
pub fn write_key(path: &Path, key: &SecretKey) -> Result<(), KeyError> {
    let io = |action| move |source| KeyError::Io { action, path: path.to_owned(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io("create"))?;
    let text = Zeroizing::new(hex::encode(key.seed()));
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))
}

/// Signs for one meter on one chain.
pub(crate) struct Signer {
    key: SecretKey,
    public: PublicKey,
    meter: Address,
    chain: Hash,
}

impl Signer {
    /// A signer with the meter's key for the chain with this genesis hash.
    #[must_use]
    pub(crate) fn new(key: SecretKey, chain: Hash) -> Self {
        let public = key.public();
        Self { key, public, meter: Address::of_key(&public), chain }
    }

    /// The meter: address of its key.
    #[must_use]
    pub(crate) const fn meter(&self) -> Address {
        self.meter
    }

    /// The meter's public key.
    #[must_use]
    pub(crate) const fn public(&self) -> PublicKey {
        self.public
    }

    /// The chain that signatures are bound to.
    #[must_use]
    pub(crate) const fn chain(&self) -> Hash {
        self.chain
    }

    /// Signs the counters under a number that was reserved for them.
    #[must_use]
    pub(crate) fn reading(&self, seq: u64, energy: &Energy, clock: &Clock) -> SignedReading {
        let (time_ms, quality) = clock.stamp();
        self.sign(Reading {
            meter: self.meter,
            seq,
            boot_id: clock.boot_id(),
            uptime_ms: clock.uptime_ms(),
            time_ms,
            clock: quality,
            import: energy.import.clone(),
            export: energy.export.clone(),
        })
    }

    /// Signs an old reading again under a new number.
    #[must_use]
    pub(crate) fn renumber(&self, old: &SignedReading, seq: u64) -> SignedReading {
        self.sign(Reading { seq, ..old.reading.clone() })
    }

    /// Signs a transaction of the meter's account; `None` never happens, since one signature is within every limit.
    #[must_use]
    pub(crate) fn transaction(&self, body: TxBody) -> Option<Tx> {
        let signature = self.key.sign(&body.signing_bytes());
        Tx::new(body, vec![Auth { key: self.public, signature }]).ok()
    }

    fn sign(&self, reading: Reading) -> SignedReading {
        let signature = self.key.sign(&reading.signing_bytes(&self.chain));
        SignedReading { reading, key: self.public, signature }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_survives_its_file_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meter.key");
        let public = generate_key(&path).unwrap();
        assert_eq!(load_key(&path).unwrap().public(), public);
        assert!(matches!(generate_key(&path), Err(KeyError::Io { action: "create", .. })));
        assert_eq!(load_key(&path).unwrap().public(), public);
    }

    #[test]
    fn loose_permissions_and_other_content_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meter.key");
        generate_key(&path).unwrap();
        for mode in [0o604, 0o640, 0o666] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert!(matches!(load_key(&path), Err(KeyError::Mode { mode: got, .. }) if got == mode));
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for text in ["", "abcd", &"g".repeat(64), &"a".repeat(66)] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(load_key(&path), Err(KeyError::Content { .. })), "{text}");
        }
    }

    #[test]
    fn only_handed_over_credentials_may_have_a_group() {
        let dir = Some(OsStr::new("/run/credentials/wattle-light.service"));
        assert_eq!(others(Path::new("/run/credentials/wattle-light.service/house.key"), dir), 0o037);
        for (path, dir) in [
            ("/run/credentials/other.service/house.key", dir),
            ("/etc/wattle/house.key", dir),
            ("/etc/wattle/house.key", None),
            ("/etc/wattle/house.key", Some(OsStr::new(""))),
        ] {
            assert_eq!(others(Path::new(path), dir), 0o077, "{path}");
        }
    }
}
