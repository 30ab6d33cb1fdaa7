//! The key that signs, its password and its mnemonic.

use super::output::note;
use super::{CliError, Ctx};
use clap::Args;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use wattle_host::seal::{KeyFile, Password};
use wattle_host::secret;
use wattle_primitives::hash::parse_hex;
use wattle_primitives::{Address, SecretKey};
use zeroize::Zeroizing;

/// Environment variable with a hex seed: for the throw-away keys of a development chain.
pub(crate) const SECRET_KEY_ENV: &str = "WATTLE_SECRET_KEY";
/// Shortest new password, in characters.
const PASSWORD_CHARS_MIN: usize = 8;

/// Which key signs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SignerArgs {
    /// Key that signs: its name in the keystore, or its address. The only one when absent.
    #[arg(long, value_name = "NAME", conflicts_with = "secret_key_file")]
    pub(crate) from: Option<String>,
    /// File with the 32-byte seed of the key in hex, instead of the keystore (also: WATTLE_SECRET_KEY).
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
}

impl SignerArgs {
    /// The key, unlocked.
    ///
    /// # Errors
    /// [`CliError`] when there is none, or it cannot be opened.
    pub(crate) fn unlock(&self, ctx: &Ctx) -> Result<SecretKey, CliError> {
        if let Some(path) = &self.secret_key_file {
            return read_seed(path);
        }
        if self.from.is_none()
            && let Some(seed) = seed_from_env()?
        {
            return Ok(seed);
        }
        let (name, file) = match &self.from {
            Some(name) => ctx.keystore.find(name)?,
            None => only_key(ctx)?,
        };
        let password = password(ctx, &format!("Password of {name}: "))?;
        Ok(file.open(&password)?)
    }

    /// The address of the key, without unlocking it.
    ///
    /// # Errors
    /// As [`SignerArgs::unlock`].
    pub(crate) fn address(&self, ctx: &Ctx) -> Result<Address, CliError> {
        if let Some(path) = &self.secret_key_file {
            return Ok(Address::of_key(&read_seed(path)?.public()));
        }
        match &self.from {
            Some(name) => address_of(name, ctx),
            None => match seed_from_env()? {
                Some(seed) => Ok(Address::of_key(&seed.public())),
                None => Ok(only_key(ctx)?.1.address),
            },
        }
    }
}

/// The address that `text` is, or that the key of this name has.
///
/// # Errors
/// [`CliError::Keystore`] when it is neither.
pub(crate) fn address_of(text: &str, ctx: &Ctx) -> Result<Address, CliError> {
    match text.parse() {
        Ok(address) => Ok(address),
        // Looks like an address, so the user means one: say what is wrong with it, not that no key has this name.
        Err(error) if text.starts_with("wat1") => Err(CliError::input("address", error)),
        Err(_) => Ok(ctx.keystore.find(text)?.1.address),
    }
}

fn only_key(ctx: &Ctx) -> Result<(String, KeyFile), CliError> {
    let mut keys = ctx.keystore.list()?;
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok(key),
        (None, _) => {
            Err(CliError::NoSigner { detail: format!("{} holds none", ctx.keystore.dir().display()) })
        }
        (Some(_), more) => Err(CliError::NoSigner {
            detail: format!(
                "{} holds {} to choose from",
                ctx.keystore.dir().display(),
                more.saturating_add(1)
            ),
        }),
    }
}

fn seed_from_env() -> Result<Option<SecretKey>, CliError> {
    let Some(value) = std::env::var_os(SECRET_KEY_ENV) else { return Ok(None) };
    let text = Zeroizing::new(value.into_string().unwrap_or_default());
    seed(&text, SECRET_KEY_ENV).map(Some)
}

/// Reads a hex seed from a private file.
///
/// # Errors
/// [`CliError`] when the file cannot be read, others can read it, or it holds something else.
pub(crate) fn read_seed(path: &Path) -> Result<SecretKey, CliError> {
    seed(&secret::read(path)?, "secret key")
}

/// The error never repeats the text: it may be a secret with one digit too many.
fn seed(text: &str, what: &'static str) -> Result<SecretKey, CliError> {
    let seed = parse_hex::<32>(text.trim()).map_err(|_| CliError::input(what, "expected 64 hex digits"))?;
    Ok(SecretKey::from_seed(*Zeroizing::new(seed)))
}

/// The password of an existing key.
///
/// # Errors
/// [`CliError::NoPassword`] when there is no file and no terminal.
pub(crate) fn password(ctx: &Ctx, prompt: &str) -> Result<Password, CliError> {
    Ok(Password::new(match &ctx.password_file {
        Some(path) => secret::first_line(path)?,
        None => secret::ask(prompt)?,
    }))
}

/// A new password: asked for twice on a terminal.
///
/// # Errors
/// [`CliError`] when there is none, it is too short, or the two entries differ.
pub(crate) fn new_password(ctx: &Ctx) -> Result<Password, CliError> {
    if let Some(path) = &ctx.password_file {
        let password = Password::new(secret::first_line(path)?);
        return if password.is_empty() {
            Err(CliError::input("password", "it is empty"))
        } else {
            Ok(password)
        };
    }
    let first = secret::ask("New password: ")?;
    if first.chars().count() < PASSWORD_CHARS_MIN {
        return Err(CliError::input("password", format!("shorter than {PASSWORD_CHARS_MIN} characters")));
    }
    let (first, again) = (Password::new(first), Password::new(secret::ask("Once more: ")?));
    if first == again { Ok(first) } else { Err(CliError::PasswordMismatch) }
}

/// The words of a mnemonic: from a file, from standard input, or asked for without echo.
///
/// # Errors
/// [`CliError`].
pub(crate) fn mnemonic_words(file: Option<&Path>) -> Result<Zeroizing<String>, CliError> {
    if let Some(path) = file {
        return Ok(secret::read(path)?);
    }
    if std::io::stdin().is_terminal() {
        note("The words of the mnemonic, in order, on one line (not shown):");
        return Ok(secret::ask("> ")?);
    }
    Ok(secret::stdin_line()?)
}
