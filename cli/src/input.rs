//! The input of commands: calls as JSON, transactions as hex or file.

use super::CliError;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use wattle_host::FileError;
use wattle_primitives::{Auth, Call, Hash, Tx, TxBody};

/// Most bytes of an input file: the largest transaction in hex and in JSON, with room.
pub(crate) const INPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Calls, as JSON.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CallArgs {
    /// Module of a single call: ledger, token, identity, energy, market, deals or disputes.
    #[arg(long, value_name = "MODULE", requires = "call")]
    pub(crate) module: Option<String>,
    /// The call's name, as in transfer.
    #[arg(long, value_name = "NAME", requires = "module")]
    pub(crate) call: Option<String>,
    /// The call's arguments, a JSON object.
    #[arg(long, value_name = "JSON", requires = "module")]
    pub(crate) args: Option<String>,
    /// File with one call or a list of calls as JSON, or - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "module", required_unless_present = "module")]
    pub(crate) calls_file: Option<PathBuf>,
}

impl CallArgs {
    /// The calls.
    ///
    /// # Errors
    /// [`CliError::Input`] when they are no calls.
    pub(crate) fn calls(&self) -> Result<Vec<Call>, CliError> {
        let value: Value = match &self.calls_file {
            Some(path) => {
                let bytes = read(path)?;
                serde_json::from_slice(&bytes).map_err(|e| CliError::input("calls", e))?
            }
            None => {
                let args = self.args.as_deref().unwrap_or("{}");
                let args: Value = serde_json::from_str(args).map_err(|e| CliError::input("--args", e))?;
                json!({ "module": self.module, "call": self.call, "args": args })
            }
        };
        let list = match value {
            Value::Array(items) => items,
            one => vec![one],
        };
        if list.is_empty() {
            return Err(CliError::input("calls", "there is none"));
        }
        list.into_iter().map(|v| serde_json::from_value(v).map_err(|e| CliError::input("call", e))).collect()
    }
}

/// A transaction on its way from machine to machine, as it is written to a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TxFile {
    /// The id, for people; recomputed when read.
    pub(crate) id: Hash,
    /// The encoded body: what counts.
    pub(crate) body_hex: String,
    /// The bytes that are signed, for signers in other languages.
    pub(crate) signing_hex: String,
    /// The body in JSON, for people; not read back.
    #[serde(default)]
    pub(crate) body: Value,
    /// Signatures so far.
    #[serde(default)]
    pub(crate) auths: Vec<Auth>,
}

impl TxFile {
    /// The file for a body and its signatures.
    #[must_use]
    pub(crate) fn new(body: &TxBody, auths: Vec<Auth>) -> Self {
        Self {
            id: body.id(),
            body_hex: hex::encode(wattle_primitives::encode(body)),
            signing_hex: hex::encode(body.signing_bytes()),
            body: super::output::to_json(body),
            auths,
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// [`CliError::Input`] when it cannot be written as JSON.
    pub(crate) fn text(&self) -> Result<String, CliError> {
        let text = serde_json::to_string_pretty(&super::output::to_json(self));
        Ok(text.map_err(|e| CliError::input("transaction", e))? + "\n")
    }
}

/// A body with the signatures that it has so far.
#[derive(Debug, PartialEq)]
pub(crate) struct Draft {
    /// The body that is to be signed.
    pub(crate) body: TxBody,
    /// Who allows it so far, sorted by key.
    pub(crate) auths: Vec<Auth>,
}

impl Draft {
    /// Reads a transaction from a file, from standard input (`-`), or from hex given as it is.
    ///
    /// # Errors
    /// [`CliError`] when it is none.
    pub(crate) fn load(source: &str) -> Result<Self, CliError> {
        let path = Path::new(source);
        let is_hex = !source.is_empty() && source.bytes().all(|b| b.is_ascii_hexdigit());
        if source == "-" || path.exists() || !is_hex {
            let bytes = read(path)?;
            let text = std::str::from_utf8(&bytes).map_err(|e| CliError::input("transaction", e))?;
            return Self::parse(text.trim());
        }
        Self::parse(source)
    }

    /// Reads the JSON of [`TxFile`], `{"txHex"}`, or the hex of a transaction or of a body.
    ///
    /// # Errors
    /// [`CliError::Input`], also when an id stands beside the body that is not its own.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let bad = |detail: String| CliError::input("transaction", detail);
        if !text.starts_with('{') {
            return Self::from_hex(text);
        }
        let value: Value = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if let Some(tx) = value.get("txHex").and_then(Value::as_str) {
            return Self::from_hex(tx);
        }
        let file: TxFile = serde_json::from_value(value).map_err(|e| bad(e.to_string()))?;
        let draft = Self::from_hex(&file.body_hex)?;
        if draft.body.id() != file.id {
            return Err(bad(format!("the body has id {}, the file says {}", draft.body.id(), file.id)));
        }
        Self::new(draft.body, file.auths)
    }

    fn new(body: TxBody, mut auths: Vec<Auth>) -> Result<Self, CliError> {
        auths.sort_unstable();
        let message = body.signing_bytes();
        for auth in &auths {
            let checked = auth.key.verify(&message, &auth.signature);
            checked.map_err(|e| CliError::input("signature", format!("of key {}: {e}", auth.key)))?;
        }
        Ok(Self { body, auths })
    }

    fn from_hex(text: &str) -> Result<Self, CliError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let bytes = hex::decode(digits).map_err(|e| CliError::input("transaction", e))?;
        if let Ok(tx) = wattle_primitives::decode::<Tx>(&bytes) {
            return Self::new(tx.body().clone(), tx.auths().to_vec());
        }
        let body = wattle_primitives::decode(&bytes).map_err(|e| CliError::input("transaction", e))?;
        Ok(Self { body, auths: Vec::new() })
    }

    /// Adds a signature; the one that this key has given before is replaced by the same.
    pub(crate) fn add(&mut self, auth: Auth) {
        self.auths.retain(|a| a.key != auth.key);
        self.auths.push(auth);
        self.auths.sort_unstable();
    }

    /// The transaction.
    ///
    /// # Errors
    /// [`CliError::Input`] when nobody has signed it, or too many.
    pub(crate) fn into_tx(self) -> Result<Tx, CliError> {
        if self.auths.is_empty() {
            return Err(CliError::input("transaction", "it is not signed; `wattle tx sign` does that"));
        }
        Tx::new(self.body, self.auths).map_err(|e| CliError::input("signatures", e))
    }
}

/// Reads a file, or standard input when the path is `-`.
///
/// # Errors
/// [`CliError`] when it cannot be read or exceeds [`INPUT_BYTES_MAX`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    if path.as_os_str() != "-" {
        return Ok(wattle_host::file::read(path, INPUT_BYTES_MAX, false)?);
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(INPUT_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(FileError::io("read", path))?;
    Ok(bytes)
}

/// The reference given, or a random one.
///
/// # Errors
/// [`CliError`] when there is no entropy.
pub(crate) fn reference(given: Option<Hash>) -> Result<Hash, CliError> {
    let mut bytes = [0u8; 32];
    match given {
        Some(reference) => return Ok(reference),
        None => getrandom::fill(&mut bytes).map_err(wattle_host::seal::SealError::Entropy)?,
    }
    Ok(Hash(bytes))
}
