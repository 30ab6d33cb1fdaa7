//! The secret that a device and its issuer share, as it is given to a command.

use crate::CliError;
use clap::Args;
use openpaygo::Secret;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use wattle_host::secret;
use zeroize::Zeroizing;

/// Where the device's secret comes from.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The key, 32 hex digits, or - for standard input. Other users see arguments: hex is for test vectors.
    #[arg(long, value_name = "HEX", required_unless_present = "key_file")]
    key: Option<KeyText>,
    /// File with the key and, after a space or on a line of its own, the starting code; or - for the next line of
    /// standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// Starting code; derived from the key when it is given nowhere.
    #[arg(long, value_name = "N")]
    starting_code: Option<u32>,
}

/// A key as an argument: overwritten when dropped, and not shown.
#[derive(Clone)]
struct KeyText(Zeroizing<String>);

impl FromStr for KeyText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

impl KeyArgs {
    /// The secret.
    ///
    /// # Errors
    /// [`CliError`], which repeats nothing of it.
    pub(super) fn secret(&self) -> Result<Secret, CliError> {
        let text = match (&self.key, &self.key_file) {
            (Some(key), _) if key.0.as_str() != "-" => key.0.clone(),
            (_, Some(file)) if file.as_os_str() != "-" => secret::read(file)?,
            _ => secret::stdin_line()?,
        };
        let secret = match self.starting_code {
            None => Secret::from_text(&text),
            Some(_) if text.split_whitespace().count() > 1 => {
                return Err(CliError::Usage { detail: "the starting code is given twice".into() });
            }
            code => Secret::from_hex(text.trim(), code),
        };
        secret.map_err(|error| CliError::input("key", error))
    }
}

/// The secret in a file: its key and, after a space or on a line of its own, its starting code.
///
/// # Errors
/// [`CliError`], which repeats nothing of it.
pub(super) fn read(file: &Path) -> Result<Secret, CliError> {
    Secret::from_text(&secret::read(file)?).map_err(|error| CliError::input("key", error))
}
