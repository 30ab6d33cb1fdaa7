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
    /// File with the key and, after a space, the starting code on its first line; or - for standard input.
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
        let line = match (&self.key, &self.key_file) {
            (Some(key), _) if key.0.as_str() != "-" => key.0.clone(),
            (_, file) => secret::first_line(file.as_deref().unwrap_or(Path::new("-")))?,
        };
        parse(&line, self.starting_code)
    }
}

/// The secret in a file: its key and, after a space, its starting code.
///
/// # Errors
/// [`CliError`], which repeats nothing of it.
pub(super) fn read(file: &Path) -> Result<Secret, CliError> {
    parse(&secret::first_line(file)?, None)
}

fn parse(line: &str, given: Option<u32>) -> Result<Secret, CliError> {
    let mut words = line.split_whitespace();
    let key = words.next().unwrap_or_default();
    let kept =
        words.next().map(|code| code.parse().map_err(|_| CliError::input("starting code", "not a number")));
    let code = match (kept.transpose()?, given) {
        (Some(_), Some(_)) => {
            return Err(CliError::Usage { detail: "the starting code is given twice".into() });
        }
        (kept, given) => kept.or(given),
    };
    if words.next().is_some() {
        return Err(CliError::input("key", "more than a key and a starting code"));
    }
    Secret::from_hex(key, code).map_err(|error| CliError::input("key", error))
}
