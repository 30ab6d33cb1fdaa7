//! The directory of key files.

use super::{KdfParams, KeyFile, KeystoreError, Password};
use rustix::fs::{Mode, OFlags};
use std::fs::{self, DirBuilder, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
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
        let entries = fs::read_dir(&self.dir).map_err(|e| io("read", &self.dir, e))?;
        let mut names = Vec::new();
        for entry in entries.take(FILES_MAX) {
            let file = entry.map_err(|e| io("read", &self.dir, e))?.file_name();
            let name = file.to_str().and_then(|f| f.strip_suffix(SUFFIX));
            names.extend(name.filter(|n| check_name(n).is_ok()).map(String::from));
        }
        names.sort_unstable();
        names.into_iter().map(|name| self.load(&name).map(|file| (name, file))).collect()
    }

    /// The key called `name`, or the one whose address `name` is.
    ///
    /// # Errors
    /// [`KeystoreError`].
    pub fn find(&self, name: &str) -> Result<(String, KeyFile), KeystoreError> {
        if let Ok(address) = name.parse::<Address>() {
            let found = self.list()?.into_iter().find(|(_, file)| file.address == address);
            return found.ok_or_else(|| KeystoreError::NotFound { name: name.into(), dir: self.dir.clone() });
        }
        self.load(name).map(|file| (name.to_string(), file))
    }

    /// Seals a key and stores it durably: when this returns, it survives a power cut. Never overwrites.
    ///
    /// # Errors
    /// [`KeystoreError`]; nothing is left behind then.
    pub fn store(
        &self,
        name: &str,
        secret: &SecretKey,
        path: Option<String>,
        password: &Password,
        params: KdfParams,
    ) -> Result<KeyFile, KeystoreError> {
        self.check_free(name)?; // before the costly seal; the link below decides
        let file = KeyFile::seal(secret, path, password, params)?;
        let mut text = serde_json::to_vec_pretty(&file)
            .map_err(|e| KeystoreError::Format { path: self.path(name), detail: e.to_string() })?;
        text.push(b'\n');
        self.create_dir()?;
        self.write_new(name, &text)?;
        Ok(file)
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
        if path.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
            return Err(KeystoreError::NotFound { name: name.into(), dir: self.dir.clone() });
        }
        self.check_dir()?;
        let text = read_bounded(&path, KEY_FILE_BYTES_MAX, true)?;
        KeyFile::parse(&text, &path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}{SUFFIX}"))
    }

    fn check_dir(&self) -> Result<(), KeystoreError> {
        let metadata = fs::metadata(&self.dir).map_err(|e| io("read", &self.dir, e))?;
        check_private(&self.dir, &metadata)
    }

    fn create_dir(&self) -> Result<(), KeystoreError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|e| io("create", &self.dir, e))?;
        self.check_dir()
    }

    /// Temporary file, fsync, link under the final name (which fails when it is taken), fsync of the directory.
    fn write_new(&self, name: &str, text: &[u8]) -> Result<(), KeystoreError> {
        let path = self.path(name);
        let draft = self.dir.join(format!(".{name}.{}.draft", std::process::id()));
        let _ = fs::remove_file(&draft); // left by a process of this id that was killed
        let written = write_private(&draft, text).and_then(|()| {
            fs::hard_link(&draft, &path).map_err(|e| match e.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    KeystoreError::Exists { name: name.into(), dir: self.dir.clone() }
                }
                _ => io("create", &path, e),
            })
        });
        let _ = fs::remove_file(&draft); // whether or not it was linked
        written?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(|e| io("sync", &self.dir, e))
    }
}

fn write_private(path: &Path, text: &[u8]) -> Result<(), KeystoreError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd =
        rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|e| io("create", path, e.into()))?;
    let mut file = File::from(fd);
    file.write_all(text).and_then(|()| file.sync_all()).map_err(|e| io("write", path, e))
}

/// Reads a file of at most `bytes_max`, and when it holds a secret (`private`) only if nobody else can.
///
/// # Errors
/// [`KeystoreError`].
pub fn read_bounded(path: &Path, bytes_max: u64, private: bool) -> Result<Vec<u8>, KeystoreError> {
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| io("open", path, e.into()))?;
    let file = File::from(fd);
    if private {
        // Of the opened file, so that it cannot be exchanged in between.
        check_private(path, &file.metadata().map_err(|e| io("read", path, e))?)?;
    }
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| io("read", path, e))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > bytes_max) {
        let detail = format!("more than {bytes_max} bytes");
        return Err(KeystoreError::Format { path: path.to_path_buf(), detail });
    }
    Ok(bytes)
}

/// Refuses what group or others may read, write or enter.
///
/// # Errors
/// [`KeystoreError::LooseMode`].
pub fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), KeystoreError> {
    let mode = metadata.permissions().mode() & 0o7777;
    let regular = metadata.is_file() || metadata.is_dir(); // a pipe has no lasting mode worth checking
    if regular && mode & 0o077 != 0 {
        return Err(KeystoreError::LooseMode { path: path.to_path_buf(), mode });
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), KeystoreError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && (1..=NAME_BYTES_MAX).contains(&name.len()) {
        Ok(())
    } else {
        Err(KeystoreError::Name { name: name.chars().take(NAME_BYTES_MAX).collect() })
    }
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> KeystoreError {
    KeystoreError::Io { action, path: path.to_path_buf(), source }
}
