//! A node's directory: configuration, keys, chain specification, data.
//!
//! ```text
//! config.toml     settings: where to listen, whom to dial, every limit
//! genesis.toml    the chain specification, the same on every node
//! node.key        network identity (mode 600)
//! validator.key   key that signs votes (mode 600); only a validator has it
//! sign/           what was signed, made with the key: never restore it from a backup, never delete it
//! data/           database and log: can be rebuilt from peers
//! lock            held by the process that runs the node
//! admin.sock      the operator's interface, while it runs
//! ```
//!
//! The directory itself is for its owner alone (mode 700): whoever could enter could order the node about, or exchange
//! its keys. A node does not start from one that is open to others.

mod config;
mod settings;

pub use config::{
    AddressRange, AddressRangeError, GateSection, Kademlia, Mdns, MempoolSection, NodeConfigFile, P2P_PORT,
    P2pLimits, P2pSection, RpcLimits, RpcSection, StorageSection, listen_on,
};
pub use settings::{Refused, Section, Setting};

use crate::signer::{DataDir, Signer, SignerError};
use std::path::{Path, PathBuf};
use wattle_chain_spec::{ChainSpec, SpecError};
use wattle_cli::client::ADMIN_SOCKET;
use wattle_host::dir::OsDir;
use wattle_host::key::{self, KeyError};
use wattle_host::{FileError, file};
use wattle_p2p::Multiaddr;
use wattle_primitives::{PublicKey, SecretKey};
use wattle_runtime::execute::GenesisFailure;

/// Longest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Where a node keeps its data, and how.
#[derive(Clone, Debug)]
pub struct Place {
    /// Holds the database and the log.
    pub data_dir: PathBuf,
    /// Holds what was signed; never inside `data_dir`.
    pub sign_dir: PathBuf,
    /// Sizes and limits.
    pub config: StorageSection,
}

/// A node's directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

