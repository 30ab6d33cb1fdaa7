//! Nonces of commitments: what hides, until it is redeemed, which token was committed to.

use super::{CliError, CliResult, key, usage};
use crate::Report;
use clap::Args;
use openpaygo::Secret;
use serde_json::json;
use std::path::{Path, PathBuf};
use wattle_host::{file, secret};
use wattle_primitives::Hash;
use wattle_primitives::call::paygo::{derived_nonce, token_nonce};
use wattle_primitives::hash::parse_hex;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(super) struct NewSecretArgs {
    /// The file, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Source of a nonce.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct NonceArgs {
    /// File with the issuer's secret, as `new-secret` makes it: the nonce follows from it, the device and the count.
    #[arg(long, value_name = "FILE")]
    nonce_secret_file: Option<PathBuf>,
    /// File with the device's OpenPAYGO key, where it is random and this device's alone: the device derives the nonces
    /// too, and reveals them itself. With a key that others have, whoever has it could make the tokens that are not
    /// sold yet.
    #[arg(long, value_name = "FILE")]
    nonce_key_file: Option<PathBuf>,
    /// The nonce itself: 64 hex digits, for this token alone.
    #[arg(long, value_name = "HEX")]
    nonce: Option<Hash>,
}

/// Source of nonces, as read.
pub(super) enum Nonces {
    Key(Secret),
    Secret(Zeroizing<[u8; 32]>),
    One(Hash),
}

impl NonceArgs {
    /// # Errors
    /// [`CliError`] when there is nothing to make nonces of.
    pub(super) fn read(&self) -> Result<Nonces, CliError> {
        match (&self.nonce, &self.nonce_secret_file, &self.nonce_key_file) {
            (Some(nonce), _, _) => Ok(Nonces::One(*nonce)),
            (None, Some(path), _) => read_secret(path).map(Nonces::Secret),
            (None, None, Some(path)) => key::read(path).map(Nonces::Key),
            (None, None, None) => Err(usage(
                "the commitment needs a nonce: --nonce-key-file FILE where nobody else has the device's key, else \
                 --nonce-secret-file FILE, which `wattle paygo new-secret` makes, or --nonce HEX",
            )),
        }
    }
}

impl Nonces {
    /// The nonce of a device's token.
    pub(super) fn of(&self, device: &Hash, count: u32) -> Hash {
        match self {
            Self::Key(key) => derived_nonce(|message| key.hash(message), device, count),
            Self::Secret(secret) => token_nonce(secret, device, count),
            Self::One(nonce) => *nonce,
        }
    }

    /// Whether they are good for more than one token.
    pub(super) const fn are_many(&self) -> bool {
        !matches!(self, Self::One(_))
    }
}

/// The error never repeats the text: it may be a secret with one digit too many.
fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, CliError> {
    let text = secret::read(path)?;
    let bytes = parse_hex::<32>(text.trim());
    bytes.map(Zeroizing::new).map_err(|_| CliError::input("nonce secret", "expected 64 hex digits"))
}

pub(super) fn new_secret(args: &NewSecretArgs) -> CliResult {
    let mut bytes = Zeroizing::new([0u8; 32]);
    getrandom::fill(&mut bytes[..]).map_err(wattle_host::seal::SealError::Entropy)?;
    let line = Zeroizing::new(format!("{}\n", Zeroizing::new(hex::encode(&bytes[..])).as_str()));
    file::create(&args.out, line.as_bytes(), file::PRIVATE)?;
    let text = format!("written to {}: who loses it cannot redeem by it what was issued", args.out.display());
    Ok(Report::new(json!({ "file": args.out.display().to_string() }), text))
}
