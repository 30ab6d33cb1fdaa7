//! Secrets from a file, from standard input, or asked for on the terminal.
//!
//! Never from arguments, which other users can see. A file must be its owner's alone.

use crate::file::{self, FileError};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Most bytes of a secret.
const BYTES_MAX: u64 = 4096;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not UTF-8.
    #[error("not UTF-8 text")]
    NotText,
    /// There is no terminal to ask on.
    #[error("there is no terminal to ask on")]
    NoTerminal,
}

/// Reads a secret from a file that only its owner may read, or from standard input when the path is `-`.
///
/// # Errors
/// [`SecretError`].
pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Zeroizing::new(Vec::new());
        io::stdin().lock().take(BYTES_MAX).read_to_end(&mut bytes).map_err(stdin_failed)?;
        bytes
    } else {
        Zeroizing::new(file::read(path, BYTES_MAX, true)?)
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The first line of a file, or of standard input when the path is `-`, without its end. Further lines of standard
/// input are left for who reads it next.
///
/// # Errors
/// [`SecretError`].
pub fn first_line(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    if path.as_os_str() == "-" {
        return stdin_line();
    }
    Ok(Zeroizing::new(read(path)?.lines().next().unwrap_or_default().to_owned()))
}

/// The next line of standard input, without its end.
///
/// # Errors
/// [`SecretError::File`].
pub fn stdin_line() -> Result<Zeroizing<String>, SecretError> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(BYTES_MAX).read_line(&mut line).map_err(stdin_failed)?;
    let len = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(len);
    Ok(line)
}

/// Asks on the terminal without echo; the prompt is on standard error.
///
/// # Errors
/// [`SecretError::NoTerminal`].
pub fn ask(prompt: &str) -> Result<Zeroizing<String>, SecretError> {
    if !io::stdin().is_terminal() {
        return Err(SecretError::NoTerminal);
    }
    eprint!("{prompt}");
    rpassword::read_password().map(Zeroizing::new).map_err(|_| SecretError::NoTerminal)
}

fn stdin_failed(source: io::Error) -> FileError {
    FileError::io("read", Path::new("standard input"))(source)
}