/// Why a node's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A configuration file that breaks its format.
    #[error("{}: {detail}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and fault.
        detail: String,
    },
    /// A setting whose value is not allowed.
    #[error("{}", path.display())]
    Setting {
        /// The configuration file.
        path: PathBuf,
        /// Which, and what is.
        #[source]
        source: Refused,
    },
    /// A multiaddr that is none.
    #[error("{text:?} is no multiaddr: {detail}")]
    Multiaddr {
        /// The text given.
        text: String,
        /// Its fault.
        detail: String,
    },
    /// The chain specification.
    #[error("chain specification")]
    Spec(#[from] SpecError),
    /// A key file.
    #[error("key file")]
    Key(#[from] KeyError),
    /// The genesis cannot take effect.
    #[error("genesis")]
    Genesis(#[from] GenesisFailure),
    /// The sign state.
    #[error("sign state")]
    SignState(#[from] SignerError),
    /// Others can enter a directory, or read or change a file, that must be the owner's alone.
    #[error("{} has mode {mode:03o}, which lets others in: `chmod {} {}`", path.display(), private_mode(*dir), path.display())]
    LooseMode {
        /// The file or directory.
        path: PathBuf,
        /// Whether it is a directory.
        dir: bool,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory is in use.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file that exists.
        path: PathBuf,
    },
}

impl Home {
    /// The directory at `path`, which need not exist yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Creates the directory with everything a node needs; the keys are new. Refuses one that has a configuration
    /// already.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn create(
        &self,
        config: &NodeConfigFile,
        spec: &ChainSpec,
        node_key: &SecretKey,
        validator_key: Option<&SecretKey>,
    ) -> Result<(), HomeError> {
        if self.config_path().exists() {
            return Err(HomeError::Exists { path: self.config_path() });
        }
        create_private_dir(&self.0)?;
        check_mode(&self.0)?;
        write(&self.spec_path(), &spec.to_toml()?)?;
        key::write(&self.node_key_path(), node_key)?;
        if let Some(validator) = validator_key {
            key::write(&self.validator_key_path(), validator)?;
            self.create_sign_state(spec, validator)?;
        }
        self.write_config(config)
    }

    /// A sign state of a key that has signed nothing. Without one, a start takes the disk for a new one of a key that
    /// may have.
    fn create_sign_state(&self, spec: &ChainSpec, key: &SecretKey) -> Result<(), HomeError> {
        let chain = wattle_runtime::chain_hash(&spec.genesis)?;
        let (dir, key) = (OsDir::open(&self.sign_dir())?, SecretKey::from_seed(*key.seed()));
        Signer::open(dir, chain, key, DataDir::NewKey)?;
        Ok(())
    }

    /// Writes the configuration, over any that is there: every setting, those with their default as comments.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn write_config(&self, config: &NodeConfigFile) -> Result<(), HomeError> {
        let text = config
            .to_toml()
            .map_err(|e| HomeError::Syntax { path: self.config_path(), detail: e.to_string() })?;
        write(&self.config_path(), &text)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn config(&self) -> Result<NodeConfigFile, HomeError> {
        let path = self.config_path();
        let bytes = file::read(&path, CONFIG_BYTES_MAX, false)?;
        let syntax = |detail: String| HomeError::Syntax { path: path.clone(), detail };
        let config: NodeConfigFile = toml::from_slice(&bytes).map_err(|e| syntax(e.to_string()))?;
        let sections = config.settings().map_err(|e| syntax(e.to_string()))?;
        config.check(&sections).map_err(|source| HomeError::Setting { path, source })?;
        Ok(config)
    }

    /// Reads the chain specification.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn spec(&self) -> Result<ChainSpec, HomeError> {
        Ok(ChainSpec::load(&self.spec_path())?)
    }

    /// Reads the network identity.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn node_key(&self) -> Result<SecretKey, HomeError> {
        Ok(key::load(&self.node_key_path())?)
    }

    /// Reads the validator key; `None` when this node has none.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn validator_key(&self) -> Result<Option<SecretKey>, HomeError> {
        let path = self.validator_key_path();
        if path.exists() { Ok(Some(key::load(&path)?)) } else { Ok(None) }
    }

    /// The public half of the validator key.
    ///
    /// # Errors
    /// [`HomeError`].
    pub fn validator(&self) -> Result<Option<PublicKey>, HomeError> {
        Ok(self.validator_key()?.map(|key| key.public()))
    }

    /// Refuses a directory that others can enter, or whose record of what was signed they can reach. Key files are
    /// looked at when they are read.
    ///
    /// # Errors
    /// [`HomeError::LooseMode`] with the command that mends it; [`HomeError::File`].
    pub fn check_private(&self) -> Result<(), HomeError> {
        check_mode(&self.0)?;
        for dir in [self.data_dir(), self.sign_dir()].iter().filter(|dir| dir.exists()) {
            check_mode(dir)?;
        }
        let Ok(entries) = std::fs::read_dir(self.sign_dir()) else { return Ok(()) };
        for entry in entries.flatten() {
            check_mode(&entry.path())?;
        }
        Ok(())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `config.toml`.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// `genesis.toml`.
    #[must_use]
    pub fn spec_path(&self) -> PathBuf {
        self.0.join("genesis.toml")
    }

    /// `node.key`.
    #[must_use]
    pub fn node_key_path(&self) -> PathBuf {
        self.0.join("node.key")
    }

    /// `validator.key`.
    #[must_use]
    pub fn validator_key_path(&self) -> PathBuf {
        self.0.join("validator.key")
    }

    /// `admin.sock`.
    #[must_use]
    pub fn admin_path(&self) -> PathBuf {
        self.0.join(ADMIN_SOCKET)
    }

    /// `data/`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.0.join("data")
    }

    /// Where data are kept, with this configuration.
    #[must_use]
    pub fn place(&self, config: StorageSection) -> Place {
        Place { data_dir: self.data_dir(), sign_dir: self.sign_dir(), config }
    }

    /// `sign/`.
    #[must_use]
    pub fn sign_dir(&self) -> PathBuf {
        self.0.join("sign")
    }
}

fn multiaddr(text: &str) -> Result<Multiaddr, HomeError> {
    text.parse::<Multiaddr>()
        .map_err(|e| HomeError::Multiaddr { text: text.to_owned(), detail: e.to_string() })
}

/// Mode of what only its owner may use, for people.
const fn private_mode(dir: bool) -> &'static str {
    if dir { "700" } else { "600" }
}

/// Refuses what group or others may use.
fn check_mode(path: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).map_err(FileError::io("look at", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(HomeError::LooseMode { path: path.to_owned(), dir: metadata.is_dir(), mode })
}

/// Creates a directory that only its owner can enter, and those above it.
///
/// # Errors
/// [`HomeError::File`].
pub fn create_private_dir(path: &Path) -> Result<(), HomeError> {
    Ok(file::create_dir(path)?)
}

/// Writes a text file. After a power cut there is the old one or the new one.
///
/// # Errors
/// [`HomeError::File`].
pub fn write(path: &Path, text: &str) -> Result<(), HomeError> {
    Ok(file::replace(path, text.as_bytes(), file::PRIVATE)?)
}
