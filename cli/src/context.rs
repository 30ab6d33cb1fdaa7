//! Options of every command, and what they come to.

use super::CliError;
use crate::client::{Client, ENDPOINT_DEFAULT, PATIENCE};
use crate::keystore::Keystore;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Keystore within the home directory.
const KEYSTORE_DEFAULT: &str = ".wattle/keys";

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct GlobalArgs {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// JSON-RPC endpoint of the node to ask.
    #[arg(long, global = true, env = "WATTLE_RPC", value_name = "URL", default_value = ENDPOINT_DEFAULT)]
    pub rpc: String,
    /// Longest to wait for one answer, in seconds. One that is lost between others is asked for again, for up to ten
    /// minutes.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub rpc_timeout: u64,
    /// Directory of the encrypted keys [default: ~/.wattle/keys].
    #[arg(long, global = true, env = "WATTLE_KEYSTORE", value_name = "DIR")]
    pub keystore: Option<PathBuf>,
    /// File with the password of a key, or - for standard input; asked for on the terminal when absent.
    #[arg(long, global = true, env = "WATTLE_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// The surroundings of a command: keystore, password, node.
#[derive(Debug)]
pub struct Ctx {
    /// Whether the result is printed as JSON: for commands that print by themselves.
    pub json: bool,
    /// The keys.
    pub keystore: Keystore,
    /// Where the password comes from, if not from the terminal.
    pub password_file: Option<PathBuf>,
    rpc: String,
    rpc_timeout: Duration,
}

impl Ctx {
    /// The context that the options describe.
    ///
    /// # Errors
    /// [`CliError::Usage`] when there is no home directory and no keystore is named.
    pub fn new(args: GlobalArgs) -> Result<Self, CliError> {
        let home = || std::env::var_os("HOME").filter(|h| !h.is_empty()).map(PathBuf::from);
        let dir =
            args.keystore.or_else(|| home().map(|home| home.join(KEYSTORE_DEFAULT))).ok_or_else(|| {
                CliError::Usage { detail: "HOME is not set: name the keystore with --keystore DIR".into() }
            })?;
        Ok(Self {
            json: args.json,
            keystore: Keystore::new(dir),
            password_file: args.password_file,
            rpc: args.rpc,
            rpc_timeout: Duration::from_secs(args.rpc_timeout),
        })
    }

    /// Longest to wait for one answer.
    #[must_use]
    pub const fn rpc_timeout(&self) -> Duration {
        self.rpc_timeout
    }

    /// A client of the node named, which repeats questions when their answers are lost.
    ///
    /// # Errors
    /// [`CliError::Client`] when the endpoint is no URL.
    pub fn client(&self) -> Result<Client, CliError> {
        Ok(Client::new(&self.rpc, self.rpc_timeout)?.with_patience(PATIENCE))
    }
}
