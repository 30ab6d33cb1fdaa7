//! The directory of key files.

use super::KeystoreError;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_host::file::{self, PRIVATE};
use wattle_host::seal::{KdfParams, KeyFile, Password, SealError};
use wattle_primitives::{Address, SecretKey};

/// Longest key name.
pub const NAME_BYTES_MAX: usize = 64;
/// Most bytes of a key file; a real one has about 600.
pub const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;
/// Most files that a listing looks at.
const FILES_MAX: usize = 10_000;
const SUFFIX: &str = ".json";

/// Key files in one directory, by name.
#[derive(Clone, Debug)]
pub struct Keystore {
    dir: PathBuf,
}

impl Keystore {
    /// The keystore at `dir`, which need not exist until a key is stored.
    #[must_use]
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All keys, sorted by name. Files that are no keys are errors, not silence. An absent directory holds none.
    ///
    /// # Errors
    /// [`KeystoreError`] of the first file that cannot be read.
    pub fn list(&self) -> Result<Vec<(String, KeyFile)>, KeystoreError> {
        if !self.dir.exists() {
            return Ok(Vec::new());
        }
        self.check_dir()?;
        let entries = fs::read_dir(&self.dir).map_err(FileError::io("read", &self.dir))?;
        let mut names = Vec::new();
        for entry in entries.take(FILES_MAX) {
            let entry = entry.map_err(FileError::io("read", &self.dir))?.file_name();
            let name = entry.to_str().and_then(|f| f.strip_suffix(SUFFIX));
            names.extend(name.filter(|n| check_name(n).is_ok()).map(String::from));
        }
        names.sort_unstable();
        names.into_iter().map(|name| self.load(&name).map(|key| (name, key))).collect()
    }

    /// The key called `name`, or the one whose address `name` is.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn find(&self, name: &str) -> Result<(String, KeyFile), KeystoreError> {
        if let Ok(address) = name.parse::<Address>() {
            let found = self.list()?.into_iter().find(|(_, key)| key.address == address);
            return found.ok_or_else(|| KeystoreError::NotFound { name: name.into(), dir: self.dir.clone() });
        }
        self.load(name).map(|key| (name.to_string(), key))
    }

    /// Seals a key and stores it durably: when this returns, it survives a power cut. Never overwrites.
    ///
    /// # Errors
    /// [`KeystoreError`]; nothing is left behind then, but for [`FileError::NotSynced`].
    pub fn store(
        &self,
        name: &str,
        secret: &SecretKey,
        path: Option<String>,
        password: &Password,
        params: KdfParams,
    ) -> Result<KeyFile, KeystoreError> {
        self.check_free(name)?; // before the costly seal; the file system decides below
        let sealed = KeyFile::seal(secret, path, password, params)?;
        let mut text = serde_json::to_vec_pretty(&sealed)
            .map_err(|e| SealError::Format { path: self.path(name), detail: e.to_string() })?;
        text.push(b'\n');
        file::create_dir(&self.dir)?;
        self.check_dir()?;
        let path = self.path(name);
        file::create(&path, &text, PRIVATE).map_err(|error| match error {
            FileError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
                KeystoreError::Exists { name: name.into(), dir: self.dir.clone() }
            }
            other => KeystoreError::File(other),
        })?;
        Ok(sealed)
    }

    /// Checks that `name` is a valid name and not taken.
    ///
    /// # Errors
    /// [`KeystoreError::Name`] or [`KeystoreError::Exists`].
    pub fn check_free(&self, name: &str) -> Result<(), KeystoreError> {
        check_name(name)?;
        if self.path(name).symlink_metadata().is_ok() {
            return Err(KeystoreError::Exists { name: name.into(), dir: self.dir.clone() });
        }
        Ok(())
    }

    fn load(&self, name: &str) -> Result<KeyFile, KeystoreError> {
        check_name(name)?;
        let path = self.path(name);
        if path.symlink_metadata().is_err_and(|e| e.kind() == ErrorKind::NotFound) {
            return Err(KeystoreError::NotFound { name: name.into(), dir: self.dir.clone() });
        }
        self.check_dir()?;
        let text = file::read(&path, KEY_FILE_BYTES_MAX, true).map_err(|error| match error {
            FileError::TooLong { path, bytes_max } => {
                SealError::Format { path, detail: format!("more than {bytes_max} bytes") }.into()
            }
            other => KeystoreError::File(other),
        })?;
        Ok(KeyFile::parse(&text, &path)?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{SUFFIX}"))
    }

    fn check_dir(&self) -> Result<(), KeystoreError> {
        let metadata = fs::metadata(&self.dir).map_err(FileError::io("read", &self.dir))?;
        Ok(file::check_private(&self.dir, &metadata)?)
    }
}

fn check_name(name: &str) -> Result<(), KeystoreError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && (1..=NAME_BYTES_MAX).contains(&name.len()) {
        Ok(())
    } else {
        Err(KeystoreError::Name { name: name.chars().take(NAME_BYTES_MAX).collect() })
    }
}
